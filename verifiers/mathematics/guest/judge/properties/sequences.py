"""Recurrences, integer sequences, and closed forms against a brute-force program's values.

Against formulas fitted to the terms that are shown, and against the recurrence handed back: a formula may not refer
to the sequence, and more terms are tried than a task shows, exactly.
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
    held,
    value,
)
from gristmill.verifiers.mathematics.guest.judge.text import latex, reading

__all__ = ["closed_form", "recurrence", "sequence"]

_TERMS = 40


def recurrence(check: dict[str, Any], answer: Form) -> Finding:
    """A closed form whose first terms are the recurrence's; proved if SymPy can show that it satisfies it."""
    import sympy

    name, variable = check.get("function", "a"), sympy.Symbol(check.get("variable", "n"), integer=True, positive=True)
    # Terms are those of the formula as it was given: where n is known to be positive, 0^n is nothing, and it is 1 at 0.
    index = sympy.Symbol(variable.name, integer=True)
    given = _formula(answer, index, name)
    formula = given.xreplace({index: variable})
    left, right, lags = _lagged(str(check["equation"]), name, variable.name)
    initial = {int(place): expression(term) for place, term in check["initial"].items()}
    if len(initial) < max(lags.values()) - min(lags.values()):
        raise latex.Unreadable("the recurrence needs more initial terms")
    wrong = _first_wrong(given, index, initial)
    if wrong is not None:
        return failed(f"its term {wrong} is another one")
    shifted = {symbol: formula.subs(variable, variable + lag) for symbol, lag in lags.items()}
    plain = sympy.Symbol(variable.name)
    one, other = (side.xreplace({plain: variable}).xreplace(shifted) for side in (left, right))
    first = {symbol: each.subs(variable, max(initial) + 1 - min(lags.values())) for symbol, each in shifted.items()}
    if not any(each.has(sympy.nan, sympy.zoo) for each in first.values()) and sympy.simplify(one - other) == 0:
        return held("symbolic", f"inserted into the recurrence; {len(initial)} initial terms")
    terms = _iterate(left, right, lags, initial, variable)
    wrong = _first_wrong(given, index, terms)
    return (
        failed(f"its term {wrong} is another one")
        if wrong is not None
        else held("tested", f"{len(terms)} terms, exactly")
    )


def _first_wrong(formula: Any, variable: Any, terms: dict[int, Any]) -> int | None:
    return next(
        (place for place, term in terms.items() if not equal(term, formula.subs(variable, place))["equal"]), None
    )


def _formula(answer: Form, variable: Any, name: str) -> Any:
    """The closed form in the index.

    Raises:
        Refused: it is not in the index alone, or refers to other terms.
    """
    import sympy
    from sympy.core.function import AppliedUndef

    formula = value(answer)
    if formula.atoms(AppliedUndef) or any(each.name.startswith(f"{name}_") for each in formula.free_symbols):
        raise Refused("it refers to other terms: give a closed form")
    formula = formula.xreplace({sympy.Symbol(variable.name): variable})
    if formula.free_symbols - {variable}:
        raise Refused(f"it must be in {variable.name} alone")
    return formula


def _lagged(text: str, name: str, index: str) -> tuple[Any, Any, dict[Any, int]]:
    """Both sides, with ``a_{n-1}`` or ``a(n-1)`` as a symbol of its lag."""
    import sympy

    shape = rf"(?<![A-Za-z\\]){name}\s*(?:_\{{?\s*{index}\s*([+-]\s*\d+)?\s*\}}?|\(\s*{index}\s*([+-]\s*\d+)?\s*\))"
    lags: dict[Any, int] = {}

    def mark(part: re.Match[str]) -> str:
        lag = int((part[1] or part[2] or "0").replace(" ", ""))
        lags[sympy.Symbol(f"L_{500 + lag}")] = lag
        return f" L_{{{500 + lag}}} "

    sides = [side for side, _ in reading.pieces(latex.canonical(re.sub(shape, mark, text)))]
    if len(sides) != 2 or not lags:
        raise latex.Unreadable("the recurrence must be an equation between terms")
    return expression(sides[0]), expression(sides[1]), lags


def _iterate(left: Any, right: Any, lags: dict[Any, int], initial: dict[int, Any], variable: Any) -> dict[int, Any]:
    """The first terms, by the recurrence itself."""
    import sympy

    top = max(lags, key=lags.__getitem__)
    solved = sympy.solve(left - right, top)
    if len(solved) != 1:
        raise latex.Unreadable("the recurrence does not say its newest term")
    plain, terms = sympy.Symbol(variable.name), dict(initial)
    for place in range(max(initial) + 1, max(initial) + 1 + _TERMS):
        index = place - lags[top]
        inserted = {symbol: terms[index + lag] for symbol, lag in lags.items() if symbol != top}
        terms[place] = sympy.simplify(solved[0].xreplace(inserted).subs(plain, index))
    return terms


def sequence(check: dict[str, Any], answer: Form) -> Finding:
    """A formula in the index that gives every term: those of the task, and those that it holds back (`more`)."""
    import sympy

    variable = sympy.Symbol(check.get("variable", "n"), integer=True)
    formula = _formula(answer, variable, check.get("function", "a"))
    terms = [int(term) for term in (*check["terms"], *check["more"])]
    start = int(check.get("start", 1))
    return _agrees(formula, variable, {start + place: term for place, term in enumerate(terms)})


def closed_form(check: dict[str, Any], answer: Form) -> Finding:
    """A formula that agrees with what the brute-force program computed (`values`, filled in by the host)."""
    import sympy

    variable = sympy.Symbol(check.get("variable", "n"), integer=True)
    formula = _formula(answer, variable, check.get("function", "f"))
    values = {int(place): int(term) for place, term in check["values"].items()}
    return _agrees(formula, variable, values)


def _agrees(formula: Any, variable: Any, terms: dict[int, Any]) -> Finding:
    import sympy

    if len(str(formula)) > 40 * max(6, len(terms)) // 2:
        raise Refused("it is as long as the list of terms: give a formula")
    wrong = _first_wrong(formula, variable, {place: sympy.Integer(term) for place, term in terms.items()})
    if wrong is not None:
        return failed(f"its term {wrong} is another one")
    return held("tested", f"{len(terms)} terms, exactly")
