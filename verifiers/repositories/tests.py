"""Names of tests as pytest writes them (`tests/test_a.py::TestC::test_b[1]`), and where they stand in their files."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

__all__ = ["bare", "belongs", "file_of", "line_of", "parsed", "problem"]


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
    tree = parsed(source) if source is not None else None
    body: list[ast.stmt] = tree.body if tree else []
    line = None
    for part in bare(test).split("::")[1:]:
        found = next((node for node in body if getattr(node, "name", None) == part), None)
        if found is None:
            return line
        line = found.lineno
        body = found.body if isinstance(found, ast.ClassDef) else []
    return line


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
