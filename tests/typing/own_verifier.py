"""A verifier of a user's own: a class that runs candidates in the sandbox."""

from __future__ import annotations

from gristmill.sandbox import Ending, Job, Jobs, Limits
from gristmill.verifiers import Outcome, Strength, Task, Verdict, Verifier


class PalindromeVerifier:
    """The reply is a program that prints a palindrome."""

    name = "palindrome"
    version = 1
    kind = "palindrome"

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        self._pool = pool

    def problems(self, task: Task) -> list[str]:
        return []

    async def verify(self, task: Task, solution: str) -> Verdict:
        limits = Limits(wall_seconds=5, cpu_seconds=5)
        job = Job(program="gristmill.sandbox.guest.candidate:script", request={"source": solution}, limits=limits)
        report = await self._pool.run(job)
        printed = report.stdout.decode(errors="replace").strip()
        right = report.ending is Ending.FINISHED and printed != "" and printed == printed[::-1]
        return Verdict(
            outcome=Outcome.PASSED if right else Outcome.FAILED,
            score=float(right),
            strength=Strength.TESTED,
            feedback="" if right else f"It printed {printed[:100]!r}.",
            verifier=f"{self.name}/{self.version}",
        )


def verifier(pool: Jobs) -> Verifier:
    return PalindromeVerifier(pool)
