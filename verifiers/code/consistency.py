"""The consistency run: tests and candidate together, as in plain execution, in a sandbox that is thrown away.

The candidate's process sees every hidden value here. So one worker serves the candidates of one task, nothing else
before and nothing afterwards, and one bit of each run is read: nothing that it prints, raises or measures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.records import Ending, Job, Limits, Report
from gristmill.sandbox.wire.values import encode
from gristmill.verifiers import profiles
from gristmill.verifiers.extraction.importing import image_of
from gristmill.verifiers.records import CodeTest, DrivenTest, Outcome, PytestTest, PythonTest, ScoreTest, Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["passes_together", "programs"]

_RUN_PLAIN = "gristmill.verifiers.code.guest.together.run_plain:run"
_PASSED = (encode({"passed": True}),)
# Where a limit was met apart, plain execution has to keep that limit; else it has room for both sides.
_EXTRA_SECONDS, _EXTRA_MEMORY_MB = 5.0, 1024
_MET_A_LIMIT = (Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY)


async def passes_together(pool: Jobs, task: Task, judged: Sequence[tuple[str, Verdict]]) -> list[bool]:
    """Whether each (solution, pending verdict) passes all test programs of the task in plain execution.

    Raises:
        SandboxError: nothing may be concluded about the solutions.
    """
    tests = [test for test in (*task.public_tests, *task.tests) if isinstance(test, PythonTest | PytestTest)]
    sources = [solution for solution, _ in judged]
    image = image_of(task)
    libraries = profiles.libraries(*sources, *programs(tests), image=image)
    needs_pytest = any(isinstance(test, PytestTest) or "pytest" in test.setup + test.code for test in tests)
    preload = (*libraries, *(("pytest",) if needs_pytest else ()))
    profile = profiles.together(preload, _memory(task.limits), image.image)
    passes = []
    async with pool.alone(profile) as run:
        for solution, verdict in judged:
            before = verdict.apart.outcome if verdict.apart is not None else verdict.outcome
            limits = _limits(task.limits, before)
            passed = bool(tests)
            for test in tests:
                passed = passed and _passed(
                    await run(Job(program=_RUN_PLAIN, request=_request(test, solution), limits=limits))
                )
            passes.append(passed)
    return passes


def programs(tests: Sequence[CodeTest]) -> Iterator[str]:
    """The texts of all test programs."""
    for test in tests:
        if isinstance(test, PythonTest):
            yield from (test.shared, test.setup, test.code)
        elif isinstance(test, PytestTest):
            yield from (test.shared, *test.files.values())
        elif isinstance(test, DrivenTest):
            yield from (test.drive, test.judge)
        elif isinstance(test, ScoreTest):
            yield from test.sources


def _passed(report: Report) -> bool:
    """The one bit: the one message of this form, from a job that came to its end."""
    return report.ending is Ending.FINISHED and report.exit_status == 0 and report.messages == _PASSED


def _request(test: PythonTest | PytestTest, solution: str) -> dict[str, Any]:
    names = [test.entry_point] if isinstance(test.entry_point, str) else list(test.entry_point)
    common = {"type": test.type, "entry_points": names, "source": solution, "shared": test.shared}
    if isinstance(test, PythonTest):
        return {**common, "setup": test.setup, "code": test.code}
    return {**common, "files": test.files}


def _memory(limits: Limits) -> int:
    return min(limits.memory_mb + _EXTRA_MEMORY_MB, 65536)


def _limits(limits: Limits, apart: Outcome) -> Limits:
    """What tests and candidate may use together; what they print is for nobody, so it is not limited by much."""
    if apart in _MET_A_LIMIT:
        return limits
    seconds = min(2 * limits.wall_seconds + _EXTRA_SECONDS, 3600)
    return limits.model_copy(
        update={
            "wall_seconds": seconds,
            "cpu_seconds": seconds,
            "memory_mb": _memory(limits),
            "processes": min(2 * limits.processes, 512),
            "disk_mb": max(limits.disk_mb, 16),
        }
    )
