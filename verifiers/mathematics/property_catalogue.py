"""Which properties a task may name in `check`, which fields each takes, and what its task file gets wrong.

Imports no SymPy: it serves `gristmill tasks check`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["PROPERTIES", "Property", "check_problems"]

_TEXT = "a text"
_KINDS: dict[str, tuple[type, ...]] = {
    _TEXT: (str,),
    "an integer": (int,),
    "a list of texts": (list, tuple),
    "a list of integers": (list, tuple),
    "a list of conditions": (list, tuple),
    "a table": (dict,),
}
_INNER = {"a list of texts": (str,), "a list of integers": (int,), "a list of conditions": (dict,)}


@dataclass(frozen=True)
class Property:
    """The fields of a property, required and optional, each with what it must be; and what it asks for."""

    required: dict[str, str]
    optional: dict[str, str]
    choices: dict[str, tuple[str, ...]]
    asks_for: str


def _property(asks_for: str, required: str, optional: str = "", **choices: tuple[str, ...]) -> Property:
    short = dict(zip(("t", "i", "tt", "ii", "cc", "d"), _KINDS, strict=True))

    def fields(text: str) -> dict[str, str]:
        return {name: short[kind] for name, _, kind in (each.partition(":") for each in text.split())}

    return Property(fields(required), fields(optional), choices, asks_for)


PROPERTIES = {
    "antiderivative": _property("an antiderivative", "of:t", "variable:t"),
    "ode": _property("the solution", "equation:t", "function:t variable:t constants:i conditions:cc"),
    "roots": _property(
        "all roots", "of:t", "variable:t domain:t count:i", domain=("real", "complex", "integer", "positive")
    ),
    "system": _property("the solutions", "equations:tt variables:tt", "count:i"),
    "inequality": _property("the solution set", "of:t", "variable:t domain:t"),
    "factorisation": _property("the product of irreducible factors", "of:t"),
    "prime_factors": _property("the product of prime powers", "of:i"),
    "factor": _property("a divisor other than 1 and the number", "of:i"),
    "prime": _property("a witness and the primes of n - 1", "of:i"),
    "counterexample": _property("values that break the claim", "variables:tt claim:t", "domain:t given:tt is:t",
        domain=("integer", "positive integer", "rational", "real"), **{"is": ("prime", "composite")},
    ),
    "recurrence": _property("a closed form", "equation:t initial:d", "function:t variable:t"),
    "sequence": _property("a formula for the terms", "terms:ii more:ii", "start:i variable:t"),
    "closed_form": _property("a closed form", "program:t at:ii", "function:t variable:t"),
    "matrix": _property("a matrix or a vector", "of:t identity:t", "exponent:i value:t right:t",
        identity=("inverse", "power", "commutes", "eigenvector", "kernel", "solves"),
    ),
    "optimum": _property("the point", "objective:t variables:tt", "sense:t constraints:tt", sense=("min", "max")
    ),
}  # fmt: skip
_ALSO = {("matrix", "eigenvector"): "value", ("matrix", "solves"): "right"}


def check_problems(check: dict[str, Any]) -> list[str]:
    """What is wrong with a task's `check`, one sentence each, naming the field."""
    name = check.get("property")
    found = PROPERTIES.get(name) if isinstance(name, str) else None
    if found is None:
        return [f"check.property: {name!r} is none of {', '.join(PROPERTIES)}"]
    problems = [
        f"check.{field}: {name!r} needs it: {kind}" for field, kind in found.required.items() if field not in check
    ]
    for field, given in check.items():
        if field == "property":
            continue
        kind = found.required.get(field) or found.optional.get(field)
        if kind is None:
            problems.append(
                f"check.{field}: {name!r} has no such field; it knows {', '.join({**found.required, **found.optional})}"
            )
        elif not isinstance(given, _KINDS[kind]) or isinstance(given, bool) or not _inner(given, kind):
            problems.append(f"check.{field}: {given!r} is not {kind}")
        elif field in found.choices and given not in found.choices[field]:
            problems.append(f"check.{field}: {given!r} is none of {', '.join(found.choices[field])}")
    also = _ALSO.get((str(name), str(check.get("identity"))))
    if also and also not in check:
        problems.append(f"check.{also}: the identity {check['identity']!r} needs it")
    return problems or _empty(check)


def _inner(given: Any, kind: str) -> bool:
    wanted = _INNER.get(kind)
    return wanted is None or all(isinstance(each, wanted) and not isinstance(each, bool) for each in given)


def _empty(check: dict[str, Any]) -> list[str]:
    """Fields that are there and say nothing."""
    found = [f"check.{field}: it is empty" for field, given in check.items() if given in ("", [], (), {})]
    for place, condition in enumerate(check.get("conditions", ())):
        found += [
            f"check.conditions[{place}].{field}: it is missing" for field in ("at", "value") if field not in condition
        ]
    for place, term in check.get("initial", {}).items():
        if not str(place).lstrip("-").isdigit() or not isinstance(term, str | int):
            found.append(f"check.initial: {place!r}: {term!r} is no index and its term")
    return found
