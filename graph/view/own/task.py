"""A task: what is asked, and the tree of its hypotheses, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gristmill.graph.records import Hypothesis
from gristmill.graph.reports.course import operator_of
from gristmill.graph.stopping.ranking import graded
from gristmill.graph.storage.reading.glances import Ending
from gristmill.graph.storage.store import Store
from gristmill.graph.view.figures import figure
from gristmill.graph.view.own.curve import Curve, best_curve
from gristmill.graph.view.own.levels import levels_of
from gristmill.graph.view.registry import Asked
from gristmill.verifiers.records import Direction, Outcome, Task, Verdict

__all__ = ["PAGE", "Node", "TaskPage", "task_page"]

PAGE = 100
"""Hypotheses on one page."""


@dataclass(slots=True)
class Node:
    """One hypothesis in the tree, above those that build on it."""

    id: str
    outcome: Outcome | None
    verified: bool
    score: str
    operator: str
    parent: str | None
    """Where it hangs elsewhere: its parent is on another page."""
    mark: Literal["", "best", "better"] = ""
    children: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TaskPage:
    """What the page of a task shows."""

    run: str
    task: Task
    ending: Ending | None
    best: str | None
    best_score: str
    curve: Curve
    outcomes: Sequence[tuple[Outcome, int]]
    tree: Sequence[Node]
    first: int
    """Number of the newest one on this page, from 1."""
    last: int
    count: int
    """Hypotheses that there are, of this outcome."""
    only: Outcome | None
    page: int
    pages: int


def task_page(store: Store, asked: Asked) -> TaskPage | None:
    """The page of a task; None where the run has none of that id."""
    run, glances = asked.owner, store.glances
    task = glances.task(run, asked.id)
    if task is None:
        return None
    seen, direction = glances.hypotheses(run, task.id), glances.direction(run, task)
    ending = glances.endings(run).get(task.id)
    by_calls = store.calls(run)
    steps = best_curve(seen, by_calls, task.id, direction)
    best = ending.best if ending is not None else steps[-1].id if steps else None
    only = next((each for each in Outcome if each.value == asked.options.get("outcome")), None)
    page, count, some = asked.part(
        PAGE, lambda after, limit: glances.some(run, task.id, after=after, limit=limit, outcome=only)
    )
    less = direction is Direction.MINIMIZE and graded(task)
    calls = sum(number for id_, number in by_calls.items() if id_.rsplit("/", 2)[0] == task.id)
    scores = {each.id: each.score for each in seen}
    return TaskPage(
        run=run,
        task=task,
        ending=ending,
        best=best,
        best_score=figure(scores.get(best or "")),
        curve=Curve(
            "best score so far" + (" (less is better)" if less else ""),
            steps,
            calls,
            levels_of(task, store, run, best) if graded(task) else [],
        ),
        outcomes=glances.counts(run)[task.id].most_common(),
        tree=_tree(some, best, {step.id for step in steps}),
        first=page * PAGE + 1,
        last=page * PAGE + len(some),
        count=count,
        only=only,
        page=page,
        pages=-(-count // PAGE),
    )


def _tree(some: Sequence[tuple[Hypothesis, Verdict | None]], best: str | None, better: set[str]) -> list[Node]:
    nodes: dict[str, Node] = {}
    roots: list[Node] = []
    for hypothesis, verdict in reversed(some):
        parent = next(iter(hypothesis.parents), None)
        node = Node(
            id=hypothesis.id,
            outcome=verdict.outcome if verdict is not None else None,
            verified=verdict is not None and verdict.verified,
            score=figure(verdict.score) if verdict is not None else "",
            operator=operator_of(hypothesis),
            parent=parent if parent not in nodes else None,
            mark="best" if hypothesis.id == best else "better" if hypothesis.id in better else "",
        )
        nodes[hypothesis.id] = node
        (nodes[parent].children if parent in nodes else roots).append(node)
    return roots
