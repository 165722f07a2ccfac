"""Equations, inequalities and sets of reals: when two of them say the same.

Against ``0 = 0``, multiples that turn the direction round, and relations in other variables: two are one only up to a
finite factor that is certainly not zero.
"""

from __future__ import annotations

from typing import Any

from gristmill.verifiers.mathematics.guest.judge.agreement import Finding, decide
from gristmill.verifiers.mathematics.guest.judge.trees import rebuild

__all__ = ["as_set", "compare_sets", "is_solved", "relations_equal"]

Form = dict[str, Any]
_FLIPPED = {"<": ">", ">": "<", "\\leq": "\\geq", "\\geq": "\\leq", "=": "=", "\\neq": "\\neq"}


def relations_equal(gold: Form, answer: Form) -> Finding:
    """Whether two relations are one, up to a constant factor, the order of their sides, and direction."""
    no: Finding = {"equal": False, "how": "symbolic", "detail": "another relation"}
    if len(gold["signs"]) != len(answer["signs"]):
        return no
    if len(gold["signs"]) > 1:
        return _chains_equal(gold, answer)
    ours, theirs = _difference(gold), _difference(answer)
    if ours is None or theirs is None:
        return no
    sign, their_sign = gold["signs"][0], answer["signs"][0]
    if ours == 0 or theirs == 0 or not ours.free_symbols or ours.free_symbols != theirs.free_symbols:
        return no
    import sympy

    ratio = sympy.simplify(sympy.cancel(theirs / ours))
    if not ratio.is_number or ratio.is_zero is not False or ratio.is_finite is False:
        return _curves_equal(gold, answer) if sign == their_sign == "=" else no
    flips = ratio.is_negative
    if sign in ("=", "\\neq"):
        same = sign == their_sign
    else:
        same = (their_sign == (_FLIPPED[sign] if flips else sign)) and ratio.is_real is True
    return {
        "equal": bool(same),
        "how": "symbolic",
        "detail": "one is a multiple of the other" if same else "another direction",
    }


def _curves_equal(gold: Form, answer: Form) -> Finding:
    r"""Whether two equations have the same solutions, where a denominator or a root keeps them from being multiples.

    ``xy = 1`` and ``y = \frac1x``: the numerators are multiples, and no denominator can be 0 where they are.
    """
    import sympy

    no: Finding = {"equal": False, "how": "symbolic", "detail": "another relation"}
    sides = [_polynomial(form) for form in (gold, answer)]
    if any(side is None for side in sides):
        return no
    (ours, our_bottom), (theirs, their_bottom) = (side for side in sides if side is not None)
    unknowns = sorted(ours.free_symbols | theirs.free_symbols, key=str)
    if not unknowns or ours.free_symbols != theirs.free_symbols or sympy.cancel(theirs / ours).free_symbols:
        return no
    for bottom in (our_bottom, their_bottom):
        if bottom.free_symbols and sympy.groebner([ours, bottom], *unknowns, order="grevlex").exprs != [1]:
            return {**no, "detail": "a denominator may be 0", "refused": "domain"}
    return {"equal": True, "how": "symbolic", "detail": "the same curve"}


def _polynomial(form: Form) -> tuple[Any, Any] | None:
    """(numerator, denominator) of what is to be 0, as polynomials; roots and absolute values of one side squared."""
    import sympy

    left, right = (_tree(part) for part in form["parts"])
    left, right = (each.doit() for each in (left, right))
    for one, other in ((left, right), (right, left)):
        rooted = (one.is_Pow and one.exp == sympy.Rational(1, 2)) or isinstance(one, sympy.Abs)
        if rooted and other.is_number and other.is_nonnegative:
            left, right = (one.base if one.is_Pow else one.args[0] ** 2), other**2
            break
    top, bottom = sympy.fraction(sympy.together(left - right))
    top, bottom = sympy.expand(top), sympy.expand(bottom)
    symbols = sorted(top.free_symbols | bottom.free_symbols, key=str)
    if not symbols or not (top.is_polynomial(*symbols) and bottom.is_polynomial(*symbols)):
        return None
    small = all(sympy.Poly(each, *symbols).total_degree() <= 12 for each in (top, bottom))
    return (top, bottom) if small and top != 0 else None


def _chains_equal(gold: Form, answer: Form) -> Finding:
    """``a < b < c`` part by part, or read from the other end."""
    for parts, signs in (
        (answer["parts"], answer["signs"]),
        (answer["parts"][::-1], [_FLIPPED[sign] for sign in answer["signs"][::-1]]),
    ):
        if signs != gold["signs"]:
            continue
        pairs = [(_tree(one), _tree(other)) for one, other in zip(gold["parts"], parts, strict=True)]
        if all(one is not None and other is not None for one, other in pairs):
            findings = [decide(one, other) for one, other in pairs]
            if all(each["equal"] for each in findings):
                weak = any(each["how"] == "numeric" for each in findings)
                return {"equal": True, "how": "numeric" if weak else "symbolic", "detail": "the same chain"}
    return {"equal": False, "how": "symbolic", "detail": "another chain of relations"}


def _tree(form: Form) -> Any:
    return rebuild(form["tree"]) if form["is"] == "value" and not form.get("unit") else None


def _difference(form: Form) -> Any:
    left, right = (_tree(part) for part in form["parts"])
    return None if left is None or right is None else (left.doit() - right.doit()).expand()


def as_set(form: Form) -> Any:
    """The set of reals that an interval, a union, a list or an inequality for one name describes; else None."""
    import sympy

    match form:
        case {"is": "named", "value": value}:
            return as_set(value)
        case {"is": "group", "parts": [low, high], "open": opened, "close": closed}:
            ends = [_tree(low), _tree(high)]
            if any(end is None or end.free_symbols for end in ends):
                return None
            start, end = (each.doit() for each in ends)
            if not (start.is_extended_real and end.is_extended_real) or (end - start).is_extended_positive is not True:
                return None
            return sympy.Interval(start, end, left_open=opened == "(", right_open=closed == ")")
        case {"is": "set" | "list", "parts": parts}:
            values = [_tree(part) for part in parts]
            return (
                None if any(value is None for value in values) else sympy.FiniteSet(*(value.doit() for value in values))
            )
        case {"is": "union" | "intersection" | "without" as kind, "parts": parts}:
            sets = [as_set(part) for part in parts]
            if any(each is None for each in sets):
                return None
            if kind == "without":
                return sets[0] - sympy.Union(*sets[1:])
            return (sympy.Union if kind == "union" else sympy.Intersection)(*sets)
        case {"is": "value", "tree": "Reals"}:
            return sympy.S.Reals
        case {"is": "relation"}:
            return _inequality(form)
    return None


def is_solved(form: Form) -> bool:
    """Whether every inequality of a form has its unknown alone, as in ``1 < x`` and not ``1 < x^2``."""
    if form["is"] == "named":
        return is_solved(form["value"])
    if form["is"] == "relation":
        trees = [_tree(part) for part in form["parts"]]
        return all(
            tree is not None and (tree.is_number or not tree.is_Add | tree.is_Mul | tree.is_Pow) for tree in trees
        )
    return all(is_solved(part) for part in form.get("parts", ()))


def _inequality(form: Form) -> Any:
    """``a < X``, ``X <= b``, ``a < X <= b`` for any one thing X that is no number, or one that SymPy can solve."""
    import sympy

    trees = [_tree(part) for part in form["parts"]]
    if any(tree is None for tree in trees):
        return None
    free = [tree for tree in trees if tree.free_symbols or tree.has(sympy.core.function.AppliedUndef)]
    if len({sympy.srepr(tree) for tree in free}) != 1:
        return None
    middle = free[0]
    unknown = sympy.Symbol("x", real=True)
    plain = middle.is_Symbol or isinstance(middle, sympy.core.function.AppliedUndef)
    if not plain and len(middle.free_symbols) != 1:
        return None
    relations = {"<": sympy.Lt, ">": sympy.Gt, "\\leq": sympy.Le, "\\geq": sympy.Ge, "\\neq": sympy.Ne}
    solutions = sympy.S.Reals
    for place, sign in enumerate(form["signs"]):
        if sign not in relations:
            return None
        swap = {middle: unknown} if plain else dict.fromkeys(middle.free_symbols, unknown)
        left, right = (each.xreplace(swap).doit() for each in trees[place : place + 2])
        try:
            solved = relations[sign](left, right)
            solutions = solutions.intersect(
                solved.as_set() if solved not in (True, False) else (sympy.S.Reals if solved else sympy.S.EmptySet)
            )
        except (NotImplementedError, ValueError, TypeError):
            return None
    return solutions


def compare_sets(gold: Form, answer: Form, settings: dict[str, Any]) -> Finding | None:
    """Whether both describe one set of reals; None if one of them describes none."""
    if _is_point(gold) and not settings.get("hints", {}).get("interval"):
        return {"equal": False, "how": "symbolic", "detail": "a point was expected, as the task asks for no interval"}
    if is_solved(gold) and not is_solved(answer):
        return {"equal": False, "how": "symbolic", "detail": "it is not solved"}
    ours, theirs = as_set(gold), as_set(answer)
    if ours is None or theirs is None:
        return None
    if ours == theirs or ours.symmetric_difference(theirs).is_empty:
        return {"equal": True, "how": "symbolic", "detail": "the same set"}
    return {"equal": False, "how": "symbolic", "detail": "another set"}


def _is_point(form: Form) -> bool:
    """Whether a form is written ``(1, 2)``: a point, unless its task speaks of an interval."""
    if form["is"] != "group" or (form["open"], form["close"]) != ("(", ")"):
        return False
    return not any(
        part["is"] == "value" and part["tree"] in ("oo", "Mul(Integer(-1), oo)", "-oo") for part in form["parts"]
    )
