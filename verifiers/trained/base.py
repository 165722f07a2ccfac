"""The verifier of a function that something is trained with: in a search, in a race of finalists, and in the end."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING

from gristmill.verifiers.judging import beside
from gristmill.verifiers.records import Evidence, Seeds, Task, Verdict
from gristmill.verifiers.testing.scored import SEARCH
from gristmill.verifiers.trained.verifier import final_evidence

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["TrainedVerifier"]


class TrainedVerifier(ABC):
    """A `gristmill.verifiers.base.Verifier` that judges by seeds; which these are follows from `secret`."""

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        # The second run on a fresh process is always made; this one is by fresh seeds, for what passes.
        self._pool = pool
        self._confirm = confirm
        self.secret = secrets.token_bytes(32)

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`."""
        return await self._judge(task, solution, SEARCH)

    async def replicate(self, task: Task, solution: str, seeds: Seeds) -> tuple[Verdict, Evidence]:
        """See `gristmill.verifiers.base.Replicating.replicate`."""
        verdict = await self._judge(task, solution, seeds)
        return verdict, beside(task, verdict)

    async def held_out(self, task: Task, solution: str, seeds: Seeds = SEARCH) -> Evidence:
        """See `gristmill.verifiers.base.HoldingOut.held_out`: by the final seeds, whatever `seeds` are."""
        del seeds
        return await final_evidence(task, partial(self._judge, task, solution))

    @abstractmethod
    async def _judge(self, task: Task, solution: str, seeds: Seeds) -> Verdict: ...
