"""An optimum of a smooth problem: feasible, a KKT point, not beaten at many feasible points.

Against points that are infeasible by a little, saddles, and local optima given as global: constraints hold exactly
where SymPy can tell, else to 50 digits, and only a convex problem makes a KKT point a proof.
"""

from __future__ import annotations

import random
from typing import Any

from gristmill.verifiers.mathematics.guest.judge.agreement import Finding
from gristmill.verifiers.mathematics.guest.judge.properties.common import (
    Form,
    Refused,
    expression,
    failed,
    held,
    relation,
    same,
)
from gristmill.verifiers.mathematics.guest.judge.properties.equations import points_of

__all__ = ["optimum"]

_TRIES = 4000
_SLACK = 1e-9


def optimum(check: dict[str, Any], answer: Form) -> Finding:
    """The answer is the point (not the value). Proved where the problem is convex, else numeric.

    Raises:
        Refused: it is not one point.
    """
    import sympy

    names = [str(name) for name in check["variables"]]
    symbols = [sympy.Symbol(name) for name in names]
    points = points_of(answer, names)
    if len(points) != 1 or any(coordinate.free_symbols for coordinate in points[0].values()):
        raise Refused("it must be one point of numbers")
    point = {symbol: points[0][symbol.name] for symbol in symbols}
    # Everything becomes a minimum of `goal` with `bound` <= 0 and `exact` = 0.
    goal = expression(check["objective"]) * (-1 if check.get("sense", "min") == "max" else 1)
    bounds, exact = _constraints(check.get("constraints", ()))
    if any(not same(each.subs(point), sympy.Integer(0)) for each in exact):
        return failed("it breaks an equality")
    if any(_is_positive(each.subs(point)) for each in bounds):
        return failed("it breaks an inequality")
    active = [each for each in bounds if same(each.subs(point), sympy.Integer(0))]
    if not _is_stationary(goal, active, exact, point, symbols):
        return failed("it is no KKT point: the objective can still be improved along the constraints")
    better = _beaten(goal, bounds, exact, point, symbols)
    if better:
        return failed(better)
    if _is_convex(goal, bounds, exact, symbols):
        return held("symbolic", "a KKT point of a convex problem")
    return held("numeric", f"a KKT point, not beaten at {_TRIES} points")


def _is_positive(number: Any) -> bool:
    """Exactly where SymPy can tell, else by 50 digits."""
    if number.is_Rational or number.is_positive is not None:
        return bool(number.is_positive)
    return bool(number.evalf(50) > 10**-45)


def _constraints(texts: Any) -> tuple[list[Any], list[Any]]:
    bounds, exact = [], []
    for text in texts:
        left, sign, right = relation(text)
        if sign == "=":
            exact.append(left - right)
        elif sign in ("\\leq", "<"):
            bounds.append(left - right)
        else:
            bounds.append(right - left)
    return bounds, exact


def _is_stationary(goal: Any, active: list[Any], exact: list[Any], point: dict[Any, Any], symbols: list[Any]) -> bool:
    """Whether the gradient is a combination of those of the active constraints, with signs as they must be.

    Solved exactly; with dependent gradients, by non-negative least squares at 30 digits over the subsets.
    """
    import itertools

    import sympy

    def gradient(each: Any) -> list[Any]:
        return [each.diff(symbol).subs(point).doit() for symbol in symbols]

    aim = sympy.Matrix([-part for part in gradient(goal)])
    if all(same(part, sympy.Integer(0)) for part in aim):
        return True
    for count in range(min(len(active), len(symbols)) + 1):
        for chosen in itertools.combinations(active, count):
            columns = [*map(gradient, chosen), *map(gradient, exact)]
            if not columns:
                continue
            system = sympy.Matrix(columns).T
            unknowns = sympy.symbols(f"m0:{len(columns)}")
            for solution in sympy.linsolve((system, aim), *unknowns):
                multipliers = [part.subs(dict.fromkeys(unknowns, 0)) for part in solution]
                if all(part.evalf(30) >= 0 for part in multipliers[:count]):
                    return True
    return False


def _beaten(goal: Any, bounds: list[Any], exact: list[Any], point: dict[Any, Any], symbols: list[Any]) -> str:
    """A feasible point that is better, if random search around the answer and far from it finds one."""
    import sympy

    functions = sympy.lambdify([symbols], [goal, *bounds, *exact], "math")
    centre = [float(point[symbol].evalf(20)) for symbol in symbols]
    best = functions(centre)[0]
    eliminated = [_solve_for(each, symbols) for each in exact]
    if any(each is None for each in eliminated) or len(eliminated) > 1:
        return ""
    dice = random.Random(11)
    for place in range(_TRIES):
        reach = 10.0 ** (-3 + 5 * (place % 100) / 99)
        tried = [each + dice.gauss(0, reach) for each in centre]
        for which, solved in eliminated:
            try:
                tried[which] = float(solved(tried))
            except (ValueError, ArithmeticError, TypeError):
                break
        try:
            value, *rest = functions(tried)
            lies_in = all(each <= 0 for each in rest[: len(bounds)]) and all(
                abs(each) < _SLACK for each in rest[len(bounds) :]
            )
            if lies_in and value < best - 1e-7 * max(1.0, abs(best)):
                return "a better point was found: " + ", ".join(
                    f"{symbol} = {each:.6g}" for symbol, each in zip(symbols, tried, strict=True)
                )
        except (ValueError, ArithmeticError, TypeError):
            continue
    return ""


def _solve_for(equality: Any, symbols: list[Any]) -> Any:
    """(place, function) of a symbol that an equality gives by the others; None if none is given linearly."""
    import sympy

    for place, symbol in enumerate(symbols):
        slope = equality.diff(symbol)
        if slope != 0 and not slope.has(symbol):
            return place, sympy.lambdify([symbols], symbol - equality / slope, "math")
    return None


def _is_convex(goal: Any, bounds: list[Any], exact: list[Any], symbols: list[Any]) -> bool:
    """Whether goal and bounds have constant positive semidefinite Hessians, and the equalities are linear."""
    import sympy

    for each in (goal, *bounds):
        hessian = sympy.hessian(each, symbols)
        if hessian.free_symbols or hessian.is_positive_semidefinite is not True:
            return False
    return all(
        sympy.Poly(each, *symbols).total_degree() <= 1 for each in exact if each.is_polynomial(*symbols)
    ) and all(each.is_polynomial(*symbols) for each in exact)
