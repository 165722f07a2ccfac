"""Numbers as strict grammars: what is read is exact, and nothing is evaluated.

A decimal is ``[n, places]`` and means n / 10**places: how many digits were written is kept, as that says how far it was
rounded. Against `inf`, `nan`, digits of other scripts, exponents that fill the memory, and a zero with a minus: none of
them is a number here.
"""

from __future__ import annotations

import re
from typing import TypeAlias

__all__ = ["bitwise", "complex_number", "decimal", "fraction", "integer", "measure", "number", "whole"]

Decimal: TypeAlias = list[int]
# 1,234.50 or 1234.5 or .5 or 1.2e-07: a sign, digits that may be grouped, a fraction, an exponent of three digits.
_DECIMAL = re.compile(
    r"([-+]?)((?:[1-9][0-9]{0,2}(?:,[0-9]{3})+)|(?:0|[1-9][0-9]{0,99})|(?=\.[0-9]))(?:\.([0-9]{1,60}))?(?:[eE]([-+]?[0-9]{1,3}))?"
)
# 3/4
_FRACTION = re.compile(r"(-?(?:0|[1-9][0-9]{0,59})) ?/ ?([1-9][0-9]{0,59})")
# \frac{3}{4} and \dfrac{3}{4}
_LATEX = re.compile(r"\\d?frac ?\{ ?(-?(?:0|[1-9][0-9]{0,59})) ?\} ?\{ ?([1-9][0-9]{0,59}) ?\}")
# -0x1f
_HEXADECIMAL = re.compile(r"(-?)0[xX]([1-9a-fA-F][0-9a-fA-F]{0,59}|0)")
# 4.0 - 7.0i
_COMPLEX = re.compile(r"([-+]?[0-9.,]+) ?([-+]) ?([0-9.,]*)i")
# -7i and i
_IMAGINARY = re.compile(r"([-+]?)([0-9.,]*)i")
# (-51.000, 41.000)
_POINT = re.compile(r"\( ?([^ ,()]{1,80}) ?, ?([^ ,()]{1,80}) ?\)")


def decimal(text: str) -> Decimal:
    """One number; raises ValueError where the text is none."""
    match = _DECIMAL.fullmatch(text.strip().replace("\N{MINUS SIGN}", "-"))
    if match is None or len(text) > 120:
        raise ValueError("no number")
    sign, whole_part, behind, exponent = match.groups()
    behind = behind or ""
    value = int(whole_part.replace(",", "") + behind or "0")
    if sign == "-" and value == 0:
        raise ValueError("a zero has no sign")
    return [-value if sign == "-" else value, len(behind) - int(exponent or 0)]


def whole(text: str) -> int:
    """An integer; 5.0 and 1,000 are some, 1e3 is none."""
    value, places = decimal(text)
    if "e" in text.lower() or value % 10**places:
        raise ValueError("no whole number")
    return int(value // 10**places)


def integer(text: str) -> int:
    """As `whole`, for a generator's answer."""
    return whole(text)


def bitwise(text: str) -> int:
    """A hexadecimal integer: -0x1f."""
    match = _HEXADECIMAL.fullmatch(text.strip())
    if match is None or (match[1] and match[2] == "0"):
        raise ValueError("no hexadecimal number")
    return int(match[1] + match[2], 16)


def fraction(text: str) -> list[int]:
    """Numerator and denominator as they are written: 3/4, $3/4$, \\frac{3}{4}."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == "$":
        text = text[1:-1].strip()
    match = _FRACTION.fullmatch(text) or _LATEX.fullmatch(text)
    if match is None or match[1] == "-0":
        raise ValueError("no fraction")
    return [int(match[1]), int(match[2])]


def number(text: str) -> list[object]:
    """A decimal or a fraction."""
    if "/" in text or "frac" in text:
        return ["fraction", *fraction(text)]
    return ["decimal", *decimal(text)]


def complex_number(text: str) -> list[Decimal]:
    """Real and imaginary part."""
    text = text.strip().replace("\N{MINUS SIGN}", "-")
    if len(text) > 2 and text[0] == "(" and text[-1] == ")":
        text = text[1:-1].strip()
    if match := _IMAGINARY.fullmatch(text):
        return [[0, 0], decimal(match[1] + (match[2] or "1"))]
    if not (match := _COMPLEX.fullmatch(text)):
        return [decimal(text), [0, 0]]
    value, places = decimal(match[3] or "1")
    return [decimal(match[1]), [-value if match[2] == "-" else value, places]]


def measure(text: str) -> list[object]:
    """A point, an angle in degrees, or a plain number."""
    text = text.strip()
    point = _POINT.fullmatch(text)
    if point is not None:
        return ["point", decimal(point[1]), decimal(point[2])]
    if text.endswith("\N{DEGREE SIGN}"):
        return ["degrees", decimal(text[:-1])]
    return ["number", decimal(text)]
