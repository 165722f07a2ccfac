"""Whether two single values are equal: each evaluated, in units that fit.

Against arithmetic that is left to the judge, a right number in a unit that nobody asked for, and a rounded value
where an exact one is expected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gristmill.verifiers.mathematics.guest.judge.agreement import Finding, decide
from gristmill.verifiers.mathematics.guest.judge.evaluation import ARITHMETIC, undone
from gristmill.verifiers.mathematics.guest.judge.prompt_hints import unit_fits
from gristmill.verifiers.mathematics.guest.judge.size import too_large
from gristmill.verifiers.mathematics.guest.judge.text.quantities import compatible
from gristmill.verifiers.mathematics.guest.judge.trees import rebuild

__all__ = ["compare_values"]

Form = dict[str, Any]
Heard = Callable[[Finding], None]


def compare_values(gold: Form, answer: Form, settings: dict[str, Any], heard: Heard) -> Finding:
    """Two single values with their units: evaluated, in the unit that is asked for, and equal."""
    import sympy

    ours, theirs = rebuild(gold["tree"]), rebuild(answer["tree"])
    open_here, left = undone(ours), undone(theirs)
    if settings.get("links"):
        open_here = left = set()
    if left - open_here - ({ARITHMETIC} if settings.get("expressions") else set()):
        return {"equal": False, "how": "symbolic", "detail": "it is not evaluated", "refused": "unevaluated"}
    if answer.get("unit") and not gold.get("unit") and not unit_fits(answer["unit"], settings.get("hints", {})):
        return {"equal": False, "how": "symbolic", "detail": "its unit is not the one that the task asks for"}
    # `5 m` without \\text reads as a product; the unit on the other side says what it is.
    ours, theirs = _without_unit(ours, theirs, answer), _without_unit(theirs, ours, gold)
    factor = compatible(gold.get("unit", ""), answer.get("unit", ""))
    if factor is None:
        return {"equal": False, "how": "symbolic", "detail": "its unit is another one"}
    if factor != 1:
        theirs = sympy.Mul(theirs.doit(), sympy.Rational(factor.numerator, factor.denominator))
    if theirs.free_symbols and not ours.free_symbols and not settings.get("links"):
        return {"equal": False, "how": "symbolic", "detail": "it holds unknowns", "refused": "letters"}
    if (open_here | left) - {ARITHMETIC}:
        same = _commuted(ours) == _commuted(theirs)
        return {"equal": same, "how": "symbolic", "detail": "compared as they stand, unevaluated"}
    if settings.get("tolerance") is not None and not ours.free_symbols | theirs.free_symbols:
        return _within(ours, theirs, settings["tolerance"])
    digits = settings.get("digits")
    if (
        digits is not None
        and (gold.get("decimal") or answer.get("decimal"))
        and not ours.free_symbols | theirs.free_symbols
    ):
        near = _rounded(ours.doit() - theirs.doit(), int(digits))
        return {"equal": near, "how": "numeric", "detail": f"compared to {digits} digits behind the point"}
    return decide(ours, theirs, heard)


def _within(ours: Any, theirs: Any, tolerance: Any) -> Finding:
    """Whether two real numbers are as near as a task allows; if it names two bounds, one of them is enough."""
    import sympy

    bounds = tolerance if isinstance(tolerance, dict) else {"absolute": tolerance}
    no: Finding = {"equal": False, "how": "numeric", "detail": "it is outside of the tolerance"}
    if too_large(ours) or too_large(theirs):
        return {**no, "detail": "too large to be evaluated"}
    gold, distance = (each.doit().evalf(30) for each in (ours, theirs - ours))
    if not (gold.is_Number and gold.is_finite and distance.is_Number and distance.is_finite):
        return {**no, "detail": "it is no real number"}
    allowed = [
        sympy.Rational(str(bounds.get("absolute", 0))),
        sympy.Rational(str(bounds.get("relative", 0))) * abs(gold),
    ]
    near = bool(abs(distance) <= max(allowed) * (1 + sympy.Rational(1, 10**20)))
    return {"equal": near, "how": "numeric", "detail": "compared within the tolerance" if near else no["detail"]}


def _without_unit(expression: Any, other: Any, form: Form) -> Any:
    """An expression without the factor that is the unit of the other side's form, such as ``m^2``."""
    import sympy

    name, _, power = form.get("unit", "").partition("^")
    unit = sympy.Pow(sympy.Symbol(name), int(power)) if name and power.isdigit() else None
    if unit is None or not expression.is_Mul or sympy.Symbol(name) in other.free_symbols:
        return expression
    kept = [part for part in expression.args if part != unit]
    return sympy.Mul(*kept) if len(kept) < len(expression.args) else expression


def _rounded(difference: Any, digits: int) -> bool:
    import sympy

    return bool(abs(difference).evalf(30) <= sympy.Rational(1, 2 * 10**digits))


def _commuted(expression: Any) -> Any:
    """An unevaluated expression with its factors and terms in SymPy's own order."""
    return expression.func(*(_commuted(part) for part in expression.args)) if expression.args else expression
