"""Bodies of functions whose beginning the task gives, as models that complete text write them."""

from __future__ import annotations

import textwrap

from gristmill.verifiers.extraction.source import cut_to_code, tree

__all__ = ["before_entry", "completion"]


def completion(prefix: str, piece: str, points: frozenset[str]) -> str | None:
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


def before_entry(prefix: str, points: frozenset[str]) -> str:
    """What the given beginning defines before the entry point: imports and helpers that a rewrite may leave out."""
    module = tree(prefix.rstrip() + "\n    pass\n") or tree(prefix)
    if module is None:
        return ""
    lines = prefix.split("\n")
    for node in module.body:
        if getattr(node, "name", None) in points:
            return "\n".join(lines[: node.lineno - 1])
    return prefix
