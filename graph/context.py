"""What the nodes of one session work with: everything that must not travel in the state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, TypeVar

from langgraph.runtime import Runtime

from gristmill.graph.config import RunConfig
from gristmill.graph.events import Event
from gristmill.graph.judging.closing import Closings
from gristmill.graph.judging.hypotheses import Verification
from gristmill.graph.judging.ordering import Ordering
from gristmill.graph.judging.repeats import Precedent
from gristmill.graph.memory import TaskMemory
from gristmill.graph.models.base import Proposer
from gristmill.graph.models.prices import Prices
from gristmill.graph.models.roster.choosing import Choice
from gristmill.graph.models.roster.reusing import Reuse
from gristmill.graph.models.silence import Outlasted, Silence
from gristmill.graph.records import Hypothesis, Message, Step, StopReason
from gristmill.graph.search.base import Strategy
from gristmill.graph.stopping.sharing import Sharing
from gristmill.graph.stopping.spending import Spending
from gristmill.graph.storage.journal import Journal
from gristmill.graph.storage.store import Store
from gristmill.verifiers.records import Task

__all__ = ["Context", "Flight", "LoopRuntime", "MessagesFor", "SeedFor"]

T = TypeVar("T")


class MessagesFor(Protocol):
    """Makes a prompt instead of `gristmill.graph.prompts.messages.messages_for`."""

    def __call__(
        self, task: Task, *, profile: Literal["chat", "small"], round: int, parents: Sequence[Step]
    ) -> tuple[Message, ...]:
        """Messages for one reply."""
        ...


class Flight(NamedTuple):
    """The calls of one round: who makes them, and which budgets have refused some so far."""

    work: asyncio.Task[None]
    refusals: list[StopReason]


class SeedFor(Protocol):
    """Gives a reply its seed, None for none; `gristmill.graph.nodes.identity.sample_seed` of a run is the default."""

    def __call__(self, task_id: str, round: int, sample: int) -> int | None:
        """The same whenever it is asked."""
        ...


@dataclass(frozen=True, kw_only=True)
class Context:
    """One session of one run.

    `choice` says which model is asked, `silence` which of them do not answer, `outlasted` what their
    calls were tried again for; `calls` bounds the model calls in flight,
    `slots` the tasks at work; `cut_off` tells how many calls for a hypothesis were begun in vain; `messages_for` is
    None for the built-in prompts; `tell` stores an event where it belongs to the run's story and lets the listener hear
    of it; `memories` holds the tasks at work, `flights` the rounds of each that are being asked for;
    `prices` has what tokens cost, `beyond` why a model is not asked any more whose word on them does not hold;
    `with_starts` says that searches begin with the programs that tasks have for that, as measures do not;
    `closings` looks once more at the best of a task, and is None where nobody announces one; `ordering` says which of a
    round's hypotheses are judged first, and is None where each is judged as it arrives.
    """

    run: str
    tasks: Mapping[str, Task]
    config: RunConfig
    choice: Choice
    strategy: Strategy
    proposer: Proposer
    messages_for: MessagesFor | None
    seed_for: SeedFor
    store: Store
    journal: Journal
    verification: Verification
    closings: Closings | None
    ordering: Ordering | None = None
    with_starts: bool = True
    spending: Spending
    silence: Silence
    outlasted: Outlasted
    sharing: Sharing
    calls: asyncio.Semaphore
    slots: asyncio.Semaphore
    reuse: Reuse
    cut_off: dict[str, int]
    prices: Prices
    tell: Callable[[Event], None]
    beyond: dict[str, str] = field(default_factory=dict)
    memories: dict[str, TaskMemory] = field(default_factory=dict)
    flights: dict[str, dict[int, Flight]] = field(default_factory=dict)

    def begin(self, task: Task, hypothesis: Hypothesis, before: Precedent | None) -> None:
        """Begin to judge what is stored, unless its turn comes when its round is there."""
        if self.ordering is None or hypothesis.solution is None:
            self.verification.begin(task, hypothesis, before)

    async def read(self, query: Callable[[], T]) -> T:
        """Ask the store without blocking the event loop."""
        return await asyncio.to_thread(query)

    async def land(self) -> None:
        """Drop the calls under way; what has arrived is stored."""
        work = [flight.work for flights in self.flights.values() for flight in flights.values()]
        self.flights.clear()
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    async def memory(self, task_id: str) -> TaskMemory:
        """What is remembered of a task, read from the store where its loop begins."""
        if task_id not in self.memories:
            task = self.tasks[task_id]
            self.memories[task_id] = await self.read(
                lambda: TaskMemory(self.store, self.run, task, self.config, self.strategy, with_starts=self.with_starts)
            )
        return self.memories[task_id]


LoopRuntime = Runtime[Context]
