"""Verifiers made of verifiers: all of them, any of them, or a weighted mean behind gates.

Each part judges the same task and the same solution. `merge_all`, `merge_any` and `merge_weighted` are the pure rules
over verdicts; `all_of`, `any_of` and `weighted` make classes that a kind may name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.base import Consistent, Explaining, Verifier
from gristmill.verifiers.judging import beside
from gristmill.verifiers.records import Apart, Direction, Evidence, Outcome, Strength, Task, Verdict
from gristmill.verifiers.settling import SETTLED

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs
    from gristmill.verifiers.registry import VerifierClass

__all__ = ["Combined", "all_of", "any_of", "merge_all", "merge_any", "merge_weighted", "weighted"]

Merge = Callable[[Sequence[Verdict]], Verdict]
_ORDER = tuple(Strength)


def merge_all(verdicts: Sequence[Verdict]) -> Verdict:
    """Passed if all passed; the least score; the weakest strength.

    A part that failed decides, whatever became of the others; else one that is unscored leaves all unscored.

    Raises:
        UserError: a verdict's score is no share that is to be made large.
    """
    _check(verdicts)
    failed = [each for each in verdicts if not each.passed and each.outcome is not Outcome.UNSCORED]
    if failed:
        scores = [each.score for each in verdicts if each.score is not None]
        merged = _merged(verdicts, failed[0].outcome, min(scores))
        # Where a part failed that no consistency run can excuse, there is nothing to settle.
        return merged if all(each.pending for each in failed) else merged.model_copy(update={"apart": None})
    if any(each.outcome is Outcome.UNSCORED for each in verdicts):
        return _merged(verdicts, Outcome.UNSCORED, None)
    return _merged(verdicts, Outcome.PASSED, min(each.score or 0.0 for each in verdicts))


def merge_any(verdicts: Sequence[Verdict]) -> Verdict:
    """Passed if one passed; the greatest score; the strongest strength among those that passed.

    If none passed and one is unscored, all is unscored: that one might have passed.

    Raises:
        UserError: see `merge_all`.
    """
    _check(verdicts)
    passed = [each for each in verdicts if each.passed]
    if passed:
        best = min(passed, key=lambda each: _ORDER.index(each.strength))
        merged = _merged(passed, Outcome.PASSED, max(each.score or 0.0 for each in passed))
        whole = _merged(verdicts, Outcome.PASSED, merged.score)
        apart = merged.apart and merged.apart.model_copy(update={"strength": best.strength})
        # One part that passes for good is enough.
        settled = apart if all(each.pending for each in passed) else None
        return whole.model_copy(update={"strength": best.strength, "apart": settled})
    if any(each.outcome is Outcome.UNSCORED for each in verdicts):
        return _merged(verdicts, Outcome.UNSCORED, None)
    best = max(verdicts, key=lambda each: each.score or 0.0)
    return _merged(verdicts, best.outcome, best.score)


def merge_weighted(
    gates: Sequence[Verdict], parts: Sequence[Verdict], weights: Sequence[float], target: float
) -> Verdict:
    """Score 0 unless every gate passed; then the weighted mean of the parts' scores, passed from `target` on.

    Raises:
        UserError: see `merge_all`.
    """
    everything = [*gates, *parts]
    gate = merge_all(gates) if gates else None
    if gate is not None and not gate.passed:
        outcome = gate.outcome
        merged = _merged(everything, outcome, None if outcome is Outcome.UNSCORED else 0.0)
        return merged if gate.pending else merged.model_copy(update={"apart": None})
    _check(parts)
    if any(each.outcome is Outcome.UNSCORED for each in parts):
        return _merged(everything, Outcome.UNSCORED, None)
    scores = [each.score or 0.0 for each in parts]
    mean = sum(weight * score for weight, score in zip(weights, scores, strict=True)) / sum(weights)
    # Rounding may leave a mean of ones a little below 1, or above the largest score.
    score = min(max(mean, min(scores)), max(scores))
    return _merged(everything, Outcome.PASSED if score >= target else Outcome.FAILED, score)


def _check(verdicts: Sequence[Verdict]) -> None:
    if not verdicts:
        raise UserError("a combination needs at least one verifier")
    for each in verdicts:
        score = each.score
        if each.direction is not Direction.MAXIMIZE or (score is not None and not 0 <= score <= 1):
            raise UserError(f"{each.verifier} cannot be combined: its score is no share from 0 to 1")


def _merged(verdicts: Sequence[Verdict], outcome: Outcome, score: float | None) -> Verdict:
    strength = max((each.strength for each in verdicts), key=_ORDER.index)
    deciding = [each for each in verdicts if outcome is Outcome.PASSED or not each.passed]
    waits = outcome in SETTLED and any(each.pending for each in deciding)
    return Verdict(
        outcome=outcome,
        score=score,
        apart=Apart(outcome=outcome, score=score, strength=strength) if waits else None,
        metrics={
            f"{each.verifier}:{place}": each.score for place, each in enumerate(verdicts) if each.score is not None
        },
        checks=tuple(check for each in verdicts for check in each.checks),
        strength=strength,
        feedback="\n".join(each.feedback for each in verdicts if each.feedback),
        verifier="+".join(dict.fromkeys(each.verifier for each in verdicts)),
        sandbox=next((each.sandbox for each in verdicts if each.sandbox), ""),
    )


class Combined:
    """A class of verifiers over other classes, as `gristmill.verifiers.registry.VerifierClass` asks for."""

    def __init__(self, name: str, members: Sequence[VerifierClass], merge: Merge, version: int = 1) -> None:
        self.name = name
        self.version = version
        self._members = tuple(members)
        self._merge = merge

    def __call__(self, pool: Jobs, *, confirm: bool = True) -> Verifier:
        """One verifier of each member, over the same pool."""
        members = [member(pool, confirm=confirm) for member in self._members]
        return _CombinedVerifier(self.name, self.version, members, self._merge)

    def problems(self, task: Task) -> list[str]:
        """What any member finds wrong with a task, each sentence once."""
        return list(dict.fromkeys(sentence for member in self._members for sentence in member.problems(task)))


class _CombinedVerifier:
    def __init__(self, name: str, version: int, members: Sequence[Verifier], merge: Merge) -> None:
        self.name, self.version, self.kind = name, version, name
        self._members = members
        self._merge = merge

    def problems(self, task: Task) -> list[str]:
        return list(dict.fromkeys(sentence for member in self._members for sentence in member.problems(task)))

    async def verify(self, task: Task, solution: str) -> Verdict:
        return self._merged([await member.verify(task, solution) for member in self._members])

    async def explain(self, task: Task, solution: str) -> tuple[Verdict, Evidence]:
        """The verdict, and the evidence of all members, one after the other."""
        judged: list[tuple[Verdict, Evidence]] = []
        for member in self._members:
            if isinstance(member, Explaining):
                judged.append(await member.explain(task, solution))
            else:
                verdict = await member.verify(task, solution)
                judged.append((verdict, beside(task, verdict)))
        merged = self._merged([verdict for verdict, _ in judged])
        return merged, Evidence.of(merged.verifier, [each for _, evidence in judged for each in evidence.checks])

    def _merged(self, verdicts: Sequence[Verdict]) -> Verdict:
        merged = self._merge(verdicts)
        return merged.model_copy(update={"verifier": f"{self.name}/{self.version}({merged.verifier})"})

    async def together(self, task: Task, judged: Sequence[tuple[str, Verdict]]) -> list[bool]:
        """What passes the consistency run of every member that has one."""
        passes = [await each.together(task, judged) for each in self._members if isinstance(each, Consistent)]
        return [all(bits) for bits in zip(*passes, strict=True)]


def all_of(*members: VerifierClass, name: str = "all_of") -> Combined:
    """A class that passes what all members pass; see `merge_all`."""
    return Combined(name, members, merge_all)


def any_of(*members: VerifierClass, name: str = "any_of") -> Combined:
    """A class that passes what one member passes; see `merge_any`."""
    return Combined(name, members, merge_any)


def weighted(
    weights: Mapping[VerifierClass, float],
    *,
    gates: Sequence[VerifierClass] = (),
    target: float = 1.0,
    name: str = "weighted",
) -> Combined:
    """A class whose score is a weighted mean behind gates; see `merge_weighted`.

    Raises:
        UserError: a weight is not positive, or there is none.
    """
    if not weights or min(weights.values()) <= 0:
        raise UserError("weighted needs at least one verifier, each with a weight above 0")
    count, numbers = len(gates), list(weights.values())

    def merge(verdicts: Sequence[Verdict]) -> Verdict:
        return merge_weighted(verdicts[:count], verdicts[count:], numbers, target)

    return Combined(name, (*gates, *weights), merge)
