"""How large an expression's numbers would be, estimated and never computed.

Against powers and factorials that would fill memory, and against numbers so small that no digits which are compared
would show them.
"""

from __future__ import annotations

from typing import Any

__all__ = ["bits_of", "too_large"]

_BITS = 2_000_000


def too_large(expression: Any) -> bool:
    """Whether evaluating an expression would make numbers of more than some million bits."""
    return bits_of(expression) > _BITS


def bits_of(expression: Any) -> float:
    """An upper estimate of the bits of an expression's exact parts, never computed from the parts themselves."""
    import math

    import sympy

    if expression.is_Integer:
        return float(abs(expression.p).bit_length())
    if expression.is_Rational:
        return float(max(abs(expression.p).bit_length(), expression.q.bit_length()))
    inner = [bits_of(part) for part in expression.args]
    if isinstance(expression, sympy.Pow):
        base, exponent = expression.args
        if not exponent.free_symbols and exponent.is_number and not base.free_symbols:
            size = _size(exponent)
            return (
                max(inner)
                if exponent.is_Rational and not exponent.is_Integer and size < 64
                else size * max(1.0, inner[0])
            )
    if isinstance(expression, sympy.factorial | sympy.gamma) and not expression.free_symbols:
        size = _size(expression.args[0])
        return size * math.log2(size + 2) if size < 1e300 else math.inf
    if isinstance(expression, sympy.binomial) and not expression.free_symbols:
        return _size(expression.args[0])
    if isinstance(expression, sympy.Mul):
        return sum(inner)
    return max(inner, default=1.0)


def _size(expression: Any) -> float:
    """An upper estimate of a constant's absolute value."""
    bits = bits_of(expression)
    if expression.is_Rational:
        return abs(float(expression)) if bits < 1000 else float("inf")
    return 2.0**bits if bits < 1000 else float("inf")
