"""The final answer inside a reply: text work only, in linear time; nothing is parsed or evaluated here."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["LONGEST", "final_answers", "normal"]

LONGEST = 1000
_REPLY = 200_000
_SAYS = re.compile(r"(?:final answer|answer)\s*(?:is|are|:|=)\s*:?\s*([^\n]{1,1000})", re.IGNORECASE)
_HASHES = re.compile(r"^####[ \t]*([^\n]+)$", re.MULTILINE)
_SPACES = re.compile(r"\\[,;:! ]|\\q?quad\b|~|\s+")
_SIZES = re.compile(r"\\(?:left|right|big|Big|bigg|Bigg|displaystyle|textstyle)\b")
_WORDS = re.compile(r"\\(?:text|textbf|mathrm|mbox|mathbf|textrm)\{([^{}]*)\}")


def final_answers(reply: str) -> list[str]:
    r"""The answers that a reply gives as final, in order; several where it hedges.

    Looked for in this order: ``\boxed{…}``, a line ``#### …``, "the answer is …", a reply of one line. Of the last
    three the last one counts; of boxes, all in the last line that has any, as a hedge shows there.
    """
    text = reply[-_REPLY:].strip()
    boxed = [line for line in (_boxes(line) for line in _lines(text)) if line]
    if boxed:
        return boxed[-1]
    for pattern in (_HASHES, _SAYS):
        found = pattern.findall(text)
        if found:
            return [_bare(found[-1])]
    return [_bare(text)] if text and "\n" not in text else []


def normal(answer: str) -> str:
    """The answer's text without what never matters: sizes, spaces, dollar signs, thousands' commas, a closing dot."""
    text = unicodedata.normalize("NFC", answer).strip().rstrip(".").strip()
    text = _SIZES.sub("", text).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").replace("\\$", "")
    text = _WORDS.sub(r"\1", text.replace("$", ""))
    text = re.sub(r"(?<=\d)(?:\{,\}|,\\!|,)(?=\d{3}(?!\d))", "", text)
    return _SPACES.sub("", text)


def _lines(text: str) -> list[str]:
    """Lines, but a box that runs over several is kept in one piece."""
    lines: list[str] = []
    depth = 0
    for line in text.split("\n"):
        if depth > 0 and lines:
            lines[-1] += "\n" + line
        else:
            lines.append(line)
        if "\\boxed" in lines[-1]:
            tail = lines[-1][lines[-1].rindex("\\boxed") :]
            depth = _open_braces(tail)
    return lines


def _open_braces(text: str) -> int:
    return max(0, text.count("{") - text.count("\\{") - text.count("}") + text.count("\\}"))


def _boxes(line: str) -> list[str]:
    r"""The contents of every ``\boxed{…}`` of a line, braces balanced."""
    found, place = [], 0
    while (start := line.find("\\boxed", place)) >= 0:
        opened = line.find("{", start)
        if opened < 0 or line[start + 6 : opened].strip():
            place = start + 6
            continue
        depth, end = 0, opened
        for end in range(opened, len(line)):
            if line[end] in "{}" and line[end - 1] != "\\":
                depth += 1 if line[end] == "{" else -1
                if depth == 0:
                    break
        if depth:
            break
        found.append(line[opened + 1 : end].strip())
        place = end + 1
    return found


def _bare(text: str) -> str:
    """Without what surrounds a formula in prose: bold marks, dollar signs, a closing dot."""
    stripped = text.strip().strip("*").strip()
    stripped = stripped.rstrip(".").strip()
    for left, right in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        if len(stripped) > len(left) + len(right) and stripped.startswith(left) and stripped.endswith(right):
            return stripped[len(left) : -len(right)].strip()
    return stripped
