"""The evaluator of a `score` test beside the program in one process, as the peers run theirs, in their environments.

`score(load)` gives the mean over the instances, or 0 and why. Each evaluation is a line of the log `evaluated.jsonl`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("SIDE_BY_SIDE", "."))
"""Where `problem.json` is."""
NAP = float(os.environ.get("SIDE_BY_SIDE_NAP", "0"))
"""Seconds that each evaluation takes besides."""


class Rejected(Exception):  # noqa: N818  # what the evaluator says of a program
    pass


class Candidate:
    """As an evaluator calls it: a function, `map` and `reject`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def map(self, *columns: list[Any]) -> list[Any]:
        return [self._function(*row) for row in zip(*columns, strict=True)]

    def reject(self, why: str) -> None:
        raise Rejected(why)


def module_of(path: str) -> dict[str, Any]:
    """The names of a program, imported from its file, as OpenEvolve's and ShinkaEvolve's examples import it."""
    spec = importlib.util.spec_from_file_location("program", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


def score(source: str, load: Callable[[], dict[str, Any]]) -> tuple[float, str]:
    """The mean score and an empty text, or 0 and the reason."""
    problem = json.loads((FOLDER / "problem.json").read_text())
    names: dict[str, Any] = {}
    exec(problem["evaluator"], names)
    total, why = 0.0, ""
    try:
        candidate = Candidate(load()[problem["entry_point"]])
        total = sum(names["evaluate"](candidate, each) for each in problem["instances"]) / len(problem["instances"])
    except Exception as error:
        total, why = 0.0, f"{type(error).__name__}: {error}"
    if NAP:
        time.sleep(NAP)
    program = hashlib.sha256(source.strip().encode()).hexdigest()[:16]
    line = json.dumps({"at": time.time(), "program": program, "score": _number(total)}) + "\n"
    with (FOLDER / "evaluated.jsonl").open("a") as log:
        log.write(line)
    return total, why


def _number(value: object) -> float | str:
    return (
        float(value)
        if isinstance(value, int | float) and type(value) in (int, float)
        else f"no plain number: {type(value).__name__}"
    )
