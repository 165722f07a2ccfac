"""What the stages of an improvement work with."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from langgraph.runtime import Runtime

from gristmill.graph.commands.alerts.telling import Alerts
from gristmill.graph.commands.run_progress import Screen, following
from gristmill.graph.config import RunConfig
from gristmill.graph.models.base import Proposer, Switching
from gristmill.graph.storage.store import Store
from gristmill.sandbox.base import Jobs
from gristmill.trainers.adapters import Adapters
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.drawn import DrawnSplits, Opened, gate_part
from gristmill.trainers.improve.gating.looks import open_sealed, opening_words
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.improve.splits import Sets
from gristmill.trainers.measure.evaluation import Evaluation, greedy, strengths_of
from gristmill.trainers.measure.evaluation import evaluate as evaluate_tasks
from gristmill.verifiers.records import Task
from gristmill.verifiers.settling import BESIDE, weaker_words

__all__ = ["Mill", "MillRuntime", "Progress", "evaluation_run"]


class Progress(Screen, Protocol):
    """Shows how far an improvement is."""

    def stage(self, title: str) -> None:
        """A stage begins."""
        ...


@dataclass
class Mill:
    """The runtime context: everything that lives longer than a stage and must not be in a state.

    Args:
        home: the workspace's ``.gristmill`` folder.
        proposer: the model with an adapter, or without one; not entered.
        base: folder of the weights that trainings start from.
        bare: whether measured prompts are sent as they stand, with nothing around them.
        alerts: who is told of what goes wrong, and of the end.
    """

    name: str
    config: ImproveConfig
    splits: Sets
    home: Path
    store: Store
    pool: Jobs
    proposer: Callable[[str | None], Proposer]
    base: Path
    progress: Progress
    bare: bool = False
    alerts: Alerts = field(default_factory=Alerts)
    _open: dict[str, Proposer] = field(default_factory=dict)
    _resting: bool = False

    @property
    def records(self) -> StageRecords:
        """What the stages found so far."""
        return StageRecords(self.store, self.name)

    @property
    def folder(self) -> Path:
        """Where datasets and the report are written for people and other programs; nothing is read back from there."""
        return self.home / "improvements" / self.name

    @property
    def adapters(self) -> Adapters:
        """The workspace's adapters."""
        return Adapters(self.home)

    def commit(self) -> None:
        """Write down, before anything is asked, what says later that no set was chosen afterwards."""
        if isinstance(self.splits, DrawnSplits):
            self.records.write("commitments", self.splits.commitments(self.config.rounds))

    def gate_set(self, round_: int) -> tuple[Task, ...]:
        """The gate set of a round; that it was opened is kept."""
        self._reveal(gate_part(round_))
        return self.splits.gate_of(round_)

    def test_set(self) -> tuple[Task, ...]:
        """The test set; that it was opened is kept."""
        self._reveal("test")
        by = f"{self.name}/test"
        self.progress.note(opening_words(open_sealed(self.store.documents, self.splits.test, by), by))
        return self.splits.test

    def _reveal(self, part: str) -> None:
        stage = f"{part}-opened"
        if isinstance(self.splits, DrawnSplits) and self.records.read(stage, Opened) is None:
            self.records.write(stage, self.splits.opened(part))

    async def model(self, adapter: str | None) -> Proposer:
        """The model with this adapter, entered; the one before it is left first, so that one is in memory at a time.

        Where a server can, it changes its adapter and nothing else is loaded again.
        """
        key = adapter or ""
        if key in self._open and not self._resting:
            return self._open[key]
        if self._open and isinstance(proposer := next(iter(self._open.values())), Switching):
            await proposer.switch(adapter)
            self._open, self._resting = {key: proposer}, False
            return proposer
        await self.close()
        proposer = self.proposer(adapter)
        await proposer.__aenter__()
        self._open[key] = proposer
        return proposer

    async def rest(self) -> None:
        """Make room for a training: a server that can gives the device back, any other model is left."""
        if self._open and isinstance(proposer := next(iter(self._open.values())), Switching):
            self._resting = True
            await proposer.rest()
        else:
            await self.close()

    async def close(self) -> None:
        """Leave the model that is in memory, if any."""
        self._resting = False
        for key in list(self._open):
            await self._open.pop(key).__aexit__(None, None, None)

    @asynccontextmanager
    async def timed(self, stage: str, title: str) -> AsyncIterator[None]:
        """Announce a stage and keep how long it took."""
        self.progress.stage(title)
        started = time.monotonic()
        yield
        self.records.took(stage, time.monotonic() - started)

    async def evaluation(
        self, stage: str, title: str, tasks: Sequence[Task], adapter: str | None, *, config: RunConfig | None = None
    ) -> Evaluation:
        """Greedy pass@1 on `tasks` (or as `config` has it), or what an earlier session found."""
        earlier = self.records.read(stage, Evaluation)
        if earlier is not None:
            return earlier
        run = evaluation_run(self.name, stage, adapter)
        config = config or greedy(self.config.run, adapter)
        async with self.timed(stage, title), following(self.progress, ends=False) as progress:
            evaluation = await evaluate_tasks(
                tasks,
                config,
                name=run,
                store=self.store,
                proposer=await self.model(adapter),
                pool=self.pool,
                resume=any(begun.name == run for begun in self.store.runs()),
                bare=self.bare,
                votes=False,  # no gate goes by a majority
                on_event=self.alerts.beside(progress, config, part=True),
            )
            self.records.write(stage, evaluation)
        share = evaluation.pass_at[1]
        interval = f"95% {100 * share.low:.1f}–{100 * share.high:.1f}%"
        apart = f"; {evaluation.undecided} more passes not counted, see docs/attacks.md" if evaluation.undecided else ""
        if weaker := weaker_words({each: n for each, n in strengths_of(evaluation.results).items() if each in BESIDE}):
            apart = f"; of them {weaker}, not verified{apart}"
        self.progress.note(f"pass@1 {share.passed:g}/{share.total} ({100 * share.rate:.1f}%, {interval}){apart}")
        return evaluation


def evaluation_run(name: str, stage: str, adapter: str | None) -> str:
    """The run that the store keeps of an evaluation: another adapter is another one, also of the same stage.

    Args:
        name: of the improvement.
        adapter: path of the one that was measured; None is the base model.
    """
    part = stage.rpartition("/")[2]
    run = f"{Path(adapter).name if adapter else name}-{part}"
    if part == "gate-before" and part != stage:
        run = f"{run}-{stage.partition('/')[0]}"  # each round has a gate set of its own
    return run


MillRuntime = Runtime[Mill]
