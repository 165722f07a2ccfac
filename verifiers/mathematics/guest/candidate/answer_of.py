"""Runs a hypothesis that is a program, and says its answer as text.

It shares a process with the candidate and holds no expected answer: the text is a claim, and is read and compared
elsewhere like the answer of any reply.
"""

from __future__ import annotations

from typing import Any

from gristmill.sandbox.guest.candidate import describe, load
from gristmill.sandbox.guest.context import JobContext
from gristmill.sandbox.wire.answers import Raised, Value, encode_answer

__all__ = ["run"]

_LONGEST = 4000


def run(context: JobContext) -> None:
    """``{"source"}`` → `Value` (a text) or `Raised`; nothing if the program defines no ``answer``."""
    try:
        module = load(context.request["source"])
        found = vars(module).get("answer")
        if found is None:
            return
        text = _text(found() if callable(found) and not _is_sympy(found) else found)
    except MemoryError:
        raise
    except BaseException as error:  # whatever a candidate raises is data
        context.send_bytes(encode_answer(Raised(*describe(error))))
        return
    context.send_bytes(encode_answer(Value(text[:_LONGEST])))


def _is_sympy(found: Any) -> bool:
    import sympy

    return isinstance(found, sympy.Basic | sympy.MatrixBase)


def _text(found: Any) -> str:
    """A value as mathematics: SymPy's as LaTeX, lists and sets as sets, tuples as tuples."""
    import sympy

    if isinstance(found, str):
        return found
    if isinstance(found, list | set | frozenset):
        return "\\{" + ", ".join(map(_text, found)) + "\\}"
    if isinstance(found, tuple):
        return "(" + ", ".join(map(_text, found)) + ")"
    if isinstance(found, dict):
        return ", ".join(f"{_text(name)} = {_text(value)}" for name, value in found.items())
    if _is_sympy(found):
        return str(sympy.latex(found, ln_notation=True, mul_symbol="dot", symbol_names={}))
    if isinstance(found, bool) or not isinstance(found, int | float | complex):
        return str(found)
    return repr(found).replace("j", "i")
