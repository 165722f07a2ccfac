"""Two runs or evaluations side by side: what `gristmill compare` finds, and links to what either has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gristmill.graph.storage.store import Store
from gristmill.graph.summary import TaskStanding
from gristmill.graph.view.figures import figure
from gristmill.graph.view.registry import Asked, Field, Form, Tone
from gristmill.graph.view.terminal import in_terminal
from gristmill.sandbox.errors import GristmillError
from gristmill.trainers.measure.comparisons import ComparedRuns, Differing, compare_runs
from gristmill.verifiers.records import Direction

__all__ = ["KIND", "ComparisonPage", "comparison_form", "comparison_page"]

KIND = "compare"
_MOST = 200
"""Tasks that differ that a page lists."""


class Side(NamedTuple):
    """What one of the two has come to on a task."""

    shown: str
    best: str | None
    """Id of its best hypothesis."""


@dataclass(frozen=True, slots=True)
class Row:
    """A task on which the two differ."""

    task: str
    sides: tuple[Side, Side]
    tone: Tone
    word: str


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    """What the page of a comparison shows."""

    names: tuple[str, str]
    form: Form
    trouble: str
    """Why there is nothing to show; empty where there is."""
    compared: ComparedRuns | None
    sentence: str
    negated: bool
    """Whether the means are of scores of which the less is better, with their signs turned."""
    rows: Sequence[Row]
    more: int
    """Tasks that differ beyond those that are listed."""
    command: str


def comparison_form(store: Store, before: str = "", after: str = "") -> Form | None:
    """Asks for two runs; None where there are no two."""
    names = [run.name for run in reversed(store.runs())]
    if len(names) < 2:
        return None
    fields = [Field("before", "compare the run", before, names), Field("after", "with the run", after, names)]
    return Form("Compare two runs", Asked(KIND, ""), fields, "Compare")


def comparison_page(store: Store, asked: Asked) -> ComparisonPage | None:
    """The page of `/compare?before=RUN&after=RUN`; None where there are no two runs to compare."""
    before, after = (asked.options.get(name, "") for name in ("before", "after"))
    form = comparison_form(store, before, after)
    if asked.owner or form is None:
        return None
    compared, trouble = None, ""
    if not before or not after:
        trouble = "choose two runs"
    elif before == after:
        trouble = "choose two different runs"
    else:
        try:
            compared = compare_runs(store, before, after)
        except GristmillError as error:
            trouble = str(error)
    rows, negated = (_rows(store, compared), _negated(store, before)) if compared is not None else ([], False)
    return ComparisonPage(
        names=(before, after),
        form=form,
        trouble=trouble,
        compared=compared,
        sentence=_sentence(compared) if compared is not None else "",
        negated=negated,
        rows=rows,
        more=max(0, len(compared.differing) - _MOST) if compared is not None else 0,
        command=in_terminal(store, asked, "compare", before, after),
    )


def _sentence(compared: ComparedRuns) -> str:
    whole = compared.comparison
    if not whole.n:
        return f"{compared.before} and {compared.after} have no task that was scored in both."
    tasks = f"{whole.n} {'task' if whole.n == 1 else 'tasks'}"
    if not whole.wins + whole.losses:
        return f"{compared.after} and {compared.before} are alike on all {tasks}."
    noise = "more than noise at .05" if whole.p_different <= 0.05 else "that can be noise"
    way = "better than" if whole.difference > 0 else "worse than" if whole.difference < 0 else "on average as good as"
    told = f"{compared.after} is {way} {compared.before}" + (f", {noise}" if whole.difference else "")
    return f"{told}: it won {whole.wins} and lost {whole.losses} of {tasks}."


def _negated(store: Store, run: str) -> bool:
    return any(task.direction is Direction.MINIMIZE for task in store.tasks(run))


def _rows(store: Store, compared: ComparedRuns) -> list[Row]:
    old, new = ({each.task: each for each in store.standings(name)} for name in (compared.before, compared.after))
    return [
        Row(
            task=each.task,
            sides=(_side(each.before, old.get(each.task)), _side(each.after, new.get(each.task))),
            tone="good" if each.after > each.before else "bad",
            word="✓ won" if each.after > each.before else "✗ lost",
        )
        for each in _ends(compared.differing)
    ]


def _ends(rows: Sequence[Differing]) -> Sequence[Differing]:
    """What was lost most and what was won most, where there are many."""
    return rows if len(rows) <= _MOST else (*rows[: _MOST // 2], *rows[-_MOST // 2 :])


def _side(value: float, standing: TaskStanding | None) -> Side:
    best = standing.best if standing is not None else None
    if standing is not None and standing.graded and standing.score is not None:
        return Side(f"score {figure(standing.score)}", best)
    if value in (0, 1):
        return Side("passed" if value else "not passed", best)
    return Side(f"{100 * value:.1f}% passed", best)
