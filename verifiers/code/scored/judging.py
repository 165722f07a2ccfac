"""From an author's evaluator to a verdict: a score of finite numbers, or whose doing it is that there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from gristmill.sandbox.records import Profile
from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.outlining import outline_of
from gristmill.verifiers.code.programs.compiling import profile_of
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.code.scored.beside import beside
from gristmill.verifiers.code.scored.running import Evaluation, Reference, evaluate
from gristmill.verifiers.code.scored.totals import (
    Row,
    better,
    metrics_of,
    replicates_of,
    spared_of,
    stages,
    stopped,
    total_of,
)
from gristmill.verifiers.code.scored.words import check_of, evidence_of, feedback_of, scores_of, strength_of
from gristmill.verifiers.extraction.importing import image_of, lacks_text
from gristmill.verifiers.incidents.noting import unnoted
from gristmill.verifiers.judging import unscored
from gristmill.verifiers.records import Direction, Evidence, Outcome, ScoreTest, Seeds, Task, Verdict
from gristmill.verifiers.testing.data import unchanged
from gristmill.verifiers.testing.scored import SEARCH, instance_name

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["Scores"]

Field = Literal["instances", "held_out"]
_Key = tuple[str, int, Field, int]

_MOST_NOTES: Final = 1000
_MOST_KEPT: Final = 10_000
_ONE: Final = Seeds(count=1)
_FIELDS: Final[tuple[Field, ...]] = ("instances", "held_out")


class Scores:
    """Score tasks of code: every instance in processes of its own, the total in the direction of the task.

    `passed`: every instance has a number, and the total is as good as the target where there is one; that is confirmed
    on fresh workers, and the worse of both totals counts. What has no number on some instance has the worst score.

    Where the evaluator raises, or returns what is no number, that is its author's error and the candidate is
    `unscored`; unless the same evaluator has a number for the task's reference there, or had one for another solution
    before: then it is the candidate's, whose values it cannot use, and that is `invalid`.

    Args:
        pool: where candidates and evaluators run.
        confirm: run again what reaches its target.
        verifier: name and version, for verdicts.
    """

    def __init__(self, pool: Jobs, *, confirm: bool, verifier: str) -> None:
        self._pool = pool
        self._confirm = confirm
        self._verifier = verifier
        self._sound: dict[_Key, bool] = {}
        self._lock = asyncio.Lock()

    async def judge(
        self, task: Task, solution: str, test: ScoreTest, seeds: Seeds = SEARCH
    ) -> tuple[Verdict, Evidence]:
        """The verdict of the instances that steer a search, and what the task's owner may know of it."""
        if not solution.strip():
            empty = Evaluation(Outcome.INVALID, "there is no code in the reply", broken=True)
            return self._told(task, solution, test, [Row(0, seeds.first, empty)])
        rows = await self._stages(task, solution, test, seeds)
        flaky = False
        if self._confirm and task.target is not None and self._passes(task, test, rows):
            # By other seeds, where there are any: a target that is reached by the luck of some is none.
            another = seeds.model_copy(update={"draw": f"{seeds.draw}/confirm"})
            again = await self._stages(task, solution, test, another, fresh=True)
            flaky = not self._passes(task, test, again)
            if flaky or not better(test.direction, total_of(test, again), total_of(test, rows)):
                rows = again
        return self._told(task, solution, test, rows, flaky=flaky)

    async def _stages(
        self, task: Task, solution: str, test: ScoreTest, seeds: Seeds, *, fresh: bool = False, blame: bool = True
    ) -> list[Row]:
        """What came of the instances, up to the first without a number, or the end of the stage that stops it."""
        rows: list[Row] = []
        for places, threshold in stages(test):
            rows += await self._rows(task, solution, test, "instances", places, seeds, fresh=fresh, blame=blame)
            total = total_of(test, rows)
            if total is None or (threshold is not None and better(test.direction, threshold, total)):
                break
        return rows

    @staticmethod
    def _passes(task: Task, test: ScoreTest, rows: Sequence[Row]) -> bool:
        return not spared_of(test, rows) and _reaches(task, total_of(test, rows))

    async def held_out(self, task: Task, solution: str, test: ScoreTest, seeds: Seeds = SEARCH) -> Evidence:
        """The score on the instances that are held out, on fresh workers: for the task's owner, and in no verdict."""
        places = range(len(test.held_out))
        rows = await self._rows(task, solution, test, "held_out", places, seeds, fresh=True)
        names = [instance_name(place, each) for place, each in enumerate(test.held_out)]
        return evidence_of(self._verifier, "held_out", names, rows, test).model_copy(
            update={"score": total_of(test, rows) if rows else None, "scores": scores_of(test, names, rows)}
        )

    async def examine(self, task: Task, test: ScoreTest) -> list[str]:
        """What the reference shows of the evaluator: that it has a number everywhere, twice the same, and a direction.

        Raises:
            SandboxError: nothing may be concluded about the task.
        """
        if task.reference is None:
            return []
        said: list[str] = []
        for field in _FIELDS:
            places = range(len(getattr(test, field)))
            first, second = [
                await self._rows(task, task.reference, test, field, places, SEARCH, fresh=fresh)
                for fresh in (False, True)
            ]
            for one, other in zip(first, second, strict=False):
                where = f"tests[0].{field}[{one.place}]"
                if one.evaluation.score is None:
                    words = one.evaluation.fault or one.evaluation.text
                    said.append(f"{where}: the reference has no score there: {words}")
                elif other.evaluation.numbers != one.evaluation.numbers and not test.timed:
                    said.append(
                        f"{where}: the evaluator is not deterministic: there it has {one.evaluation.score!r}, then "
                        f"{other.evaluation.score!r}; draw by seeds"
                    )
            if field == "instances" and not said:
                said += await self._direction(task, test, total_of(test, first)) + stopped(test, first)
        return said

    async def _direction(self, task: Task, test: ScoreTest, reference: float | None) -> list[str]:
        """Whether what does nothing at all is better than the reference."""
        nothing = "\n".join(f"def {name}(*args, **kwargs):\n    return None" for name in test.entry_points)
        rows = await self._stages(task, nothing, test, SEARCH, blame=False)
        idle = total_of(test, rows, spared_of(test, rows))
        if idle is None or reference is None or not better(test.direction, idle, reference):
            return []
        return [
            f"tests[0].direction: a solution that returns None has {idle:.6g}, which counts as better than the "
            f"reference's {reference:.6g}: is it to {test.direction}?"
        ]

    async def _rows(
        self,
        task: Task,
        solution: str,
        test: ScoreTest,
        field: Field,
        places: Sequence[int],
        seeds: Seeds,
        *,
        fresh: bool = False,
        blame: bool = True,
    ) -> list[Row]:
        """What came of each instance by each seed, up to the first that has no number."""
        await asyncio.to_thread(unchanged, test.data)
        if test.together:
            return await self._beside(task, solution, test, field, places, seeds, blame=blame)
        profile, rows, instances = profile_of(task, solution), [], getattr(test, field)
        outline = await outline_of(self._setting(task, solution, profile))
        reference = await self._reference(task, test)
        for replicate, seed, place in _wanted(test, places, seeds):
            public = field == "instances" and place in test.public
            setting = self._setting(task, solution, profile, public=public, fresh=fresh)
            evaluation = await evaluate(setting, test, instances[place], seed, outline, reference)
            if evaluation.fault and blame:
                evaluation = await self._blamed(task, solution, test, evaluation, field, place)
            rows.append(Row(place, replicate, evaluation))
            if evaluation.score is None:
                break
            self._note(_key(task, test, field, place), sound=True)
        return rows

    async def _beside(
        self,
        task: Task,
        solution: str,
        test: ScoreTest,
        field: Field,
        places: Sequence[int],
        seeds: Seeds,
        *,
        blame: bool,
    ) -> list[Row]:
        """The same, where evaluator and solution share a process."""
        rows: list[Row] = []
        async with beside(self._pool, task, solution, test) as evaluated:
            for replicate, seed, place in _wanted(test, places, seeds):
                evaluation = await evaluated(getattr(test, field)[place], seed)
                rows.append(Row(place, replicate, evaluation))
                if evaluation.score is None:
                    break
                self._note(_key(task, test, field, place), sound=True)
        if rows and rows[-1].evaluation.fault and blame:
            # When its worker is gone: the reference may need one.
            last = rows[-1]
            blamed = await self._blamed(task, solution, test, last.evaluation, field, last.place)
            rows[-1] = last._replace(evaluation=blamed)
        return rows

    async def _reference(self, task: Task, test: ScoreTest) -> Reference | None:
        """What solutions are timed beside, where the evaluator asks for that."""
        if task.reference is None or not test.timed:
            return None
        profile = profile_of(task, task.reference)
        return Reference(task.reference, profile, await outline_of(self._setting(task, task.reference, profile)))

    def _setting(
        self, task: Task, solution: str, profile: Profile, *, public: bool = False, fresh: bool = False
    ) -> Setting:
        return Setting(self._pool, solution, task.limits, profile, public=public, explain=True, fresh=fresh)

    async def _blamed(
        self, task: Task, solution: str, test: ScoreTest, evaluation: Evaluation, field: Field, place: int
    ) -> Evaluation:
        """The same, without its fault where that is the candidate's doing: nobody may choose to be unscored."""
        if not evaluation.begun or not await self._is_sound(task, solution, test, field, place):
            return replace(evaluation, outcome=Outcome.UNSCORED)
        why = "" if test.together else f": {evaluation.fault}"
        text = f"the evaluator could not use what it returned{why}"
        return replace(evaluation, outcome=Outcome.INVALID, text=text, fault="")

    async def _is_sound(self, task: Task, solution: str, test: ScoreTest, field: Field, place: int) -> bool:
        """Whether the evaluator is known to have a number for some solution on that instance."""
        key = _key(task, test, field, place)
        async with self._lock:
            if key not in self._sound and task.reference is not None and task.reference != solution:
                with unnoted():
                    rows = await self._rows(task, task.reference, test, field, (place,), _ONE, fresh=True, blame=False)
                self._note(key, sound=rows[0].evaluation.score is not None)
            return self._sound.get(key, False)

    def _note(self, key: _Key, *, sound: bool) -> None:
        self._sound[key] = sound
        while len(self._sound) > _MOST_KEPT:
            del self._sound[next(iter(self._sound))]

    def _told(
        self, task: Task, solution: str, test: ScoreTest, rows: list[Row], *, flaky: bool = False
    ) -> tuple[Verdict, Evidence]:
        spared, last = spared_of(test, rows), rows[-1].evaluation
        total = total_of(test, rows, spared)
        evidence = evidence_of(self._verifier, "instances", test.names, rows, test)
        if last.fault or (total is None and last.score is not None):
            fault = last.fault or "code: the scores of the instances have no finite total"
            name = test.names[rows[-1].place]
            return unscored(f"tests[0].{fault} (instance {name!r})", verifier=self._verifier), evidence
        outcome = last.outcome
        if total is not None and not self._passes(task, test, rows):
            outcome = Outcome.FAILED
        outcome = Outcome.FLAKY if flaky else outcome
        lacks = "" if total is not None else lacks_text(solution, image_of(task))
        notes = "".join(row.evaluation.printed for row in rows if row.place in test.public)
        verdict = Verdict(
            outcome=outcome,
            score=task.worst if total is None else total,
            direction=test.direction,
            metrics=metrics_of(test, rows, spared),
            scores=scores_of(test, test.names, rows),
            replicates=replicates_of(test, rows),
            checks=tuple(check_of(test, row) for row in rows),
            strength=strength_of(test, rows),
            feedback=feedback_of(test, rows, total, spared=spared, flaky=flaky, lacks=lacks),
            notes=feedback.clean(notes)[:_MOST_NOTES].strip(),
            verifier=self._verifier,
            sandbox=self._pool.info(profile_of(task, solution)).label,
        )
        return verdict, evidence


def _wanted(test: ScoreTest, places: Sequence[int], seeds: Seeds) -> Iterator[tuple[int, int, int]]:
    """(replicate, seed, place) of all evaluations that are asked for, in their order."""
    for first, seed in enumerate(test.seeds(seeds)):
        yield from ((first + seeds.first, seed, place) for place in places)


def _key(task: Task, test: ScoreTest, field: Field, place: int) -> _Key:
    return task.id, hash((test.sources, test.main, task.limits.model_dump_json())), field, place


def _reaches(task: Task, total: float | None) -> bool:
    if total is None or task.target is None:
        return total is not None
    return not better(task.direction or Direction.MAXIMIZE, task.target, total)
