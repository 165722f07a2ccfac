"""Names in a test's text that nothing gives a meaning to: the line raises NameError, whoever the candidate is."""

from __future__ import annotations

import ast
import builtins
import sys
import warnings
from collections.abc import Iterator

from gristmill.verifiers.records import PytestTest, PythonTest

__all__ = ["unbound_names"]

_OF_MODULES = {
    f"__{name}__" for name in ("name", "doc", "package", "loader", "spec", "file", "builtins", "path", "cached")
}
_BUILTIN = set(dir(builtins)) | _OF_MODULES | {"__class__"}
# def first[T](…): nodes of Python 3.12
_PARAMETERS = {"TypeVar", "ParamSpec", "TypeVarTuple"}
# What makes names that no text shows, or takes their absence into account.
_OPAQUE = {"exec", "eval", "globals", "locals", "vars", "setattr", "NameError", "UnboundLocalError"}


def unbound_names(
    tree: ast.Module, whole: ast.Module, entry_points: tuple[str, ...], test: PythonTest | PytestTest
) -> Iterator[tuple[int, str]]:
    """(line, name) of each such name, where it is used first; none where something makes names that cannot be read."""
    nodes = list(ast.walk(whole))
    defined = set(_BUILTIN)
    if isinstance(test, PythonTest):
        defined |= {*entry_points, "candidate"} | _in_modules(nodes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\d" in a test's string is its author's affair
            defined |= _bound(list(ast.walk(ast.parse(test.shared))))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    if names & _OPAQUE or any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in nodes):
        return
    defined |= _bound(nodes)
    ignored = _annotations(whole)
    seen: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in defined | seen and id(node) not in ignored:
            seen.add(node.id)
            yield node.lineno, node.id


def _in_modules(nodes: list[ast.AST]) -> set[str]:
    """Modules of the standard library that are used as if a solution had imported them: they are there."""
    used = {node.value.id for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}
    return used & sys.stdlib_module_names


def _bound(nodes: list[ast.AST]) -> set[str]:
    names: set[str] = set()
    for node in nodes:
        match node:
            case ast.Name(name, ast.Store() | ast.Del()):
                names.add(name)
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name) | ast.arg(name):
                names.add(name)
            case ast.alias(name, other):
                names.add(other or name.partition(".")[0])
            case ast.ExceptHandler(_, str(name)) | ast.MatchAs(_, str(name)) | ast.MatchStar(str(name)):
                names.add(name)
            case ast.MatchMapping(rest=str(name)):
                names.add(name)
            case _ if type(node).__name__ in _PARAMETERS:
                names.add(getattr(node, "name", ""))
            case ast.Global(several) | ast.Nonlocal(several):
                names.update(several)
    return names


def _annotations(tree: ast.Module) -> set[int]:
    """The nodes of annotations, where they are kept as text and never run."""
    later = any(
        isinstance(node, ast.ImportFrom) and node.module == "__future__" and node.names[0].name == "annotations"
        for node in tree.body
    )
    ids: set[int] = set()
    for node in ast.walk(tree) if later else ():
        for field in ("annotation", "returns"):
            if (said := getattr(node, field, None)) is not None:
                ids |= {id(each) for each in ast.walk(said)}
    return ids
