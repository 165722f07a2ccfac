r"""The answer in one line of a reply: all of it, or in prose its only formula, its only bold words, or its only number.

Against lines that only look as if they gave an answer: one that denies its number, hedges, says several, or changes
with words what the number beside them means. What is not certain is left whole, and then cannot be read.
"""

from __future__ import annotations

import re

__all__ = ["bare", "from_line", "last_words", "undressed"]

_LINE = 3000
# '5. I hope it is correct' → '. I hope it is'
_HOPE = re.compile(r"(?:\.|(?<!\s))\s*+I hope it is|<\|", re.IGNORECASE)
# 'so $x = 5$ holds' → 'x = 5'; in '9 eggs at $2 make $18' both signs are money
_FORMULA = re.compile(
    r"\$\$(.{1,1000}?)\$\$|(?<!\\)\$(?!\d[^$\\]{0,1000}\s\$)((?:[^$\\]|\\.){1,1000})\$(?!\d)"
    r"|\\\((.{1,1000}?)\\\)|\\\[(.{1,1000}?)\\\]"
)
# 'about -1,234.5 m' → '-1,234.5'
_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:/\d+)?")
# 'It takes 12 days' → '12'
_LONE = re.compile(
    r"(?<![\w.^*/+=<>()-])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:[.,]\d+)?(?:/\d+)?(?!\d|[.,/]\d|\s*[\^*/+=<>(-]|[a-zA-Z(])"
)
# 'In all, the cost is $12.50' → '$12.50'
_LAST = re.compile(
    r"(?:\b(?:is|are|equals|by|be|it's)|=)\s+(\$?-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:/\d+)?)\s*(%|percent|[a-z]{1,12}[²³]?)?\s*\Z"
)
# ' and ' → ' and '
_JOINED = re.compile(r"\s*(?:,|;|and|or|\.|&|\\quad|\s)*\s*")
# Words that change what a number or a formula beside them means.
# '5 dozen' → 'dozen'
_MEANS = re.compile(
    r"\b(?:sqrt|root|squared?|cubed?|plus|minus|times|over|half|third|quarter|pi|power|not|or|hundred|thousand|million"
    r"|billion|dozen|twice|double|divided|multiplied|factorial|negative|least|most|than|between|about|except|odd|even"
    r"|all|every|no|none)\b",
    re.IGNORECASE,
)
# 'It is never 5' → 'never'
_DENIES = re.compile(
    r"n't\b|n’t\b|\b(?:cannot|never|neither|nor|without|wrong|incorrect|false|mistaken|mistake|unlikely|impossible"
    r"|instead|rather|too (?:much|many|large|small|high|low|few|little))\b|\?",
    re.IGNORECASE,
)
# 'It would be 5' → 'would'
_MODAL = re.compile(r"\b(?:would|could|should|might|may)\b", re.IGNORECASE)
# 'maybe 5' → 'maybe'
_HEDGES = re.compile(
    r"\b(?:or|maybe|perhaps|possibly|either|alternatively|unless|if|otherwise|not sure|guess)\b", re.IGNORECASE
)
# How often or for how long something is: it changes no number. '$18 every day' → 'every day'
_OFTEN = re.compile(
    r"\b(?:in all|all together|of all|(?:every|each|per|a|all) (?:single )?"
    r"(?:day|week|month|year|hour|minute|second|morning|evening|night|weekend|person|child))\b",
    re.IGNORECASE,
)
# '5 \text{apples}' → 'apples'
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
# '10\%' → '\%'
_PERCENT = re.compile(r"\\?%|percent|pct", re.IGNORECASE)
# ' square metres, which' → 'square metres'
_UNIT = re.compile(
    r"\s?((?:square |cubic )?(?:[mck]?m|[mk]?g|m?l|feet|foot|ft|inch(?:es)?|yards?|miles?"
    r"|(?:centi|milli|kilo)?met(?:er|re)s?|(?:kilo)?grams?|pounds?|ounces?|lit(?:er|re)s?|seconds|minutes?|hours?|days?|weeks?|months?|years?|cents?"
    r"|dollars?|euros?|degrees)(?: ?/ ?(?:h|s|hour|second))?(?:\^?[23]|[²³])?)(?![\w/^-])"
)
# 'The result is **1/2**' → '1/2'; '2**3' is a power
_BOLD = re.compile(r"(?<![\w)*])\*\*(?=[^\s*])([^*\n]{1,300})(?<=\S)\*\*(?![\w(*])")
# 'A: 18' → 'A: '
_LABEL = re.compile(r"(?:A|Ans(?:wer)?|Solution|Result)\s?[:.]\s+(?=\S)", re.IGNORECASE)
# 'Total earnings = 9*2 = 18' → 'Total earnings', '9*2 = 18'
_NAMED = re.compile(r"([A-Za-z][A-Za-z' ]{2,60})[:=]\s*(\S.*)")
# '\sin 30' → 'sin'
_FUNCTIONS = re.compile(
    r"\b(?:a?(?:rc)?(?:sin|cos|tan)h?|cot|sec|csc|log|ln|exp|lim|max|min|gcd|lcm|det|mod|abs|floor)\b"
)
# 'She sells 9. So, she makes 18.' → 'So, she makes 18.'
_CONCLUDES = re.compile(
    r"(?:so|thus|therefore|hence|in (?:total|all|conclusion)|altogether|finally|consequently|overall|∴)\b",
    re.IGNORECASE,
)
# 'So, 9*2 = 18' → 'So, '
_OPENING = re.compile(r"\A(?:(?:so|thus|hence|therefore|then|and)[,:]?\s|∴|⇒|→|=>|✅|✓|\s)+", re.IGNORECASE)
# '`18`' → '18'
_CODE = re.compile(r"`([^`\n]{1,200})`")
# '9 x $2' → '$'
_MONEY = re.compile(r"(?<!\\)\$(?=\d)")


def last_words(line: str) -> str:
    """The last sentence of a line where it is marked as its conclusion, or the line is long; else the line."""
    line = line[-_LINE:]
    last = re.split(r"(?<=[.!?])\s+(?=[A-Z*])", line)[-1]  # 'She has 9. So, 18.' → 'She has 9.', 'So, 18.'
    return last if len(line) >= 300 or (_CONCLUDES.match(last.lstrip("* ")) and _NUMBER.search(last)) else line


def from_line(line: str, said: bool) -> list[str]:
    """The answer that a line holds; none, if it holds none for certain and nothing `said` that it is the answer."""
    line = _HOPE.split(line[:_LINE])[0].strip()
    line = _CODE.sub(r"\1", _OPENING.sub("", line, count=1)).rstrip("✅✓ ")
    if label := _LABEL.match(line):
        line = line[label.end() :]
    bold = [part for part in _BOLD.findall(line) if re.search(r"\d|\\|\$", part)]  # '**18**' → '18', '**Total**' → none
    if len(bold) == 1 and _only(_BOLD.sub(" ", line)):
        return from_line(bold[0], said=True)
    line = _BOLD.sub(r"\1", line)
    plain = bare(line)
    formulas = [next(filter(None, each), "").strip() for each in _FORMULA.findall(line)]
    if len(formulas) == 1:
        rest = _FORMULA.sub(" ", line, count=1)
        # "$5$ or 6" and "$x$ squared" say more than their formula.
        if _only(rest):
            return [formulas[0] + _percent(rest)]
    if formulas:
        if _JOINED.fullmatch(_FORMULA.sub(" ", line)):
            return [undressed(line)]
        worded = _WORD.search(_FORMULA.sub(" ", line)) is not None
        return _ending(plain) or ([plain] if said or not worded else [])
    return _from_prose(plain, said) if plain else []


def _from_prose(line: str, said: bool) -> list[str]:
    """The answer in a line without formulas."""
    if not _WORD.search(line):
        return [_unpriced(line)] if said or _NUMBER.search(line) else []
    numbers = _NUMBER.findall(line)
    lone = _LONE.findall(line)
    if len(lone) == 1 and len(numbers) <= 1 + lone[0].count(",") and _harmless(line):
        before, _, behind = line.partition(lone[0])
        return [("\\$" if before.endswith("$") else "") + lone[0] + _unit(behind)]
    named = _NAMED.fullmatch(line)
    if named and not _WORD.search(named[2]) and _NUMBER.search(named[2]) and _harmless(named[1]):
        return [_unpriced(named[2])]
    return _ending(line) or ([line] if said else [])


def _only(rest: str) -> bool:
    """Whether what stands around an answer leaves it as it is: no number, nothing that denies, hedges or changes it."""
    return not _NUMBER.search(rest) and not rest.rstrip("*. ").endswith(("=", "≈")) and _harmless(rest)


def _harmless(words: str) -> bool:
    often = _OFTEN.sub(" ", words)
    return not any(shape.search(often) for shape in (_MEANS, _DENIES, _MODAL, _HEDGES, _FUNCTIONS))


def _unpriced(line: str) -> str:
    """``9 × 2 = $18`` of ``9 × $2 = $18``: the sign of money counts where the value stands."""
    *links, value = line.split("=")
    return "=".join([*(_MONEY.sub("", link) for link in links), value])


def _ending(sentence: str) -> list[str]:
    """The number that a sentence without a hedge ends with, after "is"."""
    number = _LAST.search(_OFTEN.sub(" ", sentence).rstrip(". "))
    if not number or any(shape.search(sentence) for shape in (_HEDGES, _DENIES, _FUNCTIONS)):
        return []
    return [number[1] + ("%" if number[2] in ("%", "percent") else f"\\text{{{number[2]}}}" if number[2] else "")]


def _percent(rest: str) -> str:
    return "%" if _PERCENT.match(rest.strip()) else ""


def _unit(behind: str) -> str:
    """What behind a number changes its value: a percent sign, or a unit that is known by name."""
    if _PERCENT.match(behind.strip()):
        return "%"
    unit = _UNIT.match(behind)
    return f"\\text{{{unit[1].replace('²', '^2').replace('³', '^3')}}}" if unit else ""


def undressed(line: str) -> str:
    """Without the signs that formulas begin and end with."""
    return re.sub(r"(?<!\\)\$|\\[()\[\]](?![a-zA-Z])", " ", line).strip()  # '\(5\)' → '5'


def bare(text: str) -> str:
    """Without what surrounds a formula in prose: bold marks, dollar signs, a closing dot."""
    stripped = text.strip().lstrip("* ").rstrip("*. ")
    for left, right in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        if len(stripped) > len(left) + len(right) and stripped.startswith(left) and stripped.endswith(right):
            inner = stripped[len(left) : -len(right)]
            if left not in inner:
                return inner.strip()
    return stripped
