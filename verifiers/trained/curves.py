"""What the course of a score over a training says: its last points, how far runs lie apart, and its figures in text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

__all__ = ["course", "curve", "fell", "figure", "level", "rising"]


def figure(value: float) -> str:
    """A score with at most four decimals, never rounded up: .98499 does not become a target of .985 that it missed."""
    return f"{math.floor(round(value * 1e4, 6)) / 1e4:.4g}"


def curve(values: Sequence[float]) -> str:
    """``0.031, 0.5, 0.985``: a score at every checkpoint."""
    return ", ".join(figure(value) for value in values)


def course(values: Sequence[float]) -> str:
    """``0.1, 0.3, 0.2; max 0.3, mean 0.2, min 0.1``: a quantity at every checkpoint, and over them."""
    over = (max(values), fmean(values), min(values))
    most, mean, least = (f"{value:.4g}" for value in over)
    return f"{', '.join(f'{value:.4g}' for value in values)}; max {most}, mean {mean}, min {least}"


def rising(values: Sequence[float], grain: float) -> bool:
    """Whether the last points rise by more than `grain`: the very last one, or the last three in a row."""
    if len(values) < 2 or values[-1] < max(values):
        return False
    by_one = values[-1] - values[-2] > grain
    in_a_row = len(values) > 2 and values[-3] <= values[-2] <= values[-1] and values[-1] - values[-3] > grain
    return by_one or in_a_row


def fell(values: Sequence[float], grain: float) -> bool:
    """Whether the last point lies lower than an earlier one by more than `grain`."""
    return max(values) - values[-1] > grain


def level(values: Sequence[float], grain: float) -> bool:
    """Whether no two points lie farther apart than `grain`."""
    return max(values) - min(values) <= grain
