"""Judge code by running it against a task's tests, which stand in another process."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Sequence
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING

from gristmill.sandbox.records import Profile, SandboxInfo
from gristmill.verifiers.base import unknown_settings
from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.consistency import passes_together
from gristmill.verifiers.code.driven.withstanding import Guesses
from gristmill.verifiers.code.findings import Broken, Findings
from gristmill.verifiers.code.programs.compiling import compiled, profile_of
from gristmill.verifiers.code.task import SETTINGS, task_problems
from gristmill.verifiers.code.verdicts.task_findings import TaskFindings
from gristmill.verifiers.extraction.importing import image_of, lacks_text
from gristmill.verifiers.languages.registry import language as language_of
from gristmill.verifiers.records import Apart, Evidence, Outcome, Seeds, Task, Verdict
from gristmill.verifiers.settling import SETTLED
from gristmill.verifiers.testing.scored import SEARCH

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs
    from gristmill.verifiers.code.beforehand.faulty import TestFault
    from gristmill.verifiers.code.repository.apart import PartedTests
    from gristmill.verifiers.code.scored.judging import Scores
    from gristmill.verifiers.code.split.running import Splits

__all__ = ["CodeVerifier"]


class CodeVerifier:
    """Score = share of tests passed, in [0, 1]; the outcome is `passed` only if every test passes, twice.

    What only some tasks need is imported with the first of those: all of it takes longer than dozens of candidates.

    Args:
        pool: where candidates and judges run.
        confirm: re-run a pass on fresh workers, cases shuffled, before it counts; disagreement is `flaky`.
    """

    name = "code"
    version = 1
    kind = "code"

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        self._pool = pool
        self._confirm = confirm
        # Of what came lately, the share that passed. All at once takes a job instead of one a test, or one more than
        # those where it does not pass; so it is tried until a few have failed.
        self._passing = 0.75
        self._guesses, self.splits = Guesses(pool), False
        self._faulty: tuple[Task | None, dict[str, TestFault]] = None, {}

    @cached_property
    def _splits(self) -> Splits:
        from gristmill.verifiers.code.split.running import Splits

        return Splits(self._pool)

    @cached_property
    def _parted(self) -> PartedTests:
        from gristmill.verifiers.code.repository.apart import PartedTests

        return PartedTests(self._pool, self._splits)

    @cached_property
    def _scores(self) -> Scores:
        from gristmill.verifiers.code.scored.judging import Scores

        return Scores(self._pool, confirm=self._confirm, verifier=f"{self.name}/{self.version}")

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        return task_problems(task) + unknown_settings(task, SETTINGS)

    @staticmethod
    def warnings(task: Task) -> list[str]:
        """What the author of a task without `problems` should know."""
        from gristmill.verifiers.code.beforehand.warning import task_warnings

        return list(task_warnings(task))

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`."""
        elsewhere = self._elsewhere(task, solution)
        return (await (elsewhere or self._judge(task, solution, explain=False)))[0]

    async def explain(self, task: Task, solution: str) -> tuple[Verdict, Evidence]:
        """See `gristmill.verifiers.base.Explaining.explain`; the evidence is of the run that decided."""
        if (elsewhere := self._elsewhere(task, solution)) is not None:
            return await elsewhere
        verdict, first = await self._judge(task, solution, explain=True)
        if task is not self._faulty[0]:
            from gristmill.verifiers.code.beforehand.faulty import faults, silent

            self._faulty = task, {each.place: each for each in (*silent(task), *faults(task))}
        return verdict, Evidence.of(verdict.verifier, first.check_evidence(solution, self._faulty[1]))

    def _elsewhere(self, task: Task, solution: str) -> Awaitable[tuple[Verdict, Evidence]] | None:
        """What judges a repository, or by an author's evaluator; None for tests that pass or do not."""
        if task.repo is not None:
            from gristmill.verifiers.code.repository.judging import judge_repository

            parted = self._parted if self.splits else None
            return judge_repository(self._pool, task, solution, f"{self.name}/{self.version}", parted)
        return self._scores.judge(task, solution, task.scored) if task.scored is not None else None

    async def replicate(self, task: Task, solution: str, seeds: Seeds) -> tuple[Verdict, Evidence]:
        """See `gristmill.verifiers.base.Replicating.replicate`; only score tests have seeds."""
        test = task.scored
        return await (self._scores.judge(task, solution, test, seeds) if test else self.explain(task, solution))

    async def reproduces(self, task: Task, solution: str, verdict: Verdict, seeds: Seeds) -> bool:
        """See `gristmill.verifiers.base.Reproducing.reproduces`."""
        from gristmill.verifiers.code.scored.together import scores_together

        return await scores_together(self._pool, task, solution, verdict, seeds)

    async def held_out(self, task: Task, solution: str, seeds: Seeds = SEARCH) -> Evidence:
        """See `gristmill.verifiers.base.HoldingOut.held_out`."""
        nothing = Evidence(verifier=f"{self.name}/{self.version}")
        return await self._scores.held_out(task, solution, task.scored, seeds) if task.scored else nothing

    async def _judge(self, task: Task, solution: str, *, explain: bool) -> tuple[Verdict, TaskFindings]:
        """The verdict, and what it was made from; with words for hidden tests too, if it is to `explain` them."""
        profile = self.profile(task, solution)
        # Where nearly all pass, the confirming run is needed anyway, so nobody waits for the first one to end.
        wanted = self._confirm and self._passing > 0.9 and solution.strip()
        ahead = self._confirming(task, solution, profile, explain) if wanted else None
        try:
            if not solution.strip():
                return self._verdict(_EMPTY, solution, self._pool.info(profile)), _EMPTY
            findings = await self._first(task, solution, profile, explain)
            self._passing += (findings.passed - self._passing) / 8
            flaky = False
            if findings.passed and self._confirm:
                again = await (ahead or self._confirming(task, solution, profile, explain))
                findings, flaky = (findings, False) if again.passed else (again, True)
            lacks = "" if findings.passed or language_of(task) else lacks_text(solution, image_of(task))
            verdict = self._verdict(findings, solution, self._pool.info(profile), flaky=flaky, lacks=lacks)
            return await self._guesses.weighed(task, verdict), findings
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    def profile(self, task: Task, solution: str) -> Profile:
        """See `gristmill.verifiers.base.Placed`."""
        return profile_of(task, solution, splits=self.splits)

    async def examine(self, task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Examining.examine`: what guesses pass, or a reference shows of an evaluator."""
        return await (self._scores.examine(task, task.scored) if task.scored else self._guesses.examine(task))

    async def together(self, task: Task, judged: Sequence[tuple[str, Verdict]]) -> list[bool]:
        """See `gristmill.verifiers.base.Consistent.together`."""
        return await passes_together(self._pool, task, judged)

    def _confirming(self, task: Task, solution: str, profile: Profile, explain: bool) -> asyncio.Task[TaskFindings]:
        """The run that confirms, begun; its order cannot be chosen, since it follows from the hidden tests as well."""
        seed = zlib.crc32(f"{task.model_dump_json()}\n{solution}".encode("utf-8", "surrogatepass"))
        return asyncio.create_task(self._run(task, solution, profile, Random(seed), explain))

    async def _first(self, task: Task, solution: str, profile: Profile, explain: bool) -> TaskFindings:
        """Test by test; or all at once, as far as that can be, where most of what came lately has passed."""
        at_once = await self._at_once(task, solution, profile, fresh=False) if self._passing > 0.5 else None
        return at_once or await self._run(task, solution, profile, None, explain)

    async def _run(
        self, task: Task, solution: str, profile: Profile, confirming: Random | None, explain: bool
    ) -> TaskFindings:
        from gristmill.verifiers.code.test_types import Setting, run_test

        again = confirming is not None
        if again and (passing := await self._at_once(task, solution, profile, fresh=True)):
            return passing
        program = None
        if (language := language_of(task)) is not None:
            compilation = await compiled(self._pool, task, language, solution, fresh=again)
            if isinstance(compilation, Broken):
                return TaskFindings([("solution", True, Findings((), compilation))])
            program = compilation
        groups = (("public_tests", True, task.public_tests), ("tests", False, task.tests))
        rows: list[tuple[str, bool, Findings]] = []
        pool, splits = self._pool, self._splits if self.splits else None
        for field, public, tests in groups:
            setting = Setting(pool, solution, task.limits, profile, public, explain, again, confirming, program, splits)
            for place, test in enumerate(tests):
                findings = await run_test(setting, test)
                rows.append((f"{field}[{place}]", public, findings))
                if findings.broken is not None:
                    return TaskFindings(rows)
        return TaskFindings(rows)

    async def _at_once(self, task: Task, solution: str, profile: Profile, *, fresh: bool) -> TaskFindings | None:
        """All tests in one job, where all only call and compare; None if that is not so, or does not pass."""
        from gristmill.verifiers.code.literal_run import run_all_literal
        from gristmill.verifiers.code.test_types import Setting, literal_program_of

        tests = (*task.public_tests, *task.tests)
        programs = [program for program in map(literal_program_of, tests) if program is not None]
        if len(programs) < max(2, len(tests)) or len({each.assertions[0].entry_point for each in programs}) > 1:
            return None
        # The process sees the inputs of hidden tests with those of public ones, so nothing but a pass is told of it.
        setting = Setting(self._pool, solution, task.limits, profile, public=False, fresh=fresh)
        rows = await run_all_literal(setting, programs if not fresh else programs[::-1])
        if rows is None:
            return None
        rows = rows[::-1] if fresh else rows
        places = [(f"public_tests[{place}]", True) for place in range(len(task.public_tests))]
        places += [(f"tests[{place}]", False) for place in range(len(task.tests))]
        return TaskFindings([(*place, findings) for place, findings in zip(places, rows, strict=True)])

    def _verdict(
        self, findings: TaskFindings, solution: str, info: SandboxInfo, *, flaky: bool = False, lacks: str = ""
    ) -> Verdict:
        broken = findings.broken
        if flaky:
            outcome = Outcome.FLAKY
            text = feedback.verdict_text((), findings.of(public=False), solution, feedback.FLAKY)
        elif broken is not None:
            outcome, text = broken.outcome, feedback.broken_text(broken, solution)
        else:
            outcome = findings.outcome
            text = feedback.verdict_text(findings.of(public=True), findings.of(public=False), solution)
        text = f"{text}\n{lacks}" if lacks else text
        strength = findings.strength
        apart = findings.apart and outcome in SETTLED
        return Verdict(
            outcome=outcome,
            score=findings.score,
            metrics=findings.metrics,
            checks=findings.checks(),
            strength=strength,
            feedback=feedback.clean(text),
            verifier=f"{self.name}/{self.version}",
            sandbox=info.label,
            apart=Apart(outcome=outcome, score=findings.score, strength=strength) if apart else None,
        )


_EMPTY = TaskFindings([("solution", True, Findings((), Broken(Outcome.INVALID, "there is no code in the reply")))])
