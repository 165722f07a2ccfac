"""What a task's prompt says of the answer that it wants: in which unit, and whether as an interval.

Against a unit that nobody asked for (``5 cents`` where the expected 5 are dollars; ``7^\\circ``, which is the number
7π/180, where the expected 7 is no angle), and ``1 < x < 2`` for the point
``(1, 2)``, which is written as the interval is. The prompt is the task author's; no text of a candidate comes here.
"""

from __future__ import annotations

import re
from typing import Any

from gristmill.verifiers.mathematics.guest.judge.text.quantities import UNITS

__all__ = ["hints", "unit_fits"]

_LONGEST = 20_000
# 'between 1 and 5 cm' → 'cm'
_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{2,}|(?<=\d)\s?[a-z]{1,2}(?![a-z])|\\\$|[€£¥₹¢]")
# 'How many dollars' → 'dollars'
_ASKED = re.compile(
    r"\b(?:how many|how much|number of|answer in|express\w* in|value in|measured in|amount in|in|to the nearest)\s+"
    r"(?:whole |total |square |cubic |US )*([A-Za-z]{2,}|\\\$)",
    re.IGNORECASE,
)
# 'Solve the inequality' → 'inequalit'
_INTERVAL = re.compile(
    r"inequalit|domain|range of|set of|all (?:real |possible )?(?:values|numbers|x\b)|for (?:which|what) |solve"
    r"|[<>]|\\[lg]eq?\b",
    re.IGNORECASE,
)
# 'Find the vertex' → 'vertex'
_POINT = re.compile(
    r"point|coordinate|ordered pair|vertex|vector|intersect|\(x, ?y\)|\(a, ?b\)|cent(?:er|re)|tuple|solutions? \("
)
# 'Find $m\\angle ABC$' → '\\angle'
_ANGLE = re.compile(
    r"angle|degree|°|\\circ(?![a-z])|radian|rotat|\bturn|\barcs?\b|bearing|latitude|longitude|temperature|celsius|fahrenheit"
    r"|\\(?:sin|cos|tan|cot|sec|csc)|polygon|sector|inclin|elevation",
    re.IGNORECASE,
)
Hints = dict[str, Any]


def hints(prompt: str) -> Hints:
    """``{"interval", "angle", "named", "asked"}``: whether an interval or an angle is spoken of; dimensions with the
    factors of their units."""
    text = prompt[:_LONGEST]
    named = [part[0].strip().lstrip("\\") for part in _WORD.finditer(text)]
    asked = [part[1].lstrip("\\") for part in _ASKED.finditer(text)]
    interval = "interval" in text.lower() or bool(_INTERVAL.search(text) and not _POINT.search(text))
    angle = bool(_ANGLE.search(text))
    return {"interval": interval, "angle": angle, "named": _factors(named), "asked": _factors(asked)}


def _factors(words: list[str]) -> dict[str, set[str]]:
    factors: dict[str, set[str]] = {}
    for word in words:
        unit = UNITS.get(word) or UNITS.get(word.lower())
        if unit and word != "in":
            factors.setdefault(unit[0], set()).add(unit[1])
    return factors


def unit_fits(unit: str, hinted: Hints) -> bool:
    """Whether a unit that the expected answer does not name is the one that the prompt wants, or says nothing of.

    Of two units of one kind the one that is asked for counts, else both do. Cents are never meant without being named,
    and degrees and radians only where the prompt speaks of what they measure: by itself a degree is a number.
    """
    for part in unit.split():
        dimension, factor = UNITS.get(part.partition("^")[0], ("", ""))
        if dimension == "angle" and not hinted.get("angle"):
            return False
        wanted = hinted.get("asked", {}).get(dimension) or hinted.get("named", {}).get(dimension)
        if wanted is None and dimension in ("money", "sterling"):
            wanted = {"1"}
        if wanted is not None and factor not in wanted:
            return False
    return True
