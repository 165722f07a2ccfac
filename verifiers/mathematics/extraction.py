"""The final answer inside a reply: text work only, in linear time; nothing is parsed or evaluated here."""

from __future__ import annotations

import re
import unicodedata

from gristmill.verifiers.mathematics.boxes import boxed_answers

__all__ = ["LONGEST", "expected", "final_answers", "normal", "restates"]

LONGEST = 1000
_REPLY = 200_000
_LINE = 3000
# 'So the final answer is: 42' → '42'
_SAYS = re.compile(r"(?:final answer|answer)\s*+(?:is|are|:|=)\s*+:?\s*+([^\n]{1,1000})", re.IGNORECASE)
# '5. I hope it is correct' → '. I hope it is'
_HOPE = re.compile(r"(?:\.|(?<!\s))\s*+I hope it is|<\|", re.IGNORECASE)
# 'so $x = 5$ holds' → 'x = 5'
_FORMULA = re.compile(
    r"\$\$(.{1,1000}?)\$\$|(?<!\\)\$((?:[^$\\]|\\.){1,1000})\$|\\\((.{1,1000}?)\\\)|\\\[(.{1,1000}?)\\\]"
)
# 'hence $$x = 5$$' → '$$x = 5$$'
_DISPLAY = re.compile(r"(?:\$\$[^$]{1,1000}\$\$|\\\[(?:(?!\\\]).){1,1000}\\\])\s*\Z", re.DOTALL)
# 'about -1,234.5 m' → '-1,234.5'
_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:/\d+)?")
# 'It takes 12 days' → '12'
_LONE = re.compile(
    r"(?<![\w.^*/+=<>()-])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:[.,]\d+)?(?:/\d+)?(?!\d|[.,/]\d|\s*[\^*/+=<>(-]|[a-zA-Z(])"
)
# 'In all, the cost is $12.50' → '$12.50'
_LAST = re.compile(
    r"(?:\b(?:is|are|equals|by|be|it's)|=)\s+(\$?-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:/\d+)?)\s*(%|percent|[a-z]{1,3}[²³]?)?\s*\Z"
)
# ' and ' → ' and '
_JOINED = re.compile(r"\s*(?:,|;|and|or|\.|&|\\quad|\s)*\s*")
# Words that change what a number or a formula beside them means.
# '5 dozen' → 'dozen'
_MEANS = re.compile(
    r"\b(?:sqrt|root|squared?|cubed?|plus|minus|times|over|half|third|quarter|pi|power|not|or|hundred|thousand|million"
    r"|billion|dozen|twice|double|divided|multiplied|factorial|negative|least|most|than|between|about|except|odd|even|all|every|no|none)\b",
    re.IGNORECASE,
)
# 'maybe 5' → 'maybe'
_HEDGES = re.compile(
    r"\b(?:or|maybe|perhaps|possibly|either|alternatively|unless|if|otherwise|not sure|guess)\b", re.IGNORECASE
)
# '3+4' → '3+'
_COMPUTES = re.compile(
    r"[\w)}][-+*^!]|\\(?:cdot|times|div|sqrt|int|sum|prod|lim|binom|log|ln|sin|cos|tan)|[\w)}]/[\w({]"
)
# '5 \text{apples}' → 'apples'
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
# '10\%' → '\%'
_PERCENT = re.compile(r"\\?%|percent|pct", re.IGNORECASE)
# '<answer>5</answer>' → '5'
_TAGGED = re.compile(r"<answer>([^<>]{1,1000})</answer>", re.IGNORECASE)
# '#### 72' → '72'
_HASHES = re.compile(r"^####[ \t]*([^\n]+)$", re.MULTILINE)
# '1\,000' → '\,'
_SPACES = re.compile(r"\\[,;:! ]|\\q?quad\b|~|\s+")
# '\left(1' → '\left'
_SIZES = re.compile(r"\\(?:left|right|big|Big|bigg|Bigg|displaystyle|textstyle)\b")
# '5 \text{cm}' → 'cm'
_WORDS = re.compile(r"\\(?:text|textbf|mathrm|mbox|mathbf|textrm)\{([^{}]*)\}")


def final_answers(reply: str, percent: bool = False) -> list[str]:
    r"""The answers that a reply gives as final, in order; several where it hedges, or says one in several forms.

    Looked for in this order: ``\boxed{…}``, a line ``#### …``, ``<answer>…</answer>``, "the answer is …", the last
    line. Of all but boxes the last one counts; of boxes, see `boxed_answers`. In a line of prose the answer is its
    only formula, or else its only number, or the number that it ends with after "is"; with two of them, nothing was
    said to be final. `percent`: the expected answer is a percentage, so that the sign behind a box is part of what
    was boxed.
    """
    text = reply[-_REPLY:].strip()
    boxed = boxed_answers(text, percent)
    if boxed:
        return boxed
    for pattern in (_HASHES, _TAGGED, _SAYS):
        found = pattern.findall(text)
        if found:
            return _from_line(found[-1], said=True)
    displayed = _DISPLAY.search(text[-_LINE:])
    if displayed:
        return [_bare(displayed[0])]
    first, _, last = text.rpartition("\n")
    return _from_line(_last_sentence(last), said=not first)


def expected(answer: str) -> str:
    r"""A task's expected answer without what surrounds it; a whole worked solution is read as a reply is."""
    if "\\boxed" in answer or "####" in answer or len(answer) > 300:
        found = final_answers(answer, percent=True)
        if found:
            return found[-1]
    line = answer.strip()
    formulas = len(re.findall(r"(?<!\\)\$", line)) >= 2 or "\\(" in line or "\\[" in line
    return _undressed(line) if formulas else line


def _undressed(line: str) -> str:
    """Without the signs that formulas begin and end with."""
    return re.sub(r"(?<!\\)\$|\\[()\[\]](?![a-zA-Z])", " ", line).strip()


def _last_sentence(line: str) -> str:
    """The last sentence of a long line; a short one is taken whole."""
    line = line[-_LINE:]
    if len(line) < 300:
        return line
    return re.split(r"(?<=[.!?])\s+(?=[A-Z])", line)[-1]


def _from_line(line: str, said: bool) -> list[str]:
    """The answer that a line holds: all of it, or in prose its only formula or number. `said`: it is the answer."""
    line = _HOPE.split(line[:_LINE])[0].strip()
    bare = _bare(line)
    formulas = [next(filter(None, each), "").strip() for each in _FORMULA.findall(line)]
    if len(formulas) == 1:
        rest = _FORMULA.sub(" ", line, count=1)
        # "$5$ or 6" and "$x$ squared" say more than their formula.
        plain = not _NUMBER.search(rest) and not _MEANS.search(rest)
        if plain:
            return [formulas[0] + _unit(rest)]
    if formulas:
        if _JOINED.fullmatch(_FORMULA.sub(" ", line)):
            return [_undressed(line)]
        return _ending(bare) or ([bare] if _WORD.search(_FORMULA.sub(" ", line)) is None else [bare] if said else [])
    if not bare:
        return []
    if not _WORD.search(bare):
        return [bare] if said or _NUMBER.search(bare) else []
    numbers = _NUMBER.findall(bare)
    lone = _LONE.findall(bare)
    if len(lone) == 1 and len(numbers) <= 1 + lone[0].count(",") and not _MEANS.search(bare):
        return [lone[0] + _unit(bare.partition(lone[0])[2])]
    return _ending(bare) or ([bare] if said else [])


def _ending(sentence: str) -> list[str]:
    """The number that a sentence without a hedge ends with, after "is"."""
    found = _LAST.search(sentence.rstrip(". "))
    if not found or _HEDGES.search(sentence):
        return []
    return [found[1] + ("%" if found[2] in ("%", "percent") else f"\\text{{{found[2]}}}" if found[2] else "")]


def _unit(rest: str) -> str:
    """The one thing behind a number that changes its value."""
    return "%" if _PERCENT.match(rest.strip()) else ""


def normal(answer: str) -> str:
    """The answer's text without what never matters: sizes, spaces, dollar signs, thousands' commas, a closing dot."""
    text = unicodedata.normalize("NFC", answer).strip().rstrip(".").strip()
    text = _SIZES.sub("", text).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").replace("\\$", "")
    text = _WORDS.sub(r"\1", text.replace("$", ""))
    text = re.sub(r"(?<=\d)(?:\{,\}|,\\!)(?=\d{3}(?!\d))", "", text)
    if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        text = text.replace(",", "")
    # "1 3" is not 13: between digits a space means something.
    return _SPACES.sub("", re.sub(r"(?<=\d)(?:\s|~|\\[,;:! ]|\\q?quad)+(?=\d)", "_", text))


def restates(answer: str, prompt: str) -> bool:
    """Whether an answer is a computation that stands in the problem itself: ``3 * 4 + 5`` is not what it comes to.

    Short terms such as ``x-1`` or ``2/3`` may well be both given and asked for.
    """
    text = normal(answer)
    long = len(text) > 5 or not re.search("[a-z]", text)
    return long and bool(_COMPUTES.search(text)) and text in normal(prompt)


def _bare(text: str) -> str:
    """Without what surrounds a formula in prose: bold marks, dollar signs, a closing dot."""
    stripped = text.strip().lstrip("* ").rstrip("*. ")
    for left, right in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        if len(stripped) > len(left) + len(right) and stripped.startswith(left) and stripped.endswith(right):
            inner = stripped[len(left) : -len(right)]
            if left not in inner:
                return inner.strip()
    return stripped
