"""The close of a search: before its best is announced, it is looked at once more.

The best of many scores is the likeliest to be a mistake: of chance, of a worker, of a boundary. So when a search over
graded scores has ended, and nothing of the task is shown to a model any more, the best is scored again on fresh
workers, by fresh seeds where the evaluator draws by seeds; plain Python must come to its score; and it is scored on
what was held out. Who does not stand steps down for the next. Where scores are noisy the first of them race
(`gristmill.graph.judging.racing`), and the score of the search decides nothing any more. What something is trained
with is noisy, and held out are the final seeds, with the final split of the data.

Every evaluation is stored when it is made, so that a resumed run makes none again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from gristmill.graph.judging.evaluations import Evaluations, TroubleError
from gristmill.graph.judging.racing import Replicate, interval, race
from gristmill.graph.records import Step
from gristmill.graph.summary import Closing, Finalist
from gristmill.verifiers.judging import TRAINED, final_seeds
from gristmill.verifiers.records import Apart, Direction, Outcome, Task, Verdict

__all__ = ["Closed", "Closings", "closes", "most_finalists"]

REPLICATES: Final = 12
"""Of a race, for each finalist, on the average; of what is trained, as many as it has final seeds."""
SAME: Final = 1e-12
"""What a score that leaves nothing to chance may differ by, of itself or in all: a sum in another order, no more."""


class Closed(NamedTuple):
    """What a close has found, and the verdicts of those that were looked at, by hypothesis."""

    closing: Closing
    verdicts: dict[str, Verdict]


def closes(task: Task) -> bool:
    """Whether a task's best is looked at again: where the score is an author's number, an open problem's, or that of
    what was trained with it (unless `final_seeds` are 0)."""
    return task.scored is not None or task.kind in ("program", "ranges") or final_seeds(task) > 0


def is_noisy(task: Task) -> bool:
    """Whether the same solution may score otherwise: its author says so, or something is trained with it."""
    return task.kind in TRAINED or (task.scored is not None and task.scored.noisy)


def most_finalists(task: Task) -> int:
    """Hypotheses that are looked at again, at most: in a race all of them, else until one stands."""
    return 4 if task.kind in TRAINED else 8


class Closings:
    """Closes the searches of one run, by evaluations that are made once."""

    def __init__(self, evaluations: Evaluations) -> None:
        self._evaluations = evaluations

    async def close(self, task: Task, finalists: Sequence[Step]) -> Closed:
        """Look at the finalists of a task, which stand best first, each with a solution and a score.

        Raises:
            GristmillError: the user's mistake.
        """
        look = _Look(self._evaluations, task, finalists)
        try:
            await (look.race() if is_noisy(task) else look.step_by_step())
        except TroubleError as error:
            return Closed(look.closing(None, trouble=str(error)), {})
        return await look.closed()


class _Look:
    """One task's finalists, and what is found of them."""

    def __init__(self, evaluations: Evaluations, task: Task, finalists: Sequence[Step]) -> None:
        self._evaluations, self._task = evaluations, task
        self._steps = {step.hypothesis.id: step for step in finalists}
        self._found: dict[str, list[Verdict]] = {id_: [] for id_ in self._steps}
        self._reproduced: dict[str, bool | None] = {}
        self._held_out: dict[str, float | None] = {}
        self._stepped_down: dict[str, str] = {}
        self._minimize = any(step.verdict.direction is Direction.MINIMIZE for step in finalists)
        self._winner: str | None = None
        self._openings: tuple[str, ...] = ()

    async def step_by_step(self) -> None:
        """The first that is found again as it was is the best."""
        for id_, step in self._steps.items():
            again = await self._evaluations.rescored(self._task, step, 0)
            self._found[id_].append(again)
            if not self._agrees(step.verdict.unsettled, again):
                self._stepped_down[id_] = _not_again(again)
            elif await self._stands(id_):
                return

    async def race(self) -> None:
        """The best by what was found again is the best, if plain execution comes to that."""
        often = final_seeds(self._task) or REPLICATES
        wanted, order = race(list(self._steps), {}, often * len(self._steps))
        # One finalist alone has nobody to race with, and is scored again all the same.
        wanted = wanted or [Replicate(id_, number) for id_ in self._steps for number in range(often)]
        while wanted:
            await self._evaluate(wanted)
            values = {id_: [self._value(each) for each in verdicts] for id_, verdicts in self._found.items()}
            wanted, order = race(list(self._steps), values, often * len(self._steps))
        ahead = list(self._steps)
        for id_ in order:
            if not math.isfinite(self._mean(id_)):
                self._stepped_down[id_] = _not_again(self._found[id_][-1])
            elif await self._stands(id_):
                for before in ahead[: ahead.index(id_)]:
                    mean = self._sign * self._mean(before)
                    self._stepped_down.setdefault(
                        before, f"scored again, it came to {mean:.6g} in the mean: others did better"
                    )
                return

    async def closed(self) -> Closed:
        """All of it, and the verdicts that follow."""
        winner = self._winner or self._least_bad()
        if winner is not None and winner != self._winner:
            self._held_out[winner] = await self._evaluations.held_out(self._task, self._steps[winner])
        self._openings = tuple(each.hypothesis for each in await self._evaluations.openings(self._task))
        verdicts = {id_: self._verdict(id_) for id_ in self._steps if self._found[id_]}
        return Closed(self.closing(winner), verdicts)

    def closing(self, winner: str | None, trouble: str = "") -> Closing:
        """The record."""
        return Closing(
            winner=winner,
            confirmed=self._winner is not None,
            noisy=is_noisy(self._task),
            direction=Direction.MINIMIZE if self._minimize else Direction.MAXIMIZE,
            finalists=tuple(self._finalist(id_) for id_ in self._steps if self._found[id_]),
            trouble=trouble,
            openings=self._openings,
        )

    async def _stands(self, id_: str) -> bool:
        """Whether plain execution shows nothing else; then it is the winner, and is scored on what is held out."""
        step, first = self._steps[id_], self._found[id_][0]
        self._reproduced[id_] = await self._evaluations.reproduced(self._task, step, first, 0)
        if self._reproduced[id_] is False:
            self._stepped_down[id_] = (
                "its score exists only apart from the evaluator: plain Python, both in one process, does not come to it"
            )
            return False
        found = await self._evaluations.held_out_evidence(self._task, step)
        self._held_out[id_] = None if found is None else found.score
        if found is not None and found.score is None and self._task.kind in TRAINED:
            failed = next((each.detail for each in found.checks if each.outcome is not Outcome.PASSED), "")
            self._stepped_down[id_] = f"no score by the final seeds: {failed[:200]}"
            return False
        self._winner = id_
        return True

    async def _evaluate(self, wanted: Sequence[Replicate]) -> None:
        """All at once; a pool takes as many as it has workers."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._evaluations.rescored(self._task, self._steps[each.hypothesis], each.number))
                    for each in wanted
                ]
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        for each, task in zip(wanted, tasks, strict=True):
            self._found[each.hypothesis].append(task.result())

    @property
    def _sign(self) -> float:
        return -1.0 if self._minimize else 1.0

    def _value(self, verdict: Verdict) -> float:
        """What it is worth, greater being better; minus infinity without a score."""
        if not _has_score(verdict) or verdict.score is None:
            return -math.inf
        return self._sign * verdict.score

    def _mean(self, id_: str) -> float:
        values = [self._value(each) for each in self._found[id_]]
        return math.fsum(value / len(values) for value in values) if all(map(math.isfinite, values)) else -math.inf

    def _agrees(self, before: Verdict, again: Verdict) -> bool:
        """An author's number must come out the same; what an open problem's program makes, no worse."""
        if not _has_score(again) or before.score is None or again.score is None:
            return False
        if math.isclose(before.score, again.score, rel_tol=SAME, abs_tol=SAME):
            return True
        return self._task.kind == "program" and self._value(again) > self._value(before)

    def _least_bad(self) -> str | None:
        """Where nobody stands: the best by the worse of both scores, of those that plain execution does not refute."""
        worth = {
            id_: min(self._value(self._steps[id_].verdict.unsettled), self._mean(id_))
            for id_, verdicts in self._found.items()
            if verdicts and self._reproduced.get(id_) is not False
        }
        best = max(worth, key=lambda id_: worth[id_], default=None)
        return best if best is not None and math.isfinite(worth[best]) else None

    def _finalist(self, id_: str) -> Finalist:
        values = [self._value(each) for each in self._found[id_]]
        mean, bounds = self._mean(id_), interval(values) if is_noisy(self._task) else None
        low, high = sorted(self._sign * each for each in bounds) if bounds else (None, None)
        return Finalist(
            hypothesis=id_,
            score=self._steps[id_].verdict.unsettled.score,
            rescore=self._sign * mean if math.isfinite(mean) else None,
            replicates=len(values),
            low=low,
            high=high,
            reproduced=self._reproduced.get(id_),
            held_out=self._held_out.get(id_),
            stepped_down=self._stepped_down.get(id_, ""),
        )

    def _verdict(self, id_: str) -> Verdict:
        """What stands of it in the end; what the search has found stays with it."""
        before = self._steps[id_].verdict.unsettled
        searched = Apart(outcome=before.outcome, score=before.score, strength=before.strength)
        reproduced, mean = self._reproduced.get(id_), self._mean(id_)
        changed: dict[str, object] = {"searched": searched, "together": reproduced}
        if reproduced is False:
            changed |= {"outcome": Outcome.FAILED, "score": self._worst(before)}
        elif not math.isfinite(mean):
            changed |= {"outcome": Outcome.FLAKY, "score": self._worst(before)}
        elif before.outcome is Outcome.PASSED and self._misses(id_):
            changed |= {"outcome": Outcome.FAILED, "score": self._sign * mean}
        elif not is_noisy(self._task) and not self._agrees(before, self._found[id_][0]):
            changed |= {"outcome": Outcome.FLAKY, "score": self._sign * min(self._value(before), mean)}
        return before.model_copy(update=changed)

    def _misses(self, id_: str) -> bool:
        """Whether what is trained misses by fresh seeds a target that it had reached, by more than chance."""
        bounds = interval([self._value(each) for each in self._found[id_]])
        trained, target = self._task.kind in TRAINED, self._task.target
        return trained and target is not None and bounds is not None and bounds[1] < target

    def _worst(self, verdict: Verdict) -> float:
        return self._task.worst if self._task.scored is not None else math.inf if self._minimize else 0.0


def _has_score(verdict: Verdict) -> bool:
    return (
        verdict.outcome in (Outcome.PASSED, Outcome.FAILED)
        and verdict.score is not None
        and math.isfinite(verdict.score)
    )


def _not_again(again: Verdict) -> str:
    came = f"it came to {again.score:.12g}" if _has_score(again) else f"the verdict was {again.outcome.value}"
    return f"not found again on a fresh worker: {came}"
