"""Roots, systems, inequalities and polynomial factors: substitute, count, and miss none.

Against answers that give a root twice, miss one or name one outside the domain, and sets that are right but for an
end: roots are counted, by the task or by Sturm's theorem, and ends are tried exactly.
"""

from __future__ import annotations

import hashlib
import random
from typing import Any

from gristmill.verifiers.mathematics.guest.judge.agreement import Finding
from gristmill.verifiers.mathematics.guest.judge.properties.common import (
    Form,
    Refused,
    equal,
    expression,
    failed,
    held,
    parts,
    relation,
    same,
    value,
    weakest,
)
from gristmill.verifiers.mathematics.guest.judge.relations import as_set, is_solved

__all__ = ["factorisation", "inequality", "points_of", "roots", "system"]


def roots(check: dict[str, Any], answer: Form) -> Finding:
    """Every answer is a root, no two are the same, and there are as many as the equation has in the domain."""
    import sympy

    variable = sympy.Symbol(check.get("variable", "x"))
    left, _, right = relation(check["of"])
    domain = check.get("domain", "real")
    given = [value(part) for part in _solutions(answer)]
    if not given:
        return failed("no root is given")
    for root in given:
        if root.free_symbols:
            raise Refused("a root must be a number")
        if not _lies_in(root, domain):
            return failed(f"{str(root)[:60]} does not lie in the domain")
    if any(same(one, other) for place, one in enumerate(given) for other in given[:place]):
        return failed("a root is given twice")
    expected = check.get("count")
    if expected is None:
        expected = _count(left - right, variable, domain)
    steps = [equal(sympy.Integer(0), (left - right).subs(variable, root)) for root in given]
    wrong = next((step for step in steps if not step["equal"]), None)
    if wrong is not None:
        return failed("one of them does not solve the equation")
    if len(given) != expected:
        return failed(f"{len(given)} roots are given, and there are {expected}")
    return weakest(steps, f"{len(given)} roots substituted, and there are no more")


def _solutions(answer: Form) -> list[Form]:
    """``x = 1 or x = 2`` and ``{1, 2}`` alike, with ``±`` flattened."""
    flat: list[Form] = []
    for part in parts(answer):
        part = part["value"] if part["is"] == "named" else part
        flat += _solutions(part) if part["is"] in ("list", "set") else [part]
    return flat


def _lies_in(number: Any, domain: str) -> bool:
    if domain == "complex":
        return number.is_complex is not False
    if domain == "integer":
        return number.is_integer is True
    if domain == "positive":
        return number.is_real is not False and bool(number.evalf(30) > 0)
    return bool(abs(number.evalf(40).as_real_imag()[1]) < 10**-30)


def _count(difference: Any, variable: Any, domain: str) -> int:
    """How many distinct roots a polynomial equation has: exact, by its square-free part and Sturm's theorem."""
    import sympy

    numerator, denominator = sympy.fraction(sympy.together(difference))
    if denominator.has(variable) or not numerator.is_polynomial(variable):
        raise Refused("the task must say how many roots there are: its equation is no polynomial")
    polynomial = sympy.Poly(numerator, variable)
    if domain == "complex":
        return int(sympy.degree(polynomial.sqf_part()))
    if domain == "integer":
        return len([root for root in sympy.roots(polynomial.sqf_part(), filter="Z") if root.is_integer])
    polynomial = polynomial.sqf_part()
    if domain == "positive":
        return int(polynomial.count_roots(0, None)) - int(polynomial.eval(0) == 0)
    return int(polynomial.count_roots())


def system(check: dict[str, Any], answer: Form) -> Finding:
    """Every solution satisfies every equation, they are distinct, and there are as many as the task says (1)."""
    import sympy

    names = [str(name) for name in check["variables"]]
    equations = [relation(text) for text in check["equations"]]
    points = points_of(answer, names)
    count = int(check.get("count", 1))
    if len(points) != count:
        return failed(f"{len(points)} solutions are given, and there are {count}")
    for place, one in enumerate(points):
        if any(all(same(one[name], other[name]) for name in names) for other in points[:place]):
            return failed("a solution is given twice")
    steps = []
    for point in points:
        inserted = {sympy.Symbol(name): coordinate for name, coordinate in point.items()}
        if any(coordinate.free_symbols & set(inserted) for coordinate in inserted.values()):
            raise Refused("a solution must not hold the unknowns")
        for left, sign, right in equations:
            one, other = (side.subs(inserted, simultaneous=True) for side in (left, right))
            if one.free_symbols | other.free_symbols:
                raise Refused("a solution must give a number for every unknown")
            steps.append(equal(other, one) if sign == "=" else _relation_holds(one, sign, other))
    wrong = next((step for step in steps if not step["equal"]), None)
    return (
        failed("an equation does not hold")
        if wrong
        else weakest(steps, f"{len(points)} solutions in {len(equations)} equations")
    )


def points_of(answer: Form, names: list[str]) -> list[dict[str, Any]]:
    """The solutions of an answer: ``(1, 2)``, ``x = 1, y = 2``, or several of them."""
    if answer["is"] == "named" and answer["value"]["is"] in ("group", "list", "set"):
        named = [each for each in answer["name"].strip("()").split(",") if each]
        if len(named) == len(names):
            if sorted(named) != sorted(names):
                raise Refused(f"it must name the unknowns {', '.join(names)}")
            return [{name: each[name] for name in names} for each in points_of(answer["value"], named)]
    if answer["is"] == "named":
        answer = {"is": "list", "parts": [answer]} if len(names) == 1 else answer["value"]
    inner = parts(answer)
    if inner and all(part["is"] == "named" for part in inner):
        point = {part["name"]: value(part) for part in inner}
        if len(point) != len(inner) or sorted(point) != sorted(names):
            raise Refused(f"it must give each of {', '.join(names)} once")
        return [point]
    if answer["is"] == "group" and len(inner) == len(names) and not any(part["is"] == "group" for part in inner):
        inner = [answer]
    points = []
    for part in inner:
        entries = parts(part)
        if part["is"] == "group" and all(entry["is"] == "named" for entry in entries):
            points += points_of({"is": "list", "parts": entries}, names)
            continue
        if len(entries) != len(names):
            raise Refused(f"a solution must have {len(names)} entries")
        points.append({name: value(entry) for name, entry in zip(names, entries, strict=True)})
    return points


def _relation_holds(left: Any, sign: str, right: Any) -> Finding:
    import sympy

    kinds = {"<": sympy.Lt, ">": sympy.Gt, "\\leq": sympy.Le, "\\geq": sympy.Ge, "\\neq": sympy.Ne}
    truth = sympy.simplify(kinds[sign](left, right))
    return held("symbolic", "it holds") if truth == sympy.true else failed("an inequality does not hold")


def inequality(check: dict[str, Any], answer: Form) -> Finding:
    """The answer is the set on which the inequality holds: SymPy's solution if it has one, else many points."""
    import sympy

    variable = sympy.Symbol(check.get("variable", "x"))
    left, sign, right = relation(check["of"])
    kinds = {"<": sympy.Lt, ">": sympy.Gt, "\\leq": sympy.Le, "\\geq": sympy.Ge, "\\neq": sympy.Ne}
    if sign not in kinds:
        raise Refused("the task's relation is no inequality")
    answer_set = as_set(answer)
    if answer_set is None:
        raise Refused("it must be an interval, a union of intervals, or a solved inequality")
    real = sympy.Symbol("x", real=True)
    domain = as_set_of_text(check.get("domain"))
    claim = kinds[sign](left.subs(variable, real), right.subs(variable, real))
    if not is_solved(answer):
        raise Refused("it must be solved for the variable")
    at_points = _at_points(claim, real, answer_set, domain)
    if not at_points["equal"]:
        return at_points
    try:
        solved = (
            claim.as_set()
            if claim in (sympy.true, sympy.false)
            else sympy.solve_univariate_inequality(claim, real, relational=False)
        )
        solved = solved.intersect(domain)
        if solved == answer_set or solved.symmetric_difference(answer_set).is_empty:
            return held("symbolic", "SymPy's own solution is the same set")
        return failed("SymPy's own solution is another set")
    except (NotImplementedError, ValueError, TypeError):
        return at_points


def as_set_of_text(text: str | None) -> Any:
    """A task's domain as a set; the reals where it names none."""
    import sympy

    from gristmill.verifiers.mathematics.guest.judge.text import reading

    return sympy.S.Reals if text is None else as_set(reading.read(text, {}))


def _at_points(claim: Any, real: Any, answer_set: Any, domain: Any) -> Finding:
    """Inside, outside and on the ends: a hundred points that the answer decides on, and the ends exactly."""
    import sympy

    dice = random.Random(hashlib.sha256(f"{claim} {answer_set}".encode()).digest())
    ends = [end for end in getattr(answer_set.boundary, "args", ()) if end.is_finite]
    points = [_somewhere(dice) for _ in range(120)] + ends
    points += [end + sign * sympy.Rational(1, 10**6) for end in ends for sign in (-1, 1)]
    tried = 0
    for point in points:
        if domain.contains(point) != sympy.true:
            if answer_set.contains(point) == sympy.true:
                return failed(f"{point} is not in the domain")
            continue
        try:
            truth = claim.subs(real, point)
        except TypeError:  # a side has no value there, so nothing holds
            truth = sympy.false
        if truth not in (sympy.true, sympy.false):
            truth = sympy.simplify(truth)
        inside = answer_set.contains(point)
        if truth in (sympy.true, sympy.false) and inside in (sympy.true, sympy.false):
            tried += 1
            if truth != inside:
                return failed(f"at {point} the inequality {'holds' if truth == sympy.true else 'does not hold'}")
    return (
        held("numeric", f"{tried} points, the ends among them")
        if tried > 20
        else failed("too few points could be tried")
    )


def _somewhere(dice: random.Random) -> Any:
    """A point between -42 and 42 with a denominator that nobody can foresee; every third is irrational."""
    import sympy

    point = sympy.Rational(dice.randint(-4 * 10**9, 4 * 10**9), 10**8 + dice.randint(1, 10**7))
    return point if dice.randrange(3) else point + sympy.sqrt(sympy.nextprime(dice.randint(2, 10**6))) / 10**4


def factorisation(check: dict[str, Any], answer: Form) -> Finding:
    """A product that expands to the polynomial, each of whose factors is irreducible over the rationals."""
    import sympy

    polynomial = expression(check["of"])
    factored = value(answer, arithmetic=True, evaluate=False)
    variables = sorted(polynomial.free_symbols, key=str)
    if not variables or factored.free_symbols != polynomial.free_symbols:
        return failed("it is not in the polynomial's variables")
    if not same(sympy.expand(polynomial), sympy.expand(factored.doit())):
        return failed("it does not expand to the polynomial")
    factors = [part for part in _factors(factored) if part.free_symbols]
    for factor in factors:
        if not factor.is_polynomial(*variables):
            raise Refused("its factors must be polynomials")
        if not sympy.Poly(factor, *variables, domain="QQ").is_irreducible:
            return failed("one of its factors can be factored further")
    return held("symbolic", f"{len(factors)} irreducible factors, expanded")


def _factors(formula: Any) -> list[Any]:
    import sympy

    if isinstance(formula, sympy.Mul):
        return [factor for part in formula.args for factor in _factors(part)]
    if isinstance(formula, sympy.Pow) and formula.exp.is_Integer and 0 < formula.exp < 1000:
        return _factors(formula.base) * int(formula.exp)
    return [formula.doit()]
