"""Is the new adapter better than the old one, beyond noise?"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from gristmill.graph.comparing import compare
from gristmill.sandbox.records import Record
from gristmill.trainers.measure.evaluation import TaskResult, share_of, strengths_of
from gristmill.trainers.records import Share
from gristmill.verifiers.records import Strength
from gristmill.verifiers.settling import BESIDE

__all__ = ["GateDecision", "compared", "decide", "fewest_wins"]


class GateDecision(Record):
    """The decision and what it rests on."""

    kept: bool
    reason: str
    before: Share
    after: Share
    delta: float = Field(description="after minus before, over the tasks scored in both")
    interval: tuple[float, float] = Field(description="95% interval of delta")
    p_value: float = Field(description="one-sided exact McNemar test of `after is no better`")
    accept: str = Field("verified", description="what counted as a pass")
    strengths: tuple[tuple[str, int, int], ...] = Field((), description="(strength, passes before, after)")


def fewest_wins(alpha: float) -> int:
    """How many tasks an adapter must win at least, and lose none, so that p ≤ `alpha`: 5 for .05."""
    wins = 1
    while 0.5**wins > alpha:
        wins += 1
    return wins


def decide(
    before: Sequence[TaskResult], after: Sequence[TaskResult], *, alpha: float = 0.05, accept: str = "verified"
) -> GateDecision:
    """Compare two models on the same tasks by their first replies; the new one is kept only if p ≤ `alpha`.

    Where `accept` takes passes that are not verified, the reason says how many of them have decided.

    Tasks that are unscored on either side are left out. The test is `gristmill.graph.comparing.compare`'s, one-sided.

    Raises:
        ValueError: the two were not measured on the same tasks.
    """
    earlier = {result.task_id: result for result in before}
    later = {result.task_id: result for result in after}
    if earlier.keys() != later.keys():
        raise ValueError("the gate compares two evaluations of the same tasks")
    found = compare([earlier[task].passed[0] for task in earlier], [later[task].passed[0] for task in earlier])
    kept = found.difference > 0 and found.p_better <= alpha
    told = f"{found.wins} tasks won, {found.losses} lost of {found.n}"
    if not found.n:
        reason = "no task of the gate set could be scored with both"
    elif kept:
        reason = f"{told}: better beyond noise (p = {found.p_better:.2g})"
    elif found.difference > 0:
        reason = f"{told}: that can be noise (p = {found.p_better:.2g} > {alpha:g})"
    else:
        reason = f"{told}: not better"
    strengths = compared(before, after)
    if weaker := [f"{new} `{name}` ({old} before)" for name, old, new in strengths if name in BESIDE]:
        reason = f"{reason}; of the passes are {', '.join(weaker)}, which prove less than `tested`"
    return GateDecision(
        kept=kept,
        reason=reason,
        before=share_of(before),
        after=share_of(after),
        delta=found.difference,
        interval=found.interval,
        p_value=found.p_better,
        accept=accept,
        strengths=strengths,
    )


def compared(before: Sequence[TaskResult], after: Sequence[TaskResult]) -> tuple[tuple[str, int, int], ...]:
    """(strength, first replies that passed by it before, and after), strongest first."""
    old, new = strengths_of(before), strengths_of(after)
    return tuple((each.value, old.get(each, 0), new.get(each, 0)) for each in Strength if each in old or each in new)
