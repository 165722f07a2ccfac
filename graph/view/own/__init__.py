"""What this room shows: runs and searches, their tasks, and hypotheses."""

from __future__ import annotations

from gristmill.graph.view.own.course import KIND as COURSE
from gristmill.graph.view.own.course import course_page
from gristmill.graph.view.own.find import KIND as FIND
from gristmill.graph.view.own.find import find_form, find_page
from gristmill.graph.view.own.hypothesis import hypothesis_page
from gristmill.graph.view.own.population import KIND as POPULATION
from gristmill.graph.view.own.population import population_page
from gristmill.graph.view.own.run import run_listing, run_page
from gristmill.graph.view.own.task import task_page
from gristmill.graph.view.registry import View

__all__ = ["VIEWS"]

_HERE = "gristmill.graph.view"

VIEWS = (
    View("run", _HERE, "run.html", run_page, run_listing, live=lambda asked: asked.owner),
    View("task", _HERE, "task.html", task_page, live=lambda asked: asked.owner),
    View(COURSE, _HERE, "course.html", course_page),
    View(POPULATION, _HERE, "population.html", population_page),
    View(FIND, _HERE, "find.html", find_page, form=lambda store: find_form()),
    View("hypothesis", _HERE, "hypothesis.html", hypothesis_page, live=lambda asked: asked.owner),
)
