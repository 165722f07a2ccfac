"""Answers in words: choices, times, numerals in a base, and the words that say that there is no answer.

Against words that are dropped beside a number, and a time of three parts of which two are read.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["as_base", "as_clock", "as_text", "choice", "undressed"]

Form = dict[str, Any]
# '3:30 pm' → '3:30 pm'
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?\s*(?:\\text\{)?\s*([apAP]\.?\s*[mM]\.?)?\s*\}?")
# '1011_2' → '1011_2'
_BASE = re.compile(r"(-?[0-9A-Z]+)_\{?\s*(\d{1,2}|\\text\{[a-z]+\})\s*\}?")
# '3 red balls' → 'red balls'
_WORDS = re.compile(r"[A-Za-z][A-Za-z' .-]*")
# 'no real solutions' → 'no real solutions'
_NOTHING = re.compile(
    r"(?:there (?:is|are) )?no (?:such |real |integer )?(?:solutions?|roots?|values?|numbers?|integers?)(?: exists?)?"
    r"|(?:the )?(?:empty|null) set|none"
)
# 'dne' → 'dne'
_NO_LIMIT = re.compile(r"(?:the limit )?(?:dne|doesn't exist|does not exist)")
# '\text{(C) }18' → 'C', '18'
_CHOICE = re.compile(
    r"\\text\{\s*\(?([A-Z])(?:\)|[.:])[.:]?\s*\}\s*([^\s+*/^=<>_].*)|\(([A-Z])\)\s+((?![+*/^=<>_-]|\\(?:cdot|times)).+)"
)
# '\text{18 dollars}' → '18', 'dollars'
_COUNTED = re.compile(r"\\text\s*\{\s*(-?\d[\d,]*(?:\.\d+)?)\s+([A-Za-z][A-Za-z ]*)\}")
# '\text{18}' → '18'
_UNDRESSED = re.compile(r"\\text\s*\{([^{}A-Za-z]*\d[^{}A-Za-z]*)\}")


def as_text(text: str) -> Form | None:
    """The words of a text, lower case; those that say that there is no answer as the empty set."""
    bare = re.sub(r"\\text\{([^{}]*)\}", r"\1", text).strip()  # '\text{north}' → 'north'
    if re.fullmatch(r"\(?[A-Z]\)?", bare) and bare not in ("I",):  # '(C)'
        return {"is": "text", "text": bare.strip("()")} if len(bare) == 3 or "\\text" in text else None
    if not _WORDS.fullmatch(bare) or len(bare) < 2:
        return None
    if "\\text" not in text and max(map(len, re.findall("[A-Za-z]+", bare))) < 3:
        return None
    said = " ".join(re.findall(r"[a-z']+", bare.lower()))  # "Doesn't exist." → "doesn't exist"
    if _NOTHING.fullmatch(said):
        return {"is": "set", "parts": []}
    return {"is": "text", "text": _NO_LIMIT.sub("does not exist", said)}


def as_clock(text: str) -> Form | None:
    """A time such as ``3:10:25 pm``, with all of its parts."""
    matched = _CLOCK.fullmatch(text)
    if not matched:
        return None
    half = re.sub(r"[^apm]", "", (matched[4] or "").lower())  # 'p.m.' → 'pm'
    numbers = [int(each) for each in matched.group(1, 2, 3) if each is not None]
    return {"is": "clock", "numbers": numbers[:2] if half and numbers[2:] == [0] else numbers, "half": half}


def as_base(text: str) -> Form | None:
    """A numeral that names its base."""
    matched = _BASE.fullmatch(text)
    if not matched or not matched[1].lstrip("-")[:1].isdigit():
        return None
    return {"is": "text", "text": f"{matched[1].lstrip('0') or '0'} in base {matched[2]}"}


def choice(text: str) -> tuple[str, str] | None:
    r"""(letter, what stands beside it) of ``\text{(C) }18``; None if a text is no choice with something beside it."""
    if not (matched := _CHOICE.fullmatch(text)):
        return None
    return (matched[1], matched[2]) if matched[1] else (matched[3], matched[4])


def undressed(text: str) -> str | None:
    r"""``18`` of ``\text{18}``; None if there is nothing to take off."""
    if counted := _COUNTED.fullmatch(text):
        return f"{counted[1]}\\text{{ {counted[2]}}}"
    matched = _UNDRESSED.fullmatch(text)
    return matched[1] if matched else None
