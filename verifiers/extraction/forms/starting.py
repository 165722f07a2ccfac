"""The programs that a task's search begins with (`settings.start`), and what a reply may change of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gristmill.verifiers.extraction.forms.regions import (
    BREAKS,
    UNREADABLE,
    Mark,
    RegionError,
    laid,
    marks,
    marks_of,
    outside,
    parts,
)
from gristmill.verifiers.extraction.source import LIMIT
from gristmill.verifiers.languages.parsing import parse
from gristmill.verifiers.languages.registry import language
from gristmill.verifiers.plugins import reads_code
from gristmill.verifiers.records import Task

__all__ = ["PUT_BACK", "START", "changeable", "kept_outside", "start_problems", "starts"]

START = "start"
"""The setting that holds a program, or a list of them."""
PUT_BACK = "what stands outside the marked regions was put back as it was"
"""What the note on a reply says where that was so."""
_MOST = 100


def starts(task: Task) -> tuple[str, ...]:
    """The programs that a search begins with, with ``\\n`` at the ends of lines; none where the task has none."""
    given: Any = task.settings.get(START) or ()
    every = [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else []
    return tuple(BREAKS.sub("\n", each) for each in every if isinstance(each, str))


def changeable(task: Task) -> tuple[str, str] | None:
    """The marks, as the author writes them, between which programs may change; None where all of them may."""
    every = _marked(task)
    return every[0] if every and all(every) else None


def _marked(task: Task) -> list[tuple[str, str] | None]:
    return [marks_of(source) for source in starts(task)] if language(task) is None else []


def start_problems(task: Task) -> Iterator[str]:
    """What is wrong with the programs that a search is to begin with, one sentence each, naming the field."""
    if START not in task.settings:
        return
    given = task.settings[START]
    every = given if isinstance(given, list | tuple) else [given]
    if task.repo is not None or not (reads_code(task.kind) or task.tests):
        yield f"settings.{START}: only a task that asks for a program of one file has programs to begin with"
    elif not every or not all(isinstance(each, str) and each.strip() for each in every):
        yield f"settings.{START}: must be a program, or a list of programs, as text"
    elif len(every) > _MOST:
        yield f"settings.{START}: there are {len(every)} programs, and a search begins with {_MOST} at most"
    elif language(task) is None:
        for number, source in enumerate(every):
            field = f"settings.{START}" if isinstance(given, str) else f"settings.{START}[{number}]"
            yield from (f"{field}: {trouble}" for trouble in _troubles(source))
    elif any("EVOLVE-BLOCK-" in source for source in every):
        yield f"settings.{START}: marked regions are read in Python only; all of this program may change"


def _troubles(source: str) -> Iterator[str]:
    """What is wrong with a program and its marks, one sentence each; nothing where a search may begin with it."""
    if len(source) > LIMIT:
        yield f"it has {len(source):,} characters, and {LIMIT:,} are read at most"
        return
    try:
        parse(source)
        found = marks(BREAKS.sub("\n", source))
    except UNREADABLE as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        yield f"it does not parse{line}: {getattr(error, 'msg', error)}"
        return
    begun: Mark | None = None
    balanced = True
    for mark in found:
        if mark.begins is (begun is not None):
            where = f"the one of line {begun.line} has ended" if begun else "one has begun"
            what = "begins before" if mark.begins else "ends before"
            yield f"line {mark.line}: a marked region {what} {where} ({mark.text})"
            balanced = False
        begun = mark if mark.begins else None
    if begun:
        yield f"line {begun.line}: a marked region begins and does not end ({begun.text})"
    elif balanced and not _whole(source):
        yield "a marked region must hold whole statements, and one of them cuts through a statement"


def _whole(source: str) -> bool:
    """Whether regions hold whole statements: what stands outside is the same whatever they hold."""
    cut = parts(source)
    passes = []
    for text in cut.regions:
        line = next((line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")), "")
        passes.append(f"{line[: len(line) - len(line.lstrip())]}pass\n" if line else text)
    try:
        return outside(cut.filled(tuple(passes))) == outside(source)
    except UNREADABLE:
        return False


def kept_outside(task: Task, solution: str, parent: str | None) -> tuple[str | None, str]:
    """A solution with all outside the marked regions as the task's author has it.

    Args:
        task: with the programs that have marks; without any, or with one that may change everywhere, all may change.
        solution: what was found in a reply.
        parent: the solution that it builds on, if any: whose marks it has, are those of what it goes back to.

    Returns:
        The program and what was done to it in words, if anything was; or None and why it cannot be had.
    """
    marked = [source for source, found in zip(starts(task), _marked(task), strict=False) if found is not None]
    if not marked:
        return solution, ""
    fixed = parts(parent).fixed if parent is not None else ()
    if lineage := [source for source in marked if parts(source).fixed == fixed]:
        marked = lineage[:1]
    elif len(marked) < len(starts(task)):
        return solution, ""
    # What says that it is of one of them is tried with that one first.
    said = parts(solution).fixed
    marked.sort(key=lambda source: parts(source).fixed != said)
    whys = []
    for source in marked:
        try:
            program = laid(source, solution)
        except RegionError as error:
            whys.append(str(error))
            continue
        if program == solution:
            return solution, ""
        return program, PUT_BACK if parts(solution).regions else "laid between the marks of the program to begin with"
    return None, f"what stands outside the marked regions may not change: {whys[0]}"
