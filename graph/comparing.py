"""The one paired test: two models, prompts or methods on the same tasks. Pure: the same pairs give the same numbers.

Whatever compares two things here calls `compare`: the gate, `eval`, `compare` and the benchmarks. `power`, `detectable`
and `tasks_needed` say beforehand what so many tasks can show.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gristmill.sandbox.records import Record

if TYPE_CHECKING:
    import numpy

__all__ = ["Comparison", "compare", "detectable", "power", "tasks_needed"]

RESAMPLES = 10_000
MOST_TASKS = 100_000

Value = bool | float | None


class Comparison(Record):
    """What a paired comparison found. Differences are after minus before, and greater is better."""

    n: int = Field(description="pairs with a value on both sides")
    wins: int = Field(description="pairs in which `after` is the greater")
    losses: int
    ties: int
    left_out: int = Field(0, description="pairs without a value on one side: they count for nobody")
    tasks: int = Field(description="tasks that the pairs are of; the test and the interval treat them as what varies")
    before: float = Field(description="mean over the pairs that count")
    after: float
    difference: float
    interval: tuple[float, float] = Field(description="95% interval of `difference`; −1 to 1 where nothing counts")
    p_better: float = Field(description="one-sided: of `after is no better`")
    p_different: float = Field(description="two-sided: of `they are alike`")
    test: Literal["McNemar, exact", "Wilcoxon signed-rank"]

    @property
    def words(self) -> str:
        """``12 won, 5 lost of 96``."""
        return f"{self.wins} won, {self.losses} lost of {self.n}"


def compare(before: Sequence[Value], after: Sequence[Value], *, tasks: Sequence[str] | None = None) -> Comparison:
    """Compare values that belong together place by place: pass or fail, or scores of which the greater is better.

    Where every task has one pair of passes or failures, the test is McNemar's, exact: among the pairs that differ, wins
    against a fair coin. Scores, and several pairs a task, are averaged by task first, and the test is Wilcoxon's
    signed-rank test of those means (exact up to 50 tasks without equal ranks, else by the normal approximation; tasks
    without a difference are left out of it). The interval is a percentile bootstrap of the mean difference over pairs,
    which draws whole tasks (10,000 times, with the same seed always).

    Args:
        before, after: one value a pair; None is unscored.
        tasks: what task each pair is of; None where each is of its own.

    Raises:
        ValueError: the lengths differ, or a score is not finite.
    """
    import numpy

    if len(before) != len(after) or (tasks is not None and len(tasks) != len(before)):
        raise ValueError(f"{len(before)} values cannot be paired with {len(after)}")
    names = tasks if tasks is not None else [str(place) for place in range(len(before))]
    kept = [(name, old, new) for name, old, new in zip(names, before, after, strict=True) if None not in (old, new)]
    olds = numpy.asarray([old for _, old, _ in kept], dtype=float)
    news = numpy.asarray([new for _, _, new in kept], dtype=float)
    if not (numpy.isfinite(olds).all() and numpy.isfinite(news).all()):
        raise ValueError("a score that is not finite cannot be compared; give None where there is none")
    apart = news - olds
    by_task: dict[str, list[float]] = defaultdict(list)
    for (name, _, _), difference in zip(kept, apart, strict=True):
        by_task[name].append(float(difference))
    wins, losses = int((apart > 0).sum()), int((apart < 0).sum())
    plain = len(by_task) == len(kept) and all(isinstance(value, bool) for _, *pair in kept for value in pair)
    better, different = _mcnemar(wins, losses) if plain else _wilcoxon([float(numpy.mean(d)) for d in by_task.values()])
    return Comparison(
        n=len(kept),
        wins=wins,
        losses=losses,
        ties=len(kept) - wins - losses,
        left_out=len(before) - len(kept),
        tasks=len(by_task),
        before=float(olds.mean()) if kept else 0.0,
        after=float(news.mean()) if kept else 0.0,
        difference=float(apart.mean()) if kept else 0.0,
        interval=_interval(list(by_task.values())),
        p_better=better,
        p_different=different,
        test="McNemar, exact" if plain else "Wilcoxon signed-rank",
    )


def _mcnemar(wins: int, losses: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    if not wins + losses:
        return 1.0, 1.0
    return (
        float(binomtest(wins, wins + losses, alternative="greater").pvalue),
        float(binomtest(wins, wins + losses).pvalue),
    )


def _wilcoxon(differences: Sequence[float]) -> tuple[float, float]:
    from scipy.stats import wilcoxon

    if not any(differences):
        return 1.0, 1.0
    return (
        float(wilcoxon(differences, alternative="greater").pvalue),
        float(wilcoxon(differences).pvalue),
    )


def _interval(by_task: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The bootstrap draws how often each different task occurs, which is the same and much less to draw."""
    import numpy

    if not by_task:
        return -1.0, 1.0
    each, counts = numpy.unique([(sum(task), len(task)) for task in by_task], axis=0, return_counts=True)
    rng = numpy.random.default_rng(0)
    means: list[numpy.ndarray] = []
    for _ in range(10):
        drawn = rng.multinomial(len(by_task), counts / len(by_task), size=RESAMPLES // 10)
        means.append((drawn @ each[:, 0]) / (drawn @ each[:, 1]))
    low, high = numpy.quantile(numpy.concatenate(means), [0.025, 0.975])
    return float(low), float(high)


def power(n: int, gain: float, discordance: float, alpha: float = 0.05, *, margin: float = 0.0) -> float:
    """How likely the exact one-sided McNemar test finds a true gain on `n` tasks, exactly.

    Args:
        gain: by how much more of the tasks pass, as a share: .05 is five points.
        discordance: share of the tasks that pass on one side only, `gain` at least.
        alpha: it is found if p is at most this,
        margin: and if more is won than lost by more than this share of the tasks.

    Raises:
        ValueError: a gain that so few differing tasks cannot make.
    """
    import numpy
    from scipy.stats import binom

    if not 0 <= abs(gain) <= discordance <= 1:
        raise ValueError(f"a gain of {gain:g} needs a discordance between {abs(gain):g} and 1, not {discordance:g}")
    if n < 1 or not discordance:
        return 0.0
    differing = numpy.arange(n + 1)
    # The fewest wins that are enough of so many that differ.
    fewest = binom.isf(alpha, differing, 0.5) + 1
    if margin:
        beyond = numpy.floor((differing + margin * n) / 2) - 1
        for _ in range(3):  # the difference is compared as `compare` has it, whatever is rounded
            beyond += (2 * beyond - differing) / n <= margin
        fewest = numpy.maximum(fewest, beyond)
    found = binom.sf(fewest - 1, differing, (discordance + gain) / (2 * discordance))
    return float((binom.pmf(differing, n, discordance) * found).sum())


def detectable(
    n: int, discordance: float, alpha: float = 0.05, *, wanted: float = 0.8, margin: float = 0.0
) -> float | None:
    """The least gain that `n` tasks find with probability `wanted`; None where they find none. `margin`: see `power`.

    Where the gain is greater than `discordance`, no task is lost: the two are the same then.
    """
    if power(n, 1.0, 1.0, alpha, margin=margin) < wanted:
        return None
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        found = power(n, middle, max(middle, discordance), alpha, margin=margin) >= wanted
        low, high = (low, middle) if found else (middle, high)
    return high


def tasks_needed(
    gain: float, discordance: float, alpha: float = 0.05, *, wanted: float = 0.8, margin: float = 0.0
) -> int | None:
    """The fewest tasks that find this gain with probability `wanted`; None beyond 100,000. `margin`: see `power`.

    The power of an exact test does not grow evenly: a few more tasks may have a little less.
    """
    if gain <= margin:
        return None
    low, high = 0, 16
    while power(high, gain, discordance, alpha, margin=margin) < wanted:
        low, high = high, 2 * high
        if high > MOST_TASKS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        found = power(middle, gain, discordance, alpha, margin=margin) >= wanted
        low, high = (low, middle) if found else (middle, high)
    return high
