"""What several pages draw: the reliability diagram, shares before and after, and a training's loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from gristmill.graph.view.alone import write_picture
from gristmill.graph.view.charts import Change, Changes, Chart, Dot, Line, Point, course_chart
from gristmill.sandbox.errors import UserError
from gristmill.trainers.measure.calibration import Bin, Reliability
from gristmill.trainers.records import Improvement, RoundSummary, Share

__all__ = ["combinations", "draw_reliability", "loss_chart", "reliability_chart", "test_and_gates"]

_DOTS = 40
"""That one training has at most: means of equally many steps."""


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


def draw_reliability(curves: Mapping[str, Reliability], path: Path, right: str) -> None:
    """Write the diagram as SVG, a curve for each, by its title.

    Args:
        right: what goes up: the share of what.

    Raises:
        UserError: no curve has a reply, or the file is to be another kind of picture.
        InfrastructureError: it cannot be written.
    """
    bins = {f"{title}: ECE {each.ece:.3f}": each.bins for title, each in curves.items()}
    chart = reliability_chart(bins, "confidence", right)
    if chart is None:
        raise UserError(f"there is nothing to draw in {path}: nothing was said with any confidence")
    write_picture(chart, path)


def test_and_gates(before: Share | None, after: Share | None, rounds: Sequence[RoundSummary]) -> Changes | None:
    """The test set before and after, and every round's gate set; None where nothing was asked twice yet."""
    rows = []
    if before is not None and after is not None:
        rows.append(Change("test set", _point(before), _point(after)))
    for each in rounds:
        if each.gate is not None:
            name = f"gate set of round {each.round + 1}, {'kept' if each.gate.kept else 'not kept'}"
            rows.append(Change(name, _point(each.gate.before), _point(each.gate.after)))
    return Changes("Before and after", "tasks passed at the first reply", rows) if rows else None


def combinations(summary: Improvement | None) -> Changes | None:
    """The test tasks before and after by combination, the weakest after it first; None where there are none."""
    if summary is None or not summary.groups:
        return None
    groups = sorted(summary.groups, key=lambda group: (group[2] / group[3], group[1] / group[3], group[0]))

    def point(passed: int, total: int) -> Point:
        return Point(passed / total, f"{100 * passed / total:.1f}% ({passed} of {total})")

    rows = [Change(name, point(was, total), point(now, total)) for name, was, now, total in groups]
    return Changes("Held-out combinations", "tasks of the combination passed", rows)


def loss_chart(curves: Mapping[str, Sequence[tuple[float, float]]]) -> Chart | None:
    """The training loss, as (optimizer step, loss) by title; None where nothing was trained.

    What is no number any more has no place in a picture, and is left out.
    """
    lines = []
    for title, pairs in curves.items():
        told = [(step, loss) for step, loss in pairs if math.isfinite(loss)]
        size = math.ceil(len(told) / _DOTS)
        parts = [told[at : at + size] for at in range(0, len(told), size or 1)]
        if parts:
            lines.append(Line(title, [_mean(part) for part in parts]))
    return course_chart("Training loss", "optimizer steps", "training loss", lines) if lines else None


def _mean(part: Sequence[tuple[float, float]]) -> Dot:
    steps = [step for step, _ in part]
    value = sum(loss / len(part) for _, loss in part)
    words = f"step {steps[0]:g}" if len(part) == 1 else f"steps {steps[0]:g} to {steps[-1]:g}, mean"
    return Dot(sum(step / len(part) for step in steps), value, f"{words}: {value:.4g}")


def _point(share: Share) -> Point:
    words = f"{100 * share.rate:.1f}% (95%: {100 * share.low:.1f}% to {100 * share.high:.1f}%)"
    return Point(share.rate, words, share.low, share.high)
