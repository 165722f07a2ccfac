"""OpenEvolve on the problem of this folder: run_openevolve.py URL CALLS SEED lean|default."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import openevolve
from openevolve.config import Config

HERE = Path(__file__).parent
dumps = json.dumps  # the original, whatever a program makes of the module


def main(url: str, calls: int, seed: int, lean: bool) -> None:
    written: dict[str, Any] = {
        "random_seed": seed,
        "llm": {"primary_model": "breeder", "api_base": url, "api_key": "none", "retries": 3, "retry_delay": 1},
        "evaluator": {"cascade_evaluation": False},
    }
    if lean:
        written |= {"log_level": "ERROR", "checkpoint_interval": 10**9}
        written["database"] = {"log_prompts": False}
        written["evaluator"] |= {"enable_artifacts": False}
        written["prompt"] = {"include_artifacts": False}
    search = openevolve.OpenEvolve(
        "initial.py", str(HERE / "openevolve_evaluator.py"), Config.from_dict(written), output_dir="openevolve_output"
    )
    best = asyncio.run(search.run(iterations=calls))
    found = None if best is None else {"score": str(best.metrics.get("combined_score")), "program": best.code}
    Path("best.json").write_text(dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "lean")
