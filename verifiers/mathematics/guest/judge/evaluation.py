r"""What an answer leaves to be worked out: the one rule by which ``40^2-3^2`` is no value and ``\sqrt{8}`` is one.

A value is one numeral: a number, a fraction, a power, a root, a logarithm, a factorial or a function of numbers (`\cos
60^\circ`), or what of those cannot be put together: ``1+\sqrt2``, ``3\cdot10^5``, ``\frac{\sqrt3}{2}``. Left to do
are sums of like terms, products whose numbers multiply, remainders, roundings, greatest, absolute, and every sum,
integral, limit or product by its sign. Against the problem handed back partly worked out, and against a reading job
that was taken over and calls it evaluated: this is found from the expression, where it is judged.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from gristmill.verifiers.mathematics.guest.judge.size import too_large

__all__ = ["ARITHMETIC", "undone"]

ARITHMETIC = "arithmetic"
_MOST_TERMS = 30


def undone(expression: Any) -> set[str]:
    """What an unevaluated SymPy expression leaves undone: names of its signs (``Sum``), and `ARITHMETIC`."""
    import sympy

    heads = (sympy.Integral, sympy.Sum, sympy.Product, sympy.Derivative, sympy.Limit)
    left = {type(part).__name__ for part in sympy.preorder_traversal(expression) if isinstance(part, heads)}
    if not left and any(map(_works, sympy.preorder_traversal(expression))):
        left.add(ARITHMETIC)
    return left


def _works(part: Any) -> bool:
    """Whether arithmetic is left to do at the top of a part."""
    import sympy

    if not isinstance(part, sympy.Expr):
        return False
    if isinstance(part, sympy.Add | sympy.Mul) and len(_plain(part)) > 1:
        return True
    if part.free_symbols or too_large(part):
        return False
    steps = (sympy.Mod, sympy.floor, sympy.ceiling, sympy.Max, sympy.Min, sympy.Abs, sympy.sign, sympy.re, sympy.im)
    if isinstance(part, (*steps, sympy.conjugate)):
        return True
    if isinstance(part, sympy.Add):
        return _has_like_terms(part)
    if isinstance(part, sympy.Mul):
        return _multiplies(_flat(part)) or _shrinks(part)
    return isinstance(part, sympy.Pow) and _shrinks(part)


def _plain(part: Any) -> list[Any]:
    """The rational numbers among the parts of a sum or product, signs aside."""
    return [each for each in part.args if _is_number(each) and not (part.is_Mul and each == -1)]


def _is_number(part: Any) -> bool:
    if part.is_Mul and len(part.args) == 2 and part.args[0] == -1:
        return _is_number(part.args[1])
    return bool(part.is_Rational or part.is_Float)


def _has_like_terms(expression: Any) -> bool:
    r"""Whether two terms come to multiples of one thing, as in ``\sqrt{50}+3\sqrt2`` and ``40^2-3^2``."""
    import sympy

    seen: set[Any] = set()
    for term in expression.args:
        value = sympy.expand(_done(term))
        cores = {each.as_coeff_Mul()[1] for each in sympy.Add.make_args(value)}
        if cores & seen:
            return True
        seen |= cores
    return False


def _done(expression: Any) -> Any:
    try:
        return expression.doit()
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        return expression


def _flat(expression: Any) -> list[Any]:
    """The factors of a product; those of a product within it, unless that is a fraction of its own."""
    import sympy

    factors: list[Any] = []
    for part in expression.args:
        nested = isinstance(part, sympy.Mul) and not any(map(_is_quotient, part.args))
        factors += _flat(part) if nested else [part]
    return [part for part in factors if part != -1]


def _is_quotient(part: Any) -> bool:
    return bool(part.is_Pow and part.exp == -1)


def _multiplies(factors: list[Any]) -> bool:
    """Whether the numbers in two factors come together; one power of ten may stand beside one number."""
    tens = [each for each in factors if each.is_Pow and each.base == 10 and each.exp.is_Integer]
    parts = [_coefficient(each) for each in factors if each not in tens and not _is_quotient(each)]
    tops, bottoms = [top for top, _ in parts if top != 1], [bottom for _, bottom in parts if bottom != 1]
    if len(tens) > 1 or len(tops) > 1 or len(bottoms) > 1:
        return True
    return any(
        math.gcd(one[0], other[1]) > 1 for one, other in itertools.permutations(parts, 2) if one[0] and other[1] > 1
    ) or _roots_meet(factors)


def _coefficient(part: Any) -> tuple[int, int]:
    """(numerator, denominator) of what is rational in one factor, of a power its base."""
    if part.is_Rational:
        return abs(int(part.p)), int(part.q)
    if part.is_Pow and part.base.is_Rational and part.exp.is_Integer:
        top, bottom = abs(int(part.base.p)), int(part.base.q)
        return (top, bottom) if part.exp > 0 else (bottom, top)
    if part.is_Pow and part.base.is_Rational and (value := _done(part)).is_Rational:
        return _coefficient(value)
    if part.is_Mul:
        inner = [(_coefficient(each)) for each in part.args]
        return math.prod(top for top, _ in inner), math.prod(bottom for _, bottom in inner)
    return 1, 1


def _roots_meet(factors: list[Any]) -> bool:
    r"""Whether a number comes out of several roots, as in ``\sqrt2\cdot\sqrt8``."""
    import sympy

    roots = [_done(each) for each in factors if each.is_Pow and each.base.is_Rational and not each.exp.is_Integer]
    apart = sympy.Mul(*(each.as_coeff_Mul()[0] for each in roots))
    return len(roots) > 1 and sympy.Mul(*roots).as_coeff_Mul()[0] != apart


def _shrinks(expression: Any) -> bool:
    r"""Whether multiplying out leaves fewer terms than the factors have, as of ``(1+\sqrt2)(1-\sqrt2)``."""
    import sympy

    powers = [each.as_base_exp() for each in sympy.Mul.make_args(expression)]
    sums = [(len(base.args), int(power)) for base, power in powers if base.is_Add and power.is_Integer and power > 0]
    if sum(power for _, power in sums) < 2 or sum(terms * power for terms, power in sums) > _MOST_TERMS:
        return False
    whole = sympy.Mul(*(_done(base) ** power for base, power in powers if base.is_Add and power.is_Integer))
    return len(sympy.Add.make_args(sympy.expand(whole))) < max(terms for terms, _ in sums)
