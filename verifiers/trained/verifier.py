"""What judging a function that something is trained with has in common, be it a reward or a loss.

The function sits in a sandbox (`gristmill.verifiers.trained.serving`); the trainer, its data and its metric are
here: one training for every seed. After each, fresh workers are asked again about what was recorded of it. The score
is the mean over seeds. Seeds and places of checks follow from a secret, so that no function can prepare for them.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import numpy as np

from gristmill.verifiers.judging import unscored
from gristmill.verifiers.records import Check, Outcome, Strength, Task, Verdict
from gristmill.verifiers.trained.curves import curve, figure
from gristmill.verifiers.trained.secret import chance, seed
from gristmill.verifiers.trained.serving import CandidateFault, ServedFunction, Solution, serve

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["Deadline", "Trained", "Training", "judge_trained", "share", "training_problems"]

SEEDS: Final = 3
TARGET: Final = 0.9
# A training takes about a second on a quiet core; on a machine full of other work it may take very much longer, and
# that must not count against anybody.
TRAINER_SECONDS: Final = 1500.0


class Deadline(Exception):  # noqa: N818 - it is a fact about time, and names itself best
    """A training took longer than it may; nothing can be said about the function."""


def share(grade: float) -> float:
    """A grade in [0, 1]: beyond that it is brought there, and what is no number (a network diverged) is 0."""
    return min(1.0, max(0.0, grade))


W = TypeVar("W")


@dataclass(frozen=True)
class Trained(Generic[W]):
    """What one training came to; `record` is the kind's own record of it.

    `score` is in [0, 1], higher is better; `seconds` is the trainer's time, `candidate_seconds` the function's.
    """

    score: float
    seconds: float
    candidate_seconds: float
    record: W


class Training(Protocol[W]):
    """How something is trained with the functions of one kind, and what is asked of them around it."""

    verifier: str
    """Its name and version."""
    measure: str
    """What a score is, as in "accuracy"."""
    subject: str
    """What was trained, as in "Networks trained with this loss"."""

    def probe(self, served: ServedFunction, chance: np.random.Generator) -> None:
        """Try the function before any training, so that a mistake shows at once."""
        ...

    def train(self, served: ServedFunction, seed: int, deadline: float) -> tuple[float, W]:
        """One training: its score and its record. Raises `Deadline` once `time.monotonic` is past `deadline`."""
        ...

    def rechecks(self, record: W, chance: np.random.Generator) -> Iterable[Callable[[ServedFunction], None]]:
        """What is asked again about a training's record: each by itself of a process of its own, in this order.

        What comes next may hang on what was answered; what the last answers show is raised when no more is asked for.

        To the function each must look like a training, or it could be honest there only.
        """
        ...

    def feedback(self, target: float, records: Sequence[W]) -> str:
        """What the trainings say to the function's author, beyond their scores."""
        ...


def training_problems(task: Task, kind: str, also: Sequence[str] = ()) -> list[str]:
    """What is wrong with a task's settings and target; `also` are names of further settings."""
    problems = []
    unknown = set(task.settings) - {"seeds", "start", "entry_point", "prefix", "signature", "template", *also}
    if unknown:
        known = f"known are seeds, {', '.join(also)}" if also else "known is seeds"
        problems.append(f"settings: {', '.join(sorted(unknown))} mean nothing for a {kind} here; {known}")
    seeds = task.settings.get("seeds", SEEDS)
    if type(seeds) is not int or not 1 <= seeds <= 20:
        problems.append("settings.seeds: must be a whole number from 1 to 20")
    if type(task.settings.get("entry_point", kind)) is not str:
        problems.append("settings.entry_point: must be the name of one function")
    if task.target is not None and not 0 <= task.target <= 1:
        problems.append(f"target: the score of a {kind} lies from 0 to 1")
    return problems


async def judge_trained(pool: Jobs, task: Task, offered: Solution, training: Training[W], secret: bytes) -> Verdict:
    """The verdict on a function; `unscored` where a training met its deadline, which is the machine's trouble.

    All functions that are judged with one `secret` get the same trainings, each its own places of checks.

    Raises:
        SandboxError: no healthy worker can be had.
    """

    def verdict(outcome: Outcome, score: float, feedback: str = "", **more: Any) -> Verdict:
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
        trained = await _every_seed(pool, task, offered, training, secret)
    except CandidateFault as error:
        return verdict(error.outcome, 0.0, error.feedback)
    except Deadline:
        # Not the candidate's: its own answers are charged apart.
        return unscored("a training took longer than it may", verifier=training.verifier)
    target = TARGET if task.target is None else task.target
    scores = [each.score for each in trained]
    score = fmean(scores)
    key = training.measure.replace(" ", "_")
    metrics = {
        key: score,
        f"{key}_min": min(scores),
        f"{key}_max": max(scores),
        "seeds": float(len(trained)),
        "trainer_seconds": sum(each.seconds for each in trained),
        "candidate_seconds": sum(each.candidate_seconds for each in trained),
    }
    checks = tuple(
        Check(
            name=f"training {number}",
            outcome=_outcome(each.score, target),
            public=True,
            detail=f"{training.measure} {figure(each.score)}",
        )
        for number, each in enumerate(trained, 1)
    )
    missing = "is reached" if score >= target else f"is not reached, by {target - score:.3g}"
    feedback = (
        f"{training.subject} have a mean {training.measure} of {figure(score)} "
        f"(by seed: {curve(scores)}); the target of {target:.6g} {missing}.\n"
        f"{training.feedback(target, [each.record for each in trained])}"
    )
    return verdict(_outcome(score, target), score, feedback, metrics=metrics, checks=checks)


def _outcome(score: float, target: float) -> Outcome:
    return Outcome.PASSED if score >= target else Outcome.FAILED


async def _every_seed(
    pool: Jobs, task: Task, offered: Solution, training: Training[W], secret: bytes
) -> list[Trained[W]]:
    own = zlib.crc32(offered.source.encode("utf-8", "surrogatepass"))
    trained: list[Trained[W]] = []
    for number in range(task.settings.get("seeds", SEEDS)):
        async with serve(pool, offered, TRAINER_SECONDS) as runner:
            if number == 0:
                await runner.run(partial(training.probe, chance=chance(secret, task.id, "probe", own)))
            trained.append(await runner.run(partial(_train, training, seed(secret, task.id, "training", number))))
        asked = iter(training.rechecks(trained[-1].record, chance(secret, task.id, "again", number, own)))
        # In a thread: what a recheck makes of the answers is work.
        while (ask := await asyncio.to_thread(next, asked, None)) is not None:
            async with serve(pool, offered, TRAINER_SECONDS, fresh=True) as runner:
                await runner.run(ask)
    return trained


def _train(training: Training[W], seed: int, served: ServedFunction) -> Trained[W]:
    begun = time.monotonic()
    score, record = training.train(served, seed, begun + TRAINER_SECONDS)
    return Trained(score, time.monotonic() - begun, served.seconds, record)
