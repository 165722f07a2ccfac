"""What an improvement came to, gathered from the records of its stages."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from gristmill.graph.campaign import CampaignSummary
from gristmill.trainers.data.card import unverified
from gristmill.trainers.data.curate import Curated
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.coverage.strata import Coverage, Wave
from gristmill.trainers.improve.drawn import Commitments, Opened
from gristmill.trainers.improve.gate import GateDecision, compared
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.improve.splits import Sets
from gristmill.trainers.measure.evaluation import Evaluation, TaskResult
from gristmill.trainers.methods.base import TrainedAdapter
from gristmill.trainers.records import ComparedAnswers, GateSummary, Improvement, RoundSummary, SealedSet, WaveSummary

__all__ = ["round_so_far", "summarize"]

EXAMPLES = 8
STAGES = {
    "gate-before": "baseline",
    "test-before": "baseline",
    "campaign": "campaign",
    "curated": "curate",
    "trained": "train",
    "gate-after": "evaluate",
    "test": "report",
}
_WAVE = "wave-"
_ASKED = ("gate-before-", "gate-after-", "retention-", "sampled-")


def summarize(
    config: ImproveConfig, splits: Sets, records: StageRecords, folder: Path, adapter: str | None
) -> Improvement:
    """One record out of the stages' records; a stage that did not run leaves its part empty.

    Args:
        folder: where the datasets were written.
        adapter: the one in use at the end.
    """
    before = records.read("test-before", Evaluation)
    if before is None:
        raise RuntimeError("an improvement without a baseline cannot be summarized")
    rounds = tuple(
        found for number in range(config.rounds) if (found := round_so_far(number, records, folder)) is not None
    )
    in_use = next((each.round for each in rounds if adapter is not None and each.adapter == adapter), None)
    after = before if in_use is None else records.read(f"round-{in_use + 1}/test", Evaluation) or before
    tested = [each for number in range(len(rounds)) if (each := records.read(f"round-{number + 1}/test", Evaluation))]
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
        families=_families(before),
        held_out_families=splits.held_out_families,
        sealed=_sealed(records),
        accept=config.run.accept,
        strengths=compared(before.results, after.results),
        adapter=adapter,
        examples=_examples(splits, before, after),
        seconds=_seconds(records),
        tokens=sum(round_.tokens for round_ in rounds) + sum(each.tokens for each in (before, *tested)),
    )


def round_so_far(number: int, records: StageRecords, folder: Path) -> RoundSummary | None:
    """What a round, the first of which is 0, has come to; None before its campaign has ended."""
    part = f"round-{number + 1}"
    campaign = records.read(f"{part}/campaign", CampaignSummary)
    if campaign is None:
        return None
    curated = records.read(f"{part}/curated", Curated)
    trained = records.read(f"{part}/trained", TrainedAdapter)
    gate = records.read(f"{part}/gate", GateDecision)
    test = records.read(f"{part}/test", Evaluation)
    covered = records.read(f"{part}/coverage", Coverage)
    waves = list[Wave]()
    while (wave := records.read(f"{part}/{_WAVE}{len(waves) + 1}", Wave)) is not None:
        waves.append(wave)
    runs = [campaign, *(wave.summary for wave in waves if wave.summary is not None)]
    weaker: Counter[str] = Counter()
    for run in runs:
        weaker.update({strength.value: count for strength, count in run.unverified.items()})
    return RoundSummary(
        round=number,
        run=campaign.run,
        hypotheses=sum(run.hypotheses for run in runs),
        unscored=sum(run.unscored for run in runs),
        verified=sum(run.verified for run in runs),
        unverified=dict(weaker),
        tasks=campaign.tasks,
        solved=campaign.solved,
        rows=trained.rows if trained else 0,
        weaker_rows=unverified(curated.rows) if curated else {},
        dropped={reason: count for reason, count in (curated.dropped if curated else {}).items() if count},
        tokens=sum(run.tokens.prompt + run.tokens.completion for run in runs),
        adapter=str(trained.path) if trained else None,
        dataset=str(folder / f"{part}/dataset") if curated and curated.rows else None,
        loss=trained.loss if trained else (),
        test=test.pass_at[1] if test else None,
        families=_families(test) if test else (),
        waves=tuple(_wave(wave) for wave in waves),
        coverage=covered.rows if covered else {},
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
            gate=gate.gate,
            e_value=gate.e_value,
            queries=gate.queries,
            guards=tuple((guard.name, guard.ok, guard.words) for guard in gate.guards),
        ),
    )


def _wave(wave: Wave) -> WaveSummary:
    found = wave.summary
    return WaveSummary(
        strata=len(wave.plan.wanted),
        tasks=found.tasks if found else 0,
        hinted=len(wave.hinted),
        tries=wave.plan.tries,
        hypotheses=found.hypotheses if found else 0,
        verified=found.verified if found else 0,
        solved=found.solved if found else 0,
    )


def _sealed(records: StageRecords) -> tuple[SealedSet, ...]:
    said = records.read("commitments", Commitments)
    opened = {part: records.read(f"{part}-opened", Opened) for part in (said.sha256 if said else ())}
    return tuple(
        SealedSet(part=part, sha256=digest, key=kept.key if (kept := opened[part]) else None)
        for part, digest in (said.sha256 if said else {}).items()
    )


def _families(evaluation: Evaluation) -> tuple[tuple[str, int, int], ...]:
    """(family, passed, scored tasks) by the ``family:`` tags."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for result in evaluation.results:
        for tag in result.tags:
            if tag.startswith("family:") and result.passed and result.passed[0] is not None:
                row = counts[tag.removeprefix("family:")]
                row[0] += _first(result)
                row[1] += 1
    return tuple((family, passed, total) for family, (passed, total) in sorted(counts.items()))


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


def _examples(splits: Sets, before: Evaluation, after: Evaluation) -> tuple[ComparedAnswers, ...]:
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
        part = stage.rpartition("/")[2]
        asked = part.startswith(_ASKED)
        total["campaign" if part.startswith(_WAVE) else "evaluate" if asked else STAGES[part]] += seconds
    return dict(total)
