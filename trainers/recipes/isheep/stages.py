"""The stages between what the model wrote and the next iteration: filter, then those of `improve`, then drift."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from gristmill.graph.records import Trajectory
from gristmill.trainers.data.curate import Curated
from gristmill.trainers.data.curation.heldout import HeldOut
from gristmill.trainers.data.export import write_dataset
from gristmill.trainers.data.steps import provenance, writable
from gristmill.trainers.improve import stages as improving
from gristmill.trainers.improve.context import MillRuntime
from gristmill.trainers.improve.gate import GateDecision
from gristmill.trainers.improve.state import RoundsState
from gristmill.trainers.methods.base import TrainedAdapter
from gristmill.trainers.recipes.isheep.context import Flock, FlockRuntime
from gristmill.trainers.recipes.isheep.filters import filtered
from gristmill.trainers.recipes.isheep.records import Pair, Pairs

__all__ = ["begin", "decided", "ends", "evaluate", "filter_pairs", "gate", "row", "train"]


async def begin(state: RoundsState, runtime: FlockRuntime) -> dict[str, Any]:
    """The base model on the first gate set."""
    return await improving.baseline(state, _mill(runtime))


async def train(state: RoundsState, runtime: FlockRuntime) -> dict[str, Any]:
    """As `improve` trains."""
    return await improving.train(state, _mill(runtime))


async def evaluate(state: RoundsState, runtime: FlockRuntime) -> dict[str, Any]:
    """As `improve` evaluates."""
    return await improving.evaluate(state, _mill(runtime))


def _mill(runtime: FlockRuntime) -> MillRuntime:
    """A flock is a mill; that a runtime of one is a runtime of the other is more than its type says."""
    return cast("MillRuntime", runtime)


async def filter_pairs(state: RoundsState, runtime: FlockRuntime) -> dict[str, Any]:
    """Pairs → rows; what is kept and rejected is told by reason, and nothing self-assessed is called verified."""
    flock, round_ = runtime.context, state["round"]
    stage = f"round-{round_ + 1}/curated"
    if flock.records.read(stage, Curated) is not None:
        return {}
    assessed = flock.records.read(f"round-{round_ + 1}/assessed", Pairs)
    pairs = assessed.pairs if assessed else ()
    async with flock.timed(stage, f"round {round_ + 1}: the filter {flock.recipe.filtering.filter}"):
        held_out = HeldOut({"gate": flock.splits.gates_until(round_), "test": flock.splits.test})
        found = await asyncio.to_thread(filtered, pairs, flock.recipe.filtering, held_out)
        kept = set(found.kept)
        stories = await asyncio.to_thread(_stories, flock, round_)
        rows = tuple(row(pair, stories[pair.id]) for pair in pairs if pair.id in kept)
        flock.records.write(f"round-{round_ + 1}/filtered", found)
        if flock.recipe.rows == "cumulative":
            rows = (*_earlier(flock, round_), *rows)
        if rows:
            write_dataset(
                rows,
                flock.folder / f"round-{round_ + 1}/dataset",
                format="sft",
                run=f"{flock.name}-round-{round_ + 1}",
                prompts="task",
                force=True,
                left_out=found.rejected,
            )
        flock.records.write(stage, Curated(rows=rows, dropped=found.rejected))
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(found.rejected.items()))
    verified = sum(each["verified"] for each in rows)
    flock.progress.note(
        f"kept {len(found.kept)} of {len(pairs)} pairs"
        + (f"; rejected: {why}" if why else "")
        + f"; {len(rows)} rows, {verified} of them verified by a tool, {len(rows) - verified} not"
    )
    return {}


def row(pair: Pair, story: Trajectory) -> dict[str, Any]:
    """A row as `write_dataset` writes it; it is `verified` only where a tool has passed it, strongly enough.

    Args:
        story: of the run in which the reply was given.
    """
    return {
        "prompt": [{"role": each.role, "content": writable(each.content)} for each in pair.messages],
        "completion": [{"role": "assistant", "content": writable(pair.reply)}],
        **provenance(story, story.steps[0], reasoning=False),
        "tags": [f"turn:{pair.turn}"],
    }


def _stories(flock: Flock, round_: int) -> dict[str, Trajectory]:
    """What the store has of an iteration's replies, by task."""
    begun = {each.name for each in flock.store.runs()}
    runs = [f"{flock.name}-round-{round_ + 1}-{part}" for part in ("replies", "next-replies")]
    return {story.task.id: story for run in runs if run in begun for story in flock.store.trajectories(run)}


def _earlier(flock: Flock, round_: int) -> tuple[dict[str, Any], ...]:
    before = flock.records.read(f"round-{round_}/curated", Curated) if round_ else None
    return before.rows if before else ()


async def gate(state: RoundsState, runtime: FlockRuntime) -> dict[str, Any]:
    """The gate of `improve`; with `goes_on` newest the next iteration is written by the new adapter, kept or not."""
    flock, round_ = runtime.context, state["round"]
    after = await improving.gate(state, _mill(runtime))
    trained = flock.records.read(f"round-{round_ + 1}/trained", TrainedAdapter)
    if flock.recipe.goes_on == "newest" and trained is not None:
        after["adapter"] = str(trained.path)
    return after


def decided(flock: Flock, round_: int) -> GateDecision | None:
    """What the gate said of an iteration; None where it had no row to train on, or has not come so far."""
    return flock.records.read(f"round-{round_ + 1}/gate", GateDecision)


def ends(flock: Flock, rounds: int) -> str:
    """Why no further iteration follows on so many, or an empty text."""
    if rounds >= flock.recipe.iterations:
        return f"the {flock.recipe.iterations} iterations that were asked for are over"
    decisions = [decided(flock, round_) for round_ in range(rounds)]
    last = decisions[-flock.recipe.patience :]
    if len(last) == flock.recipe.patience and not any(each is not None and each.kept for each in last):
        return f"a plateau: the gate kept none of the last {len(last)} iterations"
    return ""
