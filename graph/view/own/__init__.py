"""What this room shows: runs and searches, their tasks, and hypotheses; and what waits for a person."""

from __future__ import annotations

from gristmill.graph.view.own.course import KIND as COURSE
from gristmill.graph.view.own.course import course_page
from gristmill.graph.view.own.find import KIND as FIND
from gristmill.graph.view.own.find import find_form, find_page
from gristmill.graph.view.own.hypothesis import hypothesis_page
from gristmill.graph.view.own.machine import KIND as MACHINE
from gristmill.graph.view.own.machine import machine_page
from gristmill.graph.view.own.mailbox import KIND as MAILBOX
from gristmill.graph.view.own.mailbox import answer_sent, mailbox_listing, mailbox_page
from gristmill.graph.view.own.population import KIND as POPULATION
from gristmill.graph.view.own.population import population_page
from gristmill.graph.view.own.run import run_listing, run_page
from gristmill.graph.view.own.task import task_page
from gristmill.graph.view.own.trained import KIND as TRAINED
from gristmill.graph.view.own.trained import trained_page
from gristmill.graph.view.own.trust.attacks import KIND as ATTACKS
from gristmill.graph.view.own.trust.attacks import attacks_page
from gristmill.graph.view.own.trust.doubts import KIND as DOUBTS
from gristmill.graph.view.own.trust.doubts import doubts_page
from gristmill.graph.view.registry import View

__all__ = ["VIEWS"]

_HERE = "gristmill.graph.view"

VIEWS = (
    # Who waits for a person comes first. A form is not taken from under whoever writes in it: only the list is live.
    View(
        MAILBOX,
        _HERE,
        "mailbox.html",
        mailbox_page,
        mailbox_listing,
        live=lambda asked: None if asked.id else asked.owner,
        write=answer_sent,
    ),
    View(
        "run",
        _HERE,
        "run.html",
        run_page,
        run_listing,
        live=lambda asked: asked.owner,
        public="the words of the error that ended it, if one did",
    ),
    View("task", _HERE, "task.html", task_page, live=lambda asked: asked.owner, public=""),
    View(COURSE, _HERE, "course.html", course_page, public=""),
    View(TRAINED, _HERE, "trained.html", trained_page, public="the workspace's place"),
    View(POPULATION, _HERE, "population.html", population_page, public="the names of instances"),
    View(DOUBTS, _HERE, "doubts.html", doubts_page, public=""),
    View(ATTACKS, _HERE, "attacks.html", attacks_page),
    View(MACHINE, _HERE, "machine.html", machine_page),
    View(FIND, _HERE, "find.html", find_page, form=lambda store: find_form()),
    View(
        "hypothesis",
        _HERE,
        "hypothesis.html",
        hypothesis_page,
        live=lambda asked: asked.owner,
        public="what hidden tests ask and expect, what the machine said of trouble of its own, and commands",
    ),
)
