"""Which properties a task may name in `check`, which fields each takes, and what its task file gets wrong.

Imports no SymPy: it serves `gristmill tasks check`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["PROPERTIES", "FieldType", "Property", "check_problems"]


@dataclass(frozen=True)
class FieldType:
    """What a field must be: in words, the Python types of its value, and those of a list's items or its choices."""

    words: str
    types: tuple[type, ...]
    items: type | None = None
    choices: tuple[str, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether a value has these types; a truth value is no integer. Choices are looked at apart."""
        fits = isinstance(value, self.types) and not isinstance(value, bool)
        if self.items is None or not fits:
            return fits
        return all(isinstance(each, self.items) and not isinstance(each, bool) for each in value)


def one_of(*choices: str) -> FieldType:
    """A text that is one of these."""
    return FieldType("a text", (str,), choices=choices)


TEXT = FieldType("a text", (str,))
INTEGER = FieldType("an integer", (int,))
TEXTS = FieldType("a list of texts", (list, tuple), items=str)
INTEGERS = FieldType("a list of integers", (list, tuple), items=int)
CONDITIONS = FieldType("a list of conditions", (list, tuple), items=dict)
TABLE = FieldType("a table", (dict,))


@dataclass(frozen=True)
class Property:
    """What a property asks for, how such an answer is written, by an example, and how it is checked; and the fields of
    its `check`: those that it needs and those that it may have."""

    asks_for: str
    form: str
    checked_by: str
    required: dict[str, FieldType]
    optional: dict[str, FieldType]

    @property
    def fields(self) -> dict[str, FieldType]:
        """All fields, the required ones first."""
        return self.required | self.optional


PROPERTIES = {
    "antiderivative": Property(
        "an antiderivative",
        "x^2/2 + C, where + C may be left out",
        "it is differentiated",
        required={"of": TEXT},
        optional={"variable": TEXT},
    ),
    "ode": Property(
        "the solution",
        "y = A e^{5x} + B, with letters for the constants that nothing fixes",
        "it is put into the equation",
        required={"equation": TEXT},
        optional={"function": TEXT, "variable": TEXT, "constants": INTEGER, "conditions": CONDITIONS},
    ),
    "roots": Property(
        "all roots",
        "-4, 5/2, \\sqrt{7}: all of them, once each",
        "they are put in and counted",
        required={"of": TEXT},
        optional={
            "variable": TEXT,
            "domain": one_of("real", "complex", "integer", "positive"),
            "count": INTEGER,
        },
    ),
    "system": Property(
        "the solutions",
        "(5, 6), (7, 8): all of them, unknowns in the order of the problem",
        "they are put into the equations and counted",
        required={"equations": TEXTS, "variables": TEXTS},
        optional={"count": INTEGER},
    ),
    "inequality": Property(
        "the solution set",
        "(-\\infty, 1) \\cup [2, 3], or a solved inequality",
        "its ends and many points are tried",
        required={"of": TEXT},
        optional={"variable": TEXT, "domain": TEXT},
    ),
    "factorisation": Property(
        "the product of irreducible factors",
        "(x + 2)(x^2 + 3)",
        "it is expanded, and each factor must be irreducible over the rationals",
        required={"of": TEXT},
        optional={},
    ),
    "prime_factors": Property(
        "the product of prime powers",
        "2^4 \\cdot 7",
        "it is multiplied, and each base must be prime",
        required={"of": INTEGER},
        optional={},
    ),
    "factor": Property(
        "a divisor other than 1 and the number",
        "7, one integer",
        "it must divide the number",
        required={"of": INTEGER},
        optional={},
    ),
    "prime": Property(
        "a witness and the primes of n - 1",
        "(a, q_1, \\ldots, q_k)",
        "a must have the order n - 1, and the q be all primes that divide n - 1",
        required={"of": INTEGER},
        optional={},
    ),
    "counterexample": Property(
        "values that break the claim",
        "n = 17, a value for each variable",
        "the claim is tried there",
        required={"variables": TEXTS, "claim": TEXT},
        optional={
            "domain": one_of("integer", "positive integer", "rational", "real"),
            "given": TEXTS,
            "is": one_of("prime", "composite"),
        },
    ),
    "recurrence": Property(
        "a closed form",
        "5^n + 4, a formula in the index alone",
        "its terms are compared with the recurrence's",
        required={"equation": TEXT, "initial": TABLE},
        optional={"function": TEXT, "variable": TEXT},
    ),
    "sequence": Property(
        "a formula for the terms",
        "3 n^2 + 7, a formula in the index alone",
        "all terms are compared, more than are shown",
        required={"terms": INTEGERS, "more": INTEGERS},
        optional={"start": INTEGER, "variable": TEXT},
    ),
    "closed_form": Property(
        "a closed form",
        "n(n + 7)/3, a formula in the index alone",
        "its values are compared with computed ones",
        required={"program": TEXT, "at": INTEGERS},
        optional={"function": TEXT, "variable": TEXT},
    ),
    "matrix": Property(
        "a matrix or a vector",
        "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",
        "it is multiplied out",
        required={
            "of": TEXT,
            "identity": one_of("inverse", "power", "commutes", "eigenvector", "kernel", "solves"),
        },
        optional={"exponent": INTEGER, "value": TEXT, "right": TEXT},
    ),
    "optimum": Property(
        "the point",
        "(1, 2), one number for each variable in the order of the problem",
        "it must be feasible, and no other point better",
        required={"objective": TEXT, "variables": TEXTS},
        optional={"sense": one_of("min", "max"), "constraints": TEXTS},
    ),
}
_ALSO = {("matrix", "eigenvector"): "value", ("matrix", "solves"): "right"}


def check_problems(check: dict[str, Any]) -> list[str]:
    """What is wrong with a task's `check`, one sentence each, naming the field."""
    name = check.get("property")
    entry = PROPERTIES.get(name) if isinstance(name, str) else None
    if entry is None:
        return [f"check.property: {name!r} is none of {', '.join(PROPERTIES)}"]
    problems = [
        f"check.{field}: {name!r} needs it: {kind.words}"
        for field, kind in entry.required.items()
        if field not in check
    ]
    for field, given in check.items():
        if field == "property":
            continue
        kind = entry.fields.get(field)
        if kind is None:
            problems.append(f"check.{field}: {name!r} has no such field; it knows {', '.join(entry.fields)}")
        elif not kind.accepts(given):
            problems.append(f"check.{field}: {given!r} is not {kind.words}")
        elif kind.choices and given not in kind.choices:
            problems.append(f"check.{field}: {given!r} is none of {', '.join(kind.choices)}")
    also = _ALSO.get((str(name), str(check.get("identity"))))
    if also and also not in check:
        problems.append(f"check.{also}: the identity {check['identity']!r} needs it")
    return problems or _empty(check)


def _empty(check: dict[str, Any]) -> list[str]:
    """Fields that are there and say nothing."""
    problems = [f"check.{field}: it is empty" for field, given in check.items() if given in ("", [], (), {})]
    for place, condition in enumerate(check.get("conditions", ())):
        problems += [
            f"check.conditions[{place}].{field}: it is missing" for field in ("at", "value") if field not in condition
        ]
    for place, term in check.get("initial", {}).items():
        if not str(place).lstrip("-").isdigit() or not isinstance(term, str | int):
            problems.append(f"check.initial: {place!r}: {term!r} is no index and its term")
    return problems
