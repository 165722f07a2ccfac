"""Programs in other languages than Python: compiled in one job, then run in a job of its own for each case.

The job that compiles holds the source and no input of any test, so what the compiler says may be shown to a model.
What was compiled comes back as bytes and is never run but in a sandbox; of a case nothing is believed but its
standard output and what the kernel says of its end.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report
from gristmill.sandbox.wire.values import DecodeError, decode
from gristmill.verifiers import profiles
from gristmill.verifiers.calling import beside, limit_met, message_bounds, outcome_of, without_addresses
from gristmill.verifiers.code.consistency import programs
from gristmill.verifiers.code.findings import Broken
from gristmill.verifiers.extraction.importing import image_of
from gristmill.verifiers.languages.limits import compile_limits
from gristmill.verifiers.languages.records import Language
from gristmill.verifiers.languages.registry import language as language_of
from gristmill.verifiers.records import DrivenTest, Outcome, PytestTest, Task
from gristmill.verifiers.testing.data import mounts

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["Program", "compiled", "ended", "profile_of", "program_profile"]

_GUEST = "gristmill.sandbox.guest.programs"
_ENVIRONMENT = {"PATH": "/usr/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
_SAID_CHARACTERS, _SAID_LINES = 2000, 30
_NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Program:
    """A solution that can be run: the files that it consists of."""

    language: Language
    files: Mapping[str, bytes]

    def job(self, limits: Limits, stdin: str) -> Job:
        """The job of one case."""
        command = [word.replace("{memory_mb}", str(limits.memory_mb)) for word in self.language.run]
        request = {"files": dict(self.files), "command": command, "environment": _environment(self.language)}
        return Job(program=f"{_GUEST}:run", request=request, limits=limits, stdin=stdin.encode())


def program_profile(task: Task, language: Language) -> Profile:
    """Workers that have room for the task's programs, and for their compiler."""
    return profiles.program(language, max(task.limits.memory_mb, compile_limits(task, language).memory_mb))


async def compiled(pool: Jobs, task: Task, language: Language, source: str, *, fresh: bool) -> Program | Broken:
    """The program of a solution, or why there is none, in words that a model may read.

    Raises:
        SandboxError: no worker can be had, or its image lacks the language.
    """
    limits = compile_limits(task, language)
    given = {name: text.encode() for name, text in language.files.items()}
    given[language.source] = source.encode("utf-8", "replace")
    request = {
        "files": given,
        "command": list(language.compile),
        "needed": [command[0] for command in (language.compile, language.run) if command and command[0][0] == "/"],
        "environment": _environment(language),
    }
    job = Job(program=f"{_GUEST}:build", request=request, limits=limits)
    report = await pool.run(job, program_profile(task, language), fresh=fresh)
    message = await beside(report, lambda: _message(report, limits))
    if missing := message.get("missing"):
        raise SandboxError(f"the sandbox image has no {str(missing)[:200]} for {language.name}")
    files, said = message.get("files"), message.get("said")
    if report.ending is not Ending.FINISHED or type(files) is not dict or type(said) is not str:
        outcome, words = outcome_of(report)
        return Broken(outcome, f"while it was compiled, the solution {words}")
    if message.get("status") != 0:
        if any(text in said for text in language.memory):
            return Broken(Outcome.OUT_OF_MEMORY, "while it was compiled, the solution ran out of memory")
        return Broken(Outcome.ERROR, f"the solution does not compile:\n{_shown(said)}")
    written = {name: data for name, data in files.items() if type(name) is str and type(data) is bytes}
    return Program(language, {**written, **given})


def _message(report: Report, limits: Limits) -> dict[Any, Any]:
    """The one message of a job that compiles; what cannot be read says nothing."""
    try:
        message = decode(report.messages[0], message_bounds(limits)) if report.messages else {}
    except DecodeError:
        return {}
    return message if type(message) is dict else {}


def _shown(said: str) -> str:
    """The beginning of what a compiler has said: the first errors are the ones that the others come from."""
    lines = without_addresses(said).strip().split("\n")
    text = "\n".join(line[:300] for line in lines[:_SAID_LINES])
    return text if len(lines) <= _SAID_LINES and len(text) <= _SAID_CHARACTERS else f"{text[:_SAID_CHARACTERS]}\n…"


def ended(report: Report, limits: Limits, language: Language) -> tuple[Outcome, str, str] | None:
    """What it means that a program ended so, what it did, and the limit that it met; None if it ended with status 0.

    What it says itself of having no memory may be a lie, which makes one outcome of a failure out of another.
    """
    if report.ending is Ending.FINISHED:
        return None
    status = report.exit_status
    if report.ending is not Ending.FAILED or status is None:
        return *outcome_of(report, limits), limit_met(report, limits)
    said = report.stderr.decode(errors="replace")
    full = status < 0 and report.peak_memory_mb >= _NEARLY_ALL * limits.memory_mb
    if full or any(text in said for text in language.memory):
        full_report = report.model_copy(update={"ending": Ending.OUT_OF_MEMORY})
        return *outcome_of(full_report, limits), limit_met(full_report, limits)
    how = f"failed with exit status {status}" if status > 0 else f"was ended by {_signal(-status)}"
    return Outcome.ERROR, f"{how}: {said.strip()[-1500:]}", ""


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _environment(language: Language) -> dict[str, str]:
    return {**_ENVIRONMENT, **language.environment}


def profile_of(task: Task, solution: str, *, splits: bool = False) -> Profile:
    """Where the candidate of a task runs, and what is loaded there for it and for its tests.

    With `splits` also what its pytest tests need where they are split, so that both ways share workers.
    """
    if (language := language_of(task)) is not None:
        return program_profile(task, language)
    tests = (*task.public_tests, *task.tests)
    image = image_of(task)
    libraries = profiles.libraries(solution, *programs(tests), image=image)
    drives = [test.drive for test in tests if isinstance(test, DrivenTest)]
    if profiles.imports("pytest", *drives) or (splits and any(isinstance(test, PytestTest) for test in tests)):
        libraries = (*libraries, "pytest")
    data = mounts(task.scored.data, candidate=True) if task.scored is not None else ()
    return profiles.candidate(libraries, task.limits.memory_mb, image.image, data)
