"""From an author's evaluator to a verdict: a score of finite numbers, or whose doing it is that there is none."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from gristmill.sandbox.records import Profile
from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.outlining import outline_of
from gristmill.verifiers.code.programs.compiling import profile_of
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.code.scored.running import Evaluation, evaluate
from gristmill.verifiers.code.scored.words import Row, evidence_of, feedback_of, total_of
from gristmill.verifiers.extraction.importing import image_of, lacks_text
from gristmill.verifiers.judging import unscored
from gristmill.verifiers.records import Check, Direction, Evidence, Outcome, ScoreTest, Strength, Task, Verdict
from gristmill.verifiers.testing.scored import instance_name

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["Scores"]

Field = Literal["instances", "held_out"]
_Key = tuple[str, int, Field, int]

_MOST_NOTES: Final = 1000
_MOST_KEPT: Final = 10_000
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

    async def judge(self, task: Task, solution: str, test: ScoreTest) -> tuple[Verdict, Evidence]:
        """The verdict of the instances that steer a search, and what the task's owner may know of it."""
        if not solution.strip():
            empty = Evaluation(Outcome.INVALID, "there is no code in the reply", broken=True)
            return self._told(task, solution, test, [Row(0, empty)])
        rows = await self._rows(task, solution, test, "instances", _order(test))
        flaky = False
        if self._confirm and task.target is not None and _reaches(task, total_of(test, rows)):
            again = await self._rows(task, solution, test, "instances", _order(test), fresh=True)
            flaky = not _reaches(task, total_of(test, again))
            if flaky or not _better(task, total_of(test, again), total_of(test, rows)):
                rows = again
        return self._told(task, solution, test, rows, flaky=flaky)

    async def held_out(self, task: Task, solution: str, test: ScoreTest) -> Evidence:
        """The score on the instances that are held out, on fresh workers: for the task's owner, and in no verdict."""
        places = range(len(test.held_out))
        rows = await self._rows(task, solution, test, "held_out", places, fresh=True)
        names = [instance_name(place, each) for place, each in enumerate(test.held_out)]
        return evidence_of(self._verifier, "held_out", names, rows, test).model_copy(
            update={"score": total_of(test, rows) if rows else None, "scores": _scores(names, rows)}
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
                await self._rows(task, task.reference, test, field, places, fresh=fresh) for fresh in (False, True)
            ]
            for one, other in zip(first, second, strict=False):
                where = f"tests[0].{field}[{one.place}]"
                if one.evaluation.score is None:
                    words = one.evaluation.fault or one.evaluation.text
                    said.append(f"{where}: the reference has no score there: {words}")
                elif other.evaluation.numbers != one.evaluation.numbers:
                    said.append(
                        f"{where}: the evaluator is not deterministic: there it has {one.evaluation.score!r}, then "
                        f"{other.evaluation.score!r}; draw by seeds"
                    )
            if field == "instances" and not said:
                said += await self._direction(task, test, total_of(test, first))
        return said

    async def _direction(self, task: Task, test: ScoreTest, reference: float | None) -> list[str]:
        """Whether what does nothing at all is better than the reference."""
        nothing = "\n".join(f"def {name}(*args, **kwargs):\n    return None" for name in test.entry_points)
        rows = await self._rows(task, nothing, test, "instances", _order(test), blame=False)
        idle = total_of(test, rows)
        if idle is None or reference is None or not _better(task, idle, reference):
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
        places: Iterable[int],
        *,
        fresh: bool = False,
        blame: bool = True,
    ) -> list[Row]:
        """What came of each instance, up to the first that has no number."""
        profile, rows, instances = profile_of(task, solution), [], getattr(test, field)
        outline = await outline_of(self._setting(task, solution, profile))
        for place in places:
            public = field == "instances" and place in test.public
            setting = self._setting(task, solution, profile, public=public, fresh=fresh)
            evaluation = await evaluate(setting, test, instances[place], outline)
            if evaluation.fault and blame:
                evaluation = await self._blamed(task, solution, test, evaluation, field, place)
            rows.append(Row(place, evaluation))
            if evaluation.score is None:
                break
            self._note(_key(task, test, field, place), sound=True)
        return rows

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
        text = f"the evaluator could not use what it returned: {evaluation.fault}"
        return replace(evaluation, outcome=Outcome.INVALID, text=text, fault="")

    async def _is_sound(self, task: Task, solution: str, test: ScoreTest, field: Field, place: int) -> bool:
        """Whether the evaluator is known to have a number for some solution on that instance."""
        key = _key(task, test, field, place)
        async with self._lock:
            if key not in self._sound and task.reference is not None and task.reference != solution:
                rows = await self._rows(task, task.reference, test, field, (place,), fresh=True, blame=False)
                self._note(key, sound=rows[0].evaluation.score is not None)
            return self._sound.get(key, False)

    def _note(self, key: _Key, *, sound: bool) -> None:
        self._sound[key] = sound
        while len(self._sound) > _MOST_KEPT:
            del self._sound[next(iter(self._sound))]

    def _told(
        self, task: Task, solution: str, test: ScoreTest, rows: list[Row], *, flaky: bool = False
    ) -> tuple[Verdict, Evidence]:
        total, last = total_of(test, rows), rows[-1].evaluation
        evidence = evidence_of(self._verifier, "instances", test.names, rows, test)
        if last.fault or (total is None and last.score is not None):
            fault = last.fault or "code: the scores of the instances have no finite total"
            name = test.names[rows[-1].place]
            return unscored(f"tests[0].{fault} (instance {name!r})", verifier=self._verifier), evidence
        outcome = last.outcome
        if total is not None and task.target is not None and not _reaches(task, total):
            outcome = Outcome.FAILED
        outcome = Outcome.FLAKY if flaky else outcome
        lacks = "" if total is not None else lacks_text(solution, image_of(task))
        notes = "".join(row.evaluation.printed for row in rows if row.place in test.public)
        verdict = Verdict(
            outcome=outcome,
            score=task.worst if total is None else total,
            direction=test.direction,
            metrics=_metrics(rows),
            scores=_scores(test.names, rows),
            checks=tuple(_check(test, row) for row in rows),
            strength=Strength.FORWARDED if any(row.evaluation.forwarded for row in rows) else Strength.TESTED,
            feedback=feedback_of(test, rows, total, flaky=flaky, lacks=lacks),
            notes=feedback.clean(notes)[:_MOST_NOTES].strip(),
            verifier=self._verifier,
            sandbox=self._pool.info(profile_of(task, solution)).label,
        )
        return verdict, evidence


def _order(test: ScoreTest) -> list[int]:
    """Public ones first: what a model may read of is what it learns from."""
    return sorted(range(len(test.instances)), key=lambda place: place not in test.public)


def _key(task: Task, test: ScoreTest, field: Field, place: int) -> _Key:
    return task.id, hash((test.code, test.main, task.limits.model_dump_json())), field, place


def _better(task: Task, one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is not None
    return one < other if task.direction is Direction.MINIMIZE else one > other


def _reaches(task: Task, total: float | None) -> bool:
    return total is not None and (task.target is None or not _better(task, task.target, total))


def _scores(names: Sequence[str], rows: Sequence[Row]) -> dict[str, float]:
    """By name, in the order of the instances."""
    return {
        names[row.place]: row.evaluation.score
        for row in sorted(rows, key=lambda row: row.place)
        if row.evaluation.score is not None
    }


def _metrics(rows: Sequence[Row]) -> dict[str, float]:
    """The other numbers, in the mean over the instances that have them."""
    values: dict[str, list[float]] = {}
    for row in rows:
        for name, value in list(row.evaluation.numbers.items())[1:]:
            values.setdefault(name, []).append(value)
    means = {name: math.fsum(each / len(column) for each in column) for name, column in values.items()}
    return {feedback.clean(name): mean for name, mean in means.items()}


def _check(test: ScoreTest, row: Row) -> Check:
    public = row.place in test.public
    evaluation = row.evaluation
    text = evaluation.text if evaluation.score is None else f"score {evaluation.score:.12g}"
    name = test.names[row.place] if public else str(row.place)
    return Check(
        name=feedback.clean(f"tests[0]/{name}"),
        outcome=evaluation.outcome,
        public=public,
        detail=feedback.clean(text) if public else "",
    )
