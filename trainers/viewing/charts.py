"""The reliability diagram of whoever says how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gristmill.graph.view.charts import Chart, Dot, Line
from gristmill.trainers.measure.calibration import Bin

__all__ = ["reliability_chart"]


def reliability_chart(bins: Mapping[str, Sequence[Bin]], across: str, up: str) -> Chart | None:
    """How often what was said with some confidence was right, by title; None where nothing is said."""
    lines = [
        Line(
            title,
            [
                Dot(
                    each.confidence,
                    each.accuracy,
                    f"said {100 * each.confidence:.0f}%, right {100 * each.accuracy:.0f}% of {each.replies}",
                )
                for each in some
                if each.replies
            ],
        )
        for title, some in bins.items()
    ]
    lines = [line for line in lines if line.dots]
    ticks = [(each / 4, f"{25 * each}%") for each in range(5)]
    return Chart("Reliability", across, up, lines, ticks, ticks, even=True) if lines else None
