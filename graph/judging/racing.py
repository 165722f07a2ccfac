"""Who is the best where scores are noisy: replicates go where they decide.

Sequential halving (Karnin, Koren & Somekh, "Almost optimal exploration in multi-armed bandits", ICML 2013): as many
rounds as it takes to halve the candidates down to one, each with the same share of all replicates, spread evenly over
those that are left; the worse half goes. Departures: a candidate keeps what earlier rounds have found of it, and all
meet the same seeds, replicate by replicate, so that what one seed is worth to all decides nothing between them. The
score of the search plays no part: the best of many noisy scores is mostly luck, and is the one thing known to be too
good.

Pure: the same values give the same answer, so a race goes on where it was cut off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

__all__ = ["Replicate", "interval", "race"]

_T: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's t at 97.5%, for 1 degree of freedom and more."""
_NORMAL: Final = 1.96


class Replicate(NamedTuple):
    """One evaluation that is wanted: of that hypothesis, by the seeds of that number."""

    hypothesis: str
    number: int


def race(
    hypotheses: Sequence[str], found: Mapping[str, Sequence[float]], most: int
) -> tuple[list[Replicate], list[str]]:
    """What is wanted next, or, where that is nothing, the hypotheses in order, the best first.

    Args:
        hypotheses: in the order in which equals stand.
        found: of each, the values of its replicates from number 0 on, greater being better; minus infinity where there
            is none.
        most: replicates of all together, at most, but for one of each in every round.
    """
    alive, out = list(hypotheses), list[str]()
    rounds = max(1, math.ceil(math.log2(max(1, len(alive)))))
    until = 0
    while len(alive) > 1:
        until += max(1, most // (len(alive) * rounds))
        if wanted := [Replicate(each, number) for each in alive for number in range(len(found.get(each, ())), until)]:
            return wanted, []
        # A stable sort: of equals the earlier one stays.
        alive.sort(key=lambda each: -_mean(found[each][:until]))
        half = (len(alive) + 1) // 2
        alive, out = alive[:half], alive[half:] + out
    return [], alive + out


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The mean's 95% confidence interval by Student's t; None for fewer than two values, or where one is no number."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    mean, degrees = _mean(values), len(values) - 1
    # Each is parted first: a sum of squares may have no end.
    deviation = math.hypot(*((value - mean) / math.sqrt(degrees) for value in values))
    half = (_T[degrees - 1] if degrees <= len(_T) else _NORMAL) * deviation / math.sqrt(len(values))
    return (mean - half, mean + half) if math.isfinite(half) else None


def _mean(values: Sequence[float]) -> float:
    return math.fsum(value / len(values) for value in values) if all(map(math.isfinite, values)) else -math.inf
