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
        answer = vars(module).get("answer")
        if answer is None:
            return
        text = _text(answer() if callable(answer) and not _is_sympy(answer) else answer)
    except MemoryError:
        raise
    except BaseException as error:  # whatever a candidate raises is data
        context.send_bytes(encode_answer(Raised(*describe(error))))
        return
    context.send_bytes(encode_answer(Value(text[:_LONGEST])))


def _is_sympy(answer: Any) -> bool:
    import sympy

    return isinstance(answer, sympy.Basic | sympy.MatrixBase)


def _text(answer: Any) -> str:
    """A value as mathematics: SymPy's as LaTeX, lists and sets as sets, tuples as tuples."""
    import sympy

    if isinstance(answer, str):
        return answer
    if isinstance(answer, list | set | frozenset):
        return "\\{" + ", ".join(map(_text, answer)) + "\\}"
    if isinstance(answer, tuple):
        return "(" + ", ".join(map(_text, answer)) + ")"
    if isinstance(answer, dict):
        return ", ".join(f"{_text(name)} = {_text(value)}" for name, value in answer.items())
    if _is_sympy(answer):
        return str(sympy.latex(answer, ln_notation=True, mul_symbol="dot", symbol_names={}))
    if isinstance(answer, bool) or not isinstance(answer, int | float | complex):
        return str(answer)
    return repr(answer).replace("j", "i")
