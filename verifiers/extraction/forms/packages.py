"""Solutions of several files (`settings.main_file`): from a reply to one text, and what such a text must keep.

The text's form is that of `gristmill.sandbox.wire.files`, and replies are read as those about a repository are. A path
is refused that leaves the package, or would stand in the place of a module that Python, the image or a test has.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.image.packaged import STANDARD, Packaged
from gristmill.sandbox.wire.files import HEAD, is_data, joined, parted
from gristmill.verifiers.extraction.changes import Change, UnreadError, changes_in
from gristmill.verifiers.extraction.forms.starting import START, starts
from gristmill.verifiers.extraction.importing import image_of
from gristmill.verifiers.extraction.repositories import changed
from gristmill.verifiers.extraction.source import LIMIT, complaint, defined
from gristmill.verifiers.extraction.thinking import without_reasoning
from gristmill.verifiers.languages.parsing import parse
from gristmill.verifiers.languages.registry import language
from gristmill.verifiers.records import DrivenTest, PytestTest, PythonTest, ScoreTest, Task
from gristmill.verifiers.repositories.modules import files_problems, module_problem, tops
from gristmill.verifiers.repositories.patches import PatchError
from gristmill.verifiers.repositories.paths import path_problem

__all__ = [
    "MAIN_FILE",
    "Package",
    "PackageError",
    "changed_paths",
    "files_of",
    "main_file",
    "package_in",
    "package_problem",
    "several_files_problems",
]

MAIN_FILE: Final = "main_file"
"""The setting that says that solutions are several files, and which of them has the entry points."""
_BREAKS = re.compile(r"\r\n?")


class PackageError(ValueError):
    """Files that are no package for a task; the message is for the model."""


class Package(NamedTuple):
    """What was found in a reply: the text of a package and how, or None and why there is none."""

    solution: str | None
    note: str


def main_file(task: Task) -> str | None:
    """The file with the entry points, where a task's solutions are several files; else None."""
    given = task.settings.get(MAIN_FILE)
    return given if isinstance(given, str) and given else None


def package_in(task: Task, main: str, points: frozenset[str], reply: str, parent: str | None) -> Package:
    """The package that a reply amounts to.

    Args:
        task: what was asked.
        main: its `main_file`.
        points: names that the main file must define or import.
        reply: raw; or such a text itself.
        parent: the package that the reply builds on; changes that do not apply to it may apply to what is begun with.
    """
    bare = _BREAKS.sub("\n", reply)
    try:
        if bare.startswith(HEAD):
            return Package(_made(task, main, points, parted(bare)), "a package")
        said = without_reasoning(bare)
        if not said.strip():
            return Package(None, f"the reply {'ended inside its reasoning' if reply.strip() else 'is empty'}")
        changes = changes_in(said)
    except (UnreadError, PackageError, ValueError) as error:
        return Package(None, str(error))
    if not changes:
        return Package(None, "no file was found in the reply: write the path of each on the line before it")
    bases: list[tuple[str | None, str]] = [(parent, "changes to the parent's files")] if parent else []
    bases += [(each, "changes to the files to begin with") for each in starts(task)] or [(None, "files")]
    notes = []
    for base, note in bases:
        try:
            return Package(_made(task, main, points, _after(parted(base or ""), changes)), note)
        except (PatchError, PackageError, ValueError) as error:
            notes.append(str(error))
    return Package(None, notes[0])


def package_problem(task: Task, main: str, text: str) -> str:
    """Why a text is no package for a task; empty if it is one."""
    try:
        files = parted(text)
        if not files:
            return f"it is no package: its first line is not `{HEAD}{main}`"
        made = _made(task, main, frozenset(), files)
    except ValueError as error:
        return str(error)
    return (
        ""
        if made == text
        else "its files must stand in the order in which packages are kept: the main one, then by path"
    )


def several_files_problems(task: Task) -> Iterator[str]:
    """What is wrong with a task whose solutions are several files, one sentence each, naming the field."""
    if MAIN_FILE not in task.settings:
        return
    main = main_file(task)
    if main is None:
        yield f"settings.{MAIN_FILE}: must be the path of a file, such as solver.py, as text"
        return
    if language(task) is not None:
        yield f"settings.{MAIN_FILE}: only solutions in Python may be several files"
        return
    if problem := module_problem(main, _image(task), _taken(task)):
        yield f"settings.{MAIN_FILE}: {main!r} {problem}"
        return
    for name in ("prefix", "signature", "template"):
        if name in task.settings:
            yield f"settings.{name}: is of a solution of one file; `{MAIN_FILE}` says that there are several"
    given = [(f"settings.{START}", each) for each in starts(task)]
    given += [("reference", task.reference)] if task.reference is not None else []
    for field, text in given:
        if why := package_problem(task, main, text):
            yield f"{field}: {why}"


def files_of(text: str) -> dict[str, str]:
    """The files of a package, the main one first; none where it is a program of one file, or may not be written so."""
    try:
        files = parted(text)
    except ValueError:
        return {}
    return {} if any(path_problem(path) for path in files) else files


def changed_paths(before: str | None, after: str) -> tuple[str, ...]:
    """The files in which two packages differ, by path; nothing where either is none."""
    old, new = files_of(before or ""), files_of(after)
    return tuple(path for path in sorted({*old, *new}) if old.get(path) != new.get(path)) if old and new else ()


def _after(files: Mapping[str, str], changes: list[Change]) -> dict[str, str]:
    now: dict[str, str | None] = dict(files)
    for change in changes:
        # Never longer than what is looked at: paths are checked when all is done, and name nothing until then.
        now[change.path] = changed(change, now.get(change.path))
    return {path: text for path, text in now.items() if text is not None}


def _made(task: Task, main: str, points: frozenset[str], files: Mapping[str, str]) -> str:
    """The text of a package.

    Raises:
        PackageError: it is none that may be run.
    """
    if main not in files:
        raise PackageError(f"there is no file {main}, which has to define what is called")
    if problem := next(files_problems(files, _image(task), _taken(task), data=True), ""):
        raise PackageError(problem)
    if sum(map(len, files.values())) > LIMIT:
        raise PackageError(f"its files have more than {LIMIT:,} characters in all")
    for path, text in files.items():
        if not is_data(path) and (why := complaint(text)):
            raise PackageError(f"{path} does not parse: {why}")
    if missing := sorted(points - defined(files[main])):
        raise PackageError(f"{main} does not define {' and '.join(f'`{name}`' for name in missing)}")
    try:
        return joined(files, main)
    except ValueError as error:
        raise PackageError(str(error)) from None


def _image(task: Task) -> Packaged:
    try:
        return image_of(task)
    except SandboxError:
        return STANDARD


def _taken(task: Task) -> frozenset[str]:
    """Top names that the tests have themselves, or import: where they run together, these must be theirs."""
    names: set[str] = set()
    for test in (*task.tests, *task.public_tests):
        texts: tuple[str, ...] = ()
        if isinstance(test, ScoreTest):
            texts = test.sources
            names |= tops(test.files)
        elif isinstance(test, PytestTest):
            texts = (test.shared, *test.files.values())
            names |= tops(test.files)
        elif isinstance(test, PythonTest):
            texts = (test.shared, test.setup, test.code)
        elif isinstance(test, DrivenTest):
            texts = (test.judge,)
        for text in texts:
            names |= _imports(text)
    return frozenset(names)


def _imports(text: str) -> set[str]:
    try:
        nodes = list(ast.walk(parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    found = {each.name.partition(".")[0] for node in nodes if isinstance(node, ast.Import) for each in node.names}
    return found | {(node.module or "").partition(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}
