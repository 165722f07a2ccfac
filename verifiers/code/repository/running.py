"""Run a repository's tests over a patch, in a sandbox that is thrown away, and read what is claimed of them.

The tests share their process with the code that they test, so all that is read here may be forged: the strength is
`together`. What is read is bounded by what was asked. Each test that the task names must be told of, once; one that
nobody asked for, or a second telling, fails them all. Of hidden tests a model learns what the task says itself (name
and place), how they ended, and the type of an exception if it is a builtin one: words of the process could hold what
the tests expect. Public tests run by themselves, where no file of a hidden test is.

Whoever is believed by this channel alone passes nothing: in a run of its own pytest has the last word, by the status of
a process that cannot speak to the host. So what passes here passes in plain pytest.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report
from gristmill.sandbox.wire.values import Bounds, DecodeError, decode
from gristmill.verifiers import profiles
from gristmill.verifiers.calling import limit_met, outcome_of
from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.findings import Broken, Finding, Findings
from gristmill.verifiers.extraction.importing import image_of
from gristmill.verifiers.extraction.repositories import patched_tree
from gristmill.verifiers.records import Fault, Outcome, Task
from gristmill.verifiers.repositories.patches import PatchError
from gristmill.verifiers.repositories.paths import is_test
from gristmill.verifiers.repositories.settings import kept_options
from gristmill.verifiers.repositories.tests import asserts, bare, belongs, file_of, line_of
from gristmill.verifiers.repositories.trees import Tree, tree_of

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs
    from gristmill.verifiers.testing.repository import Repo

__all__ = ["laid_whole", "messages_of", "passes_plainly", "profile_of", "repository_text", "run_repository"]

_GUEST: Final = "gristmill.verifiers.code.guest.together.run_repository"
_RUN: Final = f"{_GUEST}:run"
_MESSAGE = Bounds(nodes=50, depth=4, size=64 << 10)
# Room for pytest beside the code, and for the files beside what the tests write.
_EXTRA_MEMORY_MB, _EXTRA_PROCESSES = 512, 16
_MOST_TOLD, _DETAIL = 20, 2000

Row = tuple[str, bool, Findings]


def profile_of(task: Task, solution: str) -> Profile:
    """The workers that such a task's tests and solutions share."""
    assert task.repo is not None
    image = image_of(task)
    sources = (data.decode("utf-8", "replace") for path, data in tree_of(task.repo).files.items() if path[-3:] == ".py")
    libraries = profiles.libraries(solution, *sources, image=image)
    return profiles.together((*libraries, "pytest"), _limits(task.limits, 0).memory_mb, image.image)


async def run_repository(pool: Jobs, task: Task, patch: str, profile: Profile) -> list[Row]:
    """Rows of (field, public, findings): the public tests' and the hidden ones', each with what the owner may read.

    Raises:
        SandboxError: nothing may be concluded about the patch.
        RepositoryError: the repository can no longer be read.
    """
    repo = task.repo
    assert repo is not None
    tree = tree_of(repo)
    try:
        changed = patched_tree(tree, repo, patch)
    except PatchError as error:
        return [("repo", True, Findings((), Broken(Outcome.INVALID, f"the patch cannot be used: {error}")))]
    public = tuple(test for test in repo.tests if test not in repo.hidden)
    rows: list[Row] = []
    async with pool.alone(profile) as run:
        for tests, open_ in ((public, True), (repo.hidden, False)):
            if not tests:
                continue
            hidden = frozenset(map(file_of, repo.hidden)) if open_ else frozenset()
            laid = _Laid(repo, tree, changed, hidden)
            job = Job(program=_RUN, request=laid.request(tests), limits=_limits(task.limits, laid.size))
            rows.append(("repo.tests", open_, _read(await run(job), job.limits, tree, tests)))
    return rows


async def passes_plainly(pool: Jobs, task: Task, patch: str, profile: Profile) -> bool:
    """Whether pytest by itself, over all tests that decide, ends as it does where all of them pass.

    Args:
        patch: one that `run_repository` has run.

    Raises:
        SandboxError: nothing may be concluded about the patch.
        RepositoryError: the repository can no longer be read.
    """
    repo = task.repo
    assert repo is not None
    tree = tree_of(repo)
    laid = _Laid(repo, tree, patched_tree(tree, repo, patch), frozenset())
    limits = _limits(task.limits, laid.size)
    job = Job(program=f"{_GUEST}:run_plainly", request=laid.request(repo.tests), limits=limits)
    async with pool.alone(profile) as run:
        report = await run(job)
    return report.ending is Ending.FINISHED and messages_of(report) == [{"status": 0}]


def laid_whole(task: Task, tests: Sequence[str]) -> tuple[Job, Profile]:
    """The job that runs tests, or whole files of them, over the commit as it is, and the workers for it."""
    assert task.repo is not None
    laid = _Laid(task.repo, tree_of(task.repo), {}, frozenset())
    request = laid.request(tests) | {"aloud": True}
    return Job(program=_RUN, request=request, limits=_limits(task.limits, laid.size)), profile_of(task, "")


def messages_of(report: Report) -> list[dict[str, Any]]:
    """What the tests' process has said, as far as it has the form of a message; claims, all of it."""
    return [message for each in report.messages if type(message := _message(each)) is dict]


@dataclass(frozen=True)
class _Laid:
    """The files for one run: all of the commit's but those left out, and over them what the patch makes."""

    repo: Repo
    tree: Tree
    changed: dict[str, str | None]
    without: frozenset[str]

    @property
    def size(self) -> int:
        return sum(map(len, self._files.values()))

    @property
    def _files(self) -> dict[str, bytes]:
        made = {path: text.encode() for path, text in self.changed.items() if text is not None}
        files = {path: data for path, data in self.tree.files.items() if path not in self.changed}
        return {path: data for path, data in (files | made).items() if path not in self.without}

    def request(self, tests: Sequence[str]) -> dict[str, Any]:
        files = self._files
        counted = [path for path in files if is_test(path) and path.endswith(".py")]
        laid = [[path, data, path in self.tree.programs] for path, data in files.items()]
        plugins = [word for name in self.repo.plugins for word in ("-p", name)]
        options = [*kept_options(self.tree), *plugins]
        asked = {"files": laid, "tests": list(tests), "counted": counted, "setup": self.repo.setup}
        return asked | {"options": options, "aloud": False}


def _limits(limits: Limits, size: int) -> Limits:
    """What tests and solution may use together, the files that are laid for them left out."""
    more = {
        "memory_mb": min(limits.memory_mb + _EXTRA_MEMORY_MB, 65536),
        "processes": min(limits.processes + _EXTRA_PROCESSES, 512),
        "disk_mb": min(limits.disk_mb + 2 * (size >> 20) + 16, 4096),
    }
    return limits.model_copy(update=more)


def _read(report: Report, limits: Limits, tree: Tree, tests: Sequence[str]) -> Findings:
    """One finding a test that was asked for."""
    told = messages_of(report)
    if any("setup" in each for each in told):
        return Findings((), Broken(Outcome.ERROR, "the task's set-up failed on the patched files"))
    lost = outcome_of(report, limits)
    if report.ending is Ending.FINISHED or (report.ending is Ending.FAILED and any("end" in each for each in told)):
        lost = Outcome.ERROR, "did not let its tests be reached"
    by_test: dict[str, list[dict[str, Any]]] = {test: [] for test in tests}
    surplus = 0
    for each in told:
        if "test" in each:
            owner = next((test for test in tests if belongs(str(each["test"]), test)), None)
            again = owner is not None and any(each["test"] == other["test"] for other in by_test[owner])
            surplus += owner is None or again
            if owner is not None:
                by_test[owner].append(each)
    collecting = [each for each in told if "collecting" in each]
    ended = any("end" in each for each in told) and report.ending is Ending.FINISHED
    met = limit_met(report, limits)
    found = [_finding(tree, test, by_test[test], collecting, lost, met) for test in tests]
    asserted = sum(_number(each.get("asserted")) for rows in by_test.values() for each in rows)
    if all(each.outcome is Outcome.PASSED for each in found):
        if surplus or not ended:
            why = "tests are told of that nobody asked for" if surplus else "the run did not end as it does"
            found.append(Finding("reports", Outcome.FAILED, why))
        elif not asserted:
            why = "no assertion of the tests has run: they say nothing of a solution"
            found.append(Finding("proof", Outcome.REFUSED, why, fault=Fault.ASSERTS_NOTHING))
    return Findings(tuple(found), metrics={"assertions": float(asserted)})


def _finding(
    tree: Tree,
    test: str,
    rows: Sequence[dict[str, Any]],
    collecting: Iterable[dict[str, Any]],
    lost: tuple[Outcome, str],
    met: str,
) -> Finding:
    line = line_of(test, tree.text(file_of(test)))
    place = file_of(test) if line is None else f"{file_of(test)}:{line}"
    if not rows:
        about = next((each for each in collecting if file_of(str(each["collecting"])) == file_of(test)), None)
        if about is not None:
            text = f"its file could not be collected\n{_words(about.get('text'))}"
            return Finding(test, Outcome.ERROR, text, place=place, value="its file could not be collected")
        return Finding(
            test, lost[0], f"it was not reached: the solution {lost[1]}", place=place, value=lost[1], limit=met
        )
    wrong = next((each for each in rows if each.get("outcome") != "passed"), None)
    if wrong is None:
        source = tree.text(file_of(test))
        idle = [each for each in rows if not _number(each.get("asserted")) and asserts(str(each["test"]), source)]
        if idle:
            why = "no assertion of it has run, and it has one"
            return Finding(test, Outcome.REFUSED, why, place=place, value=why)
        return Finding(test, Outcome.PASSED, place=place)
    said = wrong.get("outcome")
    outcome = Outcome.FAILED if said in ("failed", "skipped") else Outcome.ERROR
    kind = str(wrong.get("error"))
    known = kind if kind in _TYPES else "an exception of its own" if kind else ""
    value = "was skipped, or expected to fail" if said == "skipped" else f"raised {known}" if known else "failed"
    return Finding(test, outcome, _words(wrong.get("text")) or value, place=place, value=value)


_TYPES = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)


def _words(value: Any) -> str:
    return feedback.clean(value)[-_DETAIL:] if type(value) is str else ""


def _number(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 1 << 31 else 0


def _message(data: bytes) -> Any:
    try:
        return decode(data, _MESSAGE)
    except DecodeError:
        return None


def repository_text(rows: Sequence[Row], note: str = "") -> str:
    """What a model may read: of public tests all, of hidden ones name, place, and the type of what was raised."""
    parts = [note] if note else []
    left = _MOST_TOLD
    for _, public, findings in rows:
        passed = sum(each.outcome is Outcome.PASSED for each in findings.checks)
        parts.append(f"{'Public tests' if public else 'Tests'}: {passed} of {len(findings.checks)} passed.")
        wrong = [each for each in findings.checks if each.outcome is not Outcome.PASSED]
        for each in wrong[:left]:
            name = each.name if public else bare(each.name)
            parts.append(f"- {name} ({each.place}): {each.text if public else each.value or each.text}")
        if len(wrong) > left:
            parts.append(f"- and {len(wrong) - left} more.")
        left = max(0, left - len(wrong))
    return "\n".join(parts)
