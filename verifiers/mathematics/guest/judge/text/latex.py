"""One expression's text → SymPy, by latex2sympy2_extended, with what that library reads wrongly settled beforehand.

Against texts that are read as another number than they show. The library reads ``2 3`` and ``(2)(3)`` as 5, drops the
base of ``204_5`` and primes, keeps 15 digits of a decimal, and does not know plain names such as ``sqrt(2)``. Here
two numbers side by side are refused, products get their dot, decimals travel as exact fractions, and plain spellings
become LaTeX.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

__all__ = ["Unreadable", "canonical", "expression", "is_decimal"]


class Unreadable(Exception):  # noqa: N818  # what it says of a text; nothing is wrong with the program
    """The text is no mathematics that can be read with certainty; the message says why."""


_SIGNS = r"""
− - – - — - × \times · \cdot ⋅ \cdot ÷ \div π \pi √ \sqrt ∞ \infty ≤ \leq ≥ \geq ≠ \neq ∪ \cup ∩ \cap ∈ \in ≈ \approx
± \pm ° ^\circ ² ^2 ³ ^3 ½ \frac{1}{2} ¼ \frac{1}{4} ¾ \frac{3}{4} θ \theta α \alpha β \beta ℝ \mathbb{R}
""".split()
_SPACED = {
    sign: latex + (" " if latex[0] == "\\" and latex[-1] != "}" else "")
    for sign, latex in zip(_SIGNS[::2], _SIGNS[1::2], strict=True)
}
_CHARACTERS = str.maketrans(_SPACED | dict.fromkeys("\u00a0\u202f\u2009", " "))
# '\left(x\right)' → '\left'
_DROPPED = re.compile(
    r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits|mathstrut|hspace\{[^{}]*\})(?![a-zA-Z])\.?"
)
# '1\,000' → '\,'
_SPACES = re.compile(r"(?<!\\)\\[,;: ]|\\q?quad(?![a-zA-Z])|~|\s+")
_SAME = (
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),  # '\dfrac12' → '\frac12'
    (re.compile(r"\\(?:le|leqslant)(?![a-zA-Z])|<="), r"\\leq "),  # 'x<=5' → 'x\leq 5'
    (re.compile(r"\\(?:ge|geqslant)(?![a-zA-Z])|>="), r"\\geq "),  # 'x\ge5' → 'x\geq 5'
    (re.compile(r"\\lt(?![a-zA-Z])"), "<"),  # 'x\lt5' → 'x<5'
    (re.compile(r"\\gt(?![a-zA-Z])"), ">"),  # 'x\gt5' → 'x>5'
    (re.compile(r"\\ne(?![a-zA-Z])|!="), r"\\neq "),  # 'x!=5' → 'x\neq 5'
    (re.compile(r"\\cong(?![a-zA-Z])|\\simeq(?![a-zA-Z])"), r"\\approx "),  # 'x\cong5' → 'x\approx 5'
    (re.compile(r"\\lbrace(?![a-zA-Z])"), r"\\{"),  # '\lbrace1' → '\{1'
    (re.compile(r"\\rbrace(?![a-zA-Z])"), r"\\}"),  # '1\rbrace' → '1\}'
    (re.compile(r"\\lbrack(?![a-zA-Z])"), "["),  # '\lbrack1' → '[1'
    (re.compile(r"\\rbrack(?![a-zA-Z])"), "]"),  # '1\rbrack' → '1]'
    (re.compile(r"\\[lr]?vert(?![a-zA-Z])"), "|"),  # '\lvert1\rvert' → '|1|'
    (re.compile(r"\\(?:R|reals)(?![a-zA-Z])"), r"\\mathbb{R}"),  # '\R' → '\mathbb{R}'
    # '60^\circ' → '60\text{degrees}'
    (re.compile(r"\^\{?\\(?:circ|degree)\}?|\\(?:circ|degree)(?![a-zA-Z])"), r"\\text{degrees}"),
    (re.compile(r"\\operatorname\*?\{([a-zA-Z]+)\}"), r"\\\1 "),  # '\operatorname{sin}x' → '\sin x'
    (re.compile(r"\\(?:mathrm|mathit|mathbf|boldsymbol|mathsf)\{\s*([A-Za-z])\s*\}"), r"{\1}"),  # '\mathrm{e}' → '{e}'
    # '\mbox{cm}' → '\text{cm}'
    (re.compile(r"\\(?:math(?:rm|bf|it|sf)|[mh]box|text(?:bf|it|rm|normal|tt|sf))(?=\s*\{)"), r"\\text"),
    (re.compile(r"\\langle(?![a-zA-Z])"), "("),  # '\langle1' → '(1'
    (re.compile(r"\\rangle(?![a-zA-Z])"), ")"),  # '1\rangle' → '1)'
    (re.compile(r"\\log_\{?e\}?(?![a-zA-Z])"), r"\\ln "),  # '\log_e2' → '\ln 2'
    (re.compile(r"\*\*"), "^"),  # 'x**2' → 'x^2'
    (re.compile(r"\\(?:bf|rm|it|sf)(?![a-zA-Z])"), ""),  # '{\bf x}' → '{ x}'
    (re.compile(r"(?<![a-zA-Z\\])(?:infinity|inf|oo)(?![a-zA-Z])"), r"\\infty "),  # '-oo' → '-\infty '
)
_NAMES = (
    "arcsin arccos arctan sin cos tan cot sec csc sinh cosh tanh log ln exp sqrt pi alpha beta theta lambda phi gcd "
    "max min"
).split()
# 'sin(x)' → 'sin'
_PLAIN = re.compile(
    r"(?<![a-zA-Z\\])(" + "|".join(sorted(_NAMES, key=len, reverse=True)) + r")(?=[\s(\d{^*/+,)_\\\]-]|$)"
)
# '{x}+1' → 'x'
_LONELY = re.compile(r"\{([A-Za-z0-9])\}")
# 'x^' → '^'
_KEEPS_BRACES = re.compile(r"(?:[_^]|\\[A-Za-z]+|\}|\])\s*$")
# '6.02e23' → '6.02e23'
_SCIENTIFIC = re.compile(r"(?<![\d.A-Za-z])(\d+(?:\.\d+)?)[eE]([+-]?\d{1,3})(?![\d.A-Za-z])")
# '0.\bar6' → '0.\bar6'
_BARRED = re.compile(r"(\d*\.\d*)\\(?:bar|overbar|overline|dot)\s*(?:\{\s*(\d+)\s*\}|(\d)(?!\d))")
# '0.(6)' → '0.(6)'
_PERIOD = re.compile(r"(\d*\.)\((\d+)\)(?!\d)")
# '\cos^2 60\text{degrees}' → '\cos^2 60\text{degrees}'
_DEGREES = re.compile(
    r"\\(sin|cos|tan|cot|sec|csc)\s*(\^\{?\d\}?)?\s*(?:(\()|\{)?\s*(-?)\s*(\d+(?:\.\d+)?)\s*"
    r"(?:\\text\{\s*degrees?\s*\}|degrees?(?![a-z]))\s*(?(3)\)|\}?)"
)
# '0.1\overline{6}' → '0.1\overline{6}'
_REPEATING = re.compile(r"(\d*)\.(\d*)\\overline\{(\d+)\}")
# 'x = .5' → '.5'
_DECIMAL = re.compile(r"(?<![\d.])(?:\d+\.\d+|\.\d+|\d+\.(?!\d))")
# '2\frac{1}{3}' → '2\frac{1}{3}'
_MIXED = re.compile(r"(?<![\d.}^_])(\d+)\s*\\frac\{(\d+)\}\{(\d+)\}")
# '2 1/3' → '2 1/3'
_PLAIN_MIXED = re.compile(r"(?<![\d./])(\d+) (\d+)/(\d+)(?![\d/.])")
# '2 3' → '2 3'
_SIDE_BY_SIDE = re.compile(r"(?<![_\d])\d+\s+[\d.]|\.\s*\d*\.|[\d}]\s*\{|\)\s*\d")
# '\sqrt{\frac{1}{2}}' → '\frac{1}{2}'
_INNERMOST = re.compile(
    r"\\(?:[dt]?frac|[dt]?binom)\s*\{([^{}]*)\}\s*\{([^{}]*)\}|\\[a-zA-Z]+\s*(?:\[([^\]]*)\])?\s*\{([^{}]*)\}|[_^]\s*\{([^{}]*)\}"
)
# '5 apples' → 'apples'
_NO_WORDS = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{5,}")
_FUNCTION_LETTERS = "fghFGHP"


def canonical(text: str) -> str:
    """One spelling for what LaTeX and plain text spell in several ways; nothing is evaluated."""
    text = text.translate(_CHARACTERS)
    if "\\begin" not in text:
        # Escaped twice on its way here; inside a matrix it ends a row.
        text = re.sub(r"\\\\(?=[a-zA-Z{}])", r"\\", text)  # '\\frac12' → '\frac12'
    text = re.sub(r"\\!\s*", "", text)  # '1,\! 000' → '1,000'
    text = _DROPPED.sub("", text)
    for shape, same in _SAME:
        text = shape.sub(same, text)
    text = _SPACES.sub(" ", text).strip()
    text = _BARRED.sub(lambda part: f"{part[1]}\\overline{{{part[2] or part[3]}}}", text)
    text = _PERIOD.sub(r"\1\\overline{\2}", text)
    text = _DEGREES.sub(_radians, _PLAIN.sub(lambda name: "\\" + name[1] + " ", text))
    return _braces(text)


def _radians(part: re.Match[str]) -> str:
    r"""``\cos 60\text{degrees}`` as ``\cos(\frac{\pi}{3})``."""
    angle = Fraction(part[5]) / 180
    top = "\\pi" if angle.numerator == 1 else f"{angle.numerator}\\pi"
    return f"\\{part[1]}{part[2] or ''}({part[4]}\\frac{{{top}}}{{{angle.denominator}}})"


def _braces(text: str) -> str:
    """``\\frac12``, ``\\sqrt2``, ``x^(2)`` and ``\\sqrt(2)`` with the braces that they lack."""
    text = re.sub(r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}", text)  # '\frac12' → '\frac{1}{2}'
    text = re.sub(r"\\frac\s*(\d|[a-z])\s*\{", r"\\frac{\1}{", text)  # '\frac1{22}' → '\frac{1}{22}'
    text = re.sub(r"(\\frac\{(?:[^{}]|\{[^{}]*\})*\})\s*([0-9a-zA-Z])", r"\1{\2}", text)  # '\frac{1}2' → '\frac{1}{2}'
    text = re.sub(r"\\sqrt\s*(\d+|[a-zA-Z])", r"\\sqrt{\1}", text)  # '\sqrt2' → '\sqrt{2}'
    text = re.sub(r"\\frac\s+\{", r"\\frac{", text)  # '\frac {1}{2}' → '\frac{1}{2}'
    for opener in ("\\sqrt", "^"):
        place = 0
        while (place := text.find(opener, place)) >= 0:
            start = place + len(opener)
            after = start + len(text[start:]) - len(text[start:].lstrip())
            if text[after : after + 1] == "(" and (end := _closing(text, after)) >= 0:
                text = text[:start] + "{" + text[after + 1 : end] + "}" + text[end + 1 :]
            place = start
    return text


def _closing(text: str, opened: int) -> int:
    """Where the bracket that opens at a place closes; -1 if it does not."""
    depth = 0
    for place in range(opened, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return -1


def is_decimal(text: str) -> bool:
    """Whether a text is one number with a decimal point."""
    return re.fullmatch(r"-?\s*(?:\d+\.\d+|\.\d+)", text.strip()) is not None  # '-0.5'


def expression(text: str) -> Any:
    """The SymPy expression of canonical text, unevaluated, decimals exact, symbols without assumptions.

    Raises:
        Unreadable: the text is not one expression.
    """
    import sympy

    text, plain = _settled(text)
    parsed = _parsed(text)
    if not isinstance(parsed, sympy.Expr) or isinstance(parsed, sympy.MatrixBase):
        raise Unreadable("it is not an expression")
    swap: dict[Any, Any] = {symbol: _symbol(symbol, plain) for symbol in parsed.free_symbols}
    with sympy.evaluate(False):
        parsed = parsed.xreplace(swap)
    if parsed.has(sympy.zoo, sympy.nan):
        raise Unreadable("it has no value")
    return parsed


def _symbol(symbol: Any, plain: dict[str, Any]) -> Any:
    import sympy

    if symbol.name in plain:
        return plain[symbol.name]
    return sympy.I if symbol.name == "i" else sympy.Symbol(symbol.name.replace("{", "").replace("}", ""))


def _settled(text: str) -> tuple[str, dict[str, Any]]:
    """The text with everything spelled out that the library would guess at, and what stands for what in it."""
    import sympy

    if not text.strip():
        raise Unreadable("it is empty")
    if re.search(r"\\[{}]", text):  # '\{1\}'
        # The library takes a set's braces for brackets: x^2+\{0\} would be x^2.
        raise Unreadable("a set stands in it where a number should")
    if re.search(r"v\s*_\s*\{?\s*9", text):  # 'v_{9001}'
        raise Unreadable("it uses a name that is taken")
    numbers: dict[str, Any] = {}

    def stand_in(value: Any) -> str:
        name = f"v_{{{9000 + len(numbers)}}}"
        numbers[name] = numbers[f"v_{9000 + len(numbers)}"] = value
        return name

    def repeating(decimal: re.Match[str]) -> str:
        whole, fixed, again = decimal[1] or "0", decimal[2], decimal[3]
        shift, period = 10 ** len(fixed), 10 ** len(again) - 1
        return stand_in(sympy.Rational(int(whole + fixed) * period + int(again), shift * period))

    text = _REPEATING.sub(repeating, text)
    text = _SCIENTIFIC.sub(lambda part: stand_in(sympy.Rational(part[1]) * sympy.Integer(10) ** int(part[2])), text)
    if re.search(r"\\l?dots|\.\.\.|…", text):  # '1,2,\ldots'
        raise Unreadable("it breaks off with dots")
    for mixed in (_MIXED, _PLAIN_MIXED):
        text = mixed.sub(
            lambda part: stand_in(sympy.Integer(part[1]) + sympy.Rational(int(part[2]), int(part[3]))), text
        )
    if _side_by_side(text):
        raise Unreadable("two numbers stand side by side without a sign between them")
    text = _DECIMAL.sub(lambda part: stand_in(sympy.Rational(part[0] if part[0][-1] != "." else part[0] + "0")), text)
    if re.search(r"\d_\{?\d", re.sub(r"v_\{\d+\}|[A-Za-z]_\{?\d+\}?", "", text)):  # '1011_2', but not 'x_{10}'
        raise Unreadable("it is a numeral in another base")
    if re.search(r"\^\{[^{}]*\}\s*\^|\^\w\s*\^|'\s*'", text):  # 'x^2^3'
        raise Unreadable("it has one exponent on another without braces")
    if _NO_WORDS.search(text):
        raise Unreadable("it holds words")
    # The library drops primes, and takes a capital I for the imaginary unit.
    # "f'" → 'v_{9000}'
    text = re.sub(r"([A-Za-z])('{1,3})", lambda part: stand_in(sympy.Symbol(part[1] + "_prime" * len(part[2]))), text)
    # '2I' → '2v_{9000}'
    text = re.sub(r"(?<![A-Za-z\\])I(?![A-Za-z_])", lambda part: stand_in(sympy.Symbol("I")), text)
    text = re.sub(r"\{\s*([A-Za-z])\s*\}(?=\s*[*+\-/)]|\s*$)", lambda part: _freed(text, part), text)  # '{x}+1' → 'x+1'
    text = re.sub(r"(\)|v_\{\d+\}|(?<![\d^_])\d+)\s*(?=\()", r"\1\\cdot ", text)  # '2(x+1)' → '2\cdot (x+1)'
    # '(x+1)y' → '(x+1)\cdot y'
    text = re.sub(
        r"\)\s*(?=[A-Za-z\\])(?!\\(?:cdot|times|div|leq|geq|neq|in|approx|pm|mp|cup|cap|mod|right|rfloor|rceil))",
        r")\\cdot ",
        text,
    )
    # 'x(x+1)' → 'x\cdot (x+1)'
    text = re.sub(rf"(?<![A-Za-z\\_])([A-Za-z])(?<![{_FUNCTION_LETTERS}])\s*(?=\()", r"\1\\cdot ", text)
    return text.replace("*", r"\cdot "), numbers


def _side_by_side(text: str) -> bool:
    """Whether two numbers follow each other anywhere, the arguments of commands aside."""
    for _ in range(40):
        inner = [part for command in _INNERMOST.finditer(text) for part in command.groups() if part]
        if any(_SIDE_BY_SIDE.search(part) for part in inner):
            return True
        shorter = _INNERMOST.sub(lambda command: "" if command[0][0] in "_^" else "z", text)
        if shorter == text:
            return _SIDE_BY_SIDE.search(text) is not None
        text = shorter
    return True


def _freed(text: str, part: re.Match[str]) -> str:
    """``{e}`` as ``e``, unless a command or an index before it needs the braces."""
    return part[0] if _KEEPS_BRACES.search(text[: part.start()]) else part[1]


def _parsed(text: str) -> Any:
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig, latex2sympy

    settings = ConversionConfig(interpret_as_mixed_fractions=False, lowercase_symbols=False)
    try:
        return latex2sympy(text, is_real=None, normalization_config=None, conversion_config=settings)
    except MemoryError:
        raise
    except Exception as error:  # the library raises bare Exception for what it cannot read
        raise Unreadable("it could not be read as mathematics") from error
