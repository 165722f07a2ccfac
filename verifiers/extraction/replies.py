"""From a model's reply to a solution: lenient about form, strict about nothing but finding something to judge.

A reply of any size and content gives an `Extraction` in bounded time; nothing of it makes anything here raise, or is
run. What is accepted, in the order in which it is tried: bare code; data or calls of tools with a field for the code;
changes (SEARCH/REPLACE or a unified diff) to the parent's solution; fenced blocks, closed or not; the body of a
function whose beginning was given (`settings.prefix`); one expression (`settings.template`); code without fences.
Reasoning in tags is dropped first. Which of several blocks is the answer: `gristmill.verifiers.extraction.choosing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pydantic import Field

from gristmill.sandbox.records import Record, Text
from gristmill.verifiers.extraction.choosing import Piece, answer, complete, pieces, whole_program
from gristmill.verifiers.extraction.edits import Edit, apply, find_edits, why_unapplied, without_edits
from gristmill.verifiers.extraction.fences import Block, blocks, indented
from gristmill.verifiers.extraction.forms.cleaning import clean_reply
from gristmill.verifiers.extraction.forms.completions import before_entry, completion
from gristmill.verifiers.extraction.forms.packages import main_file, package_in
from gristmill.verifiers.extraction.forms.starting import START, kept_outside
from gristmill.verifiers.extraction.forms.structured import codes_in
from gristmill.verifiers.extraction.programs import bare_program, program
from gristmill.verifiers.extraction.repositories import patch_in
from gristmill.verifiers.extraction.source import (
    LIMIT,
    bounded,
    complaint,
    cut_to_code,
    defined,
    ends_in_prose,
    joined,
    owned,
    says_something,
    starts,
    tree,
)
from gristmill.verifiers.extraction.templates import fill, why_not
from gristmill.verifiers.extraction.thinking import parted, without_reasoning
from gristmill.verifiers.languages.records import Language
from gristmill.verifiers.languages.registry import language
from gristmill.verifiers.plugins import reads_code
from gristmill.verifiers.records import StdioTest, Task
from gristmill.verifiers.repositories.git import RepositoryError

__all__ = ["UNAPPLIED", "Extraction", "entry_points", "extract", "part", "without_reasoning"]

UNAPPLIED = "the changes do not apply to the parent"
"""How the note on a reply begins whose changes do not apply."""
_LONGEST = 1_000_000
_ENTRY_POINTS = {"reward": "reward", "loss": "loss", "program": "construct"}
_BREAKS = re.compile(r"\r\n?")


class Extraction(Record):
    """What was found in a reply."""

    solution: Text | None = Field(description="None where nothing usable was found")
    note: Text = Field(description="how it was found, or why nothing usable was")


def extract(task: Task, reply: str, *, parent: str | None = None) -> Extraction:
    """The solution inside a raw reply.

    For kinds of code it is source that parses and, if the reply has such, defines the entry points; for others (math,
    instruction, plug-ins unless they ask for code) the whole reply without its reasoning; the verifier reads it itself.

    Args:
        task: what was asked; its kind, tests and `settings` (`prefix`, `template`, `entry_point`) say what to look for.
        reply: raw text of the model, or a bare solution.
        parent: solution of the hypothesis that this one builds on, which changes in the reply apply to.

    What stands outside the marked regions of the programs that a task begins with (`settings.start`) stays as it is.

    Raises:
        RepositoryError: the task's repository can no longer be read, which says nothing of the reply.
    """
    try:
        with bounded():
            found = _extract(task, reply, parent)
            return found if found.solution is None or START not in task.settings else _kept(task, found, parent)
    except RepositoryError:
        raise
    except Exception as error:  # noqa: BLE001  # a reply that we cannot read is the model's trouble, and ends nothing
        return Extraction(solution=None, note=f"the reply could not be read ({type(error).__name__})")


def _kept(task: Task, found: Extraction, parent: str | None) -> Extraction:
    program, said = kept_outside(task, found.solution or "", parent)
    if program is None:
        return Extraction(solution=None, note=said)
    return found if not said else _extraction(program, f"{found.note}; {said}")


def _extract(task: Task, reply: str, parent: str | None) -> Extraction:
    if task.repo is not None:
        return Extraction(**patch_in(task.repo, reply[:_LONGEST], parent)._asdict())
    if not reads_code(task.kind) and not task.tests:
        said = without_reasoning(reply[:_LONGEST]).strip()
        return _extraction(said, "the whole reply") if said else _nothing(reply)
    points = frozenset(entry_points(task))
    if (main := main_file(task)) is not None:
        return Extraction(**package_in(task, main, points, reply[:_LONGEST].lstrip("\ufeff"), parent)._asdict())
    reply = reply.lstrip("\ufeff")
    if _is_bare(task, points, reply):
        return _extraction(reply, "bare code")
    text = clean_reply(without_reasoning(_BREAKS.sub("\n", reply[:_LONGEST])))
    if not text.strip():
        return _nothing(reply)
    if (spoken := language(task)) is not None:
        return _extract_program(spoken, text, parent)
    return _extract_code(task, points, text, parent)


def _extract_program(spoken: Language, text: str, parent: str | None) -> Extraction:
    """A program in another language than Python: a rewrite, or changes to the parent's."""
    edits = find_edits(text)
    if edits and parent and (changed := apply(parent, edits)) is not None:
        return _extraction(changed, "changes applied to the parent")
    if not edits:
        source, note = program(spoken, text)
        return Extraction(solution=source, note=note)
    source, note = program(spoken, without_edits(text))
    failure = _edit_failure(parent, edits, rewritten=source is not None)
    note = f"{failure}; {note} instead" if source else f"{failure}, and there is no full rewrite"
    return Extraction(solution=source, note=note)


def _is_bare(task: Task, points: frozenset[str], reply: str) -> bool:
    """Whether a reply is a program and nothing else."""
    if (spoken := language(task)) is not None:
        return bare_program(spoken, reply)
    bare = tree(reply) is not None and (points <= owned(reply) if points else says_something(reply))
    return bare and not ends_in_prose(reply)


def entry_points(task: Task) -> tuple[str, ...]:
    """Names that the solution must define, as the task's settings and tests declare them; empty for whole programs."""
    named = task.settings.get("entry_point")
    if not named:
        tests = (*task.tests, *task.public_tests)
        named = next((test.entry_point for test in tests if not isinstance(test, StdioTest)), None)
    if not named:
        named = _ENTRY_POINTS.get(task.kind) or ()
    return (named,) if isinstance(named, str) else tuple(map(str, named))


def part(task: Task, reply: str) -> tuple[str, str]:
    """(what the model thought, what it said) in a raw reply; a bare program is said, whatever its texts hold."""
    try:
        with bounded():
            if (reads_code(task.kind) or task.tests) and _is_bare(task, frozenset(entry_points(task)), reply):
                return "", reply
    except Exception:  # noqa: BLE001, S110  # what cannot be read is no program
        pass
    thought, said = parted(reply)
    return thought, reply if said == reply else said.lstrip("\r\n")


def _extract_code(
    task: Task, points: frozenset[str], text: str, parent: str | None, *, inner: bool = False
) -> Extraction:
    """From a reply without its reasoning, or, `inner`, from what stood in a field of one."""
    fenced = [block for block in blocks(text) if block.text.strip()]
    for code in () if inner else codes_in(text, fenced):
        extraction = _extract_code(task, points, code, parent, inner=True)
        if extraction.solution is not None and points <= owned(extraction.solution):
            return _extraction(extraction.solution, f"in a field or tag: {extraction.note}")
    edits = find_edits(text)
    if not edits:
        return _from_text(task, points, text, fenced)
    changed = apply(parent, edits) if parent else None
    if changed is not None and tree(changed) is not None and points <= defined(changed):
        return _extraction(changed, "changes applied to the parent")
    text = without_edits(text)
    extraction = _from_text(task, points, text, [block for block in blocks(text) if block.text.strip()])
    failure = _edit_failure(parent, edits, changed, points, rewritten=extraction.solution is not None)
    instead = f"{extraction.note} instead" if extraction.solution else "and there is no full rewrite"
    return Extraction(solution=extraction.solution, note=f"{failure}; {instead}")


def _from_text(task: Task, points: frozenset[str], text: str, fenced: list[Block]) -> Extraction:
    """Fenced blocks, then completions, an expression, code between prose; what merely parses comes last."""
    prefix = str(task.settings.get("prefix") or "")
    template = str(task.settings.get("template") or "")
    program_asked = any(isinstance(test, StdioTest) for test in task.tests)
    read = pieces(fenced, points, program=program_asked)
    given = [before_entry(prefix, points)] if prefix else []
    if (found := _among(read, points, given)) is not None:
        return found
    sources = [block.text for block in fenced if not block.other]
    if prefix:
        for piece in [*reversed(sources), *([text] if not fenced else [])]:
            if body := completion(prefix, piece, points):
                return _extraction(body, "completion of the given beginning")
    if template:
        for piece in [*reversed(sources), text]:
            if filled := fill(template, piece, points):
                return _extraction(filled, "expression put into the template")
    if not fenced:
        unfenced = [Block(text, "", True)], indented(text)
        for each in unfenced:
            read = pieces(each, points, program=program_asked)
            found = _among(read, points, given) or (None if points else _program_among(read, program_asked))
            if found is not None and found.solution is not None and not ends_in_prose(found.solution):
                return _extraction(found.solution, "code without fences")
    elif not points and (whole := _program_among(read, program_asked)) is not None:
        return whole
    between = _between_prose(text, points)
    if between and (points or not fenced):
        return _extraction(complete(between, given), "code between prose")
    last = _last_that_parses(read, points, text)
    if template and last.solution is None and not fenced:
        return Extraction(solution=None, note=f"no expression was found: {why_not(text)}")
    return last


def _among(read: list[Piece], points: frozenset[str], given: list[str]) -> Extraction | None:
    """The blocks that define the entry points, or that do so together."""
    if not points:
        return None
    if (chosen := answer(read, points)) is not None:
        source, piece = chosen
        others = [each.source for each in read if each.parses and not each.usage and each is not piece]
        return _extraction(complete(source, given + others), _fenced(piece))
    parts = [piece.source for piece in read if piece.parses and not piece.usage and piece.rank[-1] < 2]
    whole = joined(parts)
    if len(parts) > 1 and points <= owned(whole):
        return _extraction(whole, "fenced blocks together")
    return None


def _program_among(read: list[Piece], program_asked: bool) -> Extraction | None:
    found = whole_program(read, program=program_asked)
    return None if found is None else _extraction(found[0], _fenced(found[1]))


def _fenced(piece: Piece) -> str:
    return "fenced block" if piece.closed else "unclosed fenced block"


def _last_that_parses(read: list[Piece], points: frozenset[str], text: str) -> Extraction:
    missing = f"it does not define {_names(points)}" if points else ""
    for piece in reversed(read):
        if piece.parses and not piece.usage and says_something(piece.source):
            return _extraction(piece.source, f"fenced block; {missing}" if missing else "fenced block")
    if any(piece.usage for piece in read):
        return Extraction(solution=None, note=f"the code in the reply uses the solution: {missing or 'it is none'}")
    if bare := _between_prose(text, ()):
        return _extraction(bare, f"code between prose; {missing}" if missing else "code between prose")
    for piece in reversed(read):
        if why := complaint(piece.source):
            return Extraction(solution=None, note=f"the code does not parse: {why}")
    return Extraction(solution=None, note="no code was found in the reply")


def _between_prose(text: str, points: Iterable[str]) -> str | None:
    wanted = frozenset(points)
    lines = text[:LIMIT].split("\n")
    for start in starts(text[:LIMIT])[: max(1, 500_000 // (len(text) + 1))]:
        piece = cut_to_code("\n".join(lines[start:]), wanted, whole=True)
        if piece and wanted <= owned(piece):
            return piece
    return None


def _edit_failure(
    parent: str | None,
    edits: Sequence[Edit],
    changed: str | None = None,
    points: frozenset[str] = frozenset(),
    *,
    rewritten: bool,
) -> str:
    if not parent:
        return "changes, but there is nothing to change"
    if changed is None:
        why = why_unapplied(parent, edits)
        return f"{UNAPPLIED}: {why}" if why and not rewritten else UNAPPLIED
    why = complaint(changed)
    return f"the changed code does not parse: {why}" if why else f"the changed code does not define {_names(points)}"


def _names(points: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in sorted(points))


def _extraction(solution: str, note: str) -> Extraction:
    return Extraction(solution=solution, note=note)


def _nothing(reply: str) -> Extraction:
    why = "the reply ended inside its reasoning" if reply.strip() else "the reply is empty"
    return Extraction(solution=None, note=why)
