"""Run the loop over many tasks: the one entry point of this room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import Field

from gristmill.graph.config import RunConfig
from gristmill.graph.events import Listener
from gristmill.graph.models.base import Proposer
from gristmill.graph.records import Message, Step, StopReason, Tokens
from gristmill.graph.store import Store
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Outcome, Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.pool import Pool

__all__ = ["CampaignSummary", "Judge", "MessagesFor", "run_campaign"]


class Judge(Protocol):
    """What a campaign needs of `gristmill.verifiers.registry.Verifiers`."""

    async def verify(self, task: Task, solution: str) -> Verdict:
        """Judge one solution; never raises for what a candidate does."""
        ...


class MessagesFor(Protocol):
    """Makes a prompt; `gristmill.graph.prompting.messages_for` is the default."""

    def __call__(
        self, task: Task, *, profile: Literal["chat", "small"], round: int, parents: Sequence[Step]
    ) -> tuple[Message, ...]:
        """Messages for one reply."""
        ...


class CampaignSummary(Record):
    """What a run came to, over its whole life (resumes included)."""

    run: str
    status: Literal["running", "finished", "interrupted", "failed"]
    tasks: int
    ended: int = Field(description="tasks whose loop ended")
    solved: int = Field(description="tasks with at least one hypothesis that passed")
    hypotheses: int
    verified: int = Field(description="hypotheses that passed, strongly enough to be exported as verified")
    unscored: int = Field(
        description="hypotheses without a verdict because of infrastructure trouble; retried at resume"
    )
    outcomes: dict[Outcome, int]
    stops: dict[StopReason, int]
    tokens: Tokens
    calls: int = Field(description="model calls that were started, repeats after a kill included")
    repeated: int = Field(description="calls that had to be made again because a kill had cut them off")
    seconds: float = Field(description="wall time of all sessions of this run")

    @property
    def verified_share(self) -> float:
        """Verified hypotheses among the scored ones; 0 where none is scored."""
        scored = self.hypotheses - self.unscored
        return self.verified / scored if scored else 0.0


async def run_campaign(
    tasks: Sequence[Task],
    config: RunConfig,
    *,
    name: str,
    store: Store,
    proposer: Proposer,
    pool: Pool | None = None,
    verifiers: Judge | None = None,
    resume: bool = False,
    on_event: Listener | None = None,
    messages_for: MessagesFor | None = None,
) -> CampaignSummary:
    """Run the loop over `tasks` and store everything; returns when all tasks have ended or a budget is spent.

    Args:
        tasks: what to solve; ids must differ.
        config: how; stored with the run.
        name: of the run, new in this store unless `resume`.
        store: an open store; it stays open.
        proposer: an entered proposer (``async with``); it stays entered, so that several campaigns may share it.
        pool: warm sandboxes for the verifiers; None opens one as `config.sandbox` says, for this campaign only.
        verifiers: who judges; None takes `gristmill.verifiers.registry.Verifiers` on the pool.
        resume: go on with a stored run; no stored reply is bought again, `unscored` verdicts are retried.
        on_event: hears what happens, as it happens.
        messages_for: makes the prompts instead of the built-in ones.

    Raises:
        RunExistsError, UnknownRunError, RunMismatchError, RunFinishedError, RunBusyError: the user's mistakes.
        ModelError: the model could not be had after retries; what was done is kept.
        StoreError: the store could not be written; what was written before is kept.
        InfrastructureError: verdicts could no longer be had (no sandbox); what was done is kept.
        asyncio.CancelledError: cancelled from outside (Ctrl-C under `asyncio.run`); work in flight was dropped,
            everything that had arrived is stored and the run is marked as interrupted.
    """
    raise NotImplementedError
