"""The reliability diagram: how often what was said with some confidence was right."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.trainers.measure.calibration import Reliability

__all__ = ["draw_reliability"]


def draw_reliability(curves: Mapping[str, Reliability], path: Path, right: str) -> None:
    """Draw a curve for each, by its title, as PNG, SVG or whatever else the path ends in.

    Args:
        right: what the vertical axis is.

    Raises:
        UserError: matplotlib is missing.
        InfrastructureError: it cannot be written there, or not as that.
    """
    if find_spec("matplotlib") is None:
        raise UserError("--plot needs matplotlib: pip install 'gristmill[train]'; the table needs nothing")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for title, each in curves.items():
        axes.plot(
            [one.confidence for one in each.bins],
            [one.accuracy for one in each.bins],
            marker="o",
            label=f"{title}: ECE {each.ece:.3f}",
        )
    axes.set(xlabel="confidence", ylabel=right, xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise InfrastructureError(f"cannot draw {path}: {error}") from error
