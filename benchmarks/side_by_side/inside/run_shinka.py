"""ShinkaEvolve on the problem of this folder: run_shinka.py URL CALLS SEED lean|default."""

import json
import os
import random
import sqlite3
import sys
from pathlib import Path
from typing import Any

import numpy
from shinka.core import EvolutionConfig, ShinkaEvolveRunner
from shinka.database import DatabaseConfig
from shinka.launch import LocalJobConfig

HERE = Path(__file__).parent
dumps = json.dumps  # the original, whatever a program makes of the module


def main(url: str, calls: int, seed: int, lean: bool) -> None:
    random.seed(seed)
    numpy.random.seed(seed)
    model = f"local/breeder@{url}"
    # Its default models are sold ones: the endpoint stands in for them, the embedding model among them.
    how: dict[str, Any] = {"llm_models": [model], "embedding_model": f"local/embedder@{url}"}
    if lean:
        os.environ["SIDE_BY_SIDE_LEAN"] = "1"
        how |= {"embedding_model": None, "meta_rec_interval": None, "llm_dynamic_selection": None}
    else:
        how |= {"meta_llm_models": [model], "novelty_llm_models": [model]}
        initial = Path("initial.py")
        names = json.loads(Path("problem.json").read_text())
        handing = f"\n\ndef run_experiment():\n    return {names['entry_point']}\n"
        if handing not in initial.read_text():
            initial.write_text(initial.read_text() + handing)
    runner = ShinkaEvolveRunner(
        evo_config=EvolutionConfig(
            num_generations=calls + 1, init_program_path="initial.py", results_dir="results", **how
        ),
        job_config=LocalJobConfig(eval_program_path=str(HERE / "shinka_evaluate.py")),
        db_config=DatabaseConfig(db_path="evolution.sqlite"),
        verbose=not lean,
    )
    runner.run()
    base = next(Path("results").rglob("*.sqlite"))
    rows = sqlite3.connect(base).execute(
        "select combined_score, code from programs where correct order by combined_score desc limit 1"
    )
    found = rows.fetchone()
    Path("best.json").write_text(dumps(found and {"score": str(found[0]), "program": found[1]}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "lean")
