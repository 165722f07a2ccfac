"""Whether a test's limits suffice for what its own literals say: what it passes, wants returned, and wants printed."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator

from gristmill.sandbox.records import Limits
from gristmill.sandbox.wire.values import EncodeError, encode
from gristmill.verifiers.calling import message_bounds
from gristmill.verifiers.records import CasesTest, StdioTest

__all__ = ["short_of", "short_of_cases", "short_of_stdio"]

_COLLECTIONS = ("list", "tuple", "sorted", "set", "frozenset", "deque")


def short_of_cases(test: CasesTest, limits: Limits) -> Iterator[str]:
    """One sentence for each case whose values are more than may cross."""
    bounds = message_bounds(limits)
    for place, case in enumerate(test.cases):
        try:
            encode({"args": list(case.args), "kwargs": case.kwargs}, bounds)
            encode(case.expected, bounds)
        except EncodeError as error:
            yield f"cases[{place}]: a value {error}: the case cannot pass"


def short_of_stdio(test: StdioTest, limits: Limits) -> Iterator[str]:
    """One sentence for each case that wants more printed than may be."""
    for place, case in enumerate(test.cases):
        size = len(case.stdout.encode(errors="replace"))
        if size > limits.output_kb << 10:
            most = f"`limits.output_kb` is {limits.output_kb:,}"
            yield f"cases[{place}].stdout: has {math.ceil(size / 1024):,} KiB, and {most}: raise it"


def short_of(source: str, limits: Limits) -> Iterator[tuple[int, str]]:
    """(line, words) for the values written in a program that are more than may cross, the first of each kind."""
    bounds = message_bounds(limits)
    said = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.expr):
            continue
        items = _items(node)
        if items > bounds.nodes and "items" not in said:
            said.add("items")
            most = f"`limits.value_mb` ({limits.value_mb}) lets {bounds.nodes:,} cross"
            yield (
                node.lineno,
                f"has a value of {items:,} items or more, and {most}: raise it if this is to cross",
            )
        digits = _digits(node)
        if digits > bounds.digits and "digits" not in said:
            said.add("digits")
            yield node.lineno, f"has an integer of {digits:,} digits or more, and {bounds.digits:,} may cross"
        size = _characters(node)
        if size > bounds.size and "size" not in said:
            said.add("size")
            most = f"`limits.value_mb` is {limits.value_mb}"
            yield node.lineno, f"has a text of {size >> 20:,} MiB, and {most}: raise it if this is to cross"


def _whole(node: ast.expr) -> int:
    """The value of a whole number or of a product or power of such; -1 if it is none, or too large to be of use."""
    match node:
        case ast.Constant(int(value)) if not isinstance(value, bool):
            return value
        case ast.BinOp(left, ast.Mult() | ast.Pow() as operator, right):
            one, other = _whole(left), _whole(right)
            if min(one, other) < 0 or one.bit_length() * (other if isinstance(operator, ast.Pow) else 1) > 64:
                return -1
            return one**other if isinstance(operator, ast.Pow) else one * other
    return -1


def _items(node: ast.expr) -> int:
    """How many items a collection has at least."""
    match node:
        case ast.List(elements) | ast.Tuple(elements) | ast.Set(elements):
            return len(elements) + sum(map(_items, elements))
        case ast.BinOp(ast.List() | ast.Tuple() as left, ast.Mult(), right):
            return _items(left) * max(_whole(right), 0)
        case ast.BinOp(left, ast.Mult(), ast.List() | ast.Tuple() as right):
            return _items(right) * max(_whole(left), 0)
        case ast.BinOp(left, ast.Add(), right):
            return _items(left) + _items(right)
        case ast.Call(ast.Name(name), [ast.Call(ast.Name("range"), [most])]) if name in _COLLECTIONS:
            return max(_whole(most), 0)
        case ast.ListComp(_, [ast.comprehension(_, ast.Call(ast.Name("range"), [most]), [])]):
            return max(_whole(most), 0)
    return 0


def _digits(node: ast.expr) -> int:
    match node:
        case ast.BinOp(ast.Constant(int(base)), ast.Pow(), power) if base > 1:
            return int(max(_whole(power), 0) * math.log10(base))
        case ast.BinOp(ast.Constant(int(base)), ast.LShift(), power) if base > 0:
            return int(max(_whole(power), 0) * math.log10(2))
    return 0


def _characters(node: ast.expr) -> int:
    match node:
        case ast.BinOp(ast.Constant(str(text) | bytes(text)), ast.Mult(), number):
            return len(text) * max(_whole(number), 0)
        case ast.BinOp(number, ast.Mult(), ast.Constant(str(text) | bytes(text))):
            return len(text) * max(_whole(number), 0)
    return 0
