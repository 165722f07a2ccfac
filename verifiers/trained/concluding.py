"""What trainings of one function come to: its score, whether that passes, and in which words; whoever has trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, NamedTuple

from gristmill.verifiers.records import Check, Courses, Outcome, Seeds, Task
from gristmill.verifiers.trained.curves import curve, figure
from gristmill.verifiers.trained.halving import STOPPED, UNDECIDED, lower_estimate, upper_estimate

__all__ = ["TARGET", "Concluded", "Ended", "concluded", "confirming", "target_of"]

TARGET: Final = 0.9


class Ended(NamedTuple):
    """How the trainings of one function ended.

    `scores` are in [0, 1], of those that were brought to their end, of `seeds` that there were to be; `behind` says why
    there are no more, if there are fewer; `courses` are theirs. `confirming` of them, the last, are there because those
    before had reached the target.
    """

    scores: tuple[float, ...]
    seeds: int
    behind: str
    courses: Courses
    confirming: int = 0


@dataclass(frozen=True)
class Concluded:
    """The part of a verdict that hangs on scores alone; fields as in `gristmill.verifiers.records.Verdict`."""

    outcome: Outcome
    score: float
    feedback: str
    metrics: dict[str, float]
    checks: tuple[Check, ...]
    replicates: tuple[float, ...] = ()
    courses: Courses = ()


def target_of(task: Task) -> float:
    """The mean score that passes."""
    return TARGET if task.target is None else task.target


def confirming(task: Task, seeds: Seeds, scores: Sequence[float]) -> Seeds | None:
    """Trainings that a pass of a search must stand besides, as many again; None where there is none to confirm.

    A few trainings reach a target by chance too, and the first that did would end the search.
    """
    if seeds.draw or not scores or fmean(scores) < target_of(task):
        return None
    return Seeds(first=seeds.first + len(scores), count=len(scores))


def concluded(task: Task, ended: Ended, measure: str, subject: str) -> Concluded:
    """The mean over seeds against the task's target.

    Args:
        task: whose target.
        ended: what was trained.
        measure: what a score is, as in "accuracy".
        subject: what was trained, as in "Networks trained with this loss".
    """
    scores, target = ended.scores, target_of(task)
    score, most = lower_estimate(scores, ended.seeds), upper_estimate(scores, ended.seeds)
    key = measure.replace(" ", "_")
    mean = f"mean {measure.removeprefix('mean ')}"  # a height that is a mean already is none of means
    metrics = {
        key: score,
        **({f"{key}_min": min(scores), f"{key}_max": max(scores)} if scores else {}),
        "seeds": float(len(scores)),
        **({STOPPED: 1.0} if ended.behind else {}),
        **({UNDECIDED: 1.0} if ended.behind and most >= target else {}),
    }
    checks = tuple(
        Check(
            name=f"training {number}", outcome=_outcome(each, target), public=True, detail=f"{measure} {figure(each)}"
        )
        for number, each in enumerate(scores, 1)
    )
    if ended.behind:
        # It may be above the target all the same, and is no pass: nobody has seen its other seeds.
        by_seed = f" By seed: {curve(scores)}." if scores else ""
        feedback = (
            f"Stopped after {len(scores)} of {ended.seeds} seeds: {ended.behind}.{by_seed} Its score of "
            f"{figure(score)} counts each training that was not made as 0, and so is what the {mean} is at "
            f"least; {_reach(most, target)}."
        )
        return Concluded(Outcome.FAILED, score, feedback, metrics, checks)
    missing = "is reached" if score >= target else f"is not reached, by {target - score:.3g}"
    courses = ended.courses
    if ended.confirming and score < target:
        missing += f": the first {len(scores) - ended.confirming} alone had reached it, by chance"
        courses = ()  # nobody is held to these: they say more than it comes to
    feedback = (
        f"{subject} have a {mean} of {figure(score)} (by seed: {curve(scores)}); the target of {target:.6g} {missing}."
    )
    return Concluded(_outcome(score, target), score, feedback, metrics, checks, scores, courses)


def _reach(most: float, target: float) -> str:
    if most >= target:
        return "whether all of them would have reached the target is not known"
    return f"all of them could not have reached the target of {target:.6g}, as no training scores above 1"


def _outcome(score: float, target: float) -> Outcome:
    return Outcome.PASSED if score >= target else Outcome.FAILED
