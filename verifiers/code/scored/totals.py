"""From the evaluations of instances to what a verdict says in numbers: total, spread, and whether a stage is passed.

With a cascade a total is a bound: an instance that was spared counts as the floor, and none counts as worse than that.
So whoever was stopped at a stage has a smaller total than all who got through it (with ``total: worst``, none that is
greater), whatever those do on the instances after it; and among the stopped, who is nearer to the threshold is better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import stdev
from typing import Final, NamedTuple

from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.scored.running import Evaluation
from gristmill.verifiers.records import Direction, ScoreTest

__all__ = [
    "REPEATS",
    "SPARED",
    "SPREAD",
    "Row",
    "better",
    "deviation",
    "mean_scores",
    "metrics_of",
    "replicates_of",
    "spared_of",
    "stages",
    "stopped",
    "total_of",
]

SPREAD: Final = "spread"
"""The metric of a verdict of at least two replicates: the sample standard deviation of their totals."""
REPEATS: Final = "repeats"
"""The metric that says how many there were."""
SPARED: Final = "spared"
"""The metric of a verdict of a task with a cascade: how many instances were not run."""


class Row(NamedTuple):
    """What came of the instance of that place, by the seed of that replicate."""

    place: int
    replicate: int
    evaluation: Evaluation


def better(direction: Direction, one: float | None, other: float | None) -> bool:
    """Whether the first is; what has no number is worse than all."""
    if one is None or other is None:
        return one is not None and other is None
    return one < other if direction is Direction.MINIMIZE else one > other


def stages(test: ScoreTest) -> Iterator[tuple[list[int], float | None]]:
    """(places, what must be reached to go on) in the order in which they are run; those that no stage names come last.

    Of one stage, public ones come first: what a model may read of is what it learns from.
    """
    left = set(range(len(test.instances)))
    for stage in test.cascade:
        places = [place for place in dict.fromkeys(stage.instances) if place in left]
        left -= set(places)
        yield sorted(places, key=lambda place: place not in test.public), stage.threshold
    yield sorted(left, key=lambda place: (place not in test.public, place)), None


def mean_scores(test: ScoreTest, rows: Iterable[Row]) -> dict[int, float]:
    """The scores of the instances, in the mean over their replicates, in the order of their places."""
    found: dict[int, list[float]] = {}
    for place, _, evaluation in sorted(rows, key=lambda row: (row.place, row.replicate)):
        if evaluation.score is not None:
            found.setdefault(place, []).append(_counted(test, evaluation.score))
    # Each is parted first: a sum of great numbers may have no end.
    return {place: math.fsum(each / len(scores) for each in scores) for place, scores in found.items()}


def _counted(test: ScoreTest, score: float) -> float:
    """No worse than the floor of a cascade: what is spared must not be better off than what is run."""
    if not test.cascade or test.floor is None or not better(test.direction, test.floor, score):
        return score
    return test.floor


def total_of(test: ScoreTest, rows: Sequence[Row], spared: int = 0) -> float | None:
    """The score of all; None where one has none, or their total is not finite. `spared`: how many were not run."""
    if any(row.evaluation.score is None for row in rows):
        return None
    return _total(test, [*mean_scores(test, rows).values()], spared)


def _total(test: ScoreTest, scores: list[float], spared: int = 0) -> float | None:
    scores = scores + [test.floor or 0.0] * spared
    if not scores:
        return None
    if test.total == "worst":
        return max(scores) if test.direction is Direction.MINIMIZE else min(scores)
    # The order in which they were run is no part of it.
    parts = [score / len(scores) for score in scores] if test.total == "mean" else scores
    try:
        total = math.fsum(parts)
    except OverflowError:
        return None
    return total if math.isfinite(total) else None


def replicates_of(test: ScoreTest, rows: Sequence[Row]) -> tuple[float, ...]:
    """The total of each seed over the instances that were run, in the order of the seeds; nothing where there is one.

    Of the worst instance, where that is the total: its own scores, as the worst of many by chance is none of these.
    """
    if any(row.evaluation.score is None for row in rows):
        return ()
    if test.total == "worst":
        means = mean_scores(test, rows)
        worst = [place for place in means if means[place] == _total(test, list(means.values()))][:1]
        rows = [row for row in rows if row.place in worst]
    numbers = sorted({row.replicate for row in rows})
    if len(numbers) < 2:
        return ()
    totals = [total_of(test, [row for row in rows if row.replicate == number]) for number in numbers]
    return tuple(total for total in totals if total is not None)


def deviation(replicates: Sequence[float]) -> float | None:
    """The sample standard deviation, where it is a number."""
    try:
        spread = stdev(replicates) if len(replicates) > 1 else None
    except (OverflowError, ValueError):
        return None
    return spread if spread is not None and math.isfinite(spread) else None


def metrics_of(test: ScoreTest, rows: Sequence[Row], spared: int) -> dict[str, float]:
    """The evaluator's other numbers, in the mean over the evaluations that have them, and what the run was like."""
    values: dict[str, list[float]] = {}
    for row in rows:
        for name, value in list(row.evaluation.numbers.items())[1:]:
            values.setdefault(name, []).append(value)
    means = {name: math.fsum(each / len(column) for each in column) for name, column in values.items()}
    found = {feedback.clean(name): mean for name, mean in means.items()}
    if test.cascade:
        found[SPARED] = float(spared)
    replicates = replicates_of(test, rows)
    if (spread := deviation(replicates)) is not None:
        found |= {SPREAD: spread, REPEATS: float(len(replicates))}
    return found


def spared_of(test: ScoreTest, rows: Sequence[Row]) -> int:
    """How many instances were not run, though none of those before was without a number."""
    lost = any(row.evaluation.score is None for row in rows)
    return 0 if lost else len(test.instances) - len({row.place for row in rows})


def stopped(test: ScoreTest, rows: Sequence[Row]) -> list[str]:
    """A threshold that the reference itself does not reach."""
    seen: set[int] = set()
    for number, (places, threshold) in enumerate(stages(test)):
        seen.update(places)
        total = total_of(test, [row for row in rows if row.place in seen])
        if threshold is not None and total is not None and better(test.direction, threshold, total):
            return [
                f"tests[0].cascade[{number}].threshold: the reference has {total:.6g} there: {threshold:.6g} stops it"
            ]
    return []
