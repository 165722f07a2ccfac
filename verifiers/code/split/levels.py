"""How much each name of a test program depends on the candidate, found from its text.

`STRONG`: made by the candidate, or by what the candidate may have changed unseen (files, clocks, mocks, output); it is
known beside the candidate alone. `WEAK`: made by the test, of plain values, and handed to the candidate, which may
have changed its copy; the judge has one of its own. `CLEAN`: the judge makes it by itself.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

__all__ = ["CLEAN", "STRONG", "WEAK", "Names", "SplitError", "bound_in", "dotted", "free", "made_plainly", "root"]

CLEAN, WEAK, STRONG = range(3)
Function = ast.FunctionDef | ast.AsyncFunctionDef

# What the standard library has that gives the same wherever it is asked.
_PURE: Final = frozenset(
    (
        *("__future__", "abc", "array", "ast", "base64", "binascii", "bisect", "calendar", "cmath", "collections"),
        *("colorsys", "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools"),
        *("hashlib", "heapq", "html", "ipaddress", "itertools", "json", "keyword", "math", "numbers", "operator"),
        *("random", "re", "statistics", "string", "struct", "textwrap", "types", "typing", "unicodedata", "unittest"),
        *("zlib", "zoneinfo", "pathlib", "uuid"),
    )
)
_AMBIENT_NAMES: Final = frozenset(("open", "input", "globals", "locals", "vars", "id", "exec", "eval", "print"))
_AMBIENT_CALLS: Final = frozenset(("now", "today", "utcnow", "uuid1", "uuid4", "cwd", "home"))
_MAKING: Final = frozenset(
    (
        *("list", "dict", "set", "tuple", "frozenset", "range", "str", "int", "float", "bool", "bytes", "bytearray"),
        *("complex", "sorted", "reversed", "zip", "enumerate", "map", "filter", "sum", "min", "max", "abs", "round"),
        *("len", "repr", "chr", "ord", "pow", "divmod", "slice", "iter", "next", "any", "all"),
    )
)
_OF_VALUES: Final = frozenset(
    (
        *("collections", "copy", "datetime", "decimal", "fractions", "itertools", "json", "math", "numpy", "pandas"),
        *("pytest", "random", "string", "textwrap", "base64", "re", "zoneinfo", "functools", "operator"),
    )
)


class SplitError(Exception):
    """A test cannot be split; the message says why, to its author."""


@dataclass
class Names:
    """What is known of the names at one place of a program; a function's has its module's as `outer`."""

    levels: dict[str, int] = field(default_factory=dict)
    made: dict[str, ast.expr | None] = field(default_factory=dict)
    alike: dict[str, set[str]] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    outer: Names | None = None

    def level_of(self, name: str) -> int:
        """The level of a name that is loaded here."""
        if name in self.levels:
            return self.levels[name]
        if self.outer is not None:
            return self.outer.level_of(name)
        return STRONG if name in _AMBIENT_NAMES else CLEAN

    def level(self, node: ast.AST | None) -> int:
        """The level of an expression, or of all that a statement reads."""
        if node is None:
            return CLEAN
        if any(_is_ambient(each) for each in ast.walk(node)):
            return STRONG
        return max(map(self.level_of, free(node)), default=CLEAN)

    def is_judges(self, node: ast.AST) -> bool:
        """Whether a call is of what asserts, which the judge calls, whatever it is handed."""
        return (
            isinstance(node, ast.Call)
            and self.level(node.func) == CLEAN
            and dotted(node.func).split(".")[-1].startswith("assert")
        )

    def bind(self, name: str, level: int, value: ast.expr | None = None) -> None:
        """A name has been assigned to."""
        self.levels[name] = level
        self.made[name] = value
        self.alike[name] = free(value) if value is not None else set()

    def join(self, name: str, value: ast.expr | None, level: int) -> None:
        """Something has been put into what a name holds."""
        self.raise_to(name, level)
        holder = self.holder(name)
        if holder is not None and value is not None:
            holder.alike.setdefault(name, set()).update(free(value))

    def holder(self, name: str) -> Names | None:
        """Where a name is bound."""
        if name in self.levels:
            return self
        return self.outer.holder(name) if self.outer is not None else None

    def raise_to(self, name: str, level: int) -> None:
        """What a name holds has become more dependent."""
        holder = self.holder(name)
        if holder is not None:
            holder.levels[name] = max(holder.levels[name], level)

    def module_of(self, name: str) -> str:
        """The module that a name was imported from; empty for others."""
        if name in self.modules:
            return self.modules[name]
        return self.outer.module_of(name) if self.outer is not None else ""

    def made_of(self, name: str) -> ast.expr | None:
        """The expression that a name was made by."""
        holder = self.holder(name)
        return holder.made.get(name) if holder is not None else None

    def copied(self) -> Names:
        """As it is now."""
        return Names(
            dict(self.levels),
            dict(self.made),
            {name: set(others) for name, others in self.alike.items()},
            self.modules,
            self.outer,
        )

    def merge(self, other: Names) -> None:
        """What holds if either way was taken."""
        for name, level in other.levels.items():
            self.levels[name] = max(level, self.levels.get(name, CLEAN))
            self.made.setdefault(name, other.made.get(name))
            self.alike.setdefault(name, set()).update(other.alike.get(name, ()))

    def imports(self, node: ast.Import | ast.ImportFrom) -> None:
        """Names that an import binds."""
        for each in node.names:
            module = each.name if isinstance(node, ast.Import) else str(node.module)
            name = each.asname or each.name.partition(".")[0]
            top = module.partition(".")[0]
            pure = top in _PURE or top not in sys.stdlib_module_names
            self.bind(name, STRONG if top == "solution" or not pure else CLEAN)
            self.modules[name] = module
            if isinstance(node, ast.ImportFrom) and each.name in ("patch", "Path") and top in ("unittest", "pathlib"):
                self.levels[name] = STRONG if each.name == "patch" else CLEAN

    def hand_over(self, given: Iterable[ast.AST]) -> None:
        """Something has been handed to the candidate: all that can be reached from it may have been changed."""
        waiting = set().union(*(free(each) for each in given)) if given else set()
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            holder = self.holder(name)
            if name in seen or holder is None or self.module_of(name):
                continue
            seen.add(name)
            made = holder.made.get(name)
            if made is not None and _unchanging(made):
                continue
            if holder.levels[name] < STRONG:
                holder.levels[name] = WEAK if made is not None and made_plainly(made, self) else STRONG
            waiting |= holder.alike.get(name, set())

    def handed(self, node: ast.AST) -> None:
        """All that an expression or a statement hands to the candidate, and puts into what the test holds."""
        for call in ast.walk(node):
            if not isinstance(call, ast.Call):
                continue
            given = [*call.args, *(each.value for each in call.keywords)]
            if self.level(call.func) == STRONG or any(self.level(each) == STRONG for each in given):
                self.hand_over(given)
                name = root(call.func) if isinstance(call.func, ast.Attribute) else ""
                if name and self.level(call.func) != STRONG and not self.module_of(name):
                    self.raise_to(name, STRONG)


def _is_ambient(node: ast.AST) -> bool:
    """Whether something asks the time or the machine, or waits, which the judge does not."""
    if isinstance(node, ast.Attribute):
        return node.attr in _AMBIENT_CALLS
    return isinstance(node, ast.Await) or (isinstance(node, ast.comprehension) and bool(node.is_async))


def free(node: ast.AST) -> set[str]:
    """The names that an expression or statement reads and does not bind itself."""
    loads = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
    return loads - bound_inside(node)


def bound_inside(node: ast.AST) -> set[str]:
    """The names that lambdas, comprehensions and definitions inside a node bind for themselves."""
    bound: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.comprehension):
            bound |= bound_in([each.target])
        elif isinstance(each, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
            given = each.args
            bound |= {arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
            bound |= {arg.arg for arg in (given.vararg, given.kwarg) if arg is not None}
            if not isinstance(each, ast.Lambda):
                bound |= bound_in(each.body) - _of_outside(each)
    return bound


def _of_outside(function: Function) -> set[str]:
    return {name for each in ast.walk(function) if isinstance(each, ast.Nonlocal | ast.Global) for name in each.names}


def bound_in(nodes: Iterable[ast.AST]) -> set[str]:
    """All names that are stored, defined or imported in nodes, at any depth."""
    return {name for node in nodes for each in ast.walk(node) for name in _bound(each)}


def _bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(name, ast.Store()):
            yield name
        case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
            yield name
        case ast.Import(names) | ast.ImportFrom(_, names):
            yield from (each.asname or each.name.partition(".")[0] for each in names)
        case ast.ExceptHandler(_, str(name)):
            yield name


def _unchanging(node: ast.expr) -> bool:
    """Whether a value of this text cannot be changed by whoever has it."""
    match node:
        case ast.Constant() | ast.JoinedStr():
            return True
        case ast.UnaryOp(_, operand):
            return _unchanging(operand)
        case ast.Tuple(items):
            return all(map(_unchanging, items))
    return False


def made_plainly(node: ast.AST, names: Names) -> bool:
    """Whether an expression makes plain values, arrays or frames, of which a judge's own are as good."""
    for each in ast.walk(node):
        if isinstance(each, ast.Lambda | ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(each, ast.Call):
            name = root(each.func)
            module = names.module_of(name).partition(".")[0]
            if isinstance(each.func, ast.Name):
                if not (name in _MAKING or module in _OF_VALUES):
                    return False
            elif name and module and module not in _OF_VALUES:
                return False
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load) and names.holder(each.id) is not None:
            made = names.made_of(each.id)
            if made is not None and made is not node and not made_plainly(made, names):
                return False
    return True


def root(node: ast.AST) -> str:
    """``a`` of ``a.b[0].c()``; empty where there is none."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Await):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def dotted(node: ast.AST | None) -> str:
    """``pytest.fail`` of a name or an attribute of one; empty for anything else."""
    match node:
        case ast.Name(name):
            return name
        case ast.Attribute(value, attribute):
            return f"{dotted(value)}.{attribute}"
    return ""


BUILTINS: Final = frozenset(vars(builtins))
