"""Matrix identities: multiply and compare, entry by entry.

Against what satisfies an identity trivially: zero vectors, multiples of the identity and A itself are no answers
where they would always fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gristmill.verifiers.mathematics.guest.judge.agreement import Finding
from gristmill.verifiers.mathematics.guest.judge.properties.common import (
    Form,
    Refused,
    equal,
    expression,
    failed,
    matrix,
    same,
    weakest,
)

__all__ = ["matrix_identity"]


def matrix_identity(check: dict[str, Any], answer: Form) -> Finding:
    """The identity that `check.identity` names holds between the task's matrix A (`of`) and the answer X."""
    ours, theirs = matrix(check["of"]), matrix(answer)
    if theirs.free_symbols - ours.free_symbols:
        raise Refused("its entries hold unknowns")
    return IDENTITIES[check["identity"]](check, ours, theirs)


def _entries(first: Any, second: Any, detail: str) -> Finding:
    if first.shape != second.shape:
        return failed("its shape does not fit")
    return weakest(
        [equal(one, other) for one, other in zip(second, first, strict=True)] or [failed("it is empty")], detail
    )


def _product(first: Any, second: Any) -> Any:
    if first.cols != second.rows:
        raise Refused("its shape does not fit")
    return first * second


def _inverse(check: dict[str, Any], ours: Any, theirs: Any) -> Finding:
    import sympy

    return _entries(_product(ours, theirs), sympy.eye(ours.rows), "A X = 1")


def _power(check: dict[str, Any], ours: Any, theirs: Any) -> Finding:
    if theirs.shape != ours.shape or theirs.rows != theirs.cols:
        return failed("its shape does not fit")
    exponent = int(check.get("exponent", 2))
    return _entries(theirs**exponent, ours, f"X^{exponent} = A")


def _commutes(check: dict[str, Any], ours: Any, theirs: Any) -> Finding:
    import sympy

    if theirs.shape != ours.shape:
        return failed("its shape does not fit")
    if theirs.is_diagonal() and all(same(theirs[0, 0], theirs[place, place]) for place in range(theirs.rows)):
        return failed("a multiple of the identity commutes with everything")
    if _entries(theirs, sympy.Matrix(ours), "")["equal"]:
        return failed("A itself is no answer")
    return _entries(_product(ours, theirs), _product(theirs, ours), "A X = X A")


def _not_zero(vector: Any) -> bool:
    import sympy

    return not all(same(entry, sympy.Integer(0)) for entry in vector)


def _eigenvector(check: dict[str, Any], ours: Any, vector: Any) -> Finding:
    if not _not_zero(vector):
        return failed("the zero vector is no eigenvector")
    return _entries(_product(ours, vector), expression(check["value"]) * vector, "A v = c v, v is not 0")


def _kernel(check: dict[str, Any], ours: Any, vector: Any) -> Finding:
    if not _not_zero(vector):
        return failed("the zero vector is no answer")
    image = _product(ours, vector)
    return _entries(image, image * 0, "A v = 0, v is not 0")


def _solves(check: dict[str, Any], ours: Any, theirs: Any) -> Finding:
    return _entries(_product(ours, theirs), matrix(check["right"]), "A X = B")


IDENTITIES: dict[str, Callable[[dict[str, Any], Any, Any], Finding]] = {
    "inverse": _inverse,
    "power": _power,
    "commutes": _commutes,
    "eigenvector": _eigenvector,
    "kernel": _kernel,
    "solves": _solves,
}
