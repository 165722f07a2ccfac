"""What an improvement came to, gathered from the records of its stages."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from gristmill.graph.campaign import CampaignSummary
from gristmill.trainers.data.card import unverified
from gristmill.trainers.data.curate import Curated
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.gate import GateDecision, compared
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.improve.splits import Splits
from gristmill.trainers.measure.evaluation import Evaluation, TaskResult
from gristmill.trainers.methods.base import TrainedAdapter
from gristmill.trainers.records import ComparedAnswers, GateSummary, Improvement, RoundSummary

__all__ = ["summarize"]

EXAMPLES = 8
STAGES = {
    "gate-before": "baseline",
    "test-before": "baseline",
    "campaign": "campaign",
    "curated": "curate",
    "trained": "train",
    "gate-after": "evaluate",
    "test-after": "report",
}


def summarize(
    config: ImproveConfig, splits: Splits, records: StageRecords, folder: Path, adapter: str | None
) -> Improvement:
    """One record out of the stages' records; a stage that did not run leaves its part empty.

    Args:
        folder: where the datasets were written.
        adapter: the one in use at the end.
    """
    before = records.read("test-before", Evaluation)
    if before is None:
        raise RuntimeError("an improvement without a baseline cannot be summarized")
    after = records.read("test-after", Evaluation) or before
    rounds = tuple(
        _round(number, campaign, records, folder)
        for number in range(config.rounds)
        if (campaign := records.read(f"round-{number + 1}/campaign", CampaignSummary)) is not None
    )
    return Improvement(
        name=records.name,
        model=config.run.model,
        seed=config.run.seed,
        splits=splits.counts,
        test_before=before.pass_at[1],
        test_after=after.pass_at[1],
        test_combinations=len({tag for task in splits.test for tag in task.tags if tag.startswith("combo:")}),
        groups=_groups(before, after),
        rounds=rounds,
        accept=config.run.accept,
        strengths=compared(before.results, after.results),
        adapter=adapter,
        examples=_examples(splits, before, after),
        seconds=_seconds(records),
        tokens=sum(round_.tokens for round_ in rounds) + before.tokens + (after.tokens if after is not before else 0),
    )


def _round(number: int, campaign: CampaignSummary, records: StageRecords, folder: Path) -> RoundSummary:
    part = f"round-{number + 1}"
    curated = records.read(f"{part}/curated", Curated)
    trained = records.read(f"{part}/trained", TrainedAdapter)
    gate = records.read(f"{part}/gate", GateDecision)
    return RoundSummary(
        round=number,
        run=campaign.run,
        hypotheses=campaign.hypotheses,
        unscored=campaign.unscored,
        verified=campaign.verified,
        unverified={strength.value: count for strength, count in campaign.unverified.items()},
        tasks=campaign.tasks,
        solved=campaign.solved,
        rows=trained.rows if trained else 0,
        weaker_rows=unverified(curated.rows) if curated else {},
        dropped={reason: count for reason, count in (curated.dropped if curated else {}).items() if count},
        tokens=campaign.tokens.prompt + campaign.tokens.completion,
        adapter=str(trained.path) if trained else None,
        dataset=str(folder / f"{part}/dataset") if curated and curated.rows else None,
        loss=trained.loss if trained else (),
        gate=None
        if gate is None
        else GateSummary(
            kept=gate.kept,
            reason=gate.reason,
            before=gate.before,
            after=gate.after,
            delta=gate.delta,
            low=gate.interval[0],
            high=gate.interval[1],
            p_value=gate.p_value,
            strengths=gate.strengths,
        ),
    )


def _first(result: TaskResult) -> bool:
    return bool(result.passed and result.passed[0])


def _groups(before: Evaluation, after: Evaluation) -> tuple[tuple[str, int, int, int], ...]:
    later = {result.task_id: result for result in after.results}
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for result in before.results:
        for tag in result.tags:
            if tag.startswith("combo:"):
                row = counts[tag.removeprefix("combo:")]
                row[0] += _first(result)
                row[1] += _first(later[result.task_id])
                row[2] += 1
    return tuple((combo, *row) for combo, row in sorted(counts.items()))  # type: ignore[misc]  # three counters each


def _examples(splits: Splits, before: Evaluation, after: Evaluation) -> tuple[ComparedAnswers, ...]:
    prompts = {task.id: task.prompt for task in splits.test}
    later = {result.task_id: result for result in after.results}
    pairs = [(result, later[result.task_id]) for result in before.results]
    # What was learned first, then what was lost, then what is still wrong: a report that hides losses is no report.
    fixed = [pair for pair in pairs if not _first(pair[0]) and _first(pair[1])]
    lost = [pair for pair in pairs if _first(pair[0]) and not _first(pair[1])]
    wrong = [pair for pair in pairs if not _first(pair[0]) and not _first(pair[1])]
    return tuple(
        ComparedAnswers(
            task=old.task_id,
            prompt=prompts[old.task_id],
            before=old.replies[0],
            after=new.replies[0],
            before_passed=_first(old),
            after_passed=_first(new),
        )
        for old, new in [*fixed[:EXAMPLES], *lost[: EXAMPLES // 2], *wrong[: EXAMPLES // 2]]
    )


def _seconds(records: StageRecords) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for stage, seconds in records.seconds().items():
        total[STAGES[stage.rpartition("/")[2]]] += seconds
    return dict(total)
