"""Whether a formula is an integral: built from its postfix form, differentiated, and compared by SymPy.

Against text that SymPy's parser would run: nothing is parsed here but the generator's own integrand. Against formulas
that fill the machine while they are built: powers are bounded first. Against nearly right numbers: decimals are exact
fractions. An integral that is only written down again is none: `Integral` is no function here.
"""

from __future__ import annotations

from typing import Any

import sympy

from gristmill.verifiers.reasoning.guest.judge.rules import Rule
from gristmill.verifiers.reasoning.guest.wire.expressions import FUNCTIONS

__all__ = ["RULES"]

_LARGEST_POWER = 1_000
_POINTS = 3
_SMALL = 1e-9


def _integral(form: str, value: list[str], item: dict[str, Any]) -> float:
    name = item["metadata"]["variable"]
    for symbol in (sympy.Symbol(name), sympy.Symbol(name, real=True)):
        integrand = sympy.parse_expr(item["metadata"]["integrand"], local_dict={name: symbol})
        try:
            difference = sympy.diff(_built(value, {name: symbol}), symbol) - integrand
            if not _differs(difference) and sympy.simplify(difference) == 0:
                return 1.0
        except (ArithmeticError, ValueError, TypeError, AttributeError, NotImplementedError, RecursionError):
            continue
    return 0.0


def _differs(difference: sympy.Expr) -> bool:
    """Whether it is certainly not 0 everywhere: `simplify` can take hours over what a look at a few points settles."""
    names = sorted(difference.free_symbols, key=str)
    for place in range(_POINTS):
        at = {name: sympy.Rational(2 * order + 3, 7 + 4 * place) for order, name in enumerate(names)}
        # SymPy works with as many digits as the answer needs; where they do not suffice, the precision says 1.
        distance = sympy.Abs(difference.subs(at)).evalf()
        if distance.is_Float and distance._prec > 1 and distance > _SMALL:
            return True
    return False


def _built(value: list[str], names: dict[str, sympy.Symbol]) -> sympy.Expr:
    names = {"C": sympy.Symbol("C"), "pi": sympy.pi, "E": sympy.E, "e": sympy.E} | names
    stack: list[sympy.Expr] = []
    for each in value:
        if each[0].isdigit():
            stack.append(sympy.Rational(each))
        elif each == "neg":
            stack[-1] = -stack[-1]
        elif each in FUNCTIONS:
            stack[-1] = getattr(sympy, each)(stack[-1])
        elif each in ("+", "-", "*", "/", "**"):
            last = stack.pop()
            stack[-1] = _joined(each, stack[-1], last)
        elif each in names:
            stack.append(names[each])
        else:
            raise ValueError("a name that means nothing here")
    (whole,) = stack
    if whole.has(sympy.nan, sympy.zoo, sympy.oo):
        raise ValueError("no number")
    return whole


def _joined(sign: str, one: sympy.Expr, other: sympy.Expr) -> sympy.Expr:
    if sign == "**":
        if other.is_number and not (abs(other) <= _LARGEST_POWER):
            raise ValueError("too large a power")
        return one**other
    return {"+": one + other, "-": one - other, "*": one * other}[sign] if sign != "/" else one / other


RULES: dict[str, Rule] = {"integral": _integral}
"""Rule → the score of (form, value, item)."""
