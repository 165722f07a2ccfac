"""What names and constants in a source text stand for, read without running it.

Against names that pose as the standard library's: a name has a meaning only where the module binds it once, by an
import, or is a builtin that the module binds nowhere.
"""

from __future__ import annotations

import ast
from collections import Counter
from typing import Any

__all__ = ["Names", "constant", "default"]

_MOST_ITEMS = 100


class Names:
    """What the names of a module stand for, as far as they are bound once."""

    def __init__(self, tree: ast.Module) -> None:
        self.bound: Counter[str] = Counter()
        self._imported: dict[str, str] = {}
        self._star = False
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                self.bound[node.id] += 1
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.bound[node.name] += 1
            elif isinstance(node, ast.ImportFrom | ast.Import):
                module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                for each in node.names:
                    name = each.asname or each.name.partition(".")[0]
                    self.bound[name] += 1
                    self._imported[name] = module + each.name
                    # After a star nothing is known to be what it was imported as.
                    self._star = self._star or each.name == "*"

    def is_single(self, name: str) -> bool:
        """Whether the module binds the name once."""
        return self.bound[name] == 1 and not self._star

    def meaning(self, node: ast.expr) -> str:
        """``dataclasses.dataclass`` for whatever stands for it, ``builtins.int`` for `int`; else empty."""
        if isinstance(node, ast.Name):
            if node.id in self._imported:
                return self._imported[node.id] if self.is_single(node.id) else ""
            return "" if self.bound[node.id] or self._star else f"builtins.{node.id}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self._imported:
            module = self.meaning(node.value)
            return f"{module}.{node.attr}" if module else ""
        return ""


def default(node: ast.expr | None) -> list[Any]:
    """How a default is told: none, ``[True, value]`` for a constant, ``[False]`` for what only the candidate has."""
    if node is None:
        return []
    wrapped = constant(node)
    return [True, wrapped[0]] if wrapped else [False]


def constant(node: ast.expr) -> list[Any]:
    """The plain value of a number, a text or such, in a list; an empty list for anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value: Any = node.operand.value
        return [-value] if type(value) in (int, float) else []
    if isinstance(node, ast.Tuple):
        parts = list(map(constant, node.elts))
        return [tuple(part[0] for part in parts)] if all(parts) and len(parts) <= _MOST_ITEMS else []
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, str, bytes, bool, type(None)):
        return [node.value]
    return []
