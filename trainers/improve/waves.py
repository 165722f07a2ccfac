"""The second part of a round's tries: to strata that have fewer verified rows than they should, wave after wave."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Literal

from gristmill.graph.campaign import CampaignSummary, run_campaign
from gristmill.graph.commands.run_progress import following
from gristmill.graph.config import RunConfig
from gristmill.graph.context import MessagesFor
from gristmill.graph.prompts.messages import messages_for
from gristmill.graph.records import Message, Step, Trajectory
from gristmill.trainers.improve.context import Mill, MillRuntime
from gristmill.trainers.improve.coverage.rows import hint_of
from gristmill.trainers.improve.coverage.strata import Wave, WavePlan, found_rows, plan_wave
from gristmill.trainers.improve.state import RoundsState
from gristmill.verifiers.records import Task

__all__ = ["first_tries", "hinting", "round_runs", "searched", "trajectories_of", "waves", "waves_of"]


def first_tries(config: RunConfig, few: int) -> RunConfig:
    """The search of a round before strata are looked at: a few hypotheses a task."""
    return config.changed(hypotheses=min(few, config.search.hypotheses))


def waves_of(mill: Mill, round_: int) -> list[Wave]:
    """The waves of a round that have ended, in order."""
    found: list[Wave] = []
    while (wave := mill.records.read(f"round-{round_ + 1}/wave-{len(found) + 1}", Wave)) is not None:
        found.append(wave)
    return found


def round_runs(mill: Mill, round_: int) -> list[str]:
    """The runs of a round that have ended, the first search first."""
    first = mill.records.read(f"round-{round_ + 1}/campaign", CampaignSummary)
    runs = [] if first is None else [first.run]
    return runs + [wave.summary.run for wave in waves_of(mill, round_) if wave.summary is not None]


def trajectories_of(mill: Mill, round_: int) -> list[Trajectory]:
    """What a round's rows come from: of all rounds so far, or of its own alone, as the configuration says."""
    rounds = range(round_ + 1) if mill.config.rows == "cumulative" else (round_,)
    return [story for each in rounds for run in round_runs(mill, each) for story in mill.store.trajectories(run)]


def searched(mill: Mill, round_: int) -> list[Task]:
    """The tasks of all runs up to this round, as often as they were searched."""
    return [task for each in range(round_ + 1) for run in round_runs(mill, each) for task in mill.store.tasks(run)]


async def waves(state: RoundsState, runtime: MillRuntime) -> dict[str, object]:
    """What is left of the round's hypotheses, for strata with fewer than `stratum_rows` verified rows.

    A wave's plan follows from what is stored, so that one that was cut off is planned again as it was.
    """
    mill, round_ = runtime.context, state["round"]
    knobs = mill.config.strata
    goal = mill.config.wanted_rows
    if not goal:
        return {}
    for number in range(len(waves_of(mill, round_)) + 1, knobs.waves + 1):
        left = _left(mill, round_)
        rows = found_rows(
            trajectories_of(mill, round_),
            mill.splits.strata(),
            accept=mill.config.run.accept,
            per_task=mill.config.curate.per_task,
        )
        plan = plan_wave(
            rows, goal=goal, budget=left // (knobs.waves + 1 - number), tries=mill.config.run.search.hypotheses
        )
        if plan is None:
            break
        empty = {name for name, count in rows.items() if not count} if number > knobs.hint_after else set[str]()
        if not await _wave(mill, state, number, plan, empty if knobs.hint_after else ()):
            break
    return {}


def _left(mill: Mill, round_: int) -> int:
    """Hypotheses that the round may still take."""
    search = mill.config.run.search
    whole = len(mill.splits.train_of(round_)) * search.hypotheses * search.rounds
    return whole - sum(mill.store.summary(run).hypotheses for run in round_runs(mill, round_))


async def _wave(mill: Mill, state: RoundsState, number: int, plan: WavePlan, empty: Collection[str]) -> bool:
    """One wave; whether there was anything to search."""
    round_ = state["round"]
    stage, run = f"round-{round_ + 1}/wave-{number}", f"{mill.name}-round-{round_ + 1}-wave-{number}"
    drawn = mill.splits.of_strata(round_, number, plan.wanted, searched(mill, round_))
    hinted = tuple(task.id for stratum, task in drawn if stratum in empty and hint_of(task))
    tasks = [task for _, task in drawn]
    if not tasks:
        mill.records.write(stage, Wave(plan=plan))
        return False
    config = mill.config.run.changed(
        adapter=state["adapter"], seed=_seed(mill.config.run.seed, round_, number), hypotheses=plan.tries, rounds=1
    )
    said = f", {len(hinted)} with their hint" if hinted else ""
    title = (
        f"round {round_ + 1}, wave {number}: {plan.tries} hypotheses for each of {len(tasks)} tasks of "
        f"{len(plan.wanted)} strata that lack rows{said}"
    )
    async with mill.timed(stage, title), following(mill.progress, config.budget, ends=False) as progress:
        summary = await run_campaign(
            tasks,
            config,
            name=run,
            store=mill.store,
            proposer=await mill.model(state["adapter"]),
            pool=mill.pool,
            resume=any(each.name == run for each in mill.store.runs()),
            on_event=mill.alerts.beside(progress, config, part=True),
            messages_for=hinting(hinted) if hinted else None,
        )
        mill.records.write(stage, Wave(plan=plan, hinted=hinted, summary=summary))
    mill.progress.note(
        f"{summary.hypotheses} hypotheses, {summary.verified} verified ({100 * summary.verified_share:.1f}%), "
        f"{summary.solved}/{summary.tasks} tasks solved"
    )
    return True


def hinting(tasks: Collection[str]) -> MessagesFor:
    """Prompts as usual; those of these tasks say their hint besides, which no row does: it asks the bare prompt."""

    def made(
        task: Task, *, profile: Literal["chat", "small"], round: int, parents: Sequence[Step]
    ) -> tuple[Message, ...]:
        asked = task
        if task.id in tasks:
            asked = task.model_copy(update={"prompt": f"{task.prompt}\nHint: {hint_of(task)}"})
        return messages_for(asked, profile=profile, round=round, parents=parents)

    return made


def _seed(seed: int, round_: int, wave: int) -> int:
    """Tasks of a file are asked again, and must not get the replies that they got."""
    said = hashlib.sha256(f"{seed}/round {round_ + 1}/wave {wave}".encode()).digest()
    return int.from_bytes(said[:4])
