"""The final answer inside a reply: text work only, in linear time; nothing is parsed or evaluated here."""

from __future__ import annotations

import json
import re
import unicodedata

from gristmill.verifiers.mathematics.boxes import after_boxes, boxed_answers
from gristmill.verifiers.mathematics.lines import bare, from_line, last_words, undressed

__all__ = ["LONGEST", "expected", "final_answers", "normal", "restates", "without_asked"]

LONGEST = 1000
_REPLY = 200_000
_LINE = 3000
_JSON = 20_000
# 'So the final answer is: 42' → '42'
_SAYS = re.compile(
    r"(?:(?:final answer|answer)(?:\s\([^()\n]{1,40}\))?\s*+(?:is|are|:|=)"
    r"|答案(?:是|为|[:：])|\bAntwort\s(?:ist|:)|\br[ée]ponse\sest|\brespuesta\ses)\s*+:?(?:\*\*(?=\s))?\s*+([^\n]{1,1000})",
    re.IGNORECASE,
)
# 'The answer is: 18' → '18'; 'We check our answer: $17-8=9$' is none
_SAYS_FIRST = re.compile(
    r"^[\s*#]{0,20}(?:(?:so|thus|therefore|hence|and|wait|no|actually|but)[,:.]? )?(?:(?:the|my|our) )?"
    r"(?:final |correct )?answer\s*(?:is|:|=)\s*:?(?:\*\*(?=\s))?\s*([^\n]{1,1000})",
    re.IGNORECASE | re.MULTILINE,
)
# '**18** dollars' → '**1'
_STARTS = re.compile(r"[\s*_]*(?:\\?\$|\\[a-z(\[]|[-(]*\d|[A-Za-z]\s*=)")
# '<<9*2=18>>18' → '<<9*2=18>>'
_WORKED = re.compile(r"<<[^<>\n]{1,200}>>")
# 'hence $$x = 5$$' → '$$x = 5$$'
_DISPLAY = re.compile(r"(?:\$\$[^$]{1,1000}\$\$|\\\[(?:(?!\\\]).){1,1000}\\\])\s*\Z", re.DOTALL)
# 'Find $m+n$' → 'm+n'
_ASKED = re.compile(
    r"\b(?:find|value of|evaluate|compute|calculate|determine|what is|what's)\s+"
    r"(?:\$((?:[^$\\]|\\.){1,200})\$|\\\((.{1,200}?)\\\))",
    re.IGNORECASE,
)
# '3+4' → '3+'
_COMPUTES = re.compile(
    r"[\w)}][-+*^!]|\\(?:cdot|times|div|sqrt|int|sum|prod|lim|binom|log|ln|sin|cos|tan)|[\w)}]/[\w({]"
)
# '<answer>5</answer>' → '5'
_TAGGED = re.compile(
    r"<(?:final_?)?answer>((?:(?!</?(?:final_?)?answer>).){1,1000})</(?:final_?)?answer>", re.IGNORECASE | re.DOTALL
)
# '#### 72' → '72'
_HASHES = re.compile(r"^####[ \t]*([^\n]+)$", re.MULTILINE)
# '```output' 18 '```' → '18'
_FENCED = re.compile(r"```(?:text|output|plaintext|math|latex|txt)?[ \t]*\n([^\n`]{1,1000})\n[ \t]*```(?![^\n])")
_NAMES = {"answer", "final_answer", "finalAnswer", "final answer"}
# '1\,000' → '\,'
_SPACES = re.compile(r"\\[,;:! ]|\\q?quad\b|~|\s+")
# '\left(1' → '\left'
_SIZES = re.compile(r"\\(?:left|right|big|Big|bigg|Bigg|displaystyle|textstyle)\b")
# '5 \text{cm}' → 'cm'
_WORDS = re.compile(r"\\(?:text|textbf|mathrm|mbox|mathbf|textrm)\{([^{}]*)\}")


def final_answers(reply: str, percent: bool = False) -> list[str]:
    r"""The answers that a reply gives as final, in order; several where it hedges, or says one in several forms.

    Looked for in this order: the field `answer` of a reply that is JSON, ``\boxed{…}``, a line ``#### …``,
    ``<answer>…</answer>``, "the answer is …", the last line. Of all but boxes the last one counts; of boxes, see
    `boxed_answers`. What "the answer is …" says behind one of the others competes with it. In a line of prose the
    answer is its only formula, or else its only number, or the number that it ends with after "is"; with two of them,
    nothing was said to be final. `percent`: the expected answer is a percentage, so that the sign behind a box is part
    of what was boxed.
    """
    text = reply[-_REPLY:].strip()
    fields = _from_json(text)
    if fields:
        return fields
    text = _WORKED.sub("", _FENCED.sub(r"\1", text))
    boxed = boxed_answers(text, percent)
    if boxed:
        return _with_said(boxed, after_boxes(text))
    for pattern in (_HASHES, _TAGGED):
        matches = [*pattern.finditer(text)]
        if matches:
            return _with_said(from_line(matches[-1][1], said=True), text[matches[-1].end() :])
    if said := _said(text):
        return from_line(said, said=True)
    displayed = _DISPLAY.search(text[-_LINE:])
    if displayed:
        return [bare(displayed[0])]
    first, _, last = text.rpartition("\n")
    return from_line(last_words(last), said=not first)


def _said(text: str) -> str:
    """What a text says last to be the answer."""
    return next((next(filter(None, each.groups()), "") for each in reversed([*_SAYS.finditer(text)])), "")


def _with_said(answers: list[str], behind: str) -> list[str]:
    """Answers, and what a line behind them begins by saying is the answer, if that is another one."""
    said = [*_SAYS_FIRST.finditer(behind)]
    later = from_line(said[-1][1], said=True) if said and _STARTS.match(said[-1][1]) else []
    given = {normal(each) for each in answers}
    return [*answers, *(each for each in later if normal(each) not in given)]


def _from_json(text: str) -> list[str]:
    """Every value that a reply gives its field `answer`, if all of it is one JSON object, in a fence or not."""
    inner = text.removeprefix("```json").removeprefix("```").removesuffix("```").strip() if len(text) < _JSON else ""
    if not inner.startswith("{"):
        return []
    values: list[str] = []

    def pairs(fields: list[tuple[str, object]]) -> None:
        values.extend(str(value).strip() for name, value in fields if name in _NAMES and isinstance(value, str))

    try:
        json.loads(inner, parse_int=str, parse_float=str, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return []
    return list(dict.fromkeys(filter(None, values)))


def expected(answer: str) -> str:
    r"""A task's expected answer without what surrounds it; a whole worked solution is read as a reply is."""
    if "\\boxed" in answer or "####" in answer or len(answer) > 300:
        answers = final_answers(answer, percent=True)
        if answers:
            return answers[-1]
    line = answer.strip()
    formulas = len(re.findall(r"(?<!\\)\$", line)) >= 2 or "\\(" in line or "\\[" in line  # '$5$' → '$', '$'
    return undressed(line) if formulas else line


def normal(answer: str) -> str:
    """The answer's text without what never matters: sizes, spaces, dollar signs, thousands' commas, a closing dot."""
    text = unicodedata.normalize("NFC", answer).strip().rstrip(".").strip()
    text = _SIZES.sub("", text).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").replace("\\$", "")
    text = _WORDS.sub(r"\1", text.replace("$", ""))
    text = re.sub(r"(?<=\d)(?:\{,\}|,\\!)(?=\d{3}(?!\d))", "", text)  # '1{,}000' → '1000'
    if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):  # '1,234.5'
        text = text.replace(",", "")
    # "1 3" is not 13: between digits a space means something.
    return _SPACES.sub("", re.sub(r"(?<=\d)(?:\s|~|\\[,;:! ]|\\q?quad)+(?=\d)", "_", text))  # '1 3' → '1_3'


def restates(answer: str, prompt: str) -> bool:
    """Whether an answer is a computation that stands in the problem itself: ``3 * 4 + 5`` is not what it comes to.

    Short terms such as ``x-1`` or ``2/3`` may well be both given and asked for.
    """
    text = normal(answer)
    long = len(text) > 5 or not re.search("[a-z]", text)
    return long and bool(_COMPUTES.search(text)) and text in normal(prompt)


def without_asked(answer: str, prompt: str) -> str:
    """``73`` of ``m+n = 73`` where the prompt asks to find ``$m+n$``; else the answer."""
    left, sign, value = answer.partition("=")
    # A second sign would make it a chain, whose links are to hold.
    if not sign or not left.strip() or not value.strip() or re.search(r"[=<>]|\\(?:le|ge|approx)", value):  # '3 = 3'
        return answer
    asked = {normal(next(filter(None, match.groups()))) for match in _ASKED.finditer(prompt[-_JSON:])}
    return value.strip() if normal(left) in asked else answer
