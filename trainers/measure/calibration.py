"""Confidence in replies that nothing has verified: how far K replies agree, calibrated on replies that were verified.

The share of a task's replies that give the same answer as one of them (self-consistency, Wang et al. 2023,
arXiv:2203.11171) is no probability. Isotonic regression (pool-adjacent-violators, by scipy) turns it into one, fitted
on replies whose verdict is known. Shares of one task are not independent, so what calibration is worth is measured by
cross-fitting over tasks: each reply's confidence comes of a fit that has seen nothing of its task.

A confidence is no verdict: it raises no strength, and nothing with it is called verified.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.trainers.measure.estimates import majority, majority_passed
from gristmill.trainers.measure.records import TaskResult

__all__ = [
    "Abstaining",
    "Bin",
    "Calibration",
    "Observation",
    "Reliability",
    "abstaining",
    "agreements",
    "cross_fitted",
    "ece",
    "fit",
    "folds_of",
    "observations",
    "reliability",
]

FOLDS = 5
BINS = 10


class Observation(Record):
    """One reply: how far the others agree with it, and what was found about it."""

    task: str
    agreement: float = Field(
        ge=0, le=1, description="share of the task's replies that give its answer, itself included"
    )
    passed: bool


class Calibration(Record):
    """From agreement to confidence: steps that never fall."""

    version: Literal[1] = 1
    samples: int = Field(ge=1, description="replies a task that agreement is counted over")
    at: tuple[float, ...] = Field(description="agreements from which on the next value holds, rising")
    values: tuple[float, ...] = Field(description="confidence by then, in [0, 1], never falling")
    tasks: int
    replies: int

    def confidence(self, agreement: float) -> float:
        """How likely a reply with this agreement is right; below the least agreement seen, as at the least."""
        return self.values[max(0, bisect_right(self.at, agreement + 1e-9) - 1)]


class Bin(Record):
    """Replies of about one confidence."""

    low: float
    high: float
    replies: int
    confidence: float = Field(description="mean")
    accuracy: float


class Reliability(Record):
    """What confidences are worth."""

    ece: float = Field(description="expected calibration error: mean |confidence - accuracy| over bins, by replies")
    brier: float = Field(description="mean squared distance of confidence and outcome")
    bins: tuple[Bin, ...]
    replies: int


class Abstaining(Record):
    """What comes of answering only where the confidence is high enough, one answer a task: the majority's."""

    threshold: float
    answered: int
    tasks: int
    right: int = Field(description="of those answered")

    @property
    def coverage(self) -> float:
        """Share of the tasks that are answered."""
        return self.answered / self.tasks if self.tasks else 0.0

    @property
    def accuracy(self) -> float | None:
        """Share of the answers that are right; None where none is given."""
        return self.right / self.answered if self.answered else None


def agreements(answers: Sequence[str | None]) -> list[float]:
    """By reply, the share of all replies that give its answer; 0 for one without an answer."""
    votes = Counter(answer for answer in answers if answer is not None)
    return [0.0 if answer is None else votes[answer] / len(answers) for answer in answers]


def observations(results: Sequence[TaskResult]) -> list[Observation]:
    """All scored replies of tasks with several."""
    return [
        Observation(task=result.task_id, agreement=agreement, passed=passed)
        for result in results
        if result.answers
        for agreement, passed in zip(agreements(result.answers), result.passed, strict=True)
        if passed is not None
    ]


def fit(seen: Sequence[Observation], samples: int) -> Calibration:
    """Isotonic regression of passing on agreement.

    Raises:
        ValueError: nothing was seen.
    """
    from scipy.optimize import isotonic_regression

    if not seen:
        raise ValueError("a calibration needs replies that were verified")
    points: dict[float, list[bool]] = {}
    for each in seen:
        points.setdefault(each.agreement, []).append(each.passed)
    at = sorted(points)
    means = [sum(points[x]) / len(points[x]) for x in at]
    weights = [float(len(points[x])) for x in at]
    values = [min(1.0, max(0.0, float(value))) for value in isotonic_regression(means, weights=weights).x]
    return Calibration(
        samples=samples,
        at=tuple(at),
        values=tuple(values),
        tasks=len({each.task for each in seen}),
        replies=len(seen),
    )


def folds_of(tasks: Sequence[str], folds: int = FOLDS) -> dict[str, int]:
    """Task → fold; the same tasks are always dealt out alike, in whatever order they come."""
    names = sorted(set(tasks), key=lambda name: hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest())
    return {name: place % folds for place, name in enumerate(names)}


def cross_fitted(seen: Sequence[Observation], samples: int, folds: int = FOLDS) -> list[float]:
    """By reply, the confidence of a fit that has seen no reply of its task; tasks are dealt out by their digests.

    Raises:
        ValueError: fewer than two tasks.
    """
    fold = folds_of([each.task for each in seen], folds)
    if len(fold) < 2:
        raise ValueError("a calibration cannot be measured on one task")
    numbers = range(max(fold.values()) + 1)
    fits = [fit([each for each in seen if fold[each.task] != number], samples) for number in numbers]
    return [fits[fold[each.task]].confidence(each.agreement) for each in seen]


def ece(confidences: Sequence[float], passed: Sequence[bool]) -> float:
    """Expected calibration error over ten bins of equal width (Guo et al. 2017), in [0, 1]; 0 of nothing."""
    return reliability(confidences, passed).ece


def reliability(confidences: Sequence[float], passed: Sequence[bool]) -> Reliability:
    """Bins of equal width, the errors, and how many replies there are."""
    held: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, right in zip(confidences, passed, strict=True):
        held[min(BINS - 1, int(confidence * BINS))].append((confidence, right))
    bins = [
        Bin(
            low=place / BINS,
            high=(place + 1) / BINS,
            replies=len(some),
            confidence=sum(confidence for confidence, _ in some) / len(some),
            accuracy=sum(right for _, right in some) / len(some),
        )
        for place, some in enumerate(held)
        if some
    ]
    total = len(passed)
    squares = sum((confidence - right) ** 2 for confidence, right in zip(confidences, passed, strict=True))
    return Reliability(
        ece=min(1.0, sum(each.replies * abs(each.confidence - each.accuracy) for each in bins) / total)
        if total
        else 0.0,
        brier=squares / total if total else 0.0,
        bins=tuple(bins),
        replies=total,
    )


def abstaining(results: Sequence[TaskResult], confidences: Sequence[float], threshold: float) -> Abstaining:
    """Answer each task by the majority of its replies, if the confidence in that is at least `threshold`.

    Args:
        results: with several replies a task; those whose majority is unscored are left out.
        confidences: of the majority's answer, by result in order.
    """
    tasks = answered = right = 0
    for result, confidence in zip(results, confidences, strict=True):
        passed = majority_passed(result, range(len(result.answers)))
        if passed is None:
            continue
        tasks += 1
        if majority(result.answers) is not None and confidence >= threshold:
            answered += 1
            right += passed
    return Abstaining(threshold=threshold, answered=answered, tasks=tasks, right=right)
