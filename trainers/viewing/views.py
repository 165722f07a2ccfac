"""All views: those of searches, and those of this room."""

from __future__ import annotations

from gristmill.graph.view.own import VIEWS as SEARCHES
from gristmill.graph.view.registry import View
from gristmill.trainers.viewing.comparison import KIND as COMPARE
from gristmill.trainers.viewing.comparison import comparison_form, comparison_page
from gristmill.trainers.viewing.improvements import KIND, improvement_listing, improvement_page

__all__ = ["VIEWS"]

VIEWS = (
    *SEARCHES,
    View(KIND, "gristmill.trainers.viewing", "improvement.html", improvement_page, improvement_listing),
    View(COMPARE, "gristmill.trainers.viewing", "comparison.html", comparison_page, form=comparison_form),
)
