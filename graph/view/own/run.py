"""A run: where it stands, how its best grew, its tasks by phase, and the calls in flight."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gristmill.graph.models.mailbox.box import FORM
from gristmill.graph.stopping.ranking import graded
from gristmill.graph.storage.entries import CLOSING
from gristmill.graph.storage.reading.glances import Ending, Glance
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import Closing, Run
from gristmill.graph.view.figures import duration, figure
from gristmill.graph.view.own.curve import Curve, best_curve, better, solved_curve
from gristmill.graph.view.own.find import find_form
from gristmill.graph.view.own.last import accepted
from gristmill.graph.view.own.levels import levels_of, target_of
from gristmill.graph.view.own.state import Facts, facts_of, sentence, stuck
from gristmill.graph.view.registry import Asked, Cell, Form, Listing, Tone
from gristmill.graph.view.terminal import in_terminal
from gristmill.verifiers.records import Direction, Outcome

__all__ = ["Phase", "RunPage", "TaskTile", "Waiting", "run_listing", "run_page"]

_PHASES: tuple[tuple[str, str, Tone], ...] = (
    ("searching", "…", "live"),
    ("solved", "✓", "good"),
    ("ended unsolved", "✗", "bad"),
    ("not begun", "·", "soft"),
)
STATES: dict[str, Tone] = {"running": "live", "finished": "good", "interrupted": "soft", "failed": "bad"}


@dataclass(frozen=True, slots=True)
class TaskTile:
    """One task in the grid."""

    id: str
    score: str
    best: str | None
    rounds: int
    outcomes: Sequence[tuple[Outcome, int]]
    why: str
    """Why its loop ended, in words."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Tasks that stand alike."""

    name: str
    sign: str
    tone: Tone
    tasks: Sequence[TaskTile]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call in flight."""

    hypothesis: str
    task: str
    since: str
    attempt: int


@dataclass(frozen=True, slots=True)
class RunPage:
    """What the page of a run shows."""

    run: Run
    sentence: str
    stuck: str
    tone: Tone
    curve: Curve
    phases: Sequence[Phase]
    flight: Sequence[Waiting]
    outcomes: Sequence[tuple[Outcome, int]]
    last: Any
    """The last hypothesis that made the best better, with its difference; None where there is none."""
    answered: str
    """The command by which somebody answers by hand; empty where nobody is to."""
    created: str
    took: str
    show: str
    """The command that shows the same in a terminal."""
    single: str | None
    """The only task, where there is one."""
    find: Form
    facts: Facts
    """What the sentence is written of."""


def run_listing(store: Store) -> Listing:
    """Searches and measurements of a workspace, the newest first."""
    rows = []
    for run in reversed(store.runs()):
        what = "search" if run.purpose == "search" else "evaluation"
        rows.append(
            (
                Cell(run.name, Asked("run", run.name)),
                Cell(run.status, tone=STATES.get(run.status, "")),
                Cell(what),
                Cell(f"{run.solved} of {run.tasks} solved", number=True),
                Cell(run.config.member_names),
                Cell(duration(run.seconds), number=True),
                Cell(f"{run.created:%Y-%m-%d %H:%M} UTC"),
            )
        )
    columns = ("run", "status", "what", "tasks", "model", "time", "begun")
    none = "no runs yet: gristmill run TASKS begins one"
    return Listing("Runs", columns, rows, none, filters=("status", "what", "model"))


def run_page(store: Store, asked: Asked) -> RunPage | None:
    """The page of a run; None where there is none of that name."""
    name, glances = asked.owner, store.glances
    run = next((each for each in store.runs() if each.name == name), None)
    if run is None:
        return None
    if asked.public:
        run = run.model_copy(update={"detail": ""})  # an error's own words, which may name files and hosts
    seen, endings, names = glances.hypotheses(name), glances.endings(name), glances.names(name)
    single = glances.task(name, names[0]) if len(names) == 1 else None
    by_task: dict[str, list[Glance]] = {task: [] for task in names}
    for each in seen:
        by_task[each.task].append(each)
    direction = glances.direction(name, single) if single is not None else Direction.MAXIMIZE
    scored = single is not None and graded(single)
    if single is not None and scored:
        steps = best_curve(seen, store.calls(name), single.id, direction)
        best = steps[-1].id if steps else None
        target, levels = target_of(single, store, name, best), levels_of(single, store, name, best)
        label = "best score so far" + (" (less is better)" if direction is Direction.MINIMIZE else "")
    else:
        steps, target, label = solved_curve(seen, glances.calls(name)), float(run.tasks), "tasks solved"
        levels = [("all tasks", float(run.tasks))]
    facts = facts_of(store, run, seen, steps, direction, target, scored)
    by_hand = any(each.model == FORM for each in run.config.members)
    now = time.time()
    closings = store.documents.list(CLOSING, name, Closing)
    return RunPage(
        run=run,
        sentence=sentence(facts),
        stuck=stuck(facts, glances.in_vain(name), glances.machine.outlasted(name)),
        tone=STATES.get(run.status, ""),
        curve=Curve(label, steps, facts.calls, levels),
        phases=_phases(by_task, endings, closings),
        flight=[
            Waiting(each.hypothesis, each.hypothesis.rsplit("/", 2)[0], duration(now - each.started), each.attempt)
            for each in facts.flight
        ],
        outcomes=Counter(each.outcome for each in seen if each.outcome is not None).most_common(),
        last=accepted(store, name, steps[-1].id) if steps else None,
        answered=in_terminal(store, asked, "next", name) if by_hand else "",
        created=f"{run.created:%Y-%m-%d %H:%M} UTC",
        took=duration(run.seconds),
        show=in_terminal(store, asked, "show", name),
        single=single.id if single is not None else None,
        find=find_form(name),
        facts=facts,
    )


def _phases(by_task: dict[str, list[Glance]], endings: dict[str, Ending], closings: dict[str, Closing]) -> list[Phase]:
    tiles: dict[str, list[TaskTile]] = {name: [] for name, _, _ in _PHASES}
    for task, seen in by_task.items():
        ending, closing = endings.get(task), closings.get(task)
        judged = [each for each in seen if each.outcome not in (None, Outcome.UNSCORED)]
        minimize = closing is not None and closing.direction is Direction.MINIMIZE
        way = Direction.MINIMIZE if minimize else Direction.MAXIMIZE
        top = max(judged, key=lambda each: better(each, way), default=None)
        best = ending.best if ending is not None else top.id if top is not None else None
        score = next((each.score for each in judged if each.id == best), None)
        solved = ending.solved if ending is not None else top is not None and top.outcome is Outcome.PASSED
        where = "solved" if solved else "ended unsolved" if ending else "searching" if seen else "not begun"
        outcomes = Counter(each.outcome for each in seen if each.outcome is not None).most_common()
        rounds = max((each.round for each in seen), default=-1) + 1
        why = ending.detail if ending is not None else ""
        tiles[where].append(TaskTile(task, figure(score), best, rounds, outcomes, why))
    return [Phase(name, sign, tone, tiles[name]) for name, sign, tone in _PHASES if tiles[name]]
