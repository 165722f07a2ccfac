"""What judging a function that something is trained with has in common, be it a reward or a loss.

The function sits in a sandbox (`gristmill.verifiers.trained.serving`); the trainer, its data and its metric are
here: one training for every seed. After each a fresh worker is asked again about what was recorded of it. The score is
the mean over seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from gristmill.verifiers.records import Check, Outcome, Strength, Task, Verdict
from gristmill.verifiers.trained.serving import CandidateFault, ServedFunction, Solution, serve

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["TRAINER_SECONDS", "Deadline", "Summary", "Trained", "Training", "judge_trained", "training_problems"]

SEEDS: Final = 3
TARGET: Final = 0.9
# A training takes about a second on a quiet core; on a machine full of other work it may take very much longer, and
# that must not count against anybody.
TRAINER_SECONDS: Final = 1500.0


class Deadline(Exception):  # noqa: N818 - it is a fact about time, and names itself best
    """A training took longer than it may; nothing can be said about the function."""


W = TypeVar("W")


@dataclass(frozen=True)
class Trained(Generic[W]):
    """What one training came to; `what` is the kind's own record of it.

    `score` is in [0, 1], higher is better; `seconds` is the trainer's time, `candidate_seconds` the function's.
    """

    seed: int
    score: float
    seconds: float
    candidate_seconds: float
    what: W


@dataclass(frozen=True)
class Summary:
    """All trainings in words (for the candidate's author) and numbers; `details` say one line about each."""

    text: str
    metrics: dict[str, float]
    details: Sequence[str]


@dataclass(frozen=True)
class Training(Generic[W]):
    """How something is trained with the functions of one kind, and what is asked of them around it.

    Args:
        verifier: its name and version.
        probe: tries the function before any training, so that a mistake shows at once.
        train: one training, with a seed. Raises `Deadline`.
        recheck: asks a fresh process again about what was recorded of a training.
        summarize: of the target and all trainings.
    """

    verifier: str
    probe: Callable[[ServedFunction], None]
    train: Callable[[ServedFunction, int], Trained[W]]
    recheck: Callable[[ServedFunction, W], None]
    summarize: Callable[[float, Sequence[Trained[W]]], Summary]


def training_problems(task: Task, kind: str, measure: str) -> list[str]:
    """What is wrong with a task's settings and target; `measure` is what the target is a value of."""
    found = []
    unknown = set(task.settings) - {"seeds", "entry_point", "prefix", "signature", "template"}
    if unknown:
        found.append(f"settings: {', '.join(sorted(unknown))} mean nothing for a {kind}; known is seeds")
    seeds = task.settings.get("seeds", SEEDS)
    if type(seeds) is not int or not 1 <= seeds <= 20:
        found.append("settings.seeds: must be a whole number from 1 to 20")
    if type(task.settings.get("entry_point", kind)) is not str:
        found.append("settings.entry_point: must be the name of one function")
    if task.target is not None and not 0 <= task.target <= 1:
        found.append(f"target: {measure} lies from 0 to 1")
    return found


async def judge_trained(pool: Jobs, task: Task, offered: Solution, training: Training[W]) -> Verdict:
    """The verdict on a function; `unscored` where a training met its deadline, which is the machine's trouble.

    Raises:
        SandboxError: no healthy worker can be had.
    """

    def verdict(outcome: Outcome, score: float | None, feedback: str = "", **more: Any) -> Verdict:
        info = pool.info(offered.profile)
        return Verdict(
            outcome=outcome,
            score=score,
            strength=Strength.TESTED,
            feedback=feedback,
            verifier=training.verifier,
            sandbox=info.label,
            **more,
        )

    if not offered.source.strip():
        return verdict(Outcome.INVALID, 0.0, "There is no code in the reply.")
    try:
        trained = await _every_seed(pool, offered, training, task.settings.get("seeds", SEEDS))
    except CandidateFault as error:
        return verdict(error.outcome, 0.0, error.feedback)
    except Deadline:
        # Not the candidate's: its own answers are charged apart.
        return verdict(Outcome.UNSCORED, None)
    target = TARGET if task.target is None else task.target
    summary = training.summarize(target, trained)
    score = fmean(each.score for each in trained)
    common = {
        "seeds": float(len(trained)),
        "trainer_seconds": sum(each.seconds for each in trained),
        "candidate_seconds": sum(each.candidate_seconds for each in trained),
    }
    checks = tuple(
        Check(name=f"seed {each.seed}", outcome=_outcome(each.score, target), public=True, detail=detail)
        for each, detail in zip(trained, summary.details, strict=True)
    )
    return verdict(_outcome(score, target), score, summary.text, metrics=summary.metrics | common, checks=checks)


def _outcome(score: float, target: float) -> Outcome:
    return Outcome.PASSED if score >= target else Outcome.FAILED


async def _every_seed(pool: Jobs, offered: Solution, training: Training[W], seeds: int) -> list[Trained[W]]:
    trained: list[Trained[W]] = []
    for seed in range(seeds):
        async with serve(pool, offered, TRAINER_SECONDS) as runner:
            if seed == 0:
                await runner.run(training.probe)
            trained.append(await runner.run(partial(_train, training, seed)))
        async with serve(pool, offered, TRAINER_SECONDS, fresh=True) as runner:
            await runner.run(partial(_recheck, training, trained[-1].what))
    return trained


def _train(training: Training[W], seed: int, served: ServedFunction) -> Trained[W]:
    return training.train(served, seed)


def _recheck(training: Training[W], what: W, served: ServedFunction) -> None:
    training.recheck(served, what)
