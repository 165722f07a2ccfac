"""Makes split tests of a repository's test files: what uses its code beside it, their assertions elsewhere.

Pure: it reads the tests' text at the commit, which no reply can change, and runs nothing of it. The repository's own
modules are the candidate's, all of them, so their names are read as the solution's (`solution.shop` for `shop`) until
the test is split. What comes from the tests' folder is for neither side: it is not laid beside the candidate, where it
could be read, and a judge has no files.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from gristmill.verifiers.code.driven.forms import tree as parsed_tree
from gristmill.verifiers.code.split.levels import SplitError, dotted
from gristmill.verifiers.code.split.splitting import Split, parted
from gristmill.verifiers.records import PytestTest, Repo
from gristmill.verifiers.repositories.paths import is_test
from gristmill.verifiers.repositories.settings import kept_options
from gristmill.verifiers.repositories.tests import bare, file_of
from gristmill.verifiers.repositories.trees import Tree, tree_of

__all__ = ["parts_of"]

_SOLUTION: Final = "solution"
_ROOTS: Final = ("", "src/")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def parts_of(repo: Repo) -> tuple[Split, ...] | str:
    """A split test for each file of tests that decides, with the tests that decide alone; or why there are none.

    Raises:
        RepositoryError: the repository cannot be read.
    """
    return _parts_of(repo.model_dump_json(), tree_of(repo).sha256)


@lru_cache(maxsize=64)
def _parts_of(text: str, sha256: str) -> tuple[Split, ...] | str:  # sha256 is of the files that are read
    repo = Repo.model_validate_json(text)
    tree = tree_of(repo)
    if len(repo.hidden) < len(repo.tests):
        return "models may read some of its tests"
    if repo.plugins or "-p" in kept_options(tree):
        return "its tests need plug-ins"
    names: dict[str, list[str]] = {}
    for test in repo.tests:
        names.setdefault(file_of(test), []).append(test)
    try:
        return tuple(_part(tree, path, tests) for path, tests in names.items())
    except SplitError as error:
        return str(error)


def _part(tree: Tree, path: str, tests: Sequence[str]) -> Split:
    """The split test of a file.

    Raises:
        SplitError: it has none.
    """
    own = _own(tree)
    module = _read(tree, path)
    wanted = _chosen(module, path, tests)
    reading = _Reading(own, tree)
    files = {}
    for number, conftest in enumerate(_conftests(tree, path)):
        fixtures = _read(tree, conftest)
        _see_fixtures_alone(fixtures, conftest)
        files[f"{number}/conftest.py"] = ast.unparse(reading.read(fixtures, conftest))
    files["test_it.py"] = ast.unparse(reading.read(module, path))
    made = parted(PytestTest(entry_point=_SOLUTION, files=files))
    if isinstance(made, str):
        raise SplitError(f"{path}: {made}")
    if len(made.test.cases) != wanted:
        raise SplitError(f"{path}: some of its tests are not found by their names")
    drive = _Writing(reading.whole).written(made.test.drive)
    return replace(made, test=made.test.model_copy(update={"drive": drive}))


def _read(tree: Tree, path: str) -> ast.Module:
    try:
        return parsed_tree(tree.text(path) or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise SplitError(f"{path}: does not parse") from None


def _own(tree: Tree) -> frozenset[str]:
    """The first names of all modules that the commit has where imports look."""
    tops = set()
    for path in tree.files:
        for root in _ROOTS:
            if path.startswith(root) and path.endswith(".py"):
                tops.add(path.removeprefix(root).partition("/")[0].removesuffix(".py"))
    return frozenset(tops)


def _conftests(tree: Tree, path: str) -> list[str]:
    """Those that hold for a file, from the root on."""
    folders = path.split("/")[:-1]
    places = ["/".join([*folders[:depth], "conftest.py"]) for depth in range(len(folders) + 1)]
    return [place for place in places if place in tree.files]


def _see_fixtures_alone(module: ast.Module, path: str) -> None:
    for node in module.body:
        names = [node.name] if isinstance(node, _Function | ast.ClassDef) else []
        if isinstance(node, ast.Assign):
            names = [dotted(each) for each in node.targets]
        if any(name.startswith(("pytest_", "collect_ignore")) for name in names):
            raise SplitError(f"{path}: line {node.lineno}: does more than to make fixtures")


def _chosen(module: ast.Module, path: str, tests: Sequence[str]) -> int:
    """Leave the tests that decide in a module, and take the others out; how many there are.

    Raises:
        SplitError: one of them is not there by its name, or there twice.
    """
    wanted = {bare(test) for test in tests}
    found: list[str] = []

    def stays(node: ast.stmt, names: tuple[str, ...]) -> bool:
        if not isinstance(node, _Function) or not node.name.startswith("test"):
            return True
        taken = [name for name in names if name in wanted]
        found.extend(taken[:1])
        return bool(taken)

    count = 0
    kept: list[ast.stmt] = []
    for node in module.body:
        if isinstance(node, ast.ClassDef) and any(_is_test(each) for each in node.body):
            place = f"{path}::{node.name}"
            bases = [dotted(each).rpartition(".")[2] for each in node.bases]
            before = len(found)
            node.body = [each for each in node.body if stays(each, (f"{place}::{getattr(each, 'name', '')}", place))]
            if len(found) == before:
                continue
            if any(each not in ("TestCase", "object") for each in bases):
                raise SplitError(f"{path}: line {node.lineno}: a class of tests with a base of its own")
            count += sum(map(_is_test, node.body))
            kept.append(node)
        elif stays(node, (f"{path}::{getattr(node, 'name', '')}",)):
            count += _is_test(node)
            kept.append(node)
    module.body = kept
    every = [f"{path}::{node.name}" for node in kept if isinstance(node, _Function | ast.ClassDef)]
    if wanted - set(found) or len(set(every)) < len(every):
        raise SplitError(f"{path}: some of its tests are not found by their names")
    return count


def _is_test(node: ast.stmt) -> bool:
    return isinstance(node, _Function) and node.name.startswith("test")


class _Reading(ast.NodeTransformer):
    """Names the repository's own modules as parts of the solution; `whole`: those imported by a dotted name."""

    def __init__(self, own: Iterable[str], tree: Tree) -> None:
        self._own = frozenset(own)
        self._tree = tree
        self._path = ""
        self.whole: set[str] = set()

    def read(self, module: ast.Module, path: str) -> ast.Module:
        """The module with its imports so changed.

        Raises:
            SplitError: it imports what neither side may have, or what cannot be told.
        """
        self._path = path
        return ast.fix_missing_locations(self.visit(module))  # type: ignore[no-any-return]  # it is a module still

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        """One statement for each name."""
        made: list[ast.stmt] = []
        for alias in node.names:
            top = alias.name.partition(".")[0]
            if not self._is_own(alias.name, node):
                made.append(ast.Import([alias]))
            elif alias.asname and "." in alias.name:
                made.append(ast.Import([ast.alias(f"{_SOLUTION}.{alias.name}", alias.asname)]))
            else:
                if "." in alias.name:
                    self.whole.add(alias.name)
                made.append(ast.ImportFrom(_SOLUTION, [ast.alias(top, alias.asname)], 0))
        return [ast.copy_location(each, node) for each in made]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        """The module's name as one of the solution's."""
        if node.level or node.module is None:
            raise SplitError(f"{self._path}: line {node.lineno}: imports from beside the tests")
        if self._is_own(node.module, node):
            if any(alias.name == "*" for alias in node.names):
                raise SplitError(f"{self._path}: line {node.lineno}: imports all names of a module")
            for alias in node.names:
                self._is_own(f"{node.module}.{alias.name}", node)
            node.module = f"{_SOLUTION}.{node.module}"
        return node

    def _is_own(self, name: str, node: ast.stmt) -> bool:
        top = name.partition(".")[0]
        path = name.replace(".", "/")
        if top in self._own and (is_test(f"{path}.py") or is_test(f"{path}/x.py")):
            raise SplitError(f"{self._path}: line {node.lineno}: imports from beside the tests")
        return top in self._own


class _Writing(ast.NodeTransformer):
    """Names the repository's modules as they are called."""

    def __init__(self, whole: Iterable[str]) -> None:
        self._whole = sorted(whole)

    def written(self, source: str) -> str:
        """The source with its imports so changed back."""
        return ast.unparse(ast.fix_missing_locations(self.visit(ast.parse(source)))) + "\n"

    def visit_Import(self, node: ast.Import) -> ast.Import:
        """``import solution.shop.money as m`` becomes ``import shop.money as m``."""
        for alias in node.names:
            alias.name = alias.name.removeprefix(f"{_SOLUTION}.")
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        """``from solution.shop import price`` becomes ``from shop import price``."""
        if node.module == _SOLUTION:
            (alias,) = node.names
            parts = [each for each in self._whole if each.partition(".")[0] == alias.name and not alias.asname]
            return [ast.Import([ast.alias(name, alias.asname)]) for name in (alias.name, *parts)]
        if node.module is not None:
            node.module = node.module.removeprefix(f"{_SOLUTION}.")
        return node
