"""What judging a function that something is trained with has in common, be it a reward or a loss.

The function sits in a sandbox (`gristmill.verifiers.trained.serving`); the trainer, its data and its metric are
here: one training for every seed. After each, fresh workers are asked again about what was recorded of it. The score
is the mean over seeds. Seeds and places of checks follow from a secret, so that no function can prepare for them.

A search, the choice among its finalists and the score of its winner have seeds of their own, and splits where data are
split: `split_of` a draw of seeds.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Protocol, TypeVar

import numpy as np

from gristmill.sandbox.errors import SandboxError
from gristmill.verifiers.judging import FINAL_SEEDS, beside, final_seeds, unscored
from gristmill.verifiers.records import Evidence, Outcome, Seeds, Strength, Task, Verdict
from gristmill.verifiers.testing.scored import SEARCH
from gristmill.verifiers.trained.concluding import Ended, concluded, confirming, target_of
from gristmill.verifiers.trained.halving import Behind, Pace
from gristmill.verifiers.trained.secret import chance, seed
from gristmill.verifiers.trained.serving import CandidateFault, ServedFunction, Solution, serve

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = [
    "Deadline",
    "Split",
    "Trained",
    "Training",
    "Watch",
    "final_evidence",
    "judge_trained",
    "seeds_of",
    "share",
    "split_of",
    "training_problems",
]

SEEDS: Final = 3
FINAL: Final = "final"
Split = Literal["search", "selection", "final"]
# A training takes about a second on a quiet core; on a machine full of other work it may take very much longer, and
# that must not count against anybody.
TRAINER_SECONDS: Final = 1500.0


class Deadline(Exception):  # noqa: N818 - it is a fact about time, and names itself best
    """A training took longer than it may; nothing can be said about the function."""


def share(grade: float) -> float:
    """A grade in [0, 1]: beyond that it is brought there, and what is no number (a network diverged) is 0."""
    return min(1.0, max(0.0, grade))


def split_of(seeds: Seeds) -> Split:
    """What a draw of seeds is for: every score of a search, the choice among its finalists, or its winner alone."""
    if not seeds.draw:
        return "search"
    return "final" if seeds.draw == FINAL else "selection"


W = TypeVar("W")
Watch = Callable[[float], None]
"""Hears of the grade at each checkpoint of a training, and ends the training by what it raises."""


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

    def train(self, served: ServedFunction, seed: int, deadline: float, watch: Watch | None = None) -> tuple[float, W]:
        """One training: its score and its record; `watch` hears of the grade at each checkpoint, and may end it.

        Raises `Deadline` once `time.monotonic` is past `deadline`.
        """
        ...

    def rechecks(self, record: W, chance: np.random.Generator) -> Iterable[Callable[[ServedFunction], None]]:
        """What is asked again about a training's record: each by itself of a process of its own, in this order.

        What comes next may hang on what was answered; what the last answers show is raised when no more is asked for.

        To the function each must look like a training, or it could be honest there only.
        """
        ...

    def metrics(self, records: Sequence[W]) -> dict[str, float]:
        """What is known of the trainings beyond their score; no model is told of it."""
        ...

    def feedback(self, target: float, records: Sequence[W]) -> str:
        """What the trainings say to the function's author, beyond their scores."""
        ...


_COMMON: Final = ("seeds", "final_seeds")


def training_problems(task: Task, kind: str, also: Sequence[str] = ()) -> list[str]:
    """What is wrong with a task's settings and target; `also` are names of further settings."""
    problems = []
    unknown = set(task.settings) - {"start", "entry_point", "prefix", "signature", "template", *_COMMON, *also}
    if unknown:
        known = f"known are {', '.join((*_COMMON, *also))}"
        problems.append(f"settings: {', '.join(sorted(unknown))} mean nothing for a {kind} here; {known}")
    seeds = task.settings.get("seeds", SEEDS)
    if type(seeds) is not int or not 1 <= seeds <= 20:
        problems.append("settings.seeds: must be a whole number from 1 to 20")
    final = task.settings.get("final_seeds", FINAL_SEEDS)
    if type(final) is not int or not 0 <= final <= 20:
        problems.append("settings.final_seeds: must be a whole number from 0 (no close) to 20")
    if type(task.settings.get("entry_point", kind)) is not str:
        problems.append("settings.entry_point: must be the name of one function")
    if task.target is not None and not 0 <= task.target <= 1:
        problems.append(f"target: the score of a {kind} lies from 0 to 1")
    return problems


async def judge_trained(
    pool: Jobs,
    task: Task,
    offered: Solution,
    training: Training[W],
    secret: bytes,
    seeds: Seeds = SEARCH,
    *,
    confirm: bool = False,
) -> Verdict:
    """The verdict on a function; `unscored` where a training met its deadline, which is the machine's trouble.

    All functions that are judged with one `secret` get the same trainings by equal `seeds`, each its own places of
    checks. `seeds` without a count are as many as the task says. Those of a search are held to the task's `bar`, if it
    has one (`gristmill.verifiers.trained.halving`); those that choose and score a winner are all trained to their end.

    With `confirm`, who reaches the target in a search is trained as often again, and the score is the mean over all.

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
    drawn = seeds_of(task, secret, seeds)
    pace, behind = Pace(task.bar if split_of(seeds) == "search" else (), len(drawn), target_of(task)), ""
    trained: list[Trained[W]] = []
    more: Seeds | None = None
    try:
        await _every_seed(pool, task, offered, training, secret, seeds, pace, trained)
        if confirm and (more := confirming(task, seeds, [each.score for each in trained])):
            await _every_seed(pool, task, offered, training, secret, more, Pace((), 0, 1.0), trained)
    except CandidateFault as error:
        return verdict(error.outcome, 0.0, error.feedback)
    except Deadline:
        # Not the candidate's: its own answers are charged apart.
        return unscored("a training took longer than it may", verifier=training.verifier)
    except Behind as reason:
        behind = str(reason)
    seconds = {
        "trainer_seconds": sum(each.seconds for each in trained),
        "candidate_seconds": sum(each.candidate_seconds for each in trained),
    }
    records = [each.record for each in trained]
    further = 0 if more is None else len(trained) - len(drawn)
    ended = Ended(tuple(each.score for each in trained), len(drawn) + further, behind, pace.courses, further)
    found = concluded(task, ended, training.measure, training.subject)
    said = training.feedback(target_of(task), records) if trained else ""
    metrics = found.metrics | seconds | training.metrics(records)
    return verdict(
        found.outcome,
        found.score,
        f"{found.feedback}\n{said}".strip(),
        metrics=metrics,
        checks=found.checks,
        replicates=found.replicates,
        courses=found.courses,
    )


async def final_evidence(task: Task, judge: Callable[[Seeds], Awaitable[Verdict]]) -> Evidence:
    """What a winner comes to by its final seeds: the mean, and of each; no score where it is no function any more.

    Raises:
        SandboxError: nothing may be concluded.
    """
    verdict = await judge(Seeds(draw=FINAL, count=max(1, final_seeds(task))))
    if verdict.outcome is Outcome.UNSCORED:
        raise SandboxError(verdict.sandbox)
    found = beside(task, verdict)
    if not verdict.replicates:
        return found
    scores = {f"training {number}": score for number, score in enumerate(verdict.replicates, 1)}
    return found.model_copy(update={"score": verdict.score, "scores": scores, "metrics": verdict.metrics})


def seeds_of(task: Task, secret: bytes, seeds: Seeds) -> list[int]:
    """The seed of each training."""
    numbers = range(seeds.first, seeds.first + (seeds.count or task.settings.get("seeds", SEEDS)))
    return [seed(secret, task.id, "training", *_named(seeds), number) for number in numbers]


def _named(seeds: Seeds) -> tuple[str, ...]:
    """Those of a search have no name: what an older release has judged is judged alike."""
    return (seeds.draw,) if seeds.draw else ()


async def _every_seed(
    pool: Jobs,
    task: Task,
    offered: Solution,
    training: Training[W],
    secret: bytes,
    seeds: Seeds,
    pace: Pace,
    trained: list[Trained[W]],
) -> None:
    """All trainings into `trained`, each once its answers stand; raises `Behind` where the others are not worth it."""
    own = zlib.crc32(offered.source.encode("utf-8", "surrogatepass"))
    draw = _named(seeds)
    for number, drawn in enumerate(seeds_of(task, secret, seeds), seeds.first):
        pace.check()
        async with serve(pool, offered, TRAINER_SECONDS) as runner:
            if number == seeds.first:
                await runner.run(partial(training.probe, chance=chance(secret, task.id, "probe", *draw, own)))
            made = await runner.run(partial(_train, training, drawn, pace))
        asked = iter(training.rechecks(made.record, chance(secret, task.id, "again", *draw, number, own)))
        # In a thread: what a recheck makes of the answers is work.
        while (ask := await asyncio.to_thread(next, asked, None)) is not None:
            async with serve(pool, offered, TRAINER_SECONDS, fresh=True) as runner:
                await runner.run(ask)
        pace.end(made.score)
        trained.append(made)


def _train(training: Training[W], seed: int, pace: Pace, served: ServedFunction) -> Trained[W]:
    begun = time.monotonic()
    score, record = training.train(served, seed, begun + TRAINER_SECONDS, pace.watch)
    return Trained(score, time.monotonic() - begun, served.seconds, record)
