"""What an open gate can show. Tasks are drawn in batches until it is decided, so its power is simulated."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import TYPE_CHECKING

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.trainers.improve.gating.config import GateConfig
from gristmill.trainers.improve.gating.evidence import e_threshold, log_e

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

__all__ = ["OpenPower", "fewest", "open_detectable", "open_power", "open_round", "open_tasks_needed"]

TIMES = 4000
_MOST_TASKS = 100_000


class OpenPower(Record):
    """What was found of one true gain."""

    found: float = Field(description="share of the simulated rounds that kept the adapter; its standard error is .6%")
    tasks: float = Field(description="that such a round drew, in the mean")


def fewest(most: int, needed: float) -> Ints:
    """(most + 1,): of so many differing tasks, the wins from which the e-value's logarithm is `needed`; one more than
    there are tasks where none is enough. Those who win no more than they lose never have it.
    """
    import numpy

    differing = numpy.arange(most + 1)
    low, high = differing // 2, differing + 1
    while (open_ := high - low > 1).any():
        middle = numpy.minimum((low + high) // 2, differing)
        enough = log_e(middle, differing - middle) >= needed
        low, high = numpy.where(open_ & ~enough, middle, low), numpy.where(open_ & enough, middle, high)
    return high


def open_round(
    draw: Callable[[int], tuple[Ints, Ints]], config: GateConfig, *, keeps: Ints, which: Ints, worse: Ints
) -> tuple[Bools, Ints]:
    """One round of an open gate, many times at once; what it decides is what `gristmill.trainers.improve.gate` decides.

    Args:
        draw: so many tasks → wins and losses on them, (times,) each.
        keeps: (k, gate_most + 1), see `fewest`: from how many wins an adapter is kept.
        which: (times,) the row of `keeps` that each is decided by.
        worse: (gate_most + 1,): from how many losses it is called worse, and no more tasks are drawn.

    Returns:
        Kept, and the tasks that were drawn; (times,) each.
    """
    import numpy

    wins, losses, took = (numpy.zeros(len(which), int) for _ in range(3))
    going = numpy.ones(len(which), bool)
    for asked in range(0, config.gate_most, config.gate_batch):
        batch = min(config.gate_batch, config.gate_most - asked)
        won, lost = draw(batch)
        wins, losses, took = wins + going * won, losses + going * lost, took + going * batch
        going &= (wins < keeps[which, wins + losses]) & (losses < worse[wins + losses])
        if not going.any():
            break
    return wins >= keeps[which, wins + losses], took


def open_power(
    gain: float, discordance: float, config: GateConfig, alpha: float, *, round_: int = 0, kept: int = 0
) -> OpenPower:
    """How likely a round of an open gate keeps an adapter with this true gain, by 4,000 rounds of the same seed.

    Args:
        gain: by how much more of the tasks pass, as a share.
        discordance: share of the tasks that pass on one side only, `gain` at least.
        round_, kept: where the improvement is; later rounds need more evidence.
    """
    import numpy

    dice = numpy.random.default_rng(0)

    def draw(tasks: int) -> tuple[Ints, Ints]:
        differing = dice.binomial(tasks, discordance, TIMES)
        wins = dice.binomial(differing, (discordance + gain) / (2 * discordance))
        return wins, differing - wins

    most, needed = config.gate_most, log(e_threshold(alpha, round_, kept))
    keeps, took = open_round(
        draw,
        config,
        keeps=fewest(most, needed)[None],
        which=numpy.zeros(TIMES, int),
        worse=fewest(most, log(1 / alpha)),
    )
    return OpenPower(found=float(keeps.mean()), tasks=float(took.mean()))


def open_detectable(discordance: float, config: GateConfig, alpha: float, *, wanted: float = 0.8) -> float | None:
    """The least gain, to half a point, that a first round finds with probability `wanted`; None where it finds none."""
    low, high = 0.0, 1.0
    if open_power(high, 1.0, config, alpha).found < wanted:
        return None
    while high - low > 0.005:
        middle = (low + high) / 2
        found = open_power(middle, max(middle, discordance), config, alpha).found >= wanted
        low, high = (low, middle) if found else (middle, high)
    return high


def open_tasks_needed(
    gain: float, discordance: float, config: GateConfig, alpha: float, *, wanted: float = 0.8
) -> int | None:
    """How many tasks, in whole batches, a first round must be let draw to find this gain; None beyond 100,000."""

    def enough(batches: int) -> bool:
        allowed = config.model_copy(update={"gate_most": batches * config.gate_batch})
        return open_power(gain, discordance, allowed, alpha).found >= wanted

    low, high = 0, 1
    while not enough(high):
        low, high = high, 2 * high
        if high * config.gate_batch > _MOST_TASKS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high * config.gate_batch
