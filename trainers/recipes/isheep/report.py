"""One self-contained page about a run of the recipe, and the same as JSON. No text of a model is in it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import jinja2

from gristmill.trainers.improve.report import share_words, write_page
from gristmill.trainers.recipes.isheep.summary import IsheepSummary, published_lines

__all__ = ["write_report"]


def write_report(summary: IsheepSummary, folder: Path) -> Path:
    """Write ``report.html`` and ``summary.json`` into a folder, which is made; returns the page's path.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["share"] = share_words
    environment.filters["points"] = lambda value: f"{100 * value:+.1f}"
    source = files("gristmill.trainers").joinpath("recipes", "isheep", "report.html").read_text("utf-8")
    return write_page(
        environment.from_string(source).render(it=summary, published=published_lines(summary)), summary, folder
    )
