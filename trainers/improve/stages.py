"""The stages of an improvement: each reads what earlier ones kept, does its work once, and keeps its record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from langgraph.runtime import Runtime

from gristmill.graph.campaign import CampaignSummary, run_campaign
from gristmill.graph.models.base import Proposer
from gristmill.graph.records import Sampling
from gristmill.graph.storage.store import Store
from gristmill.sandbox.base import Jobs
from gristmill.sandbox.records import Record
from gristmill.trainers.adapters import Adapters
from gristmill.trainers.data.curate import Curated
from gristmill.trainers.data.curate import curate as curate_rows
from gristmill.trainers.data.export import write_dataset
from gristmill.trainers.improve.config import Folder, ImproveConfig, Splits
from gristmill.trainers.improve.gate import GateDecision, decide
from gristmill.trainers.improve.summary import summarize
from gristmill.trainers.measure.evaluation import Evaluation
from gristmill.trainers.measure.evaluation import evaluate as evaluate_tasks
from gristmill.trainers.methods.base import TrainedAdapter
from gristmill.verifiers.records import Task
from gristmill.verifiers.registry import Verifiers

if TYPE_CHECKING:
    from gristmill.trainers.improve.rounds import RoundsState

__all__ = [
    "Mill",
    "MillRuntime",
    "Progress",
    "baseline",
    "campaign",
    "curate",
    "evaluate",
    "gate",
    "has_rows",
    "report",
    "train",
]


class Progress(Protocol):
    """Hears how far an improvement is."""

    def stage(self, title: str) -> None:
        """A stage begins."""
        ...

    def update(self, done: float, total: float, detail: str = "") -> None:
        """How far the stage is."""
        ...

    def note(self, text: str) -> None:
        """Something worth a line of its own."""
        ...


class Seconds(Record):
    """Wall time of one stage."""

    seconds: float


@dataclass
class Mill:
    """The runtime context: everything that lives longer than a stage and must not be in a state."""

    name: str
    config: ImproveConfig
    splits: Splits
    folder: Folder
    store: Store
    pool: Jobs
    proposer: Callable[[str | None], Proposer]
    base: Path
    progress: Progress
    resume: bool = False
    _open: dict[str, Proposer] = field(default_factory=dict)

    @property
    def judge(self) -> Verifiers:
        """The verifiers on this mill's pool."""
        return Verifiers(self.pool, confirm=self.config.run.confirm)

    async def model(self, adapter: str | None) -> Proposer:
        """The model with this adapter, entered; the one before it is left first, so that one is in memory at a time."""
        key = adapter or ""
        if key not in self._open:
            await self.close()
            proposer = self.proposer(adapter)
            await proposer.__aenter__()
            self._open[key] = proposer
        return self._open[key]

    async def close(self) -> None:
        """Leave the model that is in memory, if any."""
        for key in list(self._open):
            await self._open.pop(key).__aexit__(None, None, None)

    @asynccontextmanager
    async def timed(self, stage: str, title: str) -> AsyncIterator[None]:
        """Announce a stage and keep how long it took."""
        self.progress.stage(title)
        started = time.monotonic()
        yield
        self.folder.write(f"{stage}.seconds.json", Seconds(seconds=time.monotonic() - started))

    async def evaluation(self, file: str, title: str, tasks: Sequence[Task], adapter: str | None) -> Evaluation:
        """Greedy pass@1 on `tasks`, or what an earlier session found."""
        known = self.folder.read(f"{file}.json", Evaluation)
        if known is not None:
            return known
        async with self.timed(file, title):
            found = await evaluate_tasks(
                tasks,
                proposer=await self.model(adapter),
                judge=self.judge,
                profile=self.config.run.prompts.profile,
                sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=self.config.run.calls.max_tokens),
                progress=lambda done, total: self.progress.update(done, total),
            )
            self.folder.write(f"{file}.json", found)
        share = found.pass_at[1]
        interval = f"95% {100 * share.low:.1f}–{100 * share.high:.1f}%"
        apart = f"; {found.undecided} more passes not counted, see docs/attacks.md" if found.undecided else ""
        self.progress.note(f"pass@1 {share.passed:g}/{share.total} ({100 * share.rate:.1f}%, {interval}){apart}")
        return found


MillRuntime = Runtime[Mill]


def has_rows(round_: int, mill: Mill) -> bool:
    """Whether the round's dataset holds anything."""
    curated = mill.folder.read(f"round-{round_ + 1}/curated.json", Curated)
    return curated is not None and bool(curated.rows)


async def baseline(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """What the model can do before anything: on the gate set and on the test set."""
    mill = runtime.context
    await mill.evaluation("gate-before", "the base model on the gate set", mill.splits.gate, None)
    await mill.evaluation("test-before", "the base model on the test set", mill.splits.test, None)
    return {}


async def campaign(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """Search the training tasks with the current model; the store keeps every hypothesis and verdict."""
    mill, round_ = runtime.context, state["round"]
    file, run = f"round-{round_ + 1}/campaign", f"{mill.name}-round-{round_ + 1}"
    if mill.folder.read(f"{file}.json", CampaignSummary) is not None:
        return {}
    begun = any(known.name == run for known in mill.store.runs())
    async with mill.timed(file, f"round {round_ + 1}: hypotheses for {len(mill.splits.train)} training tasks"):
        config = mill.config.run.model_copy(update={"adapter": state["adapter"], "seed": mill.config.run.seed + round_})
        wanted, done = len(mill.splits.train) * config.search.hypotheses, 0

        def hear(event: Any) -> None:
            nonlocal done
            if event.kind == "judged":
                done += 1
                mill.progress.update(done, max(wanted, done))

        summary = await run_campaign(
            mill.splits.train,
            config,
            name=run,
            store=mill.store,
            proposer=await mill.model(state["adapter"]),
            pool=mill.pool,
            resume=begun,
            on_event=hear,
        )
        mill.folder.write(f"{file}.json", summary)
    mill.progress.note(
        f"{summary.hypotheses} hypotheses, {summary.verified} verified ({100 * summary.verified_share:.1f}%), "
        f"{summary.solved}/{summary.tasks} tasks solved"
    )
    return {}


async def curate(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """Verified trajectories → rows, with nothing of the gate and test sets in them."""
    mill, round_ = runtime.context, state["round"]
    file = f"round-{round_ + 1}/curated"
    if mill.folder.read(f"{file}.json", Curated) is not None:
        return {}
    async with mill.timed(file, f"round {round_ + 1}: rows to learn from"):
        run = f"{mill.name}-round-{round_ + 1}"
        trajectories = list(mill.store.trajectories(run))
        held_out = (*mill.splits.gate, *mill.splits.test)
        curated = await asyncio.to_thread(curate_rows, trajectories, held_out=held_out, config=mill.config.curate)
        if curated.rows:
            folder = mill.folder / f"round-{round_ + 1}/dataset"
            verified = mill.config.curate.verified
            write_dataset(
                curated.rows, folder, format="sft", run=run, parquet=True, include_unverified=not verified, force=True
            )
        mill.folder.write(f"{file}.json", curated)
    dropped = ", ".join(f"{count} {reason}" for reason, count in curated.dropped.items() if count)
    mill.progress.note(f"{len(curated.rows)} rows" + (f"; left out: {dropped}" if dropped else ""))
    return {}


async def train(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """A LoRA adapter, from the base model, on this round's rows."""
    mill, round_ = runtime.context, state["round"]
    file = f"round-{round_ + 1}/trained"
    if mill.folder.read(f"{file}.json", TrainedAdapter) is not None:
        return {}
    curated = mill.folder.read(f"round-{round_ + 1}/curated.json", Curated)
    rows = curated.rows if curated else ()
    await mill.close()
    async with mill.timed(file, f"round {round_ + 1}: training a LoRA adapter on {len(rows)} rows"):
        trained = await asyncio.to_thread(
            mill.config.method.train,
            rows,
            base=mill.base,
            out=fresh_adapter_folder(mill, round_),
            progress=lambda step, steps, loss: mill.progress.update(step, steps, f"loss {loss:.3f}"),
        )
        mill.folder.write(f"{file}.json", trained)
    return {}


async def evaluate(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """What the new adapter can do on the gate set."""
    mill, round_ = runtime.context, state["round"]
    trained = mill.folder.read(f"round-{round_ + 1}/trained.json", TrainedAdapter)
    adapter = str(trained.path) if trained else None
    title = f"round {round_ + 1}: the new adapter on the gate set"
    await mill.evaluation(f"round-{round_ + 1}/gate-after", title, mill.splits.gate, adapter)
    return {}


async def gate(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """Keep the new adapter only if it is better beyond noise; else the old one stays."""
    mill, round_ = runtime.context, state["round"]
    file = f"round-{round_ + 1}/gate.json"
    trained = mill.folder.read(f"round-{round_ + 1}/trained.json", TrainedAdapter)
    decision = mill.folder.read(file, GateDecision)
    if decision is None:
        before = _evaluated(mill, _gate_before(mill, round_))
        after = _evaluated(mill, f"round-{round_ + 1}/gate-after")
        decision = decide(before.results, after.results, alpha=mill.config.alpha)
        # Before the decision is kept: a kill between the two must not leave a kept adapter out of use.
        if decision.kept and trained is not None:
            Adapters(mill.folder.path.parents[1]).promote(trained.path.name)
        mill.folder.write(file, decision)
        mill.progress.note(f"gate: {'kept' if decision.kept else 'not kept'} — {decision.reason}")
    kept = str(trained.path) if decision.kept and trained else state["adapter"]
    return {"round": round_ + 1, "adapter": kept}


async def report(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """The test set, which nothing so far has seen, and the page about it all."""
    from gristmill.trainers.improve.report import write_report

    mill = runtime.context
    if state["adapter"] is not None:
        title = "the kept adapter on the test set"
        await mill.evaluation("test-after", title, mill.splits.test, state["adapter"])
    await mill.close()
    improvement = summarize(mill.name, mill.config, mill.splits, mill.folder, state["adapter"])
    mill.folder.write("summary.json", improvement)
    await asyncio.to_thread(write_report, improvement, mill.folder / "report.html")
    return {}


def fresh_adapter_folder(mill: Mill, round_: int) -> Path:
    """Where this round's adapter goes; what a killed training left there is removed."""
    return Adapters(mill.folder.path.parents[1]).prepare(f"{mill.name}-round-{round_ + 1}")


def _gate_before(mill: Mill, round_: int) -> str:
    """The gate evaluation of the adapter in use before this round."""
    for earlier in range(round_, 0, -1):
        decision = mill.folder.read(f"round-{earlier}/gate.json", GateDecision)
        if decision is not None and decision.kept:
            return f"round-{earlier}/gate-after"
    return "gate-before"


def _evaluated(mill: Mill, file: str) -> Evaluation:
    found = mill.folder.read(f"{file}.json", Evaluation)
    if found is None:
        raise RuntimeError(f"the gate ran before {file} was evaluated")
    return found
