"""Judge code by running it against a task's tests, which stand in another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gristmill.verifiers.records import Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.pool import Pool

__all__ = ["CodeVerifier"]


class CodeVerifier:
    """Score = share of tests passed, in [0, 1]; the outcome is `passed` only if every test passes, twice."""

    name = "code"
    version = 1
    kind = "code"

    def __init__(self, pool: Pool, *, confirm: bool = True) -> None:
        self._pool = pool
        self._confirm = confirm

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        return [] if task.tests or task.public_tests else ["tests: a code task needs `tests` or `public_tests`"]

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`."""
        raise NotImplementedError
