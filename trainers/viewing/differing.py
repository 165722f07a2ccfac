"""The gate's tasks on which the adapter in use and the new one differ, with both replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gristmill.graph.nodes.identity import hypothesis_id
from gristmill.graph.view.registry import Asked
from gristmill.trainers.improve.asking.deciding import gate_before
from gristmill.trainers.improve.context import evaluation_run
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.measure.records import Evaluation
from gristmill.trainers.methods.base import TrainedAdapter
from gristmill.trainers.records import RoundSummary

__all__ = ["Differing", "GateTasks", "gate_tasks"]

_MOST = 100
"""Tasks of one kind that a page lists."""


@dataclass(frozen=True, slots=True)
class Differing:
    """A task that passes with one of the two alone; where each reply is, if the store has its run."""

    task: str
    before: Asked | None
    after: Asked | None


@dataclass(frozen=True, slots=True)
class GateTasks:
    """What a gate's tasks came to, each asked with both."""

    won: Sequence[Differing]
    lost: Sequence[Differing]
    wins: int
    losses: int
    both: int
    neither: int
    unscored: int
    """Of either side; they decide nothing."""


def gate_tasks(records: StageRecords, round_: RoundSummary, runs: frozenset[str]) -> GateTasks | None:
    """The tasks of a round's gate; None where it has not decided, or lets out no more than its decision.

    A set that is asked again tells nothing else: whoever learned which tasks were lost could train on them.

    Args:
        runs: names of those that the store has.
    """
    part = f"round-{round_.round + 1}"
    after = records.read(f"{part}/gate-after", Evaluation)
    if after is None or round_.gate is None or round_.gate.gate == "fixed":
        return None
    own = records.read(f"{part}/gate-before", Evaluation)
    stage = gate_before(records, round_.round, own=own is not None)
    before = own or records.read(stage, Evaluation)
    if before is None:
        return None
    old = {result.task_id: result for result in before.results}
    pairs = [(old[new.task_id].passed[0], new.passed[0], new.task_id) for new in after.results if new.task_id in old]
    was, now = _places(records, stage, runs), _places(records, f"{part}/gate-after", runs)

    def differing(tasks: Sequence[str]) -> list[Differing]:
        return [Differing(task, was.get(task), now.get(task)) for task in tasks[:_MOST]]

    won = [task for one, other, task in pairs if one is False and other is True]
    lost = [task for one, other, task in pairs if one is True and other is False]
    return GateTasks(
        won=differing(won),
        lost=differing(lost),
        wins=len(won),
        losses=len(lost),
        both=sum(bool(one and other) for one, other, _ in pairs),
        neither=sum(one is False and other is False for one, other, _ in pairs),
        unscored=sum(one is None or other is None for one, other, _ in pairs),
    )


def _places(records: StageRecords, stage: str, runs: frozenset[str]) -> dict[str, Asked]:
    """Where the reply to each task of an evaluation is; an open gate's were asked for batch by batch."""
    part, _, kind = stage.rpartition("/")
    batches: list[tuple[str, Evaluation]] = []
    while part and (
        batch := records.read(at := f"{part}/{kind}-r{part.removeprefix('round-')}-b{len(batches) + 1}", Evaluation)
    ):
        batches.append((at, batch))
    if not batches and (whole := records.read(stage, Evaluation)) is not None:
        batches.append((stage, whole))
    found: dict[str, Asked] = {}
    for at, evaluation in batches:
        run = next((each for each in _runs(records, at) if each in runs), None)
        if run is not None:
            for result in evaluation.results:
                found[result.task_id] = Asked("hypothesis", run, hypothesis_id(result.task_id, 0, 0))
    return found


def _runs(records: StageRecords, stage: str) -> list[str]:
    """Names that the run of an evaluation may have, by the adapters that there were by then, the newest first."""
    named, _, kind = stage.rpartition("/")
    last = int(named.removeprefix("round-")) if named else 0
    newest = last if kind.startswith("gate-after") else last - 1
    trained = [records.read(f"round-{number}/trained", TrainedAdapter) for number in range(newest, 0, -1)]
    adapters = [str(each.path) for each in trained if each is not None]
    return [evaluation_run(records.name, stage, adapter) for adapter in (*adapters, None)]
