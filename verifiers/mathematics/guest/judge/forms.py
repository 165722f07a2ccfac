"""What a reading job may say that it found: forms of known shape whose every expression passes the allowlist.

Whoever takes over the reading job with an answer's text chooses the form that it sends. So the jobs that hold the
expected answer, or the task's property, ask `wrong_form` before they touch anything else of it.
"""

from __future__ import annotations

import re
from typing import Any

from gristmill.verifiers.mathematics.guest.judge.text.quantities import is_unit
from gristmill.verifiers.mathematics.guest.judge.trees import check

__all__ = ["wrong_form"]

_PARTS = 400
_TEXT = 300
_SIGNS = {"=", "<", ">", "\\leq", "\\geq", "\\neq"}
# 'no solution', '1011 in base 2', '2024-03-04' → the same
_WORDS = re.compile(r"[A-Za-z0-9' ./-]+")
# '(x,y)' → '(x,y)'
_NAME = re.compile(r"[A-Za-z0-9_^(),:/'+|\[\]-]+|[\u0370-\u03ff]")
_LISTS = {"list", "set", "ratio", "union", "intersection", "without", "chain"}


def wrong_form(form: Any) -> str | None:
    """What is wrong with a form; None if it may be compared."""
    return _wrong(form, 0, [0])


def _wrong(form: Any, depth: int, count: list[int]) -> str | None:
    count[0] += 1
    if depth > 20 or count[0] > _PARTS:
        return "it has too many parts"
    match form:
        case {"is": "value", "tree": str(tree)} if set(form) <= {"is", "tree", "unit", "decimal"}:
            unit = form.get("unit", "")
            if not (_is_text(unit) and is_unit(unit)) or not isinstance(form.get("decimal", False), bool):
                return "a value has another shape"
            return check(tree)
        case {"is": "text", "text": text, **rest} if not rest:
            return None if _is_text(text) and _WORDS.fullmatch(text) else "its text has another shape"
        case {"is": "clock", "numbers": list(numbers), "half": "" | "am" | "pm", **rest} if not rest:
            whole = len(numbers) in (2, 3) and all(type(each) is int and 0 <= each < 100 for each in numbers)
            return None if whole else "a time has another shape"
        case {"is": "choice", "name": str(name), "value": value, **rest} if not rest and re.fullmatch("[A-Z]", name):
            return _wrong(value, depth + 1, count)
        case {"is": "named", "name": name, "value": value, **rest} if not rest and _is_text(name):
            return _wrong(value, depth + 1, count) if _NAME.fullmatch(name) else "a name has another shape"
        case {"is": "about", "value": value, "about": about, **rest} if not rest:
            return _wrong(value, depth + 1, count) or _wrong(about, depth + 1, count)
        case {"is": "relation", "signs": list(signs), "parts": list(parts), **rest} if not rest:
            if len(parts) != len(signs) + 1 or not all(isinstance(sign, str) and sign in _SIGNS for sign in signs):
                return "a relation has another shape"
            return _first_wrong(parts, depth, count)
        case {"is": "group", "open": opened, "close": closed, "parts": list(parts), **rest} if not rest:
            if opened not in ("(", "[") or closed not in (")", "]"):
                return "a group has other brackets"
            return _first_wrong(parts, depth, count)
        case {"is": "matrix", "rows": list(rows), **rest} if not rest and rows:
            if not all(isinstance(row, list) and row and len(row) == len(rows[0]) for row in rows):
                return "a matrix has another shape"
            return next((wrong for row in rows if (wrong := _first_wrong(row, depth, count))), None)
        case {"is": str(kind), "parts": list(parts), **rest} if not rest and kind in _LISTS:
            return _first_wrong(parts, depth, count)
    return "it is no form that is known"


def _first_wrong(parts: list[Any], depth: int, count: list[int]) -> str | None:
    return next((wrong for part in parts if (wrong := _wrong(part, depth + 1, count))), None)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _TEXT
