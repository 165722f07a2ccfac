"""The stages of an improvement: each reads what earlier ones kept, does its work once, and keeps its record."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from gristmill.graph.campaign import CampaignSummary, run_campaign
from gristmill.graph.commands.run_progress import following
from gristmill.graph.prompts.messages import choose_profile
from gristmill.sandbox.errors import UserError
from gristmill.trainers.data.card import unverified
from gristmill.trainers.data.curate import Curated
from gristmill.trainers.data.export import write_dataset
from gristmill.trainers.improve.asking.alerts import ended, gate_alerts
from gristmill.trainers.improve.asking.deciding import decided, first_batch, gate_before, in_batches
from gristmill.trainers.improve.context import Mill, MillRuntime
from gristmill.trainers.improve.coverage.rows import rows_of
from gristmill.trainers.improve.coverage.strata import coverage
from gristmill.trainers.improve.gate import GateDecision, fewest_wins
from gristmill.trainers.improve.shaping import shaped
from gristmill.trainers.improve.splits import strata_of
from gristmill.trainers.improve.state import RoundsState
from gristmill.trainers.improve.summary import summarize
from gristmill.trainers.improve.waves import first_tries, trajectories_of
from gristmill.trainers.measure.evaluation import Evaluation
from gristmill.trainers.methods.base import Rows, TrainedAdapter
from gristmill.verifiers.settling import weaker_words

__all__ = ["baseline", "campaign", "curate", "evaluate", "gate", "has_rows", "report", "train"]


def has_rows(round_: int, mill: Mill) -> bool:
    """Whether the round's dataset holds anything."""
    curated = mill.records.read(f"round-{round_ + 1}/curated", Curated)
    return curated is not None and bool(curated.rows)


async def baseline(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """What the model can do before anything, on the first gate set. The test set waits for the end."""
    mill = runtime.context
    gate = await mill.evaluation("gate-before", "the base model on the gate set", first_batch(mill), None)
    _room_for_better(gate, mill)
    return {}


def _room_for_better(gate: Evaluation, mill: Mill) -> None:
    """Say before anything is spent on it that no adapter can be found better.

    Raises:
        UserError: the base model passes every task of the gate set.
    """
    share, alpha = gate.pass_at[1], mill.config.level
    left = sum(result.passed[:1] == (False,) for result in gate.results)
    if share.total and not left and not share.unscored:
        raise UserError(
            f"the base model passes all {share.total} tasks of the gate set, so that no adapter can be found better on "
            "them: give harder tasks"
        )
    # An open gate draws more than this first batch, where there is more to win.
    if mill.config.mode != "open" and left < fewest_wins(alpha):
        mill.progress.note(
            f"the base model fails {left} tasks of the gate set: an adapter that won them all would still have p > "
            f"{alpha:g}, and not be kept. Harder tasks, more of them, or a greater --alpha give it a chance"
        )


async def campaign(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """Search the training tasks with the current model; the store keeps every hypothesis and verdict."""
    mill, round_ = runtime.context, state["round"]
    stage, run = f"round-{round_ + 1}/campaign", f"{mill.name}-round-{round_ + 1}"
    if mill.records.read(stage, CampaignSummary) is not None:
        return {}
    begun = any(each.name == run for each in mill.store.runs())
    config = mill.config.run.model_copy(update={"adapter": state["adapter"], "seed": mill.config.run.seed + round_})
    if mill.config.wanted_rows:
        config = first_tries(config, mill.config.strata.first_tries)
    tasks = mill.splits.train_of(round_)
    title = f"round {round_ + 1}: hypotheses for {len(tasks)} training tasks"
    async with mill.timed(stage, title), following(mill.progress, config.budget, ends=False) as progress:
        summary = await run_campaign(
            tasks,
            config,
            name=run,
            store=mill.store,
            proposer=await mill.model(state["adapter"]),
            pool=mill.pool,
            resume=begun,
            on_event=mill.alerts.beside(progress, config, part=True),
        )
        mill.records.write(stage, summary)
    mill.progress.note(
        f"{summary.hypotheses} hypotheses, {summary.verified} verified ({100 * summary.verified_share:.1f}%), "
        + (f"passed besides {weaker}, " if (weaker := weaker_words(summary.unverified)) else "")
        + f"{summary.solved}/{summary.tasks} tasks solved"
    )
    return {}


async def curate(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """Trajectories that were verified, or are accepted → rows, with nothing of the gate and test sets in them."""
    mill, round_ = runtime.context, state["round"]
    stage = f"round-{round_ + 1}/curated"
    if mill.records.read(stage, Curated) is not None:
        return {}
    async with mill.timed(stage, f"round {round_ + 1}: rows to learn from"):
        trajectories = await asyncio.to_thread(trajectories_of, mill, round_)
        held_out = {"gate": mill.splits.gates_until(round_), "test": mill.splits.test}
        profile = choose_profile(mill.config.run.prompts.profile, mill.config.run.model)
        curated = await asyncio.to_thread(
            rows_of,
            trajectories,
            held_out=held_out,
            config=mill.config.curated,
            accept=mill.config.run.accept,
            profile=profile,
            reflections=mill.config.reflections,
        )
        if curated.rows:
            folder = mill.folder / f"round-{round_ + 1}/dataset"
            write_dataset(
                curated.rows,
                folder,
                format="sft",
                run=f"{mill.name}-round-{round_ + 1}",
                prompts=mill.config.curate.prompts,
                parquet=True,
                force=True,
                decontamination=curated.decontamination,
                left_out=curated.dropped,
                seeds={
                    "the run": mill.config.run.seed + round_,
                    "what was drawn for this dataset": mill.config.curate.seed,
                },
            )
        named = {each.task.id: strata_of(each.task) for each in trajectories}
        covered = coverage((row["task"] for row in curated.rows), named, mill.splits.strata())
        mill.records.write(f"round-{round_ + 1}/coverage", covered)
        mill.records.write(stage, curated)
    for name, reason in (curated.decontamination.unchecked if curated.decontamination else {}).items():
        mill.progress.note(f"not checked against {name}: {reason}")
    left_out = ", ".join(f"{count} {reason}" for reason, count in curated.dropped.items() if count)
    weaker = weaker_words(unverified(curated.rows))
    said = f"{len(curated.rows)} rows" + (f", of them {weaker}, not verified" if weaker else "")
    mill.progress.note(said + (f"; left out: {left_out}" if left_out else ""))
    return {}


async def train(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """A LoRA adapter on the round's rows, from the base model or going on from the one in use."""
    mill, round_ = runtime.context, state["round"]
    stage = f"round-{round_ + 1}/trained"
    if mill.records.read(stage, TrainedAdapter) is not None:
        return {}
    curated = mill.records.read(f"round-{round_ + 1}/curated", Curated)
    rows = await asyncio.to_thread(_shaped, mill, round_, curated.rows if curated else ())
    last = state["adapter"] if mill.config.start == "last" else None
    await mill.rest()
    whence = "" if last is None else f", going on from {Path(last).name}"
    async with mill.timed(stage, f"round {round_ + 1}: training a LoRA adapter on {len(rows)} rows{whence}"):
        trained = await asyncio.to_thread(
            mill.config.method.train,
            rows,
            base=mill.base,
            out=mill.adapters.prepare(f"{mill.name}-round-{round_ + 1}"),
            progress=lambda step, steps, loss: mill.progress.update(step, steps, f"loss {loss:.3f}"),
            adapter=None if last is None else Path(last),
        )
        mill.records.write(stage, trained)
    return {}


def _shaped(mill: Mill, round_: int, rows: Rows) -> Rows:
    """The round's rows as the method reads them."""
    if mill.config.method.kind == "sft":
        return rows
    run = mill.config.run
    return shaped(
        mill.config.method.kind,
        rows,
        trajectories_of(mill, round_),
        config=mill.config.curated,
        accept=run.accept,
        profile=choose_profile(run.prompts.profile, run.model),
    )


async def evaluate(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """What the new adapter can do on the gate set; on a fresh one, first what the one in use can."""
    mill, round_ = runtime.context, state["round"]
    trained = mill.records.read(f"round-{round_ + 1}/trained", TrainedAdapter)
    adapter = str(trained.path) if trained else None
    if mill.config.gate.gate == "open":
        await in_batches(mill, round_, state["adapter"], adapter)
        return {}
    tasks, before = mill.gate_set(round_), _gate_before(mill, round_)
    if mill.splits.fresh and round_:
        await mill.evaluation(before, f"round {round_ + 1}: what is in use, on its gate set", tasks, state["adapter"])
    title = f"round {round_ + 1}: the new adapter on the gate set"
    await mill.evaluation(f"round-{round_ + 1}/gate-after", title, tasks, adapter)
    return {}


async def gate(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """Keep the new adapter only if it is better beyond noise; else the old one stays."""
    mill, round_ = runtime.context, state["round"]
    stage = f"round-{round_ + 1}/gate"
    trained = mill.records.read(f"round-{round_ + 1}/trained", TrainedAdapter)
    decision = mill.records.read(stage, GateDecision)
    if decision is None:
        before = _evaluated(mill, _gate_before(mill, round_))
        after = _evaluated(mill, f"round-{round_ + 1}/gate-after")
        decision = await decided(
            mill, round_, before, after, state["adapter"], None if trained is None else str(trained.path)
        )
        # Before the decision is kept: a kill between the two must not leave a kept adapter out of use.
        if decision.kept and trained is not None:
            mill.adapters.promote(trained.path.name)
        mill.records.write(stage, decision)
        mill.progress.note(f"gate: {'kept' if decision.kept else 'not kept'} — {decision.reason}")
    mill.alerts.tell(*gate_alerts(decision, round_))
    kept = str(trained.path) if decision.kept and trained else state["adapter"]
    return {"round": round_ + 1, "adapter": kept}


async def report(state: RoundsState, runtime: MillRuntime) -> dict[str, Any]:
    """The test set, which nothing so far has seen: the base model, then what each round trained."""
    from gristmill.trainers.improve.report import write_summary

    mill = runtime.context
    tasks = mill.test_set()
    await mill.evaluation("test-before", "the base model on the test set", tasks, None)
    for round_ in range(state["round"] + 1):
        trained = mill.records.read(f"round-{round_ + 1}/trained", TrainedAdapter)
        if trained is not None:
            kept = str(trained.path) == state["adapter"]
            title = ("the kept adapter" if kept else f"round {round_ + 1}: its adapter") + " on the test set"
            await mill.evaluation(f"round-{round_ + 1}/test", title, tasks, str(trained.path))
    await mill.close()
    improvement = summarize(mill.config, mill.splits, mill.records, mill.folder, state["adapter"])
    # Before the record: a kill between the two must not leave an improvement that has ended without its summary.
    await asyncio.to_thread(write_summary, improvement, mill.folder)
    mill.records.write("summary", improvement)
    mill.alerts.tell(ended(improvement.adapter, len(improvement.rounds)))
    return {}


def _gate_before(mill: Mill, round_: int) -> str:
    """The gate evaluation of the adapter in use before this round."""
    own = mill.splits.fresh and (bool(round_) or mill.config.gate.gate == "open")
    return gate_before(mill.records, round_, own=own)


def _evaluated(mill: Mill, stage: str) -> Evaluation:
    evaluation = mill.records.read(stage, Evaluation)
    if evaluation is None:
        raise RuntimeError(f"the gate ran before {stage} was evaluated")
    return evaluation
