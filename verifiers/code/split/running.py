"""Run a split test: the driven test that it is, if its assertions withstand guesses.

What is decided so is `split`: assertions apart, and the rest of the test beside the candidate. It takes the consistency
run as what a judge process decided does, so that a failure which passes in plain execution is `refused`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.records import Job
from gristmill.verifiers import profiles
from gristmill.verifiers.calling import statements
from gristmill.verifiers.code.driven.forms import literals, tree
from gristmill.verifiers.code.driven.running import run_driven
from gristmill.verifiers.code.findings import Findings
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.code.split.splitting import Split, split
from gristmill.verifiers.records import Outcome, PytestTest, PythonTest

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["Splits"]

_GUESS = "gristmill.verifiers.code.guest.judge.driven.trying:first_that_withstands"
_MOST_KEPT = 1000
_MOST_LITERALS = 100
# Of assertions, those that want most are tried first; one that withstands is enough.
_MOST_TRIED = 12
_SECONDS = 60.0


class Splits:
    """Splits tests, and knows which of them prove anything: a matter of the test alone, found once and kept."""

    def __init__(self, pool: Jobs) -> None:
        self._pool = pool
        self._kept: OrderedDict[bytes, bool] = OrderedDict()

    async def run(self, setting: Setting, test: PythonTest | PytestTest) -> Findings | None:
        """What the split test shows; None where it cannot be split, proves nothing, or has values that are not plain.

        Raises:
            SandboxError: nothing may be concluded about the solution.
        """
        made = split(test)
        if isinstance(made, str) or not await self.withstands(setting, made):
            return None
        extra = ("pytest",) if made.uses_pytest and "pytest" not in setting.libraries else ()
        profile = profiles.candidate((*setting.libraries, *extra), setting.limits.memory_mb, setting.profile.image)
        findings = await run_driven(replace(setting, profile=profile), made.test)
        if findings.broken is not None or any(each.outcome is Outcome.REFUSED for each in findings.checks):
            return None
        return replace(findings, apart=True, split=True)

    async def withstands(self, setting: Setting, made: Split) -> bool:
        """Whether a guess passes not every assertion that counts.

        Raises:
            SandboxError: nothing may be concluded about the test.
        """
        parts = (setting.profile.image, made.test.model_dump_json())
        key = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).digest()
        if key not in self._kept:
            self._kept[key] = await self._tried(setting, made)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    async def _tried(self, setting: Setting, made: Split) -> bool:
        seen = [value for _, value in literals(tree(made.test.drive))]
        telling = sorted(made.counted, key=lambda site: -site.wants)[:_MOST_TRIED]
        steps = [case.given["step"] for case in made.test.cases]
        sites = [
            [{"step": step, "expected": None}, site.number]
            for site in telling
            # What a helper asserts is asserted where it is called.
            for step in ([site.step] if site.step in steps else steps)
        ]
        request: dict[str, Any] = {"judge": made.test.judge, "sites": sites, "literals": seen[:_MOST_LITERALS]}
        allowed = setting.judge_limits
        allowed = allowed.model_copy(update={"wall_seconds": _SECONDS, "cpu_seconds": _SECONDS})
        report = await self._pool.run(
            Job(program=_GUESS, request=request, limits=allowed),
            profiles.judge(setting.libraries, allowed.memory_mb, setting.profile.image),
        )
        return any(type(each) is dict and each.get("withstands") is True for each in statements(report))
