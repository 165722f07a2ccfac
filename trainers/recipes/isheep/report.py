"""One self-contained page about a run of the recipe, and the same as JSON. No text of a model is in it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import jinja2

from gristmill.sandbox.errors import InfrastructureError
from gristmill.trainers.recipes.isheep.summary import IsheepSummary
from gristmill.trainers.records import Share

__all__ = ["write_report"]


def write_report(summary: IsheepSummary, folder: Path) -> Path:
    """Write ``report.html`` and ``summary.json`` into a folder, which is made; returns the page's path.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["share"] = _share
    environment.filters["points"] = lambda value: f"{100 * value:+.1f}"
    source = files("gristmill.trainers").joinpath("recipes", "isheep", "report.html").read_text("utf-8")
    page = environment.from_string(source).render(it=summary)
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


def _share(share: Share) -> str:
    return f"{100 * share.rate:.1f}% ({share.passed:g}/{share.total}, {100 * share.low:.1f}–{100 * share.high:.1f})"
