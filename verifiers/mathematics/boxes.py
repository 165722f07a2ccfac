r"""What a reply puts into ``\boxed{…}``: one answer, several that belong together, or several that compete."""

from __future__ import annotations

import re

__all__ = ["after_boxes", "boxed_answers"]

# 'so \boxed{5}' → '\boxed{'
_BOX = re.compile(r"\\(?:boxed|fbox)\s*+\{")
# '$5$' → '$'
_MATH = re.compile(r"\\[()\[\]]|\$|\\q?quad\b|\\text\{\s*+(and|or|,)?\s*+\}|\\[,;: ]|[*.]")
# '5 and 6' → 'and'
_JOINS = re.compile(r"\b(?:and)\b|,|;|&")
# '5 or 6' → 'or'
_SPLITS = re.compile(
    r"\b(?:or|but|no|not|wait|instead|rather|actually|maybe|hence|so|thus|then|therefore|which|is)\b|\n\s*\n",
    re.IGNORECASE,
)
_BETWEEN = 60
_LONG_BETWEEN = 1000  # with its markup
# '} %' → '} %'
_PERCENT = re.compile(r"\s*\}?\s*(?:\$|\\\)|\\\])?\s*(?:\\?%|percent\b|pct\b)", re.IGNORECASE)


def boxed_answers(text: str, percent: bool = False) -> list[str]:
    r"""The last box with those that go with it; empty if there is none.

    Boxes that follow each other with "and" or a comma between them are one answer of several parts. Boxes in the same
    line without such a link, or with "or", compete: each is one answer, and all of them must be right. A percent sign
    behind a box counts only with `percent`, that is where one is expected.
    """
    boxes = _boxes(text)
    if not boxes:
        return []
    competing: list[list[str]] = [[_content(text, *boxes[-1], percent)]]
    for (start, end), (following, _) in zip(boxes[-2::-1], boxes[:0:-1], strict=False):
        between = text[end:following]
        content = _content(text, start, end, percent)
        if _joined(between):
            competing[0].insert(0, content)
        elif "\n" not in between:
            competing.insert(0, [content])
        else:
            break
    return list(dict.fromkeys(", ".join(dict.fromkeys(group)) for group in competing))


def after_boxes(text: str) -> str:
    """What stands behind the last box."""
    boxes = _boxes(text)
    return text[boxes[-1][1] :] if boxes else ""


def _joined(between: str) -> bool:
    if len(between) > _LONG_BETWEEN:
        return False
    plain = _MATH.sub(lambda part: f" {part[1] or ''} ", between).strip()
    if len(plain) > _BETWEEN or _SPLITS.search(plain):
        return False
    return bool(_JOINS.search(plain))


def _content(text: str, start: int, end: int, wanted: bool) -> str:
    inside = text[text.index("{", start) + 1 : end - 1].strip()
    percent = wanted and _PERCENT.match(text[end : end + 20])
    return inside + ("\\%" if percent and inside and not inside.endswith("%") else "")


def _boxes(text: str) -> list[tuple[int, int]]:
    """(where the command starts, just after its closing brace) of every box with balanced braces, in one pass."""
    starts = {box.end() - 1: box.start() for box in _BOX.finditer(text)}
    if not starts:
        return []
    boxes: list[tuple[int, int]] = []
    open_braces: list[int] = []
    place = min(starts)
    while place < len(text):
        if text[place] == "\\":
            place += 2 if place + 1 < len(text) and text[place + 1] in "{}\\" else 1
            continue
        if text[place] == "{":
            open_braces.append(place)
        elif text[place] == "}" and open_braces:
            start = starts.get(open_braces.pop())
            if start is not None:
                while boxes and boxes[-1][0] > start:
                    boxes.pop()
                boxes.append((start, place + 1))
        place += 1
    return boxes
