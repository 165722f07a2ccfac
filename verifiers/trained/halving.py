"""Which trainings are not worth their time: those of a function that stays plainly behind the best one known.

Successive halving (Jamieson & Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization",
AISTATS 2016) gives each candidate little at first and more only to the better ones. Departure: candidates of a search
come one after another, so each is held to the best that was known when it was planned (Li et al., "A system for
massively parallel hyperparameter tuning", MLSys 2020, promote by rungs for the same reason), by the same seeds, and by
a margin; who cannot reach the target any more, whatever the seeds to come bring, has none. Rungs are each training's
first quarter, and each training's end.

Pure: what a function is held to stands beside its hypothesis in the store, so a verdict hangs on nobody who is judged
at the same time. The function's process hears nothing of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Final

from gristmill.verifiers.judging import TRAINED
from gristmill.verifiers.records import Courses, Task, Verdict

__all__ = [
    "STOPPED",
    "UNDECIDED",
    "Behind",
    "Courses",
    "Pace",
    "has_stopped",
    "is_undecided",
    "lower_estimate",
    "upper_estimate",
]

STOPPED: Final = "stopped"
"""The metric of a verdict whose trainings ended early."""
UNDECIDED: Final = "undecided"
"""The metric of one that is among these and might have reached its target in the trainings that were not made."""

_MARGIN, _EARLY = 0.1, 0.2
_DEVIATIONS = 2.0
_RUNG = 0.25


class Behind(Exception):  # noqa: N818 - it is a fact about a training, and names itself best
    """The training is not worth its time; the text says why."""


class Pace:
    """What the trainings of one function are held to, and how they go.

    Args:
        bar: grades at the checkpoints of each training of the best one known, and at its end; nothing for no bounds.
        seeds: trainings of the function.
        target: the mean score that passes.
    """

    def __init__(self, bar: Courses, seeds: int, target: float) -> None:
        # Trainings by other numbers of seeds or checkpoints are none to be held to.
        self._bar = bar if len(bar) == seeds else ()
        self._target = target
        self._ends = [course[-1] for course in self._bar]
        self._deviation = stdev(self._ends) if len(self._ends) > 1 else 0.0
        self._grades: list[float] = []
        self._done: list[tuple[float, ...]] = []

    @property
    def courses(self) -> Courses:
        """The courses of the trainings that were brought to their end."""
        return tuple(self._done)

    def watch(self, grade: float) -> None:
        """Hear of a training's next checkpoint.

        Raises:
            Behind: at the first quarter, where it was not ahead with the seeds before, and the best one was ahead by
                more than the margin with this seed.
        """
        self._grades.append(grade)
        done = len(self._done)
        # Who was ahead with the seeds before has more to lose than one bad seed.
        if not self._bar or sum(each[-1] for each in self._done) > sum(self._ends[:done]):
            return
        course, there = self._bar[done], len(self._grades)
        rung = max(1, math.ceil(_RUNG * (len(course) - 1)))
        margin = max(_EARLY, _DEVIATIONS * self._deviation)
        if there == rung < len(course) - 1 and grade < course[there - 1] - margin:
            raise Behind(
                f"at checkpoint {there} of {len(course) - 1} of training {done + 1} it stood at "
                f"{grade:.4g}, where the best one known stood at {course[there - 1]:.4g} with the same seed; that is "
                f"more than the margin of {margin:.3g}"
            )

    def end(self, score: float) -> None:
        """Hear of a training's end."""
        self._done.append((*self._grades, score))
        self._grades = []

    def check(self) -> None:
        """Whether a further training is worth its time.

        Raises:
            Behind: in the mean over the seeds so far the best one was ahead by more than the margin, or at all and the
                target is out of reach; or there it went exactly as this one.
        """
        count = len(self._done)
        if not self._bar or not 0 < count < len(self._bar):
            return
        mine, best = fmean(course[-1] for course in self._done), fmean(self._ends[:count])
        margin = max(_MARGIN, _DEVIATIONS * self._deviation / math.sqrt(count))
        if mine < best - margin:
            raise Behind(
                f"it came to {mine:.4g} in the mean, the best one known to {best:.4g} with the same seeds; that "
                f"is more than the margin of {margin:.3g}"
            )
        same = tuple(self._done) == tuple(self._bar[:count])
        most = upper_estimate([course[-1] for course in self._done], len(self._bar))
        if same and most < self._target:
            raise Behind("it went exactly as the best one known did with the same seeds")
        if mine < best and most < self._target:
            raise Behind(
                f"it came to {mine:.4g} in the mean, the best one known to {best:.4g} with the same seeds, and it can "
                "reach the target no more"
            )


def has_stopped(task: Task, verdict: Verdict) -> bool:
    """Whether trainings were left out, so that nobody knows what the function would have come to in all of them."""
    return task.kind in TRAINED and STOPPED in verdict.metrics


def lower_estimate(scores: Sequence[float], seeds: int) -> float:
    """What the mean over all seeds is at least: a training that was not made counts as 0."""
    return math.fsum(scores) / seeds


def is_undecided(task: Task, verdict: Verdict) -> bool:
    """Whether it stopped where the trainings that were not made could have brought it to its target.

    It is behind, and not refuted: nobody may learn from it that it is wrong.
    """
    return task.kind in TRAINED and UNDECIDED in verdict.metrics


def upper_estimate(scores: Sequence[float], seeds: int) -> float:
    """What the mean over all seeds is at most: a training that was not made counts as 1, and no score is above."""
    return (math.fsum(scores) + seeds - len(scores)) / seeds
