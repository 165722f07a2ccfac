"""How well the model's own scores agree with what tools found: where the two meet, the tool is the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.trainers.measure.calibration import Bin, reliability
from gristmill.trainers.recipes.isheep.records import Pair

__all__ = ["Agreement", "Scale", "agreement", "auroc"]

Scale = Literal["quality", "following"]
_RESAMPLES = 1_000


class Agreement(Record):
    """One scale against the tools' verdicts."""

    scale: Scale
    pairs: int = Field(description="that a tool has decided and that have a score")
    unread: int = Field(description="that a tool has decided, and whose score could not be read: in no number here")
    passed: int = Field(description="of `pairs`")
    auroc: float | None = Field(
        description="how likely a pair that passed has the higher score than one that did not, ties by half; .5 is "
        "chance; None where all passed or none"
    )
    interval: tuple[float, float] | None = Field(None, description="95%, bootstrap over pairs")
    ece: float = Field(description="expected calibration error of score/10 as the chance to pass")
    brier: float
    bins: tuple[Bin, ...] = Field((), description="of the reliability diagram")
    mean: float | None = Field(None, description="mean score, of 10")


def agreement(pairs: Sequence[Pair], scale: Scale) -> Agreement:
    """AUROC and calibration of one scale, over the pairs that a tool has decided."""
    decided = [(pair.quality if scale == "quality" else pair.following, pair.passed) for pair in pairs]
    seen = [(score, passed) for score, passed in decided if score is not None and passed is not None]
    scores, passes = [score for score, _ in seen], [passed for _, passed in seen]
    found = reliability([score / 10 for score in scores], passes)
    value = auroc(scores, passes)
    return Agreement(
        scale=scale,
        pairs=len(seen),
        unread=sum(score is None and passed is not None for score, passed in decided),
        passed=sum(passes),
        auroc=value,
        interval=None if value is None else _interval(scores, passes),
        ece=found.ece,
        brier=found.brier if seen else 0.0,
        bins=found.bins,
        mean=sum(scores) / len(scores) if scores else None,
    )


def auroc(scores: Sequence[float], passes: Sequence[bool]) -> float | None:
    """Area under the ROC curve, by the Mann–Whitney statistic; None where only one kind is there."""
    from scipy.stats import rankdata

    right = sum(passes)
    wrong = len(passes) - right
    if not right or not wrong:
        return None
    ranks = rankdata(scores)
    above = sum(float(rank) for rank, passed in zip(ranks, passes, strict=True) if passed) - right * (right + 1) / 2
    return above / (right * wrong)


def _interval(scores: Sequence[float], passes: Sequence[bool]) -> tuple[float, float]:
    import numpy

    rng = numpy.random.default_rng(0)
    values = []
    for _ in range(_RESAMPLES):
        drawn = rng.integers(0, len(scores), len(scores))
        value = auroc([scores[at] for at in drawn], [passes[at] for at in drawn])
        if value is not None:
            values.append(value)
    low, high = numpy.quantile(values, [0.025, 0.975])
    return float(low), float(high)
