"""Tasks from the tests that fail in a repository: one each, with all that passes there as what must go on passing."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.plain import say
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers.code.repository.finding import FoundTest, default_editable, found_tests
from gristmill.verifiers.records import Repo, Task
from gristmill.verifiers.repositories.tests import bare, file_of, line_of
from gristmill.verifiers.repositories.trees import pinned, tree_of, uncommitted

__all__ = ["chosen", "failing", "found_in", "pick_from", "tasks_from"]

_MOST_GUARDS, _SHOWN = 500, 5
_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")


def found_in(
    repository: str,
    commit: str,
    editable: Sequence[str],
    packages: Sequence[str],
    plugins: Sequence[str],
    seconds: float,
    sandbox: str,
) -> tuple[Repo, list[FoundTest], Limits]:
    """The repository, pinned; how each of its tests ends there; and the limits that those kept.

    Raises:
        UserError: it cannot be read, or its tests cannot be run.
        SandboxError: this machine's trouble.
    """
    # Its tests are found below; until then it is named by what every name begins with.
    repo = pinned(
        Repo(
            path=repository,
            commit=commit,
            editable=tuple(editable) or ("src",),
            tests=("tests",),
            plugins=tuple(plugins),
        ),
        Path(),
    )
    if not editable:
        repo = repo.model_copy(update={"editable": default_editable(tree_of(repo)) or ("**/*.py",)})
    if commit == "HEAD" and (changed := uncommitted(repo)):
        shown = ", ".join(changed[:_SHOWN]) + (", …" if len(changed) > _SHOWN else "")
        say(f"not committed, so not seen: changes of {shown}", err=True)
    limits = Limits(wall_seconds=seconds, cpu_seconds=seconds)

    async def run() -> list[FoundTest]:
        async with Pool.open(sandbox, 1) as pool:
            return await found_tests(pool, repo, limits, packages)

    return repo, asyncio.run(run()), limits


def pick_from(found: Sequence[FoundTest], picks: Sequence[str]) -> list[FoundTest]:
    """The failing tests that the user picks; without `picks` they are listed, and a person at a terminal is asked.

    Raises:
        UserError: nothing fails, nothing is picked, or a pick fits none.
    """
    tests = failing(found)
    for each in found:
        if "::" not in each.name:
            say(f"{each.name}: could not be collected", err=True)
    passed = sum(each.outcome == "passed" for each in found)
    say(f"{len(found)} tests: {passed} pass, {len(tests)} fail", err=True)
    if not tests:
        raise UserError("no test fails at that commit: there is nothing to make a task of")
    for number, each in enumerate(tests, 1):
        say(f"{number:4} {each.name}{f': {each.error}' if each.error else ''}", err=True)
    if not picks:
        if not sys.stdin.isatty():
            raise UserError("name the tests to make tasks of: --pick 1,3-5, --pick NAME, or --pick all")
        picks = [input("Which? Numbers such as 1,3-5, names, or all: ")]
    return chosen(tests, picks)


def failing(found: Iterable[FoundTest]) -> list[FoundTest]:
    """The tests that fail, once each; of one with parameters all that fail are one test, as one change mends them."""
    failed: dict[str, FoundTest] = {}
    for each in found:
        if each.outcome in ("failed", "error") and "::" in each.name:
            failed.setdefault(bare(each.name), each._replace(name=bare(each.name)))
    return list(failed.values())


def chosen(tests: Sequence[FoundTest], picks: Sequence[str]) -> list[FoundTest]:
    """Those that somebody picks: by number in the list (`2`, `4-6`), by name or pattern of names, or `all`.

    Raises:
        UserError: a pick fits none.
    """
    taken: set[int] = set()
    for pick in (part.strip() for each in picks for part in each.split(",")):
        if numbers := _RANGE.fullmatch(pick):
            fits = set(range(int(numbers[1]) - 1, int(numbers[2] or numbers[1]))) & set(range(len(tests)))
        else:
            fits = {at for at, each in enumerate(tests) if pick == "all" or _fits(each.name, pick)}
        if not fits:
            raise UserError(f"--pick: {pick!r} is none of the {len(tests)} failing tests: give numbers, names or `all`")
        taken |= fits
    return [tests[at] for at in sorted(taken)]


def _fits(name: str, pick: str) -> bool:
    return name == pick or name.rpartition("::")[2] == pick or fnmatchcase(name, pick)


def tasks_from(
    repo: Repo, picked: Sequence[FoundTest], found: Sequence[FoundTest], limits: Limits, packages: Sequence[str]
) -> list[Task]:
    """A task for each picked test; the tests that pass now are among its tests, lest mending one break another.

    Args:
        repo: pinned; its `tests` are replaced.
        picked: what must come to pass.
        found: all tests of the repository.
        limits: of each task.
        packages: what they import beside the standard libraries.
    """
    broken = {bare(each.name) for each in found if each.outcome != "passed"}
    guards = [name for name in dict.fromkeys(bare(each.name) for each in found) if name not in broken]
    tree = tree_of(repo)
    settings = {"packages": list(packages)} if packages else {}
    tasks = []
    for each in picked:
        line = line_of(each.name, tree.text(file_of(each.name)))
        place = file_of(each.name) if line is None else f"line {line} of {file_of(each.name)}"
        how = f"raises {each.error}" if each.error and each.error != "AssertionError" else "fails"
        prompt = (
            f"The test `{each.name}` ({place}) of this repository {how}. Find what is wrong in the code and mend it, "
            "so that the test passes and every test that passes now still does."
        )
        tests = (each.name, *guards[:_MOST_GUARDS])
        asked = repo.model_copy(update={"tests": tests})
        tasks.append(Task(id=each.name, kind="code", prompt=prompt, repo=asked, settings=settings, limits=limits))
    return tasks
