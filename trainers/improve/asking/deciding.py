"""What a gate asks of the models: batches until it is decided, and whether anything else has got worse."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from gristmill.graph.comparing import Comparison, compare
from gristmill.graph.storage.store import Store
from gristmill.graph.tasks.loading import load_tasks
from gristmill.trainers.improve.context import Mill
from gristmill.trainers.improve.gate import GateDecision, decide
from gristmill.trainers.improve.gating.guards import Guard, collapse, not_inferior
from gristmill.trainers.improve.gating.looks import ask
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.measure.evaluation import Evaluation, greedy, share_of
from gristmill.trainers.measure.retention import KeptText, kept_text, read_text
from gristmill.trainers.methods.base import TrainedAdapter
from gristmill.verifiers.records import Task

__all__ = ["decided", "decision_about", "first_batch", "gate_before", "in_batches"]

SAMPLES = 8


def decision_about(store: Store, adapter: str) -> GateDecision | None:
    """What a gate has decided about an adapter of the workspace; None where none has."""
    named = re.fullmatch(r"(.+)-round-(\d+)(?:\.\d+)?", adapter)
    if named is None:
        return None
    records, part = StageRecords(store, named[1]), f"round-{named[2]}"
    trained = records.read(f"{part}/trained", TrainedAdapter)
    return records.read(f"{part}/gate", GateDecision) if trained and trained.path.name == adapter else None


def gate_before(records: StageRecords, round_: int, *, own: bool) -> str:
    """The stage in which what was in use before a round answered the gate tasks that the round is decided by.

    Args:
        round_: from 0.
        own: whether it was asked for this round anew; else it is that of the last adapter that was kept.
    """
    if own:
        return f"round-{round_ + 1}/gate-before"
    for earlier in range(round_, 0, -1):
        decision = records.read(f"round-{earlier}/gate", GateDecision)
        if decision is not None and decision.kept:
            return f"round-{earlier}/gate-after"
    return "gate-before"


def first_batch(mill: Mill) -> tuple[Task, ...]:
    """What the base model is asked first: of an open gate a batch, else the whole gate set."""
    tasks = mill.gate_set(0)
    return _in_order(tasks)[: mill.config.gate.gate_batch] if mill.config.gate.gate == "open" else tasks


async def in_batches(mill: Mill, round_: int, in_use: str | None, adapter: str | None) -> None:
    """An open gate: ask both models batch by batch till it is decided; what they answered is kept as one evaluation."""
    part, size = f"round-{round_ + 1}", mill.config.gate.gate_batch
    tasks = _in_order(mill.gate_set(round_))
    olds: list[Evaluation] = []
    news: list[Evaluation] = []
    for at in range(0, len(tasks), size):
        number, batch = at // size + 1, tasks[at : at + size]
        of = f"r{round_ + 1}-b{number}"
        title = f"round {round_ + 1}: gate tasks {at + 1} to {at + len(batch)}"
        olds.append(await mill.evaluation(f"{part}/gate-before-{of}", f"{title}, what is in use", batch, in_use))
        news.append(await mill.evaluation(f"{part}/gate-after-{of}", f"{title}, the new adapter", batch, adapter))
        if not _decision(mill, round_, _joined(olds), _joined(news)).undecided:
            break
    mill.records.write(f"{part}/gate-before", _joined(olds))
    mill.records.write(f"{part}/gate-after", _joined(news))


async def decided(
    mill: Mill, round_: int, before: Evaluation, after: Evaluation, in_use: str | None, adapter: str | None
) -> GateDecision:
    """The decision of a round. What costs further replies is asked only of an adapter that would be kept.

    A question to a set that is asked again is counted in the store.
    """
    decision = _decision(mill, round_, before, after)
    if decision.kept and (guards := await _guards(mill, round_, in_use, adapter)):
        decision = _decision(mill, round_, before, after, guards)
    if not mill.splits.fresh:
        by, tasks = f"{mill.name}/round-{round_ + 1}", mill.splits.gate_of(round_)
        ask(mill.store.documents, tasks, by, told=decision.kept or decision.refused)
    return decision


def _decision(
    mill: Mill, round_: int, before: Evaluation, after: Evaluation, guards: Sequence[Guard] = ()
) -> GateDecision:
    config, fresh = mill.config, mill.splits.fresh
    by, tasks = f"{mill.name}/round-{round_ + 1}", mill.splits.gate_of(round_)
    return decide(
        before.results,
        after.results,
        alpha=config.alpha,
        accept=config.run.accept,
        config=config.gate,
        rounds=config.rounds,
        earlier=[each for at in range(round_) if (each := mill.records.read(f"round-{at + 1}/gate", GateDecision))],
        fresh=fresh,
        asked=None if fresh else ask(mill.store.documents, tasks, by),
        guards=guards,
    )


async def _guards(mill: Mill, round_: int, in_use: str | None, adapter: str | None) -> tuple[Guard, ...]:
    """Retention, kept text and collapse, where the config asks for them."""
    config, run, part, of = mill.config.gate, mill.config.run, f"round-{round_ + 1}", f"r{round_ + 1}"
    guards: list[Guard] = []
    if config.retention is not None:
        tasks = load_tasks(Path(config.retention))
        title = f"round {round_ + 1}: the retention tasks"
        old = await mill.evaluation(f"{part}/retention-before-{of}", f"{title}, what is in use", tasks, in_use)
        new = await mill.evaluation(f"{part}/retention-after-{of}", f"{title}, the new adapter", tasks, adapter)
        guards.append(not_inferior("retention", _paired(old, new), config.retention_margin))
    if config.sampled_tasks:
        chosen = _in_order(mill.splits.gate_of(round_))[: config.sampled_tasks]
        eight = greedy(run, None).changed(hypotheses=SAMPLES, temperature=run.calls.temperature or 0.8, top_p=0.95)
        title = f"round {round_ + 1}: eight replies to each of {len(chosen)} gate tasks"
        both = [
            await mill.evaluation(f"{part}/{name}-{of}", title, chosen, model, config=eight.changed(adapter=model))
            for name, model in (("sampled-before", in_use), ("sampled-after", adapter))
        ]
        guards += collapse(both[0].results, both[1].results, config)
    if config.kept_text is not None:
        await mill.close()
        text = await asyncio.to_thread(read_text, None if config.kept_text == "shipped" else Path(config.kept_text))
        read = [
            await _foretold(mill, f"{part}/kept-text-{name}", text, model)
            for name, model in (("before", in_use), ("after", adapter))
        ]
        found = compare(read[0].parts, read[1].parts)
        guards.append(not_inferior("kept text", found, config.perplexity_margin, unit="nats a token"))
    return tuple(guards)


async def _foretold(mill: Mill, stage: str, text: str, adapter: str | None) -> KeptText:
    if (earlier := mill.records.read(stage, KeptText)) is None:
        earlier = await asyncio.to_thread(kept_text, text, mill.base, adapter)
        mill.records.write(stage, earlier)
    return earlier


def _paired(old: Evaluation, new: Evaluation) -> Comparison:
    later = {result.task_id: result.passed[0] for result in new.results}
    return compare([result.passed[0] for result in old.results], [later[result.task_id] for result in old.results])


def _in_order(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """By a hash of their ids, so that any first part of them is a fair one."""
    return tuple(sorted(tasks, key=lambda task: hashlib.sha256(task.id.encode()).digest()))


def _joined(parts: Sequence[Evaluation]) -> Evaluation:
    results = tuple(result for part in parts for result in part.results)
    return Evaluation(
        results=results,
        pass_at={1: share_of(results)},
        tokens=sum(part.tokens for part in parts),
        seconds=sum(part.seconds for part in parts),
        undecided=sum(part.undecided for part in parts),
    )
