"""Expressions of SymPy as trees of plain values, and made of these again by a table of constructors.

    ["Integer", 5]   ["Rational", 1, 3]   ["Float", "0.25", 53]   ["Symbol", "n", {"positive": True}]   ["S", "Pi"]
    ["Matrix", rows, columns, [item, …]]   ["Add", tree, …]

Nothing of a tree is parsed or evaluated by SymPy: heads are looked up in the table, and what has arguments is made as
it stands. Against trees that run something, or that take for ever to be made.
"""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any

__all__ = ["symbolic_form", "symbolic_value"]

_MOST_NODES = 5000
_MOST_LEVELS = 100
_UNEVALUATED = frozenset(
    "Add Mul Pow Equality Unequality StrictLessThan LessThan StrictGreaterThan GreaterThan sin cos tan cot sec csc "
    "asin acos atan acot sinh cosh tanh exp log Abs sign floor ceiling re im conjugate factorial binomial gamma "
    "Max Min".split()
)
_PLAIN = frozenset("Tuple Sum Product Integral Derivative".split())
_SINGLE = frozenset(
    "Pi Exp1 ImaginaryUnit Infinity NegativeInfinity ComplexInfinity NaN EulerGamma GoldenRatio BooleanTrue "
    "BooleanFalse EmptySet Reals Integers Naturals Naturals0 Rationals".split()
)
_MATRICES = {"MutableDenseMatrix": "Matrix", "ImmutableDenseMatrix": "ImmutableMatrix"}
_NUMBER = re.compile(r"-?[0-9.]{1,400}(?:e[+-]?[0-9]{1,4})?")  # '-2.5e-3'
_FLOAT = re.compile(rf"Float\('({_NUMBER.pattern})', precision=([0-9]+)\)")  # Float('0.25', precision=53)
_MOST_PRECISION = 4096  # bits


class _UnknownError(Exception):
    """Not of the table, or too much of it."""


def symbolic_form(value: Any) -> tuple[str, list[Any]] | None:
    """``("sympy", [tree])``; None for what is no expression of SymPy's, or one that the table does not have."""
    sympy: Any = sys.modules.get("sympy")
    if sympy is None or not hasattr(sympy, "Basic") or not issubclass(type(value), (sympy.Basic, sympy.MatrixBase)):
        return None
    try:
        return "sympy", [_tree(value, sympy, [_MOST_NODES], 0)]
    except _UnknownError:
        return None


def _tree(value: Any, sympy: Any, left: list[int], level: int) -> list[Any]:
    left[0] -= 1
    kind = type(value)
    name = kind.__name__
    if left[0] < 0 or level > _MOST_LEVELS:
        raise _UnknownError
    if issubclass(kind, sympy.Integer):
        return ["Integer", int(value.p)]
    if issubclass(kind, sympy.Rational):
        return ["Rational", int(value.p), int(value.q)]
    if kind is sympy.Float and (read := _FLOAT.fullmatch(sympy.srepr(value))):
        return ["Float", read[1], int(read[2])]
    if kind is sympy.Symbol:
        given = {str(each): bool(holds) for each, holds in value._assumptions_orig.items() if holds is not None}
        return ["Symbol", str(value.name), given]
    if name in _MATRICES and kind is getattr(sympy, name):
        items = [_tree(each, sympy, left, level + 1) for each in value.flat()]
        return [_MATRICES[name], int(value.rows), int(value.cols), items]
    if name in _SINGLE:
        return ["S", name]
    if name in _UNEVALUATED | _PLAIN and kind is getattr(sympy, name):
        return [name, *(_tree(each, sympy, left, level + 1) for each in value.args)]
    raise _UnknownError


def symbolic_value(tree: Any) -> Any:
    """The expression of a tree, as it stands: not evaluated.

    Raises:
        Exception: it is no such tree; one of a candidate's may be anything.
    """
    sympy: Any = importlib.import_module("sympy")
    return _made(tree, sympy, [_MOST_NODES], 0)


def _made(tree: Any, sympy: Any, left: list[int], level: int) -> Any:
    left[0] -= 1
    head, *rest = tree
    if left[0] < 0 or level > _MOST_LEVELS or type(head) is not str:
        raise ValueError("no expression")
    if head in ("Integer", "Rational"):
        if not all(type(each) is int for each in rest):
            raise TypeError("no numbers")
        return getattr(sympy, head)(*rest)
    if head == "Float":
        digits, precision = rest
        if _NUMBER.fullmatch(digits) is None or not 1 <= precision <= _MOST_PRECISION:
            raise ValueError("no number")
        return sympy.Float(digits, precision=precision)
    if head == "Symbol":
        name, given = rest
        return sympy.Symbol(str.__str__(name), **{each: holds is True for each, holds in given.items()})
    if head in _MATRICES.values():
        rows, columns, items = rest
        if rows * columns != len(items):
            raise ValueError("no matrix")
        return getattr(sympy, head)(rows, columns, [_made(each, sympy, left, level + 1) for each in items])
    if head == "S":
        (name,) = rest
        if name not in _SINGLE:
            raise ValueError("no constant")
        return getattr(sympy.S, name)
    if head not in _UNEVALUATED | _PLAIN:
        raise ValueError("no head")
    parts = [_made(each, sympy, left, level + 1) for each in rest]
    return getattr(sympy, head)(*parts, **({"evaluate": False} if head in _UNEVALUATED else {}))
