"""The evaluation program that ShinkaEvolve starts for each candidate.

Default: with its own `run_shinka_eval`. Lean: the two files that it reads, written without importing it.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from plain import module_of, score


def _lean(program_path: str, results_dir: str) -> None:
    total, why = score(Path(program_path).read_text(), lambda: module_of(program_path))
    folder = Path(results_dir)
    folder.mkdir(parents=True, exist_ok=True)
    metrics = {"combined_score": total, "public": {}, "private": {}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "correct.json").write_text(json.dumps({"correct": not why, "error": why}))


def _default(program_path: str, results_dir: str) -> None:
    from shinka.core import run_shinka_eval

    names = json.loads((Path(os.environ["SIDE_BY_SIDE"]) / "problem.json").read_text())
    why = ""

    def scored(_: list[Any]) -> dict[str, Any]:
        nonlocal why
        total, why = score(Path(program_path).read_text(), lambda: {names["entry_point"]: functions[0]})
        if why:
            raise ValueError(why)
        return {"combined_score": total, "public": {}, "private": {}}

    functions: list[Any] = []

    def taken(result: Any) -> tuple[bool, str | None]:
        functions.append(result)
        return callable(result), "no function"

    # Its interface runs one function of the program; that of the programs here hands over the one that is asked for.
    run_shinka_eval(
        program_path=program_path,
        results_dir=results_dir,
        experiment_fn_name="run_experiment",
        num_runs=1,
        get_experiment_kwargs=lambda _: {},
        validate_fn=taken,
        aggregate_metrics_fn=scored,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program_path")
    parser.add_argument("--results_dir")
    given = parser.parse_args()
    (_lean if os.environ.get("SIDE_BY_SIDE_LEAN") else _default)(given.program_path, given.results_dir)
