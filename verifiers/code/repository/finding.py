"""All tests of a repository at a commit, and how they end there: what its owner makes tasks of. No model is near."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Ending, Limits
from gristmill.verifiers.calling import outcome_of
from gristmill.verifiers.code.repository.running import laid_whole, messages_of
from gristmill.verifiers.records import Repo, Task
from gristmill.verifiers.repositories.paths import is_test, locked
from gristmill.verifiers.repositories.trees import Tree, tree_of

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["FoundTest", "default_editable", "found_tests"]


_SAID = 600
# All passed, some failed, some could not be collected, there is none.
_ENDED = (0, 1, 2, 5)


class FoundTest(NamedTuple):
    """A test, or a file of tests that could not be collected; `outcome` is pytest's word, `error` a type's name."""

    name: str
    outcome: str
    error: str


async def found_tests(pool: Jobs, repo: Repo, limits: Limits, packages: Sequence[str]) -> list[FoundTest]:
    """How each test ends at the repository's commit, in pytest's order.

    Raises:
        SandboxError: this machine's trouble.
        UserError: the set-up fails, or the tests do not come to their end.
    """
    settings = {"packages": list(packages)} if packages else {}
    task = Task(id="found", kind="code", prompt="?", repo=repo, settings=settings, limits=limits)
    files = sorted(path for path in tree_of(repo).files if _is_test_file(path))
    if not files:
        raise UserError(f"{repo.path}: holds no file test_….py or …_test.py at that commit")
    job, profile = laid_whole(task, files)
    async with pool.alone(profile) as run:
        report = await run(job)
    told = messages_of(report)
    if failed := next((each["setup"] for each in told if "setup" in each), None):
        raise UserError(f"{repo.path}: the set-up fails: {failed}")
    if report.ending is not Ending.FINISHED:
        raise UserError(f"{repo.path}: running its tests {outcome_of(report, job.limits)[1]}")
    if any(each.get("end") not in (None, *_ENDED) for each in told):
        said = " ".join(str(next((each["said"] for each in told if "said" in each), "")).split())
        raise UserError(f"{repo.path}: pytest cannot run its tests: {said[-_SAID:]}")
    found = [
        FoundTest(str(each["test"]), str(each.get("outcome")), str(each.get("error")))
        for each in told
        if "test" in each
    ]
    return found + [FoundTest(str(each["collecting"]), "error", "") for each in told if "collecting" in each]


def default_editable(tree: Tree) -> tuple[str, ...]:
    """What a reply may change where nobody has said it: `src`, or the packages and modules at the top."""
    code = [path for path in sorted(tree.files) if path.endswith(".py") and not locked(path)]
    if any(path.startswith("src/") for path in code):
        return ("src",)
    packages = {path.partition("/")[0] for path in code if path.count("/") == 1 and path.endswith("/__init__.py")}
    return (*sorted(packages), *(path for path in code if "/" not in path))


def _is_test_file(path: str) -> bool:
    name = path.rpartition("/")[2]
    return is_test(path) and name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))
