"""What an improvement, or a run of I-SHEEP, leaves beside its datasets: its page as a file."""

from __future__ import annotations

from pathlib import Path

from gristmill.graph.storage.store import Store
from gristmill.graph.view.alone import write_alone
from gristmill.graph.view.registry import Asked
from gristmill.trainers.viewing.views import VIEWS

__all__ = ["write_report"]


def write_report(store: Store, kind: str, name: str, folder: Path) -> Path:
    """Write ``report.html`` into a folder, which is made; one that is there is replaced.

    Args:
        kind: of the page, `improvement` or `isheep`.
        name: of the improvement, or of the run of the recipe.

    Returns:
        The file.

    Raises:
        UserError: there is none of that name.
        InfrastructureError: it cannot be written.
    """
    (view,) = (view for view in VIEWS if view.kind == kind)
    return write_alone(store, view, Asked(kind, name), folder / "report.html")
