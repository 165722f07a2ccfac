"""Antiderivatives and solutions of ordinary differential equations: differentiate and insert.

Against the problem handed back as its own answer, jumps that differentiation does not see, and constants that hide
behind each other: an integral that is not done, new unknowns or functions, and dependent constants are refused.
"""

from __future__ import annotations

import re
from typing import Any

from gristmill.verifiers.mathematics.guest.judge.agreement import Finding
from gristmill.verifiers.mathematics.guest.judge.properties.common import (
    Form,
    Refused,
    equal,
    expression,
    failed,
    same,
    value,
    weakest,
)
from gristmill.verifiers.mathematics.guest.judge.text import latex, reading

__all__ = ["antiderivative", "ode"]


def antiderivative(check: dict[str, Any], answer: Form) -> Finding:
    """The answer's derivative is the integrand; a constant of integration may stand in it."""
    import sympy

    variable = sympy.Symbol(check.get("variable", "x"))
    integrand, primitive = expression(check["of"]), value(answer)
    extra = primitive.free_symbols - integrand.free_symbols - {variable}
    if len(extra) > 1 or any(primitive.diff(each).has(variable) for each in extra):
        raise Refused("it holds unknowns that are not in the integrand")
    if primitive.has(sympy.Function) and _undefined(primitive) - _undefined(integrand):
        raise Refused("it holds functions that are not defined")
    jumps = (sympy.floor, sympy.ceiling, sympy.sign, sympy.Mod, sympy.arg, sympy.Heaviside)
    if primitive.has(*jumps) and not integrand.has(*jumps):
        raise Refused("it is not continuous where the integrand is")
    slope = _derivative(primitive, variable)
    finding = equal(integrand, slope)
    return {**finding, "detail": f"its derivative against the integrand: {finding['detail']}"}


def _undefined(formula: Any) -> set[Any]:
    from sympy.core.function import AppliedUndef

    return {part.func for part in formula.atoms(AppliedUndef)}


def _derivative(formula: Any, variable: Any) -> Any:
    """The derivative for a real variable, signs of absolute values worked out."""
    import sympy

    real = sympy.Symbol(variable.name, real=True)
    slope = sympy.diff(formula.xreplace({variable: real}), real)
    slope = slope.replace(sympy.sign, lambda part: part / sympy.Abs(part))
    return sympy.simplify(slope).xreplace({real: variable})


def ode(check: dict[str, Any], answer: Form) -> Finding:
    """The answer solves the equation and meets the conditions, or holds as many free constants as are asked for."""
    import sympy

    name, variable = check.get("function", "y"), sympy.Symbol(check.get("variable", "x"))
    solution = value(answer)
    left, right = _residual(str(check["equation"]), name)
    orders = _orders((left - right).free_symbols)
    if not orders or sympy.Symbol(name) in solution.free_symbols or _undefined(solution):
        raise Refused("it must be an expression for the function, in the variable alone")
    own = (left - right).free_symbols - set(orders) | {variable}
    constants = sorted(solution.free_symbols - own, key=str)
    wanted = int(check.get("constants", 0))
    if wanted != len(constants) or (wanted and not _independent(solution, constants, variable)):
        return failed(f"it has {len(constants)} free constants, and {wanted} independent ones are asked for")
    if _leave_some_out(solution, constants, left - right, orders):
        raise Refused("its constants must stand by themselves: products, powers and |A| of them leave solutions out")
    if not check.get("conditions") and not wanted and solution == 0:
        raise Refused("the zero function is no answer here")
    inserted = {symbol: solution.diff(variable, order) if order else solution for symbol, order in orders.items()}
    steps = [equal(right.xreplace(inserted).doit(), left.xreplace(inserted).doit())]
    for condition in check.get("conditions", ()):
        at, order = expression(condition["at"]), int(condition.get("order", 0))
        there = (solution.diff(variable, order) if order else solution).subs(variable, at)
        steps.append(equal(expression(condition["value"]), there))
    return weakest(steps, f"inserted into the equation, {len(steps) - 1} conditions")


def _residual(text: str, name: str) -> tuple[Any, Any]:
    r"""Both sides, with ``y'``, ``y''``, ``\frac{dy}{dx}`` as symbols of their order."""
    text = re.sub(
        rf"\\frac\{{d(?:\^\{{?(\d)\}}?)?\s*{name}\}}\{{d\w(?:\^\{{?\d\}}?)?\}}",  # '\frac{d^2y}{dx^2}' → '2'
        lambda part: _mark(int(part[1] or 1)),
        text,
    )
    shape = rf"(\\[A-Za-z]+)|{name}('*)(?:\(\w\))?"  # "y'(x)" → "'": order 1
    text = re.sub(shape, lambda part: part[1] or _mark(len(part[2])), text)
    sides = [side for side, _ in reading.pieces(latex.canonical(text))]
    if len(sides) > 2:
        raise latex.Unreadable("the equation has more than two sides")
    return expression(sides[0]), expression(sides[1] if len(sides) == 2 else "0")


def _mark(order: int) -> str:
    return f" D_{{{700 + order}}} "


def _orders(symbols: set[Any]) -> dict[Any, int]:
    return {each: int(each.name[2:]) - 700 for each in symbols if re.fullmatch(r"D_7\d\d", each.name)}  # 'D_702'


def _independent(solution: Any, constants: list[Any], variable: Any) -> bool:
    """Whether no constant can be expressed by the others: the Wronskian of the partial derivatives does not vanish."""
    import sympy

    partial = [solution.diff(each) for each in constants]
    point = {each: sympy.Rational(7 + 4 * place, 5 + place) for place, each in enumerate(constants)}
    rows = [[each.diff(variable, order) if order else each for each in partial] for order in range(len(constants))]
    wronskian = sympy.Matrix(rows).subs(point).det()
    return not same(wronskian, sympy.Integer(0))


def _leave_some_out(solution: Any, constants: list[Any], equation: Any, orders: dict[Any, int]) -> bool:
    r"""Whether constants that are independent stand so that solutions of a linear equation are missed.

    The solutions of ``y''+y=0`` have every pair of coefficients: ``A\cos x+AB\sin x`` has no ``\sin x``,
    ``A\cos x+|B|\sin x`` no ``-\sin x``.
    """
    import sympy

    unknown, free = list(orders), set(constants)
    if not free or not equation.is_polynomial(*unknown) or sympy.Poly(equation, *unknown).total_degree() > 1:
        return False
    halved = {each.base for each in solution.atoms(sympy.Pow) if each.exp.is_integer is False}
    if any(each.free_symbols & free for each in solution.atoms(sympy.Abs) | halved):
        return True
    return bool(solution.is_polynomial(*constants)) and sympy.Poly(solution, *constants).total_degree() > 1
