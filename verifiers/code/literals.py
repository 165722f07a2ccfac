"""Values that can be read off a test program without running it."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any, Final

__all__ = ["WRAPPERS", "NotLiteralError", "literal", "number", "wrapped"]

# What tests wrap a call in before they compare. Not `set`: on the host, a candidate's values may collide in hashing.
WRAPPERS: Final[dict[str, Callable[[Any], Any]]] = {"tuple": tuple, "list": list, "sorted": sorted}

_ARITHMETIC: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_MOST_POWER: Final = 64
_MOST_BITS: Final = 8192  # a product of a thousand numbers costs more than their program's length


class NotLiteralError(Exception):
    """The program does more than call and compare."""


def wrapped(node: ast.expr) -> Any:
    """The value of a literal, also where it is made a tuple or the like.

    Raises:
        NotLiteralError, ValueError: it is none.
    """
    match node:
        case ast.Call(ast.Name(name), [inner], []) if name in WRAPPERS:
            try:
                return WRAPPERS[name](literal(inner))
            except TypeError as error:
                raise NotLiteralError from error
    return literal(node)


def literal(node: ast.expr) -> Any:
    """The value of a literal, also with sums and the like in it.

    Raises:
        NotLiteralError, ValueError: it is none.
    """
    try:
        return ast.literal_eval(node)
    except ValueError:
        pass
    match node:
        case ast.Tuple(elements):
            return tuple(map(literal, elements))
        case ast.List(elements):
            return list(map(literal, elements))
        case ast.BinOp(left, ast.Add(), right) if isinstance(text := literal(left), str):
            more = literal(right)
            if isinstance(more, str):
                return text + more
        case ast.BinOp():
            return number(node)
    raise NotLiteralError


def number(node: ast.expr) -> int | float:
    """The value of a number, or of arithmetic with numbers.

    Raises:
        NotLiteralError, ValueError: it is none, or too large a power, or divides by nothing.
    """
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = number(node.left), number(node.right)
        if isinstance(node.op, ast.Pow) and not (abs(left) <= _MOST_POWER and 0 <= right <= _MOST_POWER):
            raise NotLiteralError
        try:
            computed: int | float = _ARITHMETIC[type(node.op)](left, right)
            if type(computed) is int and computed.bit_length() > _MOST_BITS:
                raise NotLiteralError
            return computed
        except ArithmeticError as error:
            raise NotLiteralError from error
    value: Any = ast.literal_eval(node)
    if type(value) not in (int, float):
        raise NotLiteralError
    return value  # type: ignore[no-any-return]  # one of the two
