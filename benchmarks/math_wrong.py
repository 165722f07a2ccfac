"""Answers that are wrong by construction: perturbed golds, each with the reason why it cannot be equal, and hostile text.

Nothing here uses gristmill: what a grader is tested with must not come from the grader. Numbers are checked with exact
fractions; expressions by evaluating both texts at three points with latex2sympy2_extended and mpmath.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["HOSTILE", "Wrong", "wrong_answers"]


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
    for made in (_of_groups, _of_lists, _of_units, _of_words, _of_bases, _of_matrices, _of_unions, _of_expressions):
        yield from made(gold)


def number(text: str) -> Fraction | None:
    """The exact value of a plain number; thousands' commas are left out."""
    plain = re.sub(r"[,\s]|\\!|\{,\}", "", re.sub(r"\\frac\s*(\d)\s*(\d)$", r"\\frac{\1}{\2}", text.strip()))
    if found := _FRACTION.fullmatch(plain):
        return Fraction(int(found[1] + found[2]), int(found[3]))
    return Fraction(plain) if _NUMBER.fullmatch(plain) and plain.strip("-.") else None


def _written(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _of_numbers(gold: str, value: Fraction) -> Iterator[Wrong]:
    made: list[tuple[str, Fraction]] = [
        ("one more", value + 1), ("one less", value - 1), ("sign", -value), ("ten times", value * 10),
        ("a hundredth", value / 100), ("half more", value + Fraction(1, 2)), ("squared", value * value),
        ("a trifle more", value + Fraction(1, 10**6)),
    ]  # fmt: skip
    if value:
        made.append(("reciprocal", 1 / value))
    if value.denominator == 1 and abs(value) > 9:
        digits = str(abs(value.numerator))
        changed = digits[:-2] + str((int(digits[-2]) + 3) % 10) + digits[-1]
        made += [
            ("digit", Fraction(int(changed))),
            ("digits swapped", Fraction(int(digits[:-2] + digits[-1] + digits[-2]))),
        ]
    for kind, wrong in made:
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
    found = _PAIR.fullmatch(plain)
    if not found or "\\cup" in plain:
        return
    _, opened, inner, closed = found.groups()
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
    if found := re.fullmatch(r"\\text\{\(?([A-Z])\)?\}", gold):
        for letter in "ABCDEF".replace(found[1], ""):
            yield Wrong(gold, f"\\text{{({letter})}}", "another choice")
    elif found := re.fullmatch(r"\\text\{(\w+)\}", gold):
        yield Wrong(gold, f"\\text{{{_WORDS.get(found[1], 'none')}}}", "another word")
        yield Wrong(gold, f"\\text{{{found[1]}{found[1][-1]}}}", "a letter too many")


def _of_bases(gold: str) -> Iterator[Wrong]:
    if found := re.fullmatch(r"(\d+)_\{?(\d)\}?", gold):
        digits, base = found.groups()
        yield Wrong(gold, f"{digits}_{int(base) + 1}", "another base")
        yield Wrong(gold, f"{digits[:-1]}{(int(digits[-1]) + 1) % int(base)}_{base}", "digit")
        yield Wrong(gold, f"{digits}_{{10}}", "decimal instead")


def _of_matrices(gold: str) -> Iterator[Wrong]:
    if "\\begin" not in gold:
        return
    for found in re.finditer(r"(?<=[\s{])-?\d+(?=[\s}&/\\])", gold):
        wrong = gold[: found.start()] + f" {int(found[0]) + 1}" + gold[found.end() :]
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
    for found in re.finditer(r"\d+", gold):
        yield Wrong(gold, f"{gold[: found.start()]}{int(found[0]) + 1}{gold[found.end() :]}", "one end off")
    yield Wrong(gold, gold.split("\\cup")[0] if "\\cup" in gold else gold[5:-1] + ",8]", "one piece")


def _of_expressions(gold: str) -> Iterator[Wrong]:
    if re.search(r"\\text|\\mbox|_|\\begin|\\in|\\cup|\\{|\\pm|circ|\\\$|^\\left|[<>,]", gold):
        return
    head, sign, body = re.sub(
        r"\\sqrt\s*(\d)", r"\\sqrt{\1}", re.sub(r"\\frac(\d)\{", r"\\frac{\1}{", gold)
    ).rpartition("=")
    made = [
        ("sign", f"-({body})"),
        ("one more", f"{body}+1"),
        ("twice", f"2({body})"),
        ("reciprocal", f"\\frac{{1}}{{{body}}}"),
    ]
    for found in re.finditer(r"\d", body):
        other = (int(found[0]) + 1) % 10
        made.append(("digit", f"{body[: found.start()]}{other}{body[found.end() :]}"))
    depth = 0
    for place, each in enumerate(body):
        depth += (each in "({[") - (each in ")}]")
        if each in "+-" and depth == 0 and body[:place].strip():
            made.append(("term dropped", body[:place].strip()))
            made.append(("sign inside", body[:place] + ("-" if each == "+" else "+") + body[place + 1 :]))
    for letter in sorted(set(re.findall(r"(?<![\\a-zA-Z])[a-z](?![a-zA-Z])", body))):
        made.append(("power", re.sub(rf"(?<![\\a-zA-Z]){letter}(?![a-zA-Z])", f"{{{letter}}}^{{3}}", body, count=1)))
    for kind, wrong in made:
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
        ours, theirs = (latex2sympy(re.sub(r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}", text.replace("\\sqrt2", "\\sqrt{2}"))
                                    .replace("i", "I") if "\\" not in text else text) for text in (first, second))  # fmt: skip
        symbols = sorted(ours.free_symbols | theirs.free_symbols, key=str)
        for point in (sympy.Rational(7, 5), sympy.Rational(12, 7), sympy.Rational(29, 13)):
            values = {symbol: point + place for place, symbol in enumerate(symbols)}
            one, other = (each.subs(values).evalf(30) for each in (ours, theirs))
            if one.is_number and other.is_number and abs(one - other) > abs(one) * sympy.Float("1e-9"):
                return True
    except Exception:
        return False
    return False


_TOWER = "9" + "^{9" * 8 + "}" * 8
HOSTILE: tuple[tuple[str, str], ...] = tuple(
    (name, text if "boxed" in text or len(text) > 100_000 else f"\\boxed{{{text}}}")
    for name, text in (
        ("power tower", _TOWER), ("power tower, small", "2^{2^{2^{2^{2^{2}}}}}"), ("tower of tens", "10^{10^{10^{10}}}"),
        ("tower below", "\\frac{1}{9^{9^{9^{9}}}}"), ("tower of negative powers", "9^{-9^{9^{9^9}}}"), ("plain tower", "9**9**9**9**9"),
        ("tower in a root", "\\sqrt{9^{9^{9^{9}}}}"), ("tower in an exponent of e", "e^{e^{e^{e^{e^{e^e}}}}}"),
        ("tower in a sine", "\\sin(10^{10^{10^{10}}})"), ("tower mod", "9^{9^{9^{9}}} \\mod 7"),
        ("factorial", "(10^{9})!"), ("factorial tower", "100!!!!!"), ("factorial of a factorial", "((((9!)!)!)!)!"),
        ("binomial", "\\binom{10^{12}}{10^{11}}"), ("literal binomial", "\\binom{1000000000}{500000000}"), ("gamma", "\\Gamma(10^{12})"),
        ("long sum", "\\sum_{n=1}^{10^{12}} \\frac{1}{n}"), ("divergent sum", "\\sum_{n=1}^{\\infty} n!"),
        ("long product", "\\prod_{n=1}^{10^{10}} n"), ("hard integral", "\\int_0^{\\infty} \\sin(x^{x^x}) e^{-x^2} dx"),
        ("nested integrals", "\\int_0^1\\int_0^1\\int_0^1\\int_0^1 \\sin(xyzt) dx dy dz dt"), ("hard limit", "\\lim_{x \\to 0} x^{x^{x^{x^x}}}"),
        ("the problem as an integral", "\\int_0^5 1 dx"), ("sum for the value", "\\sum_{k=1}^{5} 1"), ("limit for the value", "\\lim_{x \\to 5} x"),
        ("derivative for the value", "\\frac{d}{dx} 5x"), ("arithmetic left", "2+3"), ("arithmetic left, times", "1 \\cdot 5"), ("chain", "3=5"),
        ("chain with a name", "x = 3 = 5"), ("equation with a factor", "2x = 5"), ("equation of names", "x = y"),
        ("deep brackets", "(" * 300 + "5" + ")" * 300), ("deep roots", "\\sqrt{" * 120 + "5" + "}" * 120),
        ("deep fractions", "\\frac{1}{" * 120 + "5" + "}" * 120), ("deep powers", "x^{" * 120 + "5" + "}" * 120),
        ("unbalanced", "(" * 500), ("open boxes", "\\boxed{" * 20000), ("nested boxes", "\\boxed{" * 2000 + "6" + "}" * 2000),
        ("many boxes", "\\boxed{5}\\boxed{6}" * 5000), ("a megabyte of digits", "\\boxed{" + "7" * 1_000_000 + "}"),
        ("a megabyte of brackets", "{" * 1_000_000), ("a megabyte of dollars", "$" * 1_000_000), ("a megabyte of prose", "The answer is 6. " * 60_000),
        ("a megabyte of one line", "answer " * 150_000), ("a megabyte of backslashes", "\\" * 1_000_000), ("a megabyte of spaces", "\\boxed{5" + " " * 1_000_000 + "6}"),
        ("huge matrix", "\\begin{pmatrix}" + "\\\\".join(["&".join("1" * 12)] * 12) + "\\end{pmatrix}"), ("matrix power", "\\begin{pmatrix}1&1\\\\1&0\\end{pmatrix}^{10^9}"),
        ("matrix tower", "\\begin{pmatrix}9^{9^{9^9}}\\end{pmatrix}"), ("huge determinant", "\\begin{vmatrix}" + "\\\\".join(["&".join("abcdefgh")] * 8) + "\\end{vmatrix}"),
        ("import", "__import__('os').system('id')"), ("lambda", "(lambda: 5)()"), ("dunder", "().__class__.__bases__"), ("eval", "eval('5')"),
        ("exec", "exec(\"x=5\")"), ("getattr", "getattr(5,'real')"), ("open", "open('/etc/passwd')"), ("walrus", "(x:=5)"), ("f-string", "f\"{5}\""),
        ("comprehension", "[x for x in (5,)][0]"), ("sympify", "sympify(\"5\")"), ("srepr", "Integer(5)"), ("S", "S(5).func"), ("comment", "5 # right"),
        ("tex input", "\\input{/etc/passwd}"), ("tex loop", "\\def\\x{\\x\\x}\\x"), ("arabic digits", "\u0665"), ("fullwidth digits", "\uff15"),
        ("mathematical digits", "\U0001d7d3"), ("cyrillic letter", "\u0445+5"), ("superscript only", "\u2075"), ("right to left", "\u202e5"),
        ("zero width", "5\u200b6"), ("null byte", "5\x00"), ("combining strokes", "5" + "\u0338" * 500), ("roman numeral", "\u2164"), ("circled", "\u2464"),
        ("emoji", "5\ufe0f\u20e3"), ("infinity", "\\infty"), ("nan", "\\frac{0}{0}"), ("division by zero", "\\frac{5}{0}"), ("oo - oo", "\\infty - \\infty"),
        ("hedge", "5 \\text{ or } 6"), ("hedge, boxes", "\\boxed{5} or \\boxed{6}"), ("hedge, list", "5, 6, 7"), ("hedge, plus-minus", "5 \\pm 1"), ("hedge, range", "4 < x < 6"),
        ("interval", "[5, 5]"), ("set builder", "\\{x : x = 5\\}"), ("not", "\\neq 5"), ("about", "\\approx 5.2"), ("dots", "5.000\\ldots1"), ("nothing", ""), ("blank", "   "),
        ("only a unit", "\\text{cm}"), ("the question", "x"), ("long decimal", "4." + "9" * 900), ("exponent notation", "5e1000000000"), ("hex", "0x5"),
        ("ackermann", "A(5,5)"), ("up arrows", "9\\uparrow\\uparrow\\uparrow 9"), ("huge exponent", "(1+10^{-50})^{10^{50}}"), ("cancelling", "10^{400}-10^{400}+10^{-300}"),
        ("near miss", "5+10^{-60}"), ("near miss, trigonometric", "5\\cos(10^{-40})"), ("nested absolute values", "|" * 100 + "5" + "|" * 100),
        ("floors", "\\lfloor " * 100 + "6" + "\\rfloor " * 100), ("polynomial blow-up", "(x+y+z+w+1)^{400}"), ("multinomial", "(a+b+c+d+f+g)^{60}"),
        ("roots of roots", "+".join(f"\\sqrt{{{n}}}" for n in range(2, 60))), ("cube roots", "\\sqrt[3]{2+\\sqrt[5]{7}}+" * 20 + "1"),
        ("solve me", "x^5-x-1=0"), ("system", "x+y=5, x-y=1"), ("repeated names", "x=5, x=6"), ("semicolons", "5;6;7"), ("colons", "5:1"), ("clock", "5:00"), ("base", "5_6"),
    )
)  # fmt: skip
