"""Which of several arms brings most for what it costs: a bandit that forgets, for searches in which that changes.

Discounted Thompson sampling (Raj & Kalyani, arXiv 1707.09727) over gain *per cost*. An arm has sums of pulls, gains,
squares of gains and costs; all fade with every pull of any arm, so that an arm that was left is tried again. For a
choice each arm draws from a normal about its mean gain, with its spread over the number of its pulls; the draw is
divided by its mean cost, and the greatest is taken. Where the arm that is pulled brings clearly less than it did, by a
one-sided cumulative sum (Page 1954), nearly all is forgotten at once: that finds the new best one in 20 to 60 pulls.

Departures: gains are measured against their mean over all arms, so a choice is the same for gain·k, k > 0; an arm that
was never pulled is taken for an average one; while nothing has brought anything, as much is spent on each arm, since
no draw tells them apart; half the spread is drawn (`_SPREAD`), as a whole one spends a third of late pulls on looking
around. In a batch each place draws by itself, which spreads it over arms that are close.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

__all__ = ["Bandit"]

_FADES, _SPREAD = 0.99, 0.5
_SLACK, _ALARM, _KEPT = 0.25, 6.0, 0.03
"""Standard deviations by which a gain may stay below the mean, and their sum at which this much of all is kept."""
_SETTLED = 5.0
"""Pulls of an arm before it is known well enough to be missed."""
_LEAST = 0.05
"""Of the mean gain, the least spread that an arm has: two equal gains prove nothing."""


class _Arm:
    __slots__ = ("cost", "down", "gain", "pulls", "square")

    def __init__(self) -> None:
        self.pulls = self.gain = self.square = self.cost = self.down = 0.0

    def fade(self, kept: float) -> None:
        self.pulls *= kept
        self.gain *= kept
        self.square *= kept
        self.cost *= kept


class Bandit:
    """Learns from `add`, chooses by `choose`; the same rows and the same chance give the same choice."""

    def __init__(self) -> None:
        self._arms: dict[str, _Arm] = {}

    def add(self, arm: str, gain: float, cost: float) -> None:
        """A pull has brought `gain` (0 or more) for `cost` (more than 0)."""
        pulled = self._arms.setdefault(arm, _Arm())
        if pulled.pulls > _SETTLED and self._fails(pulled, gain):
            for each in self._arms.values():
                each.fade(_KEPT)
                each.down = 0.0
        for each in self._arms.values():
            each.fade(_FADES)
        pulled.pulls += 1
        pulled.gain += gain
        pulled.square += gain * gain
        pulled.cost += cost

    def choose(self, arms: Sequence[str], chance: random.Random) -> str:
        """One of these, in an order that is always the same."""
        known = list(self._arms.values())
        pulls = math.fsum(each.pulls for each in known)
        if not pulls:
            return arms[chance.randrange(len(arms))]
        gain = math.fsum(each.gain for each in known) / pulls
        square = math.fsum(each.square for each in known) / pulls
        cost = math.fsum(each.cost for each in known) / pulls
        nothing = _Arm()
        drawn, prices = [], []
        for arm in arms:
            each = self._arms.get(arm, nothing)
            mean = (each.gain + gain) / (each.pulls + 1)
            spread = max((each.square + square) / (each.pulls + 1) - mean * mean, (_LEAST * gain) ** 2)
            price = each.cost / each.pulls if each.pulls >= 1 else (each.cost + cost) / (each.pulls + 1)
            prices.append(price)
            drawn.append((mean + _SPREAD * chance.gauss(0, 1) * math.sqrt(spread / (each.pulls + 1))) / price)
        if not gain:
            return chance.choices(arms, [1 / price for price in prices])[0]
        return arms[max(range(len(arms)), key=drawn.__getitem__)]

    def shares(self) -> dict[str, tuple[float, float, float]]:
        """(pulls, gains, costs) of each arm, faded."""
        return {arm: (each.pulls, each.gain, each.cost) for arm, each in self._arms.items()}

    def _fails(self, arm: _Arm, gain: float) -> bool:
        mean = arm.gain / arm.pulls
        spread = max(math.sqrt(max(arm.square / arm.pulls - mean * mean, 0.0)), 0.1 * mean)
        if spread > 0:
            arm.down = max(0.0, arm.down + (mean - gain) / spread - _SLACK)
        return arm.down > _ALARM
