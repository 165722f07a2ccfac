r"""Where two expressions are tried: irrational points that nobody can foresee, of every size, and beside every break.

Against functions that agree wherever they are looked at: ``\sin(997\pi x)`` and its kin vanish on rational numbers,
floors and steps on an interval, ``10^9-\sqrt{x^2-2\cdot10^9x+10^{18}}`` is x up to a bound that is written into it.
The points follow from a hash of both expressions, so that a verdict can be had again, and whoever writes one of them
without knowing the other cannot know the points. They are a + b√p: a function that vanishes on all numbers with a
bounded denominator, or on their squares, does not vanish there.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import random
from collections.abc import Iterator
from typing import Any

from gristmill.verifiers.mathematics.guest.judge.size import bits_of

__all__ = ["POINTS", "beyond", "grows", "jumps", "points"]

POINTS = 30
_REACHES = (1, 3, 12, 3, 200, 3000)
# How many powers of two the far points lie apart at most; what grows faster than a power is not tried so far out.
_FAR_BITS, _NEAR_BITS = 3000, 40
_FAR = 6
_MOST_BREAKS = 12
_HIGHEST_DEGREE = 12
Point = dict[Any, Any]


def points(gold: Any, answer: Any) -> Iterator[Point]:
    """Values of all unknowns, `POINTS` of them spread over both signs, then far, near 0 and beside breaks."""
    import sympy

    symbols = sorted(gold.free_symbols, key=str)
    if not symbols:
        yield {}
        return
    dice = random.Random(hashlib.sha256(f"{_written(gold)}\n{_written(answer)}".encode()).digest())
    for place in range(POINTS):
        reach = _REACHES[place % len(_REACHES)]
        sign = (-1, 1)[place % 2] if place < POINTS // 2 else 1
        whole = place % 6 == 0
        yield {
            each: sympy.Integer(dice.randint(1, 9)) if whole else sign * _irrational(dice, reach) for each in symbols
        }
    bits = _spread(gold, answer)
    for place in range(_FAR):
        power = dice.randint(0, bits) * (-1 if place % 3 == 2 else 1)
        sign = -1 if place % 3 == 1 else 1
        yield {each: sign * sympy.Integer(2) ** power * _irrational(dice, 1) for each in symbols}
    for symbol in symbols:
        yield from _beside_breaks((gold, answer), symbol, symbols, dice)


def jumps(difference: Any, gold: Any) -> bool:
    r"""Whether a difference changes at places that no points find, so that no number of them says what it is.

    It does at places without end where it has floors, remainders, or an angle that is taken back (`\arctan(\tan x)`),
    and at a place of its own choosing where what it breaks at is no polynomial: `\max(0,\ln(x^2+1)-10^4)`. Breaks that
    the expected expression has itself, and angles that it takes back, are its own affair.
    """
    import sympy

    if any(part.free_symbols for part in difference.atoms(sympy.floor, sympy.ceiling, sympy.Mod)):
        return True
    if not _takes_back(gold) and _takes_back(difference):
        return True
    own = gold.atoms(*_choosing())
    # log|f| is log(f²)/2, which breaks nowhere but where f is 0.
    smooth = difference.replace(_is_log_of_abs, lambda part: sympy.log(part.args[0].args[0] ** 2, evaluate=False))
    breaks = (each for part in smooth.atoms(*_choosing()) - own for each in _breaking_at(part))
    return any(each.free_symbols and not each.is_polynomial(*each.free_symbols) for each in breaks)


def beyond(difference: Any) -> Iterator[Point]:
    """Points where only a difference can be evaluated, as what grows fastest has cancelled: far, and beside breaks."""
    import sympy

    symbols = sorted(difference.free_symbols, key=str)
    if not symbols or grows(difference):
        return
    zero = sympy.Integer(0)
    dice = random.Random(hashlib.sha256(_written(difference).encode()).digest())
    bits = _spread(difference, zero)
    for place in range(_FAR):
        sign, power = (-1, 1)[place % 2], bits if place < 2 else dice.randint(0, bits)
        yield {each: sign * sympy.Integer(2) ** power * _irrational(dice, 1) for each in symbols}
    for symbol in symbols:
        yield from _beside_breaks((difference, zero), symbol, symbols, dice)


def _takes_back(expression: Any) -> bool:
    """Whether an angle is had back from a function of it, which an unknown is in."""
    import sympy

    angles = expression.atoms(sympy.atan, sympy.acot, sympy.asin, sympy.acos, sympy.asec, sympy.acsc)
    of = (sympy.sin, sympy.cos, sympy.tan, sympy.cot, sympy.sec, sympy.csc)
    return any(each.free_symbols for part in angles for each in part.args[0].atoms(*of))


def _is_log_of_abs(part: Any) -> bool:
    import sympy

    return isinstance(part, sympy.log) and isinstance(part.args[0], sympy.Abs)


def _choosing() -> tuple[Any, ...]:
    import sympy

    return (sympy.Max, sympy.Min, sympy.Abs, sympy.sign, sympy.Heaviside)


def grows(expression: Any) -> bool:
    """Whether an expression grows faster than any power of its unknowns."""
    import sympy

    return any(
        isinstance(part, sympy.factorial | sympy.gamma | sympy.binomial | sympy.exp)
        or (part.is_Pow and part.exp.free_symbols)
        for part in sympy.preorder_traversal(expression)
    )


def _written(expression: Any) -> str:
    """An expression as text; its numbers in base 16, which Python writes whatever their length."""
    import sympy

    return " ".join(
        f"{int(part.p):x}/{int(part.q):x}" if part.is_Rational else str(part) if not part.args else type(part).__name__
        for part in sympy.preorder_traversal(expression)
    )


def _irrational(dice: random.Random, reach: int) -> Any:
    """a + b√p between 0 and about `reach`, with p some prime of nine digits."""
    import sympy

    prime = sympy.nextprime(dice.randint(10**8, 10**9))
    bottom = dice.randint(10**5, 10**6)
    first = sympy.Rational(dice.randint(1, reach * bottom), 2 * bottom)
    second = sympy.Rational(dice.randint(1, reach * bottom), 2 * bottom * math.isqrt(prime))
    return first + second * sympy.sqrt(prime)


def _spread(gold: Any, answer: Any) -> int:
    """How far out a bound that is written into one of them may lie, in powers of two."""
    fast = grows(gold) or grows(answer)
    return _NEAR_BITS if fast else int(min(_FAR_BITS, bits_of(gold) + bits_of(answer) + _NEAR_BITS))


def _beside_breaks(both: tuple[Any, Any], symbol: Any, symbols: list[Any], dice: random.Random) -> Iterator[Point]:
    """On both sides of, and between, the real zeros of what an expression may break at, in one of its unknowns."""
    import sympy

    others = {each: _irrational(dice, 3) for each in symbols if each != symbol}
    plain = {each: sympy.Rational(str(value.evalf(30))) for each, value in others.items()}
    parts = [part for expression in both for part in _breaking(expression)]
    zeros: list[Any] = sorted({zero for part in parts for zero in _zeros(part, symbol, plain)})
    # A double zero comes out as two that are a little apart.
    apart = [place == 0 or each - zeros[place - 1] > (abs(each) + 1) / 10**6 for place, each in enumerate(zeros)]
    zeros = list(itertools.compress(zeros, apart))
    zeros = zeros[:: len(zeros) // _MOST_BREAKS + 1]
    gaps = [other - one for one, other in itertools.pairwise(zeros)]
    middles = [(one + other) / 2 for one, other in itertools.pairwise(zeros)]
    for place, zero in enumerate(zeros):
        near = min([*gaps[max(0, place - 1) : place + 1], abs(zero) + 1]) / 1000
        for sign in (-1, 1):
            yield {**others, symbol: zero + sign * near * _irrational(dice, 1)}
    for middle, gap in zip(middles, gaps, strict=True):
        yield {**others, symbol: middle + gap / 4 * _irrational(dice, 1)}
    for end, sign in ((zeros[0], -1), (zeros[-1], 1)) if zeros else ():
        yield {**others, symbol: end + sign * (abs(end) + 1) * (1 + _irrational(dice, 1))}


def _breaking(expression: Any) -> Iterator[Any]:
    """What an expression may break at where it is 0: radicands, denominators, arguments of logarithms and of |…|."""
    import sympy

    for part in sympy.preorder_traversal(expression):
        if isinstance(part, (*_choosing(), sympy.log)):
            yield from _breaking_at(part)
        elif part.is_Pow and not (part.exp.is_Integer and part.exp > 0):
            yield part.base


def _breaking_at(part: Any) -> Iterator[Any]:
    import sympy

    if isinstance(part, sympy.Max | sympy.Min):
        yield from (one - other for one, other in itertools.combinations(part.args, 2))
    else:
        yield part.args[0]


def _zeros(part: Any, symbol: Any, others: Point) -> list[Any]:
    """Real zeros of a polynomial, as rationals near them; none of what is no polynomial, or too large a one."""
    import sympy

    part = part.xreplace(others)
    if part.free_symbols != {symbol} or not part.is_polynomial(symbol):
        return []
    try:
        polynomial = sympy.Poly(part, symbol)
        if polynomial.degree() > _HIGHEST_DEGREE:
            return []
        roots = polynomial.nroots(n=30, maxsteps=200)
    except (sympy.PolynomialError, sympy.polys.polyerrors.NoConvergence, ValueError, TypeError):
        return []
    real = [each.as_real_imag() for each in roots]
    return [
        sympy.Rational(str(one)) for one, other in real if abs(other) <= (abs(one) + sympy.Rational(1, 100)) / 10**6
    ]
