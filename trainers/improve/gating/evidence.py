"""What evidence a promotion takes: three ways to look again and again without fooling oneself.

- declared rounds: fresh tasks each, the level shared out over the rounds (Bonferroni);
- open-ended: e-values, which stay valid whenever one stops (Ville), and e-LOND over rounds (Xu & Ramdas 2024, "Online
  multiple testing with e-values"), which bounds the expected share of false promotions among all;
- one fixed set: a Ladder (Blum & Hardt 2015) lets out nothing but `kept or not` and a score that moves in steps. What
  was trained can depend on the set through that alone, so that the level is shared out over what it can have said.
"""

from __future__ import annotations

from math import comb, exp, floor, pi
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["declared_level", "e_threshold", "e_value", "gamma", "ladder_level", "ladder_score", "log_e"]


def declared_level(alpha: float, rounds: int) -> float:
    """The level of each of so many rounds."""
    return alpha / rounds


def e_value(wins: int, losses: int) -> float:
    """Evidence that a task on which two models differ is rather won: 2^(w+l) · 2 · ∫½..1 p^w (1−p)^l dp.

    A fair coin against all better ones alike. Of any model that is no better its mean is at most 1, whenever one
    stops: 5 wins and no loss are 10.5.
    """
    return exp(min(700.0, float(log_e(wins, losses))))


def log_e(wins: int | npt.NDArray[np.int64], losses: int | npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Logarithm of the e-value, place by place."""
    import numpy
    from scipy.special import betaln
    from scipy.stats import beta

    won, lost = numpy.asarray(wins), numpy.asarray(losses)
    shape = (won + 1, lost + 1)
    return numpy.asarray((won + lost + 1) * numpy.log(2) + betaln(*shape) + beta.logsf(0.5, *shape))


def gamma(round_: int) -> float:
    """The share of the level that the round (0, 1, …) has: 6 / (π² (round + 1)²), which sums to 1."""
    return 6 / (pi * (round_ + 1)) ** 2


def e_threshold(alpha: float, round_: int, kept: int) -> float:
    """The e-value from which e-LOND keeps an adapter, after `kept` of the earlier rounds' ones."""
    return 1 / (alpha * gamma(round_) * (kept + 1))


def ladder_level(alpha: float, queries: int, told: int, step: float) -> float:
    """The p-value up to which a set keeps an adapter that was asked `queries` times before, and `told` something.

    There are C(queries, told) · (1/step + 1)^told things that it can have said till now (the score in steps, or that an
    adapter was better and lost elsewhere), and so many adapters that can be asked about. Each has the same share of
    what the query has of `alpha`: γ, over how often it can have told something. The chance that any is kept which is no
    better than the one before it, is thus `alpha` at most.
    """
    said: int = comb(queries, told) * (floor(1 / step) + 1) ** told
    return alpha * gamma(queries) / ((queries + 1) * said)


def ladder_score(score: float, step: float) -> float:
    """The score as it is told: whole steps."""
    return floor(score / step + 1e-9) * step
