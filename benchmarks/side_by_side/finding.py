"""The best score after each call of a search."""

from __future__ import annotations

from pathlib import Path

from side_by_side.problems import PROBLEMS
from side_by_side.running import lines

__all__ = ["curve"]


def curve(folder: Path, calls: int) -> list[float]:
    """Best score so far by call, the first entry that of the program to begin with; a program counts at the call that
    wrote it, if it was ever evaluated."""
    scores: dict[str, float] = {}
    for row in lines(folder / "evaluated.jsonl"):
        if isinstance(row["score"], float):
            scores[row["program"]] = max(scores.get(row["program"], 0.0), row["score"])
    bests = [begin(folder)]
    for row in lines(folder / "calls.jsonl")[:calls]:
        bests.append(max(bests[-1], scores.get(row["program"], 0.0)))
    return [round(each, 9) for each in bests + [bests[-1]] * (calls + 1 - len(bests))]


def begin(folder: Path) -> float:
    """The score of the program to begin with, evaluated here: it is ours."""
    import json

    problem = PROBLEMS[json.loads((folder / "task.jsonl").read_text())["id"]]
    names: dict[str, object] = {}
    exec(problem.start, names)
    function = names[problem.entry_point]
    made: dict[str, object] = {}
    exec(problem.evaluator, made)

    class Plain:
        def __call__(self, *arguments: object) -> object:
            return function(*arguments)  # type: ignore[operator]

        def map(self, *columns: list[object]) -> list[object]:
            return [function(*row) for row in zip(*columns, strict=True)]  # type: ignore[operator]

    evaluate = made["evaluate"]
    found = [evaluate(Plain(), each) for each in problem.instances]  # type: ignore[operator]
    return float(sum(found) / len(found))
