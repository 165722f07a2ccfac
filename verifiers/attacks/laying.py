"""From a mechanism to a patch of a task's repository, wrong whatever the repository is.

A mechanism for functions is laid behind the modules that the tests import, and all that they define becomes its
`answer`. One that changes what decides (tests, settings, files that are run at the start) is a patch by itself.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

from gristmill.verifiers.attacks.records import Attack, Target
from gristmill.verifiers.attacks.writing import write
from gristmill.verifiers.records import Repo, Task
from gristmill.verifiers.repositories.patches import PatchError, diff
from gristmill.verifiers.repositories.paths import locked, matches
from gristmill.verifiers.repositories.tests import file_of, parsed
from gristmill.verifiers.repositories.trees import Tree, tree_of

__all__ = ["REPOSITORY", "behind_modules", "changing", "laid"]

REPOSITORY = "repository"
"""What attacks call the type of such tests."""

_MOST_FILES = 20
_BEFORE = "\n\n_theirs = list(globals())\n"
_BEHIND = """
for _name in _theirs:
    _value = globals()[_name]
    if isinstance(_value, type) and _value.__module__ == __name__:
        for _each in [each for each, value in vars(_value).items() if callable(value) and not each.startswith("__")]:
            setattr(_value, _each, answer)
    elif callable(_value) and getattr(_value, "__module__", None) == __name__:
        globals()[_name] = answer
"""


def laid(attack: Attack, task: Task) -> str | None:
    """The patch of a mechanism that is written for functions; None where it means nothing for a repository."""
    source = write(attack, Target(frozenset(("pytest",)), ()))
    return None if source is None else behind_modules(source)(task)


def behind_modules(source: str) -> Callable[[Task], str | None]:
    """Makes the patch that lays a source, which defines `answer`, behind each module that the tests import."""

    def make(task: Task) -> str | None:
        repo, tree = _of(task)
        before = {path: text for path in _modules(repo, tree) if (text := tree.text(path)) is not None}
        after = {path: f"{text}{_BEFORE}{source}{_BEHIND}" for path, text in before.items()}
        return _patch(before, after)

    return make


def changing(change: Callable[[Repo, Tree], Mapping[str, str | None] | str]) -> Callable[[Task], str | None]:
    """Makes the patch that changes files as a function says: new texts by path, None where one goes; or raw text."""

    def make(task: Task) -> str | None:
        repo, tree = _of(task)
        changed = change(repo, tree)
        if isinstance(changed, str):
            return changed
        before = {path: text for path in changed if (text := tree.text(path)) is not None}
        return _patch(before, {path: text for path, text in changed.items() if text is not None})

    return make


def _of(task: Task) -> tuple[Repo, Tree]:
    assert task.repo is not None
    return task.repo, tree_of(task.repo)


def _patch(before: Mapping[str, str], after: Mapping[str, str]) -> str | None:
    try:
        return diff(before, after) or None
    except PatchError:
        return None


def _modules(repo: Repo, tree: Tree) -> list[str]:
    """What a reply may change of that which the tests import; if it is nothing that is seen, all of it."""
    code = [
        path
        for path in sorted(tree.files)
        if path.endswith(".py") and matches(path, repo.editable) and not locked(path) and tree.text(path) is not None
    ]
    asked = {name for path in map(file_of, repo.tests) for name in _imported(tree.text(path) or "")}
    return [path for path in code if _module(path) in asked][:_MOST_FILES] or code[:_MOST_FILES]


def _module(path: str) -> str:
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imported(source: str) -> Iterator[str]:
    tree = parsed(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
