"""What is remembered of a task's attempts when the model is asked again: a line for each, in the order of places.

Everything here is made of stored rows, and of those that stand before the round alone: so a run that is resumed at any
row asks the same, and prompts with equal history begin with equal text. Nothing hidden can come in: of a verdict only
its outcome, its score and the first line of what a model may read are taken.

Where they do not all fit, older attempts are told in brief, eight more at a time, and the oldest are dropped in blocks
of 16: so the text in front of a prompt stays the same for some rounds, and a server may keep what it has made of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from gristmill.graph.prompts.feedback import figure
from gristmill.graph.prompts.ideas import flat, idea
from gristmill.graph.prompts.tokens import fitted, tokens
from gristmill.graph.records import STARTS, Step
from gristmill.graph.search.history import Row
from gristmill.verifiers.extraction.forms.packages import changed_paths
from gristmill.verifiers.records import Task

__all__ = [
    "CHILDREN",
    "MOST",
    "Entry",
    "Line",
    "Room",
    "attempts",
    "came",
    "child_lines",
    "entry",
    "line",
    "lineage",
    "numbered",
    "standing",
    "within",
]

MOST = 112
"""Attempts that are told of at most."""
CHILDREN = 6
"""Hypotheses built on a parent that are told of with it, at most."""
_BLOCKS = (16, 8, 4, 2)
"""Attempts that are dropped together: the most for which a line in brief has `_SHORTEST` tokens."""
_SHORTEST = 14
_LEAST = 10
"""Tokens of a line in brief below which no line is told: it would not hold what came of an attempt."""
_SAID = 120
_HEAD = 100
"""Tokens of the sentences around what is told."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line tells: where the attempt stands, what came of it, its idea, and what the tools said first."""

    at: str
    came: str
    idea: str
    said: str


@dataclass(frozen=True, slots=True)
class Line:
    """An attempt in full and in brief, and how many tokens each takes with its break of lines."""

    full: str
    brief: str
    long: int
    short: int

    @classmethod
    def of(cls, told: Entry, room: Room) -> Self:
        """The line of an attempt."""
        full, brief = line(told, room.full), line(told, room.brief, brief=True)
        return cls(full, brief, tokens(full) + 1, tokens(brief) + 1)


@dataclass(frozen=True, slots=True)
class Room:
    """How many tokens each part of what is remembered may take; together with all words around it, at most `whole`."""

    whole: int
    with_lessons: bool = False

    @property
    def free(self) -> int:
        """For all parts, without the words around them."""
        return max(0, self.whole - _HEAD)

    @property
    def attempts(self) -> int:
        """For the lines of attempts."""
        return self.free * (13 if self.with_lessons else 17) // 20

    @property
    def lessons(self) -> int:
        """For what the model has learned."""
        return self.free // 5 if self.with_lessons else 0

    @property
    def lacking(self) -> int:
        """For the names of what is not installed."""
        return self.free // 40

    @property
    def parent(self) -> int:
        """For the lineage of the parent and what was built on it."""
        return self.free // 8

    @property
    def block(self) -> int:
        """Attempts that are dropped together."""
        return next((size for size in _BLOCKS if self.attempts * 2 // 5 // size >= _SHORTEST), _BLOCKS[-1])

    @property
    def full(self) -> int:
        """For an attempt that is told in full."""
        return max(0, self.attempts // self.block - 1)

    @property
    def brief(self) -> int:
        """For one that is told in brief; a block of these and half a block of the others always fit."""
        return max(0, self.attempts * 2 // 5 // self.block - 1)


def numbered(row: Row) -> str:
    """How a hypothesis is named to the model: ``2.1`` is the second of the third round, ``start.0`` what was given."""
    return f"start.{row.place.sample}" if row.place.round == STARTS else f"{row.place.round}.{row.place.sample}"


def came(row: Row) -> str:
    """What came of it in words: ``failed 0.25``. A score that is no number is none to think about."""
    score = "" if row.score is None or not math.isfinite(row.score) else f" {figure(row.score)}"
    return f"{row.outcome.value.replace('_', ' ')}{score}"


def standing(row: Row) -> str:
    """A hypothesis by its number and what came of it."""
    return f"{numbered(row)} {came(row)}"


def entry(task: Task, row: Row, step: Step, *, parent: str | None, repeats: Row | None) -> Entry:
    """The line of one attempt.

    Args:
        task: what was asked.
        row: the attempt as decisions see it.
        step: its texts.
        parent: the solution that it was built on.
        repeats: an earlier attempt of the same content.
    """
    hypothesis = step.hypothesis
    if repeats is not None:
        return Entry(numbered(row), came(row), f"the same as {numbered(repeats)}", "")
    if hypothesis.given:
        return Entry(numbered(row), came(row), "the program to begin with", "")
    said = "" if row.passed else step.verdict.feedback
    if hypothesis.solution is None:
        said = hypothesis.note or said
    changed = ", ".join(changed_paths(parent, hypothesis.solution or ""))
    first = next((each for each in said.splitlines() if each.strip()), "")
    if row.score is not None and first.startswith("Score "):
        first = ""  # The line has the score already, and the idea needs the room.
    told = idea(task, hypothesis, parent)
    return Entry(numbered(row), came(row), f"{flat(changed, _SAID)}: {told}" if changed else told, flat(first, _SAID))


def line(told: Entry, most: int, *, brief: bool = False) -> str:
    """An attempt in one line of at most so many tokens; in brief, without what the tools said."""
    head = fitted(f"{told.at} {told.came}", most)
    said = "" if brief else told.said
    left = most - tokens(head) - 2
    shown = fitted(told.idea, left - (min(tokens(said) + 2, left // 3) if said else 0))
    said = fitted(said, left - tokens(shown) - 2)
    return " | ".join(part for part in (head, shown, said) if part)


def attempts(lines: Sequence[Line], before: int, room: Room) -> tuple[str, int]:
    """(the text of those that are shown, how many attempts are left out before them).

    Args:
        lines: of the last attempts, at most `MOST`, in the order of places.
        before: how many there are before these.
        room: for them.
    """
    block, half, count = room.block, room.block // 2, before + len(lines)
    if room.brief < _LEAST:
        return "", count
    # Half a block can always be told in full: what is dropped must not come back when the next one is short.
    free = room.attempts - half * (room.full - room.brief)
    starts = range(-(-before // block) * block, count, block)
    begin = next((at for at in starts if sum(each.short for each in lines[at - before :]) <= free), count)
    shown = lines[begin - before :]
    for newest in range(0, len(shown), half):
        if sum(each.short for each in shown[:newest]) + sum(each.long for each in shown[newest:]) <= room.attempts:
            break
    else:
        newest = len(shown)
    return "\n".join([*(each.brief for each in shown[:newest]), *(each.full for each in shown[newest:])]), begin


def lineage(rows: Sequence[Row], most: int) -> str:
    """A hypothesis and what it goes back to: ``0.1 failed 0.25 → 1.0 failed 0.5``; the oldest give way."""
    shown = ""
    for row in reversed(rows):
        longer = f"{standing(row)} → {shown}" if shown else standing(row)
        if tokens(longer) > most:
            return f"… → {shown}" if shown else ""
        shown = longer
    return shown


def child_lines(children: Sequence[Entry], most: int) -> str:
    """What was built on a hypothesis, a line for each of the last that there is room for."""
    lines: list[str] = []
    for each in reversed(children[-CHILDREN:]):
        short = line(each, most // CHILDREN + 14, brief=True)
        if most < tokens(short) + 1:
            break
        most -= tokens(short) + 1
        lines.append(short)
    return "\n".join(reversed(lines))


def within(names: Iterable[str], most: int) -> str:
    """As many of these as fit, with commas between."""
    told = ""
    for name in names:
        longer = f"{told}, {name}" if told else name
        if tokens(longer) > most:
            break
        told = longer
    return told
