"""One self-contained HTML page about an improvement: no script, no font, no picture from elsewhere.

Every text that a model or a task file wrote is escaped by the template engine.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from gristmill.sandbox.errors import InfrastructureError
from gristmill.sandbox.records import Record
from gristmill.trainers.records import Improvement, Share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["share_words", "write_page", "write_report"]

INK, BEFORE, AFTER, GRID = "#2b2a27", "#b9b2a3", "#2f6f4f", "#e7e2d6"


def write_report(improvement: Improvement, folder: Path) -> Path:
    """Write ``report.html`` and, for programs, ``summary.json`` into a folder, which is made; returns the page's path.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["percent"] = lambda value: f"{100 * value:.1f}%"
    environment.filters["share"] = share_words
    environment.filters["strengths"] = _strengths
    template = environment.from_string(files("gristmill.trainers.improve").joinpath("report.html").read_text("utf-8"))
    return write_page(template.render(it=improvement, plots=_plots(improvement)), improvement, folder)


def write_page(page: str, summary: Record, folder: Path) -> Path:
    """Write a report's page and the summary that it shows, as `write_report`.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    path = folder / "report.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
        (folder / "summary.json").write_text(summary.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InfrastructureError(
            f"cannot write to {folder}: {error.strerror}; what was done so far is kept"
        ) from error
    return path


def share_words(share: Share) -> str:
    """A share with its counts and interval."""
    return (
        f"{100 * share.rate:.1f}% ({share.passed:g}/{share.total}, 95% {100 * share.low:.1f}–{100 * share.high:.1f}%)"
    )


def _strengths(counts: Sequence[tuple[str, int, int]]) -> str:
    return ", ".join(f"{name} {before} → {after}" for name, before, after in counts)


def _plots(improvement: Improvement) -> dict[str, str]:
    plots = {"shares": _figure(lambda axes: _draw_shares(axes, improvement), 6.4, 2.6)}
    if any(round_.test for round_ in improvement.rounds):
        plots["curve"] = _figure(lambda axes: _draw_curve(axes, improvement), 6.4, 2.8)
    if improvement.seconds:
        plots["seconds"] = _figure(lambda axes: _draw_seconds(axes, improvement), 6.4, 2.4)
    if any(round_.loss for round_ in improvement.rounds):
        plots["loss"] = _figure(lambda axes: _draw_loss(axes, improvement), 6.4, 2.6)
    if improvement.groups:
        height = 0.9 + 0.19 * len(improvement.groups)
        plots["groups"] = _figure(lambda axes: _draw_groups(axes, improvement), 6.4, height)
    return plots


def _figure(draw: Callable[[Axes], None], width: float, height: float) -> str:
    """An inline SVG; text stays text, ids are fixed, so that the same improvement gives the same page."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "gristmill", "font.size": 9}):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
        draw(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _draw_shares(axes: Axes, improvement: Improvement) -> None:
    rows: list[tuple[str, Share, str]] = [
        ("test, before", improvement.test_before, BEFORE),
        ("test, after", improvement.test_after, AFTER),
    ]
    for round_ in improvement.rounds:
        if round_.gate:
            rows.append((f"gate, round {round_.round + 1}, before", round_.gate.before, BEFORE))
            rows.append((f"gate, round {round_.round + 1}, after", round_.gate.after, AFTER))
    labels = [label for label, _, _ in rows]
    rates = [100 * share.rate for _, share, _ in rows]
    spans = [
        [max(0.0, 100 * (share.rate - share.low)) for _, share, _ in rows],
        [max(0.0, 100 * (share.high - share.rate)) for _, share, _ in rows],
    ]
    axes.barh(labels, rates, color=[colour for _, _, colour in rows], xerr=spans, ecolor=INK, capsize=3, height=0.62)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("tasks passed at the first reply, % (bars: 95% Wilson intervals)")
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)


def _draw_curve(axes: Axes, improvement: Improvement) -> None:
    """The test set after every round, whole and by family; what was not kept is hollow."""
    tested = [(round_, round_.test) for round_ in improvement.rounds if round_.test]
    at = [0, *(round_.round + 1 for round_, _ in tested)]
    shares = [improvement.test_before, *(share for _, share in tested)]
    spans = [
        [max(0.0, 100 * (share.rate - share.low)) for share in shares],
        [max(0.0, 100 * (share.high - share.rate)) for share in shares],
    ]
    axes.errorbar(at, [100 * share.rate for share in shares], yerr=spans, color=AFTER, capsize=3, label="all", zorder=3)
    for round_, share in tested:
        kept = bool(round_.gate and round_.gate.kept)
        axes.plot(round_.round + 1, 100 * share.rate, "o", color=AFTER, mfc=AFTER if kept else "white", zorder=4)
    if len(improvement.families) > 1:
        for family, _, _ in improvement.families:
            counts = [improvement.families, *(round_.families for round_, _ in tested)]
            rates = [100 * passed / total for each in counts for name, passed, total in each if name == family]
            apart = family in improvement.held_out_families
            label = f"{family}, never trained on" if apart else family
            if len(rates) == len(at):
                axes.plot(at, rates, "--" if apart else "-", linewidth=1, alpha=0.7, label=label)
        axes.legend(frameon=False, fontsize=7)
    axes.set_xticks(at)
    axes.set_ylim(0, 103)
    axes.set_xlabel("round (0: before; hollow: not kept)")
    axes.set_ylabel("test tasks passed, %")
    axes.grid(color=GRID)


def _draw_seconds(axes: Axes, improvement: Improvement) -> None:
    stages = list(improvement.seconds)
    values = [improvement.seconds[stage] for stage in stages]
    bars = axes.barh(stages, values, color=BEFORE, height=0.62)
    axes.bar_label(bars, labels=[f"{value:.0f} s" for value in values], padding=3)
    axes.invert_yaxis()
    axes.set_xlabel("wall time, seconds")


def _draw_loss(axes: Axes, improvement: Improvement) -> None:
    for round_ in improvement.rounds:
        if round_.loss:
            steps, losses = zip(*round_.loss, strict=True)
            axes.plot(
                steps, losses, label=f"round {round_.round + 1}", color=AFTER, alpha=0.5 + 0.5 / (1 + round_.round)
            )
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("training loss")
    axes.set_ylim(bottom=0)
    axes.grid(color=GRID)
    if len(improvement.rounds) > 1:
        axes.legend(frameon=False)


def _draw_groups(axes: Axes, improvement: Improvement) -> None:
    groups = sorted(improvement.groups, key=lambda group: (group[2] / group[3], group[1] / group[3], group[0]))
    names = [name for name, _, _, _ in groups]
    before = [100 * passed / total for _, passed, _, total in groups]
    after = [100 * passed / total for _, _, passed, total in groups]
    axes.hlines(names, before, after, color=GRID, linewidth=3, zorder=1)
    axes.scatter(before, names, color=BEFORE, label="before", zorder=2, s=22)
    axes.scatter(after, names, color=AFTER, label="after", zorder=3, s=22)
    axes.set_xlim(-3, 103)
    axes.set_xlabel("tasks of the held-out combination passed, %")
    axes.legend(frameon=False, loc="lower right")
    axes.tick_params(axis="y", labelsize=7)
