"""Is the new adapter better than the old one, beyond noise?"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.trainers.measure.evaluation import TaskResult, share_of, strengths_of
from gristmill.trainers.records import Share
from gristmill.verifiers.records import Strength
from gristmill.verifiers.settling import BESIDE

__all__ = ["GateDecision", "compared", "decide", "fewest_wins"]

RESAMPLES = 10_000


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

    Tasks that are unscored on either side are left out. The test is McNemar's, exact and one-sided: among the tasks on
    which the two differ, wins of the new model against a fair coin. The interval is a percentile bootstrap over tasks.

    Raises:
        ValueError: the two were not measured on the same tasks.
    """
    from scipy.stats import binomtest

    earlier = {result.task_id: result for result in before}
    later = {result.task_id: result for result in after}
    if earlier.keys() != later.keys():
        raise ValueError("the gate compares two evaluations of the same tasks")
    pairs = [
        (bool(earlier[task].passed[0]), bool(later[task].passed[0]))
        for task in earlier
        if earlier[task].passed[0] is not None and later[task].passed[0] is not None
    ]
    wins = sum(new and not old for old, new in pairs)
    losses = sum(old and not new for old, new in pairs)
    p_value = float(binomtest(wins, wins + losses, alternative="greater").pvalue) if wins + losses else 1.0
    delta = (wins - losses) / len(pairs) if pairs else 0.0
    low, high = _interval([int(new) - int(old) for old, new in pairs])
    kept = bool(pairs) and delta > 0 and p_value <= alpha
    if not pairs:
        reason = "no task of the gate set could be scored with both"
    elif kept:
        reason = f"{wins} tasks won, {losses} lost of {len(pairs)}: better beyond noise (p = {p_value:.2g})"
    elif delta > 0:
        reason = f"{wins} tasks won, {losses} lost of {len(pairs)}: that can be noise (p = {p_value:.2g} > {alpha:g})"
    else:
        reason = f"{wins} tasks won, {losses} lost of {len(pairs)}: not better"
    strengths = compared(before, after)
    if weaker := [f"{new} `{name}` ({old} before)" for name, old, new in strengths if name in BESIDE]:
        reason = f"{reason}; of the passes are {', '.join(weaker)}, which prove less than `tested`"
    return GateDecision(
        kept=kept,
        reason=reason,
        before=share_of(before),
        after=share_of(after),
        delta=delta,
        interval=(low, high),
        p_value=p_value,
        accept=accept,
        strengths=strengths,
    )


def compared(before: Sequence[TaskResult], after: Sequence[TaskResult]) -> tuple[tuple[str, int, int], ...]:
    """(strength, first replies that passed by it before, and after), strongest first."""
    old, new = strengths_of(before), strengths_of(after)
    return tuple((each.value, old.get(each, 0), new.get(each, 0)) for each in Strength if each in old or each in new)


def _interval(differences: Sequence[int]) -> tuple[float, float]:
    """95% percentile bootstrap of the mean; the same differences give the same interval."""
    import numpy

    if not differences:
        return -1.0, 1.0
    values = numpy.asarray(differences, dtype=float)
    drawn = numpy.random.default_rng(0).choice(values, size=(RESAMPLES, len(values)))
    low, high = numpy.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)
