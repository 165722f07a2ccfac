"""How the best of a task was found: what operators and models have brought and cost, and the family of the winner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gristmill.graph.amounts import in_words
from gristmill.graph.reports.course import Course, Generation, Instruction, Share, course
from gristmill.graph.storage.store import Store
from gristmill.graph.view.figures import duration, figure
from gristmill.graph.view.own.last import Line, parted
from gristmill.graph.view.registry import Asked
from gristmill.graph.view.terminal import in_terminal

__all__ = ["KIND", "Ancestor", "CoursePage", "Shares", "Spend", "course_page"]

KIND = "course"
_GENERATIONS = 100


class Shares(NamedTuple):
    """What has brought how much of the gain, of one sort."""

    of: str
    rows: Sequence[Share | Instruction]


class Spend(NamedTuple):
    """What a model was asked and paid."""

    model: str
    calls: int
    tokens: int
    money: str
    seconds: str


class Ancestor(NamedTuple):
    """A step of the family."""

    generation: Generation
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class CoursePage:
    """What the page of a course shows."""

    course: Course
    sentence: str
    shares: Sequence[Shares]
    spend: Sequence[Spend]
    """By model, of the whole run."""
    family: Sequence[Ancestor]
    """The best first, and what it goes back to."""
    older: int
    """Generations beyond those."""
    show: str


def course_page(store: Store, asked: Asked) -> CoursePage | None:
    """The page of `/course/RUN?id=TASK`; None where the run has none of that id."""
    run = asked.owner
    standing = next((each for each in store.standings(run) if each.task == asked.id), None)
    if standing is None:
        return None
    found = course(store, run, standing)
    family = list(reversed(found.family))
    shares = [Shares("operator", found.operators), Shares("model", found.models)]
    if found.instructions:
        shares.append(Shares("instruction", found.instructions))
    return CoursePage(
        course=found,
        sentence=_sentence(found),
        shares=shares,
        spend=[
            Spend(each.model or "unanswered yet", each.calls, each.tokens, in_words(each.money), duration(each.seconds))
            for each in store.account.by_model(run)
        ],
        family=[Ancestor(each, parted(each.difference)) for each in family[:_GENERATIONS]],
        older=max(0, len(family) - _GENERATIONS),
        show=in_terminal(store, asked, "show", run, f"--task={found.task}", "--family", "--gains"),
    )


def _sentence(found: Course) -> str:
    if not found.curve:
        return "Nothing is judged yet."
    better = len(found.curve) - 1
    parts = [f"From {figure(found.first)} to {figure(found.best)}", f"{found.hypotheses:,} judged hypotheses"]
    parts.append(f"{better} {'was' if better == 1 else 'were'} better than all before")
    parts.append(f"{found.calls:,} calls" + (f", {in_words(found.money)}" if found.money else ""))
    if found.operators and found.operators[0].share is not None:
        first = found.operators[0]
        parts.append(f"{first.name} has brought {100 * (first.share or 0):.0f}% of the gain")
    return "; ".join(parts) + "."
