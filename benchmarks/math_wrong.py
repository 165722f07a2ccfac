"""Answers that are wrong by construction: perturbed golds, each shown not to be equal to its gold.

Nothing here uses gristmill: what a grader is tested with must not come from the grader. Numbers are checked with exact
fractions; expressions by evaluating both texts at three points with latex2sympy2_extended and mpmath.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Wrong", "number", "wrong_answers"]


@dataclass(frozen=True)
class Wrong:
    """A gold answer, a text that is not equal to it, and how that text was made."""

    gold: str
    answer: str
    kind: str


_NUMBER = re.compile(r"-?(?:\d[\d,]*\.?\d*|\.\d+)")
_FRACTION = re.compile(r"(-?)\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_PAIR = re.compile(r"^(\\left)?([(\[])(.*)([)\]])$", re.DOTALL)
_WORDS = {"even": "odd", "east": "west", "ellipse": "parabola", "Evelyn": "Briana", "Navin": "Cao"}


def wrong_answers(gold: str) -> Iterator[Wrong]:
    """Every perturbation that applies to a gold, without those that cannot be shown to be wrong."""
    value = number(gold)
    if value is not None:
        yield from _of_numbers(gold, value)
        return
    for perturb in (_of_groups, _of_lists, _of_units, _of_words, _of_bases, _of_matrices, _of_unions, _of_expressions):
        yield from perturb(gold)


def number(text: str) -> Fraction | None:
    """The exact value of a plain number; thousands' commas are left out."""
    plain = re.sub(r"[,\s]|\\!|\{,\}", "", re.sub(r"\\frac\s*(\d)\s*(\d)$", r"\\frac{\1}{\2}", text.strip()))
    if "," in text and not re.fullmatch(r"-?\d{1,3}(?:(?:,\\! ?|,|\{,\})\d{3})+(?:\.\d+)?", text.strip()):
        return None
    if fraction := _FRACTION.fullmatch(plain):
        return Fraction(int(fraction[1] + fraction[2]), int(fraction[3]))
    return Fraction(plain) if _NUMBER.fullmatch(plain) and plain.strip("-.") else None


def _written(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _of_numbers(gold: str, value: Fraction) -> Iterator[Wrong]:
    wrongs: list[tuple[str, Fraction]] = [
        ("one more", value + 1),
        ("one less", value - 1),
        ("sign", -value),
        ("ten times", value * 10),
        ("a hundredth", value / 100),
        ("half more", value + Fraction(1, 2)),
        ("squared", value * value),
        ("a trifle more", value + Fraction(1, 10**6)),
    ]
    if value:
        wrongs.append(("reciprocal", 1 / value))
    if value.denominator == 1 and abs(value) > 9:
        digits = str(abs(value.numerator))
        changed = digits[:-2] + str((int(digits[-2]) + 3) % 10) + digits[-1]
        wrongs += [
            ("digit", Fraction(int(changed))),
            ("digits swapped", Fraction(int(digits[:-2] + digits[-1] + digits[-2]))),
        ]
    for kind, wrong in wrongs:
        if wrong != value:
            yield Wrong(gold, _written(wrong), kind)
    if value:
        yield Wrong(gold, f"{_written(value)}x", "a factor too many")
        yield Wrong(gold, f"{_written(value)}, {_written(value + 1)}", "an answer too many")
        yield Wrong(gold, f"{_written(value)} \\text{{ or }} {_written(value + 2)}", "hedged")
        yield Wrong(gold, f"{_written(value + 1)} = {_written(value)}", "false chain")
        yield Wrong(gold, f"{_written(value)}\\%", "percent (read as a share)")
        yield Wrong(gold, f"x > {_written(value)}", "a relation instead of a value")
        yield Wrong(gold, f"{_written(value - 3)} + 3", "not evaluated")
        yield Wrong(gold, f"\\int_0^1 {_written(value)} \\, dx", "integral, not evaluated")


def _of_groups(gold: str) -> Iterator[Wrong]:
    plain = re.sub(r"\\left|\\right|\s", "", gold)
    pair = _PAIR.fullmatch(plain)
    if not pair or "\\cup" in plain:
        return
    _, opened, inner, closed = pair.groups()
    parts = _parts(inner)
    if len(parts) < 2:
        return
    if parts[0] != parts[1] and differ(parts[0], parts[1]):
        swapped = [parts[1], parts[0], *parts[2:]]
        yield Wrong(gold, f"{opened}{','.join(swapped)}{closed}", "entries swapped")
    other = {"(": "[", "[": "(", ")": "]", "]": ")"}
    if len(parts) == 2:
        yield Wrong(gold, f"{other[opened]}{inner}{closed}", "left bracket")
        yield Wrong(gold, f"{opened}{inner}{other[closed]}", "right bracket")
    yield Wrong(gold, f"{opened}{inner},0{closed}", "an entry too many")
    yield Wrong(gold, f"{opened}{','.join(parts[:-1])}{closed}", "an entry too few")
    yield Wrong(gold, f"\\{{{inner}\\}}", "a set instead")
    for place, part in enumerate(parts):
        if "infty" not in part:
            yield Wrong(
                gold,
                f"{opened}{','.join([*parts[:place], f'{part}+1', *parts[place + 1 :]])}{closed}",
                "an entry off by one",
            )


def _of_lists(gold: str) -> Iterator[Wrong]:
    parts = _parts(gold)
    if len(parts) < 2 or gold.lstrip().startswith(("(", "[", "\\left")) or number(gold) is not None:
        return
    yield Wrong(gold, ",".join(parts[:-1]), "a part too few")
    yield Wrong(gold, ",".join([*parts, "1000001"]), "a part too many")
    for place, part in enumerate(parts):
        if (value := number(part)) is not None:
            yield Wrong(gold, ",".join([*parts[:place], _written(value + 7919), *parts[place + 1 :]]), "a part off")


def _of_units(gold: str) -> Iterator[Wrong]:
    if "^\\circ" in gold or "degrees" in gold:
        amount = gold.split("^\\circ")[0].split("\\text")[0]
        yield Wrong(gold, f"{amount}1^\\circ", "digit more")
        yield Wrong(gold, f"{amount} \\text{{ radians}}", "unit")
    swaps = (("cm", "m"), ("inches", "feet"), ("cents", "dollars"), ("degrees", "radians"))
    for unit, wrong in swaps:
        if re.search(rf"\{{ ?{unit}\}}", gold):
            yield Wrong(gold, gold.replace(unit, wrong), "unit scale")
    if gold.startswith("\\$"):
        yield Wrong(gold, gold[2:] + " \\text{ cents}", "unit scale")
        yield Wrong(gold, gold[:2] + "1" + gold[2:], "digit more")


def _of_words(gold: str) -> Iterator[Wrong]:
    if match := re.fullmatch(r"\\text\{\(?([A-Z])\)?\}", gold):
        for letter in "ABCDEF".replace(match[1], ""):
            yield Wrong(gold, f"\\text{{({letter})}}", "another choice")
    elif match := re.fullmatch(r"\\text\{(\w+)\}", gold):
        yield Wrong(gold, f"\\text{{{_WORDS.get(match[1], 'none')}}}", "another word")
        yield Wrong(gold, f"\\text{{{match[1]}{match[1][-1]}}}", "a letter too many")


def _of_bases(gold: str) -> Iterator[Wrong]:
    if match := re.fullmatch(r"(\d+)_\{?(\d)\}?", gold):
        digits, base = match.groups()
        yield Wrong(gold, f"{digits}_{int(base) + 1}", "another base")
        yield Wrong(gold, f"{digits[:-1]}{(int(digits[-1]) + 1) % int(base)}_{base}", "digit")
        yield Wrong(gold, f"{digits}_{{10}}", "decimal instead")


def _of_matrices(gold: str) -> Iterator[Wrong]:
    if "\\begin" not in gold:
        return
    for entry in re.finditer(r"(?<=[\s{])-?\d+(?=[\s}&/\\])", gold):
        wrong = gold[: entry.start()] + f" {int(entry[0]) + 1}" + gold[entry.end() :]
        yield Wrong(gold, wrong, "an entry off by one")
    rows = gold.split("}", 1)[1].rsplit("\\end", 1)[0].split("\\\\")
    if len(rows) > 1 and rows[0].strip() != rows[-1].strip():
        yield Wrong(gold, "\\begin{pmatrix}" + "\\\\".join(reversed(rows)) + "\\end{pmatrix}", "rows reversed")
    yield Wrong(gold, "\\begin{pmatrix}" + "\\\\".join([*rows, rows[0]]) + "\\end{pmatrix}", "a row too many")


def _of_unions(gold: str) -> Iterator[Wrong]:
    if "\\cup" not in gold and not gold.startswith("x \\in"):
        return
    for place, each in enumerate(gold):
        other = {"(": "[", "[": "(", ")": "]", "]": ")"}.get(each)
        if other and "infty" not in gold[max(0, place - 8) : place + 8]:
            yield Wrong(gold, gold[:place] + other + gold[place + 1 :], "one bracket")
    for end in re.finditer(r"\d+", gold):
        yield Wrong(gold, f"{gold[: end.start()]}{int(end[0]) + 1}{gold[end.end() :]}", "one end off")
    yield Wrong(gold, gold.split("\\cup")[0] if "\\cup" in gold else gold[5:-1] + ",8]", "one piece")


def _of_expressions(gold: str) -> Iterator[Wrong]:
    if re.search(r"\\text|\\mbox|_|\\begin|\\in|\\cup|\\{|\\pm|circ|\\\$|^\\left|[<>,]", gold):
        return
    head, sign, body = re.sub(
        r"\\sqrt\s*(\d)", r"\\sqrt{\1}", re.sub(r"\\frac(\d)\{", r"\\frac{\1}{", gold)
    ).rpartition("=")
    wrongs = [
        ("sign", f"-({body})"),
        ("one more", f"{body}+1"),
        ("twice", f"2({body})"),
        ("reciprocal", f"\\frac{{1}}{{{body}}}"),
    ]
    for digit in re.finditer(r"\d", body):
        other = (int(digit[0]) + 1) % 10
        wrongs.append(("digit", f"{body[: digit.start()]}{other}{body[digit.end() :]}"))
    depth = 0
    for place, each in enumerate(body):
        depth += (each in "({[") - (each in ")}]")
        if each in "+-" and depth == 0 and body[:place].strip():
            wrongs.append(("term dropped", body[:place].strip()))
            wrongs.append(("sign inside", body[:place] + ("-" if each == "+" else "+") + body[place + 1 :]))
    for letter in sorted(set(re.findall(r"(?<![\\a-zA-Z])[a-z](?![a-zA-Z])", body))):
        wrongs.append(("power", re.sub(rf"(?<![\\a-zA-Z]){letter}(?![a-zA-Z])", f"{{{letter}}}^{{3}}", body, count=1)))
    for kind, wrong in wrongs:
        if differ(body, wrong):
            yield Wrong(gold, f"{head}{sign}{wrong}", kind)


def _parts(text: str) -> list[str]:
    """Split at commas outside brackets."""
    parts, depth = [""], 0
    for each in text:
        depth += (each in "({[") - (each in ")}]")
        if each == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += each
    return [part.strip() for part in parts]


def differ(first: str, second: str) -> bool:
    """Whether two texts have different values at one of three points: then they are not equal, whatever their form."""
    import sympy
    from latex2sympy2_extended import latex2sympy

    try:
        spelled = (re.sub(r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}", text) for text in (first, second))
        parsed = (latex2sympy(re.sub(r"\\sqrt(\d)", r"\\sqrt{\1}", text)) for text in spelled)
        ours, theirs = (
            each.subs(sympy.Symbol("i"), sympy.I).subs(sympy.Symbol("i", real=True), sympy.I) for each in parsed
        )
        symbols = sorted(ours.free_symbols | theirs.free_symbols, key=str)
        for point in (sympy.Rational(7, 5), sympy.Rational(12, 7), sympy.Rational(29, 13)):
            values = {symbol: point + place for place, symbol in enumerate(symbols)}
            one, other = (each.subs(values).evalf(30) for each in (ours, theirs))
            if one.is_number and other.is_number and abs(one - other) > abs(one) * sympy.Float("1e-9"):
                return True
    except Exception:
        return False
    return False
