"""What can be wrong with the repository of a task, found without running anything of it."""

from __future__ import annotations

from collections.abc import Iterator

from gristmill.verifiers.records import Task
from gristmill.verifiers.repositories.git import RepositoryError
from gristmill.verifiers.repositories.paths import is_test, locked, matches, pattern_problem
from gristmill.verifiers.repositories.tests import file_of, parsed, problem
from gristmill.verifiers.repositories.trees import Tree, tree_of
from gristmill.verifiers.testing.repository import Repo

__all__ = ["repository_problems", "repository_warnings"]

_SHOWN = 5
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_LATER = ("prefix", "signature", "template", "entry_point", "compile_limits")


def repository_problems(task: Task, repo: Repo) -> list[str]:
    """One sentence for each problem, naming the field; empty when the task can be judged."""
    return list(_problems(task, repo))


def repository_warnings(repo: Repo) -> list[str]:
    """What the author of a task without problems should know."""
    tree = tree_of(repo)
    said = [f"repo: {len(tree.left_out)} entries are not laid for the tests: {each}" for each in tree.left_out[:1]]
    if len(tree.left_out) > 1:
        shown = "; ".join(tree.left_out[:_SHOWN])
        said = [f"repo: {len(tree.left_out)} entries of the commit are not laid for the tests, {shown}"]
    if pointers := [path for path, data in sorted(tree.files.items()) if data.startswith(_POINTER)]:
        shown = ", ".join(map(repr, pointers[:_SHOWN]))
        said.append(
            f"repo: {len(pointers)} files are pointers of Git LFS, {shown}: tests find the pointers, and not what they "
            "stand for"
        )
    from gristmill.verifiers.code.repository.parting import parts_of

    parts = parts_of(repo)
    split = "" if isinstance(parts, str) else ", or `split` if those that fail now want what no guess finds"
    why = f"; it is never `split`: {parts}" if isinstance(parts, str) else ""
    said.append(
        f"repo: its tests run beside the solution, so a pass is of strength `together`{split}: it counts only with "
        f"`--accept together`, and is never exported as verified{why}"
    )
    return said


def _problems(task: Task, repo: Repo) -> Iterator[str]:
    for field in ("tests", "public_tests"):
        if getattr(task, field):
            yield f"{field}: a task with a `repo` is judged by the tests of that; leave these away"
    for setting in _LATER:
        if setting in task.settings:
            yield f"settings.{setting}: means nothing for a task with a `repo`"
    for pattern in repo.editable:
        if why := pattern_problem(pattern):
            yield f"repo.editable: {pattern!r} {why}"
        elif "*" not in pattern and (why := locked(pattern.rstrip("/"))):
            yield f"repo.editable: {pattern!r} may not be changed: {why}"
    for plugin in repo.plugins:
        if not all(part.isidentifier() for part in plugin.split(".")):
            yield f"repo.plugins: {plugin!r} is no name of a module"
    if parsed(repo.setup) is None:
        yield "repo.setup: is no Python program"
    try:
        tree = tree_of(repo)
    except RepositoryError as error:
        yield f"repo: {error}"
        return
    yield from _test_problems(repo, tree)
    if not any(matches(path, repo.editable) and not locked(path) for path in tree.files):
        yield "repo.editable: fits no file of the commit that a reply may change"


def _test_problems(repo: Repo, tree: Tree) -> Iterator[str]:
    for test in repo.tests:
        if why := problem(test, tree.text(file_of(test))):
            yield f"repo.tests: {test!r} {why}"
        elif not is_test(file_of(test)):
            yield f"repo.tests: {test!r} is in a file that is none of tests by its name, so a reply could change it"
    if len(set(repo.tests)) < len(repo.tests):
        yield "repo.tests: names a test twice"
    for path in repo.public:
        if path not in tree.files or not is_test(path):
            yield f"repo.public: {path!r} is no file of tests at that commit; name whole files"
