"""The final answer inside a reply: text work only, in linear time; nothing is parsed or evaluated here."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["LONGEST", "final_answers", "normal", "restates"]

LONGEST = 1000
_REPLY = 200_000
_SAYS = re.compile(r"(?:final answer|answer)\s*(?:is|are|:|=)\s*:?\s*([^\n]{1,1000})", re.IGNORECASE)
_HOPE = re.compile(r"\.?\s*I hope it is|<\|", re.IGNORECASE)
_FORMULA = re.compile(r"\$\$(.{1,1000}?)\$\$|\$([^$]{1,1000})\$|\\\((.{1,1000}?)\\\)|\\\[(.{1,1000}?)\\\]", re.DOTALL)
_DISPLAY = re.compile(r"(?:\$\$[^$]{1,1000}\$\$|\\\[(?:(?!\\\]).){1,1000}\\\])\s*\Z", re.DOTALL)
_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:/\d+)?")
_LONE = re.compile(
    r"(?<![\w.^*/+=<>()-])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?(?!\d|[.,/]\d|\s*[\^*/+=<>(-]|[a-zA-Z(])"
)
# Words that change what a number or a formula beside them means.
_MEANS = re.compile(
    r"\b(?:sqrt|root|squared?|cubed?|plus|minus|times|over|half|third|quarter|pi|power|not|or|hundred|thousand|million"
    r"|billion|dozen|twice|double|divided|multiplied|factorial|negative|least|most|than|between|about|except|odd|even|all|every|no|none)\b",
    re.IGNORECASE,
)
_COMPUTES = re.compile(
    r"[\w)}][-+*^!]|\\(?:cdot|times|div|sqrt|int|sum|prod|lim|binom|log|ln|sin|cos|tan)|[\w)}]/[\w({]"
)
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_PERCENT = re.compile(r"\\?%|percent|pct", re.IGNORECASE)
_HASHES = re.compile(r"^####[ \t]*([^\n]+)$", re.MULTILINE)
_SPACES = re.compile(r"\\[,;:! ]|\\q?quad\b|~|\s+")
_SIZES = re.compile(r"\\(?:left|right|big|Big|bigg|Bigg|displaystyle|textstyle)\b")
_WORDS = re.compile(r"\\(?:text|textbf|mathrm|mbox|mathbf|textrm)\{([^{}]*)\}")


def final_answers(reply: str) -> list[str]:
    r"""The answers that a reply gives as final, in order; several where it hedges.

    Looked for in this order: ``\boxed{…}``, a line ``#### …``, "the answer is …", the last line. Of the last three
    the last one counts; of boxes, all in the last line that has any, as a hedge shows there. In a line of prose the
    answer is its only formula, or else its only number; with two of them, nothing was said to be final.
    """
    text = reply[-_REPLY:].strip()
    boxed = [line for line in (_boxes(line) for line in _lines(text)) if line]
    if boxed:
        return boxed[-1]
    for pattern in (_HASHES, _SAYS):
        found = pattern.findall(text)
        if found:
            return _from_line(found[-1], said=True)
    displayed = _DISPLAY.search(text)
    if displayed:
        return [_bare(displayed[0])]
    first, _, last = text.rpartition("\n")
    return _from_line(last, said=not first)


def _from_line(line: str, said: bool) -> list[str]:
    """The answer that a line holds: all of it, or in prose its only formula or number. `said`: it is the answer."""
    line = _HOPE.split(line)[0].strip()
    bare = _bare(line)
    formulas = [next(filter(None, each), "").strip() for each in _FORMULA.findall(line)]
    if len(formulas) == 1:
        rest = _FORMULA.sub(" ", line, count=1)
        # "$5$ or 6" and "$x$ squared" say more than their formula.
        plain = not _NUMBER.search(rest) and not _MEANS.search(rest)
        return [formulas[0] + _unit(rest)] if plain else [bare]
    if formulas or not bare:
        return [bare] if bare else []
    if not _WORD.search(bare):
        return [bare] if said or _NUMBER.search(bare) else []
    numbers = _NUMBER.findall(bare)
    lone = _LONE.findall(bare)
    if len(numbers) == 1 and len(lone) == 1 and not _MEANS.search(bare):
        return [lone[0] + _unit(bare.partition(lone[0])[2])]
    return [bare] if said else []


def _unit(rest: str) -> str:
    """The one thing behind a number that changes its value."""
    return "%" if _PERCENT.match(rest.strip()) else ""


def normal(answer: str) -> str:
    """The answer's text without what never matters: sizes, spaces, dollar signs, thousands' commas, a closing dot."""
    text = unicodedata.normalize("NFC", answer).strip().rstrip(".").strip()
    text = _SIZES.sub("", text).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").replace("\\$", "")
    text = _WORDS.sub(r"\1", text.replace("$", ""))
    text = re.sub(r"(?<=\d)(?:\{,\}|,\\!|,)(?=\d{3}(?!\d))", "", text)
    return _SPACES.sub("", text)


def restates(answer: str, prompt: str) -> bool:
    """Whether an answer is a computation that stands in the problem itself: ``3 * 4 + 5`` is not what it comes to.

    Short terms such as ``x-1`` or ``2/3`` may well be both given and asked for.
    """
    text = normal(answer)
    long = len(text) > 5 or not re.search("[a-z]", text)
    return long and bool(_COMPUTES.search(text)) and text in normal(prompt)


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
    stripped = text.strip().lstrip("* ").rstrip("*. ")
    for left, right in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        if len(stripped) > len(left) + len(right) and stripped.startswith(left) and stripped.endswith(right):
            return stripped[len(left) : -len(right)].strip()
    return stripped
