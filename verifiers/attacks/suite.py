"""Run attacks against a task's own tests and sort what comes of them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

from gristmill.sandbox.records import Record
from gristmill.verifiers.attacks.laying import REPOSITORY, laid
from gristmill.verifiers.attacks.records import Attack
from gristmill.verifiers.attacks.secrets import hidden_words, leaked_words
from gristmill.verifiers.attacks.writing import target_of, write
from gristmill.verifiers.judging import Judge, Settling
from gristmill.verifiers.records import Direction, Outcome, Strength, Task, Verdict
from gristmill.verifiers.settling import BESIDE

__all__ = ["Attempt", "TaskReport", "attack_task", "limited", "prepared"]


_A_REPOSITORY = 5
"""How many times the seconds of an attack all tests of a repository get."""


class Attempt(Record):
    """One attack on one task."""

    attack: str
    family: str
    weak: bool
    right: bool = False
    outcome: Outcome
    verified: bool
    together: bool = False
    split: bool = False
    apart: bool = False
    leaked: tuple[str, ...] = ()
    seconds: float = 0.0


class TaskReport(Record):
    """What came of all attacks on one task.

    Attributes:
        tried: attacks that were run; the others do not apply to such tests.
        weak: candidates that know nothing and passed: the tests are too weak.
        unverified: attacks that passed by the candidate's own operators, so that the verdict's strength is `forwarded`.
        together: forgeries that passed beside the tests of a repository, where plain pytest passes them too: what
            `--accept together` lets through, and nothing else does.
        apart: attacks that passed where the judge runs apart, and fail in the consistency run: the boundary alone
            would have let them through. Answers that are wrong only later and that the tests never look at again have
            passed rightly, and are named nowhere.
        masked: forgeries that passed where a weak candidate passes too, so that they prove nothing.
        holes: forgeries that passed where no weak candidate does, by split tests too. A defect of gristmill.
        leaks: attacks after which the verdict held a value of the hidden tests. A defect of gristmill.
        unscored: attacks that were not judged: trouble of this machine, or a defect of gristmill.
    """

    task_id: str
    tried: int
    inapplicable: int
    weak: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    holes: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()
    unscored: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing passed and nothing was told."""
        return not self.findings

    @property
    def findings(self) -> int:
        """How many attacks the report has something to say of: what makes it not clean."""
        return sum(map(len, (self.weak, self.unverified, self.holes, self.leaks, self.unscored)))


def limited(task: Task, seconds: float) -> Task:
    """The same task with at most that much time: what cheats need not be given a slow solution's.

    A training keeps its time: who cheats in one is found at its end. A repository has all its tests to run in it.
    """
    if task.kind in ("reward", "loss"):
        return task
    limits, seconds = task.limits, seconds * (_A_REPOSITORY if task.repo is not None else 1)
    return task.model_copy(
        update={
            "limits": limits.model_copy(
                update={
                    "wall_seconds": min(limits.wall_seconds, seconds),
                    "cpu_seconds": min(limits.cpu_seconds, seconds),
                }
            )
        }
    )


def prepared(task: Task, attacks: Sequence[Attack], *, split: bool = False) -> list[tuple[Attack, str]]:
    """Those attacks that apply to the task, each with its candidate; with `split` those on split tests too."""
    target = target_of(task, split=split)

    def written_for(attack: Attack) -> str | None:
        if attack.make:
            return _made(attack, task)
        return write(attack, target) if task.repo is None else laid(attack, task)

    written = [(attack, written_for(attack)) for attack in attacks]
    return [(attack, source) for attack, source in written if source is not None]


def _made(attack: Attack, task: Task) -> str | None:
    kind = task.kind if task.repo is None else REPOSITORY
    return attack.make(task) if attack.make is not None and kind in attack.test_types else None


async def attack_task(
    task: Task,
    attacks: Sequence[Attack],
    judge: Judge,
    *,
    at_a_time: int = 4,
    split: bool = False,
    on_attempt: Callable[[Attempt], None] | None = None,
) -> TaskReport:
    """Run all attacks that apply, several at a time, and report; `split` where the judge takes split tests.

    What passes apart is run together with the tests too, all of it at the end.
    """
    task = await _aimed(task, judge)
    candidates = prepared(task, attacks, split=split) if task.scored is None or task.target is not None else []
    words = hidden_words(task)
    gate = asyncio.Semaphore(at_a_time)

    async def one(attack: Attack, source: str) -> Verdict:
        async with gate:
            judging = judge.verify_apart if isinstance(judge, Settling) else judge.verify
            verdict = await judging(task, source)
        if on_attempt is not None:
            on_attempt(_attempt(attack, verdict, ()))
        return verdict

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(one(attack, source)) for attack, source in candidates]
    verdicts = [each.result() for each in running]
    leaked = [leaked_words(verdict, words, source) for (_, source), verdict in zip(candidates, verdicts, strict=True)]
    passed = [place for place, verdict in enumerate(verdicts) if verdict.passed and verdict.pending]
    if passed and isinstance(judge, Settling):
        judged = [(candidates[place][1], verdicts[place]) for place in passed]
        for place, verdict in zip(passed, await judge.settle_all(task, judged), strict=True):
            verdicts[place] = verdict
    attempts = [
        _attempt(attack, verdict, words)
        for (attack, _), verdict, words in zip(candidates, verdicts, leaked, strict=True)
    ]
    return _report(task, attempts, len(attacks) - len(candidates))


async def _aimed(task: Task, judge: Judge) -> Task:
    """A task whose evaluator names no target gets the score of its reference for one: nothing would fail it else.

    Where time is compared, twice as good as that: what gives the reference's answers must not count as faster, and
    about as fast is what many an attack rightly is.
    """
    if task.scored is None or task.target is not None or task.reference is None:
        return task
    score = (await judge.verify(task, task.reference)).score
    if score is None or not math.isfinite(score):
        return task
    if task.scored.timed:
        score *= 0.5 if (task.direction is Direction.MINIMIZE) is (score > 0) else 2.0
    return task.model_copy(update={"target": score})


def _attempt(attack: Attack, verdict: Verdict, leaked: tuple[str, ...]) -> Attempt:
    return Attempt(
        attack=attack.name,
        family=attack.family.value,
        weak=attack.weak,
        right=attack.right,
        outcome=verdict.outcome,
        verified=verdict.verified,
        together=verdict.passed and verdict.strength in BESIDE,
        split=verdict.passed and verdict.strength is Strength.SPLIT,
        apart=verdict.unsettled.passed and not verdict.passed,
        leaked=leaked,
        seconds=round(verdict.seconds, 4),
    )


def _report(task: Task, attempts: list[Attempt], inapplicable: int) -> TaskReport:
    passed = [each for each in attempts if each.outcome is Outcome.PASSED]
    weak = tuple(each.attack for each in passed if each.weak and (each.verified or each.together))
    forged = tuple(each.attack for each in passed if not (each.weak or each.right) and (each.verified or each.split))
    return TaskReport(
        task_id=task.id,
        tried=len(attempts),
        inapplicable=inapplicable,
        weak=weak,
        unverified=tuple(each.attack for each in passed if not (each.verified or each.together)),
        together=tuple(each.attack for each in passed if each.together and not (each.weak or each.split)),
        apart=tuple(each.attack for each in attempts if each.apart),
        masked=forged if weak else (),
        holes=() if weak else forged,
        leaks=tuple(each.attack for each in attempts if each.leaked),
        unscored=tuple(each.attack for each in attempts if each.outcome is Outcome.UNSCORED),
        attempts=tuple(attempts),
    )
