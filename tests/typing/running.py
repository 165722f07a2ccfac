"""A run by Python: a proposer, a configuration, a store, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

from gristmill.graph import CampaignSummary, Proposer, RunConfig, StopReason, Store, Trajectory, run_campaign
from gristmill.verifiers import Task

CONFIG = RunConfig.of(hypotheses=4, rounds=2, calls=100)


async def solved(
    tasks: list[Task], proposer: Proposer, workspace: Path, sandbox: str = "auto"
) -> tuple[CampaignSummary, list[Trajectory]]:
    config = CONFIG.model_copy(update={"sandbox": sandbox})
    with Store.open(workspace) as store:
        async with proposer:
            summary = await run_campaign(tasks, config, name="first", store=store, proposer=proposer)
        trajectories = list(store.trajectories("first"))
    assert_type(summary, CampaignSummary)
    assert_type(summary.stops, dict[StopReason, int])
    assert_type(trajectories, list[Trajectory])
    return summary, trajectories
