"""From a model's reply to a solution: lenient about form, strict about nothing but finding something to judge.

A reply of any size and content gives an `Extraction` in bounded time; nothing here raises, and nothing of the reply is
run. What is accepted, in the order in which it is tried: bare code; JSON with a field for the code; changes
(SEARCH/REPLACE or a unified diff) to the parent's solution; fenced blocks, closed or not; the body of a function whose
beginning was given (`settings.prefix`); one expression (`settings.template`); code between prose. Reasoning in
tags is dropped first. Of several blocks, the last one that defines the entry point is taken, together with
blocks that define what it uses.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable

from pydantic import Field

from gristmill.sandbox.records import Record, Text
from gristmill.verifiers.extraction.edits import apply, find_edits, without_edits
from gristmill.verifiers.extraction.fences import blocks
from gristmill.verifiers.extraction.programs import bare_program, program
from gristmill.verifiers.extraction.source import (
    LIMIT,
    bounded,
    complaint,
    complete,
    cut_to_code,
    defined,
    ends_in_prose,
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

__all__ = ["Extraction", "entry_points", "extract", "part", "without_reasoning"]

_LONGEST = 1_000_000
_ENTRY_POINTS = {"reward": "reward", "loss": "loss", "program": "construct"}
_FIELDS = ("code", "solution", "program", "function", "python", "completion", "answer")
_OBJECT = re.compile(r'\{\s*"')
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
    """
    try:
        with bounded():
            return _extract(task, reply, parent)
    except Exception as error:  # noqa: BLE001  # a reply that we cannot read is the model's trouble, and ends nothing
        return Extraction(solution=None, note=f"the reply could not be read ({type(error).__name__})")


def _extract(task: Task, reply: str, parent: str | None) -> Extraction:
    if not reads_code(task.kind) and not task.tests:
        said = without_reasoning(reply[:_LONGEST]).strip()
        return _extraction(said, "the whole reply") if said else _nothing(reply)
    points = frozenset(entry_points(task))
    if _is_bare(task, points, reply):
        return _extraction(reply, "bare code")
    text = without_reasoning(_BREAKS.sub("\n", reply[:_LONGEST]))
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
    rest = without_edits(text) if edits else _json_field(text) or text
    source, note = program(spoken, rest)
    if not edits:
        return Extraction(solution=source, note=note)
    failure = "the changes do not apply to the parent" if parent else "changes, but there is nothing to change"
    note = f"{failure}; {note} instead" if source else f"{failure}, and there is no full rewrite"
    return Extraction(solution=source, note=note)


def _is_bare(task: Task, points: frozenset[str], reply: str) -> bool:
    """Whether a reply is a program and nothing else."""
    if (spoken := language(task)) is not None:
        return bare_program(spoken, reply)
    bare = tree(reply) is not None and (points <= defined(reply) if points else says_something(reply))
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


def _extract_code(task: Task, points: frozenset[str], text: str, parent: str | None) -> Extraction:
    if inner := _json_field(text):
        extraction = _from_text(task, points, inner)
        if extraction.solution is not None:
            return _extraction(extraction.solution, f"JSON field, {extraction.note}")
    failure = ""
    if edits := find_edits(text):
        changed = apply(parent, edits) if parent else None
        if changed is not None and tree(changed) is not None and points <= defined(changed):
            return _extraction(changed, "changes applied to the parent")
        failure = _edit_failure(parent, changed, points)
        text = without_edits(text)
    extraction = _from_text(task, points, text)
    if not failure:
        return extraction
    note = (
        f"{failure}; {extraction.note} instead" if extraction.solution else f"{failure}, and there is no full rewrite"
    )
    return Extraction(solution=extraction.solution, note=note)


def _from_text(task: Task, points: frozenset[str], text: str) -> Extraction:
    """Fenced blocks, then completions, an expression, code between prose; what merely parses comes last."""
    prefix = str(task.settings.get("prefix") or "")
    template = str(task.settings.get("template") or "")
    fenced = [block for block in blocks(text) if block.text.strip()]
    sources = [block.text for block in fenced if not block.other]
    pool = ([_before_entry(prefix, points)] if prefix else []) + sources
    for block in reversed(fenced):
        if block.other:
            continue
        source = block.text if block.closed else cut_to_code(block.text, points) or block.text
        if tree(source) is not None and points and points <= defined(source):
            others = [other for other in pool if other != block.text]
            return _extraction(complete(source, others), "fenced block" if block.closed else "unclosed fenced block")
    if joined := _together(sources, points):
        return _extraction(joined, "fenced blocks together")
    if prefix:
        for piece in [*reversed(sources), *([text] if not fenced else [])]:
            if body := _completion(prefix, piece, points):
                return _extraction(body, "completion of the given beginning")
    if template:
        for piece in [*reversed(sources), text]:
            if filled := fill(template, piece, points):
                return _extraction(filled, "expression put into the template")
    between = _between_prose(text, points)
    if between and (points or not fenced):
        return _extraction(complete(between, pool), "code between prose")
    last = _last_that_parses(sources, points, text)
    if template and last.solution is None and not fenced:
        return Extraction(solution=None, note=f"no expression was found: {why_not(text)}")
    return last


def _last_that_parses(sources: list[str], points: frozenset[str], text: str) -> Extraction:
    missing = f"it does not define {_names(points)}" if points else ""
    for source in reversed(sources):
        if says_something(source):
            return _extraction(source, f"fenced block; {missing}" if missing else "fenced block")
    if bare := _between_prose(text, ()):
        return _extraction(bare, f"code between prose; {missing}" if missing else "code between prose")
    for source in reversed(sources):
        if why := complaint(source):
            return Extraction(solution=None, note=f"the code does not parse: {why}")
    return Extraction(solution=None, note="no code was found in the reply")


def _together(sources: list[str], points: frozenset[str]) -> str | None:
    """All blocks that parse, one after the other, where only together they define every entry point."""
    parsing = [source for source in sources if tree(source) is not None]
    joined = "\n\n".join(parsing)
    return joined if points and len(parsing) > 1 and points <= defined(joined) else None


def _completion(prefix: str, piece: str, points: frozenset[str]) -> str | None:
    """`prefix` and the body that `piece` is, whose first line or all of whose lines may lack their indentation.

    Of the ways to indent it, the one is taken with which the most of it belongs to the entry point.
    """
    bare = piece.strip("\n")
    start = prefix.rstrip() + "\n"
    best = ""
    for body in (bare, "    " + bare.lstrip(), textwrap.indent(textwrap.dedent(bare), "    ")):
        if body[:1].isspace() and (whole := cut_to_code(start + body, points)):
            kept = _to_the_end_of_entry(whole, start.count("\n"), points)
            best = max(best, kept, key=lambda text: len("".join(text.split())))
    return best + "\n" if best else None


def _to_the_end_of_entry(whole: str, given: int, points: frozenset[str]) -> str:
    """`whole` without loose statements after the entry point; empty if the body adds no statement to it.

    The given beginning, of `given` lines, may hold a docstring and so parse by itself.
    """
    module = tree(whole)
    body = module.body if module else []
    entry = next((number for number, node in reversed([*enumerate(body)]) if getattr(node, "name", "") in points), None)
    if entry is None or not any(node.lineno > given for node in getattr(body[entry], "body", ())):
        return ""
    loose = next((node for node in body[entry + 1 :] if not getattr(node, "name", "")), None)
    return whole if loose is None else "\n".join(whole.split("\n")[: loose.lineno - 1]).rstrip()


def _before_entry(prefix: str, points: frozenset[str]) -> str:
    """What the given beginning defines before the entry point: imports and helpers that a rewrite may leave out."""
    module = tree(prefix.rstrip() + "\n    pass\n") or tree(prefix)
    if module is None:
        return ""
    lines = prefix.split("\n")
    for node in module.body:
        if getattr(node, "name", None) in points:
            return "\n".join(lines[: node.lineno - 1])
    return prefix


def _between_prose(text: str, points: Iterable[str]) -> str | None:
    wanted = frozenset(points)
    lines = text[:LIMIT].split("\n")
    for start in starts(text[:LIMIT])[: max(1, 500_000 // (len(text) + 1))]:
        if piece := cut_to_code("\n".join(lines[start:]), wanted):
            return piece
    return None


def _json_field(text: str) -> str | None:
    """The code inside a reply that is a JSON object, bare or in a fence."""
    whole = text.strip()
    if not _OBJECT.search(whole):
        return None
    for piece in [whole, *(block.text for block in blocks(whole) if block.language in {"json", ""})]:
        if not piece.lstrip().startswith("{"):
            continue
        try:
            value = json.loads(piece, strict=False)
        except (ValueError, RecursionError):
            continue
        for name in _FIELDS if isinstance(value, dict) else ():
            if isinstance(inner := value.get(name), str) and inner.strip():
                return inner
    return None


def _edit_failure(parent: str | None, changed: str | None, points: frozenset[str]) -> str:
    if not parent:
        return "changes, but there is nothing to change"
    if changed is None:
        return "the changes do not apply to the parent"
    why = complaint(changed)
    return f"the changed code does not parse: {why}" if why else f"the changed code does not define {_names(points)}"


def _names(points: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in sorted(points))


def _extraction(solution: str, note: str) -> Extraction:
    return Extraction(solution=solution, note=note)


def _nothing(reply: str) -> Extraction:
    why = "the reply ended inside its reasoning" if reply.strip() else "the reply is empty"
    return Extraction(solution=None, note=why)
