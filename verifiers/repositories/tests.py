"""Names of tests as pytest writes them (`tests/test_a.py::TestC::test_b[1]`), and where they stand in their files."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

__all__ = ["asserts", "bare", "belongs", "file_of", "line_of", "parsed", "problem"]

_MACHINE = frozenset(("__name__", "sys", "os", "len", "TYPE_CHECKING"))
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def file_of(test: str) -> str:
    """The file of a test."""
    return test.partition("::")[0]


def bare(test: str) -> str:
    """The name without its parameters, which are inputs of the test."""
    return test.partition("[")[0]


def belongs(name: str, test: str) -> bool:
    """Whether a test that was run is this one, or one of those that it stands for: its parameters, its methods."""
    return name == test or name.startswith((f"{test}[", f"{test}::"))


def problem(test: str, source: str | None) -> str:
    """Why a file has no such test, as the end of a sentence; empty if it has. `source` is None where it is no file."""
    path, _, rest = test.partition("::")
    if not rest:
        return "names no test in its file; write `file::test`, as `pytest --collect-only -q` does"
    if not path.endswith(".py") or source is None:
        return f"is in {path!r}, which the commit does not hold as Python"
    if (tree := parsed(source)) is None:
        return f"is in {path!r}, which does not parse"
    # What a class inherits is not seen here: only a missing first part is certain.
    first = bare(rest).split("::")[0]
    if any(name == first for name, _ in _defined(tree)) or any(_brings(node) for node in tree.body):
        return ""
    return f"is not defined in {path!r} at that commit"


def line_of(test: str, source: str | None) -> int | None:
    """The line on which a test begins; None where that is not seen."""
    found = _nodes(test, source)
    return found[-1].lineno if found else None


def asserts(test: str, source: str | None) -> bool:
    """Whether a test cannot pass, by its own text, without an `assert` that has run and can find something.

    One in a loop or a branch need not run, nor one behind a `return`; and ``assert 1 + 1 == 2`` finds nothing.
    """
    found = _nodes(test, source)
    function = found[-1] if found and len(found) == bare(test).count("::") else None
    return isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and _must_assert(function.body)


def _must_assert(block: list[ast.stmt]) -> bool:
    for statement in block:
        if isinstance(statement, ast.Assert) and _can_find(statement.test):
            return True
        # What it holds may be left by what is raised, and that taken: pytest.raises, contextlib.suppress.
        if isinstance(statement, ast.With | ast.AsyncWith) and _must_assert(statement.body[:1]):
            return True
        if any(isinstance(node, ast.Return) for node in ast.walk(statement)):
            return False
    return False


def _can_find(test: ast.expr) -> bool:
    """Whether an expression asks anything but the machine, as those that are counted do."""
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test = test.operand
    if isinstance(test, ast.Tuple | ast.List | ast.Lambda):
        return False  # (x == y, "message") is true whatever x is
    return any(isinstance(node, ast.Name) and node.id not in _MACHINE for node in ast.walk(test))


def _nodes(test: str, source: str | None) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """The classes and the function that a name leads to, as far as they are seen; of two so named the last counts."""
    tree = parsed(source) if source is not None else None
    body: list[ast.stmt] = tree.body if tree else []
    nodes: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] = []
    for part in bare(test).split("::")[1:]:
        named = [each for each in body if isinstance(each, _NAMED) and each.name == part]
        if not named:
            break
        nodes.append(named[-1])
        body = named[-1].body if isinstance(named[-1], ast.ClassDef) else []
    return nodes


def parsed(source: str) -> ast.Module | None:
    """The tree of a source; None where it does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\d" in a team's string is their affair
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _defined(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, ast.Pass()


def _brings(node: ast.stmt) -> bool:
    """Whether a statement may bring in tests that are defined elsewhere."""
    return isinstance(node, ast.ImportFrom) and any(
        alias.name == "*" or alias.name.startswith(("test", "Test")) for alias in node.names
    )
