"""Which cases of driven tests withstand guesses: a matter of the task alone, found once and kept.

A task none of whose cases does is `together`: whoever passes it has shown no more than if `judge` stood beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.records import Ending, Job
from gristmill.verifiers import profiles
from gristmill.verifiers.calling import statements
from gristmill.verifiers.code.driven.forms import forms, seen_first, tree
from gristmill.verifiers.code.running import judge_limits
from gristmill.verifiers.extraction.importing import image_of
from gristmill.verifiers.records import CodeTest, DrivenTest, Strength, Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["Guesses", "deciding"]

_GUESS = "gristmill.verifiers.code.guest.judge.driven.trying:guess"
_MOST_KEPT = 1000
_MOST_LITERALS = 100
_EXTRA_SECONDS = 60.0


def deciding(task: Task) -> tuple[CodeTest, ...]:
    """The tests that decide how strong a pass is: the hidden ones, and public ones only where there are no others."""
    return task.tests or task.public_tests


class Guesses:
    """Tries guesses on driven tests, each test once."""

    def __init__(self, pool: Jobs) -> None:
        self._pool = pool
        self._kept: OrderedDict[bytes, list[str | None]] = OrderedDict()

    async def weighed(self, task: Task, verdict: Verdict) -> Verdict:
        """The verdict, as strong as its tests: a pass that guesses have as well is `together`.

        Raises:
            SandboxError: nothing may be concluded about the task.
        """
        if verdict.passed and await self.suffice(task):
            return verdict.model_copy(update={"strength": Strength.TOGETHER})
        return verdict

    async def suffice(self, task: Task) -> bool:
        """Whether every test that decides is a driven one, and guesses pass all cases of it.

        Raises:
            SandboxError: nothing may be concluded about the task.
        """
        tests = deciding(task)
        for test in tests:
            if not isinstance(test, DrivenTest) or None in await self.passing(task, test):
                return False
        return bool(tests)

    async def examine(self, task: Task) -> list[str]:
        """One sentence for each case that a guess passes, for the task's author.

        Raises:
            SandboxError: nothing may be concluded about the task.
        """
        said = []
        for field, tests in (("public_tests", task.public_tests), ("tests", task.tests)):
            for place, test in enumerate(tests):
                if isinstance(test, DrivenTest):
                    said += _sentences(f"{field}[{place}]", await self.passing(task, test))
        if said and await self.suffice(task):
            said.append("no case withstands: a pass is `together`, which nothing takes without `--accept together`")
        return said

    async def passing(self, task: Task, test: DrivenTest) -> list[str | None]:
        """For each case a guess that passes it, in words; None where none does.

        Where the guesses could not be tried to their end, a case is not known to withstand.

        Raises:
            SandboxError: nothing may be concluded about the test.
        """
        parts = (task.limits.model_dump_json(), json.dumps(task.settings, default=repr), test.model_dump_json())
        key = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).digest()
        if key not in self._kept:
            self._kept[key] = await self._tried(task, test)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    async def _tried(self, task: Task, test: DrivenTest) -> list[str | None]:
        driving = tree(test.drive)
        steps = [each if isinstance(each := case.given.get("step"), str) else "" for case in test.cases]
        places = {step: place for place, step in enumerate(dict.fromkeys(steps))}
        request: dict[str, Any] = {
            "judge": test.judge,
            "cases": [{**case.given, "expected": case.expected} for case in test.cases],
            "literals": [seen_first(driving, step)[:_MOST_LITERALS] for step in places],
            "of": [places[step] for step in steps],
            "forms": forms(test),
        }
        allowed = judge_limits(task.limits)
        seconds = min(len(test.cases) * allowed.wall_seconds + _EXTRA_SECONDS, 3600)
        allowed = allowed.model_copy(update={"wall_seconds": seconds, "cpu_seconds": seconds})
        image = image_of(task)
        libraries = profiles.libraries(test.drive, test.judge, image=image)
        report = await self._pool.run(
            Job(program=_GUESS, request=request, limits=allowed),
            profiles.judge(libraries, allowed.memory_mb, image.image),
        )
        guesses = [_unknown(report.ending)] * len(test.cases)
        for statement in statements(report):
            if type(statement) is dict and "case" in statement:
                guesses[statement["case"]] = statement["guess"]
        return guesses


def _unknown(ending: Ending) -> str | None:
    return f"(not known: trying guesses ended with {ending.value.replace('_', ' ')})"


def _sentences(field: str, guesses: Sequence[str | None]) -> list[str]:
    return [
        f"{field}.cases[{place}]: the guess {guess} passes `judge`: assert on more of what is computed"
        for place, guess in enumerate(guesses)
        if guess is not None
    ]
