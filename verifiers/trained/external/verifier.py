"""Verifier for `command` tasks: programs that are scored by a program of the owner's own."""

from __future__ import annotations

import re
from statistics import fmean
from typing import TYPE_CHECKING, Final

from gristmill.sandbox.errors import SandboxError, UserError
from gristmill.verifiers.records import Evidence, Outcome, Seeds, Strength, Task, Verdict
from gristmill.verifiers.testing.scored import SEARCH
from gristmill.verifiers.trained.base import TrainedVerifier
from gristmill.verifiers.trained.concluding import Ended, concluded, confirming, target_of
from gristmill.verifiers.trained.external.program import OwnTrainer, SilenceError, TrainerReport
from gristmill.verifiers.trained.halving import Behind, Pace
from gristmill.verifiers.trained.verifier import seeds_of, split_of, training_problems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gristmill.sandbox.base import Jobs

__all__ = ["CommandVerifier", "own_task"]

_NO_NAME: Final = re.compile(r"[^\w.-]+")


class CommandVerifier(TrainedVerifier):
    """Judges a program by what the owner's trainer says of it, one training for each seed.

    Verdicts have the strength `external`: candidate and trainer share whatever the trainer lets them share, so no pass
    is called verified. Seeds, early stops, target, finalists and final seeds are as for rewards and losses; checkpoints
    there are none, so trainings stop early by whole seeds only.

    What the trainer says of a candidate, a score or an error, is its verdict. Where it says nothing of it (it fails,
    hangs, or writes what cannot be read), that is raised, and whose fault it is, is found out by a candidate that it
    has scored before (`gristmill.verifiers.faults`).
    """

    name = "command"
    version = 2
    kind = "command"

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        super().__init__(pool, confirm=confirm)
        self.trainer: OwnTrainer | None = None

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`: whoever asks has a task from elsewhere, and no program."""
        return [
            "kind: a `command` task is scored by a program of yours, which no file can name; such tasks are made by "
            "`gristmill search command`",
            *training_problems(task, "command"),
        ]

    async def held_out(self, task: Task, solution: str, seeds: Seeds = SEARCH) -> Evidence:
        """See `TrainedVerifier.held_out`; a program that says nothing of a winner leaves its final score open."""
        try:
            return await super().held_out(task, solution, seeds)
        except SilenceError as error:
            raise SandboxError(str(error)) from error

    async def _judge(self, task: Task, solution: str, seeds: Seeds) -> Verdict:
        if self.trainer is None:
            raise UserError(
                f"task {task.id!r} is scored by a program of your own, which no task can name: give it to "
                "`gristmill search command`"
            )
        name = f"{self.name}/{self.version}"
        if not solution.strip():
            return _verdict(name, Outcome.INVALID, "There is no code in the reply.")
        drawn = seeds_of(task, self.secret, seeds)
        pace, behind = Pace(task.bar if split_of(seeds) == "search" else (), len(drawn), target_of(task)), ""
        said: list[TrainerReport] = []
        further = 0
        try:
            wrong = await self._trained(solution, drawn, pace, said)
            if wrong is None and self._confirm:
                more = confirming(task, seeds, [each.score for each in said])
                numbers = seeds_of(task, self.secret, more) if more is not None else []
                further = len(numbers)
                wrong = await self._trained(solution, numbers, Pace((), 0, 1.0), said)
        except Behind as reason:
            wrong, behind = None, str(reason)
        if wrong is not None:
            return _verdict(name, Outcome.ERROR, wrong)
        scores = tuple(each.score for each in said)
        ended = Ended(scores, len(drawn) + further, behind, pace.courses, further)
        come_to = concluded(task, ended, "score", "Trainings by the program that scores")
        words = "\n".join(dict.fromkeys(each.feedback for each in said if each.feedback))
        return Verdict(
            outcome=come_to.outcome,
            score=come_to.score,
            strength=Strength.EXTERNAL,
            feedback=f"{come_to.feedback}\n{words}".strip(),
            metrics=come_to.metrics | _metrics(said),
            checks=come_to.checks,
            replicates=come_to.replicates,
            courses=come_to.courses,
            verifier=name,
        )

    async def _trained(self, solution: str, seeds: Sequence[int], pace: Pace, said: list[TrainerReport]) -> str | None:
        """Call the program by each seed, its reports into `said`; what it says is wrong with the candidate, if so."""
        assert self.trainer is not None
        for each in seeds:
            pace.check()
            # Seeds of libraries are numbers of 32 bits.
            found = await self.trainer.train(solution, each % 2**31)
            if found.error is not None:
                return found.error or "It cannot be trained with."
            pace.end(found.score)
            said.append(found)
        return None


def own_task(prompt: str, target: float, settings: dict[str, object], name: str = "command") -> Task:
    """A task whose solutions a program of the owner's scores; `prompt` says all that a model knows of it."""
    return Task(id=name, kind="command", prompt=prompt, target=target, settings=settings)


def _verdict(name: str, outcome: Outcome, feedback: str) -> Verdict:
    return Verdict(outcome=outcome, score=0.0, strength=Strength.EXTERNAL, feedback=feedback, verifier=name)


def _metrics(said: Sequence[TrainerReport]) -> dict[str, float]:
    """Means over the trainings that have them, beside ours, under names that nothing of ours has."""
    names = sorted({name for each in said for name in each.metrics})
    return {
        f"own.{_NO_NAME.sub('_', name)}": fmean(each.metrics[name] for each in said if name in each.metrics)
        for name in names
    }
