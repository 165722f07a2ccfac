"""Whether two expressions are equal, by steps that stop at the first certainty.

1. one form (`form`); 2. exact arithmetic and expansion (`symbolic`); 3. a point where they differ by more than the
error bound of their evaluation (a counterexample: unequal, for certain); 4. SymPy's simplification and proof
(`symbolic`); 5. agreement to `DIGITS` digits at every tried point of the domain (`numeric`), which passes and proves
nothing. Against near misses and against powers that would fill memory: differences are told apart by error bounds,
never by a tolerance, and what is too large to evaluate is unequal. So is what agrees at every point, where points
cannot tell: floors and remainders of an unknown, and numbers smaller than the digits that are compared.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from gristmill.verifiers.mathematics.guest.judge.points import beyond, jumps, points
from gristmill.verifiers.mathematics.guest.judge.size import bits_of, too_large

__all__ = ["DIGITS", "Finding", "decide", "is_zero", "values_at"]

DIGITS = 40
_FINE = 1000
_FINEST = 4000
_ENOUGH = 8
Finding = dict[str, Any]


def decide(gold: Any, answer: Any, heard: Callable[[Finding], None] = lambda finding: None) -> Finding:
    """``{"equal", "how": "form" | "symbolic" | "numeric", "detail"}`` of two SymPy expressions.

    `heard` gets what is found so far, before a step that may not come back.
    """
    import sympy

    if gold == answer:
        return {"equal": True, "how": "form", "detail": "the same form"}
    if too_large(gold) or too_large(answer):
        return {"equal": False, "how": "symbolic", "detail": "too large to be evaluated"}
    real = not gold.has(sympy.I) and not answer.has(sympy.I)
    gold, answer = _evaluated(gold, real), _evaluated(answer, real)
    if gold == answer:
        same = gold.is_Rational or gold.is_Symbol
        return {"equal": True, "how": "form" if same else "symbolic", "detail": "equal when evaluated"}
    if gold.is_Rational and answer.is_Rational:
        return {"equal": False, "how": "symbolic", "detail": "they are different numbers"}
    if not (gold.is_finite is not False and answer.is_finite is not False):
        return {"equal": False, "how": "symbolic", "detail": "one of them is not finite"}
    difference = sympy.expand(gold - answer)
    if difference.is_Rational and difference != 0:
        return {"equal": False, "how": "symbolic", "detail": "their difference is another number than 0"}
    if difference == 0:
        return {"equal": True, "how": "symbolic", "detail": "their expanded difference is 0"}
    if gold.free_symbols != answer.free_symbols:
        apart = {"equal": False, "how": "symbolic", "detail": "they are not in the same variables"}
        return apart if _differs(difference) else is_zero(difference) or apart
    if _digits(gold, answer) > _FINEST:
        return {"equal": False, "how": "numeric", "detail": "they hold numbers too small to be told apart by value"}
    tried = _tried(gold, answer)
    if tried["equal"] is not True:
        return tried
    if (far := _apart_beyond(gold, difference)) is not None:
        return far
    if jumps(difference, gold):
        stepped = "they agree where they were tried, but one changes at places that points do not find"
        return is_zero(difference) or {"equal": False, "how": "numeric", "detail": stepped}
    heard(tried)
    return is_zero(difference) or tried


def _digits(gold: Any, answer: Any) -> int:
    """How many digits tell two expressions apart that hold such numbers, where their unknowns are near 3."""
    import sympy

    near = {symbol: sympy.Integer(3) for symbol in gold.free_symbols | answer.free_symbols}
    with sympy.evaluate(False):
        bits = bits_of(gold.xreplace(near)) + bits_of(answer.xreplace(near))
    return max(_FINE, math.ceil(min(bits, 10**9) * math.log10(2))) if bits < math.inf else 10**9


def is_zero(difference: Any) -> Finding | None:
    """A proof that an expression vanishes, by ever stronger simplification; None if there is none."""
    import sympy

    steps: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("cancel", lambda each: sympy.cancel(sympy.together(each))),
        ("radsimp", lambda each: sympy.expand(sympy.radsimp(sympy.sqrtdenest(each)))),
        ("trigonometry", lambda each: sympy.trigsimp(each)),
        ("exponentials", lambda each: sympy.expand(each.rewrite(sympy.exp), complex=False)),
        ("logarithms", lambda each: sympy.simplify(sympy.expand_log(each, force=False))),
        ("simplify", lambda each: sympy.simplify(each)),
    )
    for name, step in steps:
        try:
            if step(difference) == 0:
                return {"equal": True, "how": "symbolic", "detail": f"their difference is 0 ({name})"}
        except (TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError, sympy.PolynomialError):
            continue
    if not difference.free_symbols and difference.is_algebraic:
        try:
            if sympy.minimal_polynomial(difference, sympy.Symbol("t")) == sympy.Symbol("t"):
                return {"equal": True, "how": "symbolic", "detail": "their difference is 0 (minimal polynomial)"}
        except (NotImplementedError, ValueError, ArithmeticError):
            return None
    return None


def _differs(difference: Any) -> bool:
    r"""Whether a difference is not 0 at one of the first points; of what has no value there nothing is known.

    An unknown that one side does not have may cancel, as in ``\sin^2 x + \cos^2 x`` beside 1; as a rule it does not.
    """
    import sympy

    for point in itertools.islice(points(difference, sympy.Integer(0)), 3):
        found = values_at(difference, point)
        if found is not None and abs(found[0]) > 8 * found[1]:
            return True
    return False


def _tried(gold: Any, answer: Any) -> Finding:
    """Compare at points of the gold expression's real domain (or, if it has none, at complex values)."""
    symbols = sorted(gold.free_symbols, key=str)
    agreed = in_domain = 0
    fine = _digits(gold, answer)
    for point in points(gold, answer):
        ours, theirs = values_at(gold, point), values_at(answer, point)
        if ours is None:
            continue
        first, error = ours
        real = abs(first.imag) <= error
        if theirs is None:
            if real:
                return {"equal": False, "how": "numeric", "detail": f"at {_named(point)} it has no value"}
            continue
        second, their_error = theirs
        if abs(first - second) > 8 * (error + their_error) + abs(first) * 10 ** (-DIGITS):
            # Outside the reals branches of logarithms and roots are a matter of convention.
            if real or not symbols:
                place = f"at {_named(point)} " if symbols else ""
                return {"equal": False, "how": "numeric", "detail": f"{place}it is {_short(second)}"}
            continue
        if error + their_error > abs(first) * 10 ** (-DIGITS // 2) + 10 ** (-DIGITS):
            continue  # too little of it is known to say that they agree
        agreed, in_domain = agreed + 1, in_domain + real
        if agreed <= 3 and _cancels(gold, answer, point, fine) is False:
            return {"equal": False, "how": "numeric", "detail": "they differ behind the first digits"}
        if not symbols:
            return {"equal": True, "how": "numeric", "detail": f"they agree to {fine} digits"}
    if agreed >= _ENOUGH and (in_domain >= _ENOUGH // 2 or _is_complex(gold)):
        return {"equal": True, "how": "numeric", "detail": f"they agree to {DIGITS} digits at {agreed} points"}
    return {"equal": False, "how": "numeric", "detail": "they could not be compared at enough points"}


def _apart_beyond(gold: Any, difference: Any) -> Finding | None:
    """A place so far out that neither can be evaluated, but their difference can, and is not 0; None if none is found.

    Only where the gold expression is real for certain: what stands under its roots, and in its logarithms, is above 0.
    """
    import sympy

    if not difference.free_symbols <= gold.free_symbols:
        return None
    inner = [part.args[0] for part in gold.atoms(sympy.log)]
    inner += [part.base for part in gold.atoms(sympy.Pow) if not part.exp.is_Integer and part.base.free_symbols]
    if gold.atoms(sympy.asin, sympy.acos):
        return None
    for point in beyond(difference):
        if all(_is_above_zero(part, point) for part in inner) and (found := values_at(difference, point)) is not None:
            value, error = found
            if abs(value) > 8 * error and abs(value.imag) <= error:
                return {"equal": False, "how": "numeric", "detail": f"at {_named(point)[:120]} they differ"}
    return None


def _is_above_zero(part: Any, point: dict[Any, Any]) -> bool:
    found = values_at(part, point)
    return found is not None and abs(found[0].imag) <= found[1] < found[0].real


def _is_complex(expression: Any) -> bool:
    import sympy

    return bool(expression.has(sympy.I))


def _cancels(gold: Any, answer: Any, point: dict[Any, Any], digits: int) -> bool | None:
    """Whether the difference of two near values is 0 as far as so many digits tell; None if it cannot be evaluated."""
    try:
        difference = (gold - answer).subs(point).evalf(3, maxn=digits)
        real, imaginary = difference.as_real_imag()
        return not any(part.is_Float and part != 0 and part._prec > 1 for part in (real, imaginary))
    except (TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError):
        return None


def values_at(expression: Any, point: dict[Any, Any]) -> tuple[Any, Any] | None:
    """(value, bound of its error) as mpmath numbers; None where the expression has no finite value.

    SymPy's evalf tracks how many digits cancel and computes with more until `DIGITS` of them hold.
    """
    import mpmath
    import sympy

    try:
        # The unknowns go in exactly, so that nothing is lost before the evaluation.
        value = expression.subs(point) if point else expression
        if value.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
            return None
        value = value.evalf(DIGITS + 10, maxn=400)
        real, imaginary = value.as_real_imag()
        if not (real.is_Float or real.is_Rational) or not (imaginary.is_Float or imaginary.is_Rational):
            return None
        with mpmath.workdps(DIGITS + 15):
            number = mpmath.mpc(_mpf(real), _mpf(imaginary))
            if not mpmath.isfinite(number):
                return None
            weak = any(part.is_Float and part._prec <= 4 for part in (real, imaginary))
            bound = abs(number) * mpmath.mpf(10) ** (-DIGITS - 5) + mpmath.mpf(10) ** -200
            if weak:  # more digits cancelled than were computed: next to 0, or known by its size alone
                tiny = abs(number) < mpmath.mpf(10) ** -100
                bound = mpmath.mpf(10) ** -300 if tiny else 2 * abs(number)
            return number, bound
    except (TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError):
        return None


def _mpf(part: Any) -> Any:
    import mpmath

    return mpmath.mpf(part.p) / part.q if part.is_Rational else mpmath.mpf(part._mpf_)


def _evaluated(expression: Any, real: bool) -> Any:
    """The expression evaluated, its symbols real: what an answer is about unless it says otherwise.

    Where nothing is imaginary an odd root of a negative number is the real one, not SymPy's principal one.
    """
    import sympy

    expression = expression.xreplace(
        {symbol: sympy.Symbol(symbol.name, real=True) for symbol in expression.free_symbols}
    )
    if real:
        expression = expression.replace(_is_odd_root, lambda root: -sympy.Pow(-root.base, root.exp))
    try:
        return expression.doit()
    except (AttributeError, TypeError, ValueError, ArithmeticError):
        return expression


def _is_odd_root(part: Any) -> bool:
    """Whether a part is ``(negative number)^(odd / odd)``."""
    exponent = part.exp if part.is_Pow else None
    if exponent is None or not exponent.is_Rational or exponent.q % 2 == 0 or exponent.q == 1 or exponent.p % 2 == 0:
        return False
    return bool(part.base.is_number and part.base.is_negative)


def _named(point: dict[Any, Any]) -> str:
    return ", ".join(f"{symbol} = {value}" for symbol, value in point.items())


def _short(value: Any) -> str:
    import mpmath

    return (mpmath.nstr(value, 12) if hasattr(value, "imag") and not hasattr(value, "is_Rational") else str(value))[:80]
