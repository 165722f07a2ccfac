"""The whole of a recipe's run, as its report and its `--json` tell it; read from the store alone."""

from __future__ import annotations

from pydantic import Field

from gristmill.graph.comparing import compare
from gristmill.sandbox.records import Record
from gristmill.trainers.data.curate import Curated
from gristmill.trainers.improve.gate import GateDecision
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.measure.estimates import share_of
from gristmill.trainers.measure.records import Evaluation
from gristmill.trainers.methods.base import TrainedAdapter
from gristmill.trainers.recipes.isheep.config import IsheepConfig
from gristmill.trainers.recipes.isheep.context import Flock
from gristmill.trainers.recipes.isheep.measuring.agreement import Agreement
from gristmill.trainers.recipes.isheep.measuring.drift import Departures, Drift
from gristmill.trainers.recipes.isheep.measuring.fairness import Probe
from gristmill.trainers.recipes.isheep.measuring.looking import Turns
from gristmill.trainers.recipes.isheep.measuring.published import Ifeval, Mean, MtBench
from gristmill.trainers.recipes.isheep.records import Filtered, Pairs, Written
from gristmill.trainers.recipes.isheep.stages import decided, ends
from gristmill.trainers.records import Share

__all__ = ["IsheepSummary", "Iteration", "Tested", "iteration", "published_lines", "summarize", "tested"]

_HELD_OUT = "family:told-instructions-held-out"


class Tested(Record):
    """The test set: prompts as the iterations had them, and those with constraints that no training saw."""

    told: Share
    held_out: Share
    difference: float = Field(0.0, description="over both, against the base model")
    low: float = Field(0.0, description="95% interval of that")
    high: float = 0.0
    p_better: float | None = None
    passed: tuple[bool | None, ...] = Field((), description="by prompt, in the order of the set; None is unscored")


class Iteration(Record):
    """One iteration."""

    number: int
    asked: int
    prompts: int
    refused: dict[str, int]
    pairs: int
    second_turns: int
    decided: int = Field(description="pairs that a tool could decide")
    passed: int = Field(description="of these")
    agreement: tuple[Agreement, ...] = ()
    filtered: Filtered | None = None
    rows: int = 0
    verified_rows: int = 0
    gate: GateDecision | None = None
    adapter: str | None = None
    test: Tested | None = None
    turns: Turns | None = None
    mtbench: MtBench | None = None
    drift: Drift | None = None
    probe: Probe | None = None
    events: Departures | None = None


class IsheepSummary(Record):
    """The whole."""

    name: str
    config: IsheepConfig
    ended: str = Field(description="why no further iteration came")
    base: Tested | None
    base_turns: Turns | None = None
    base_drift: Drift | None = None
    base_probe: Probe | None = None
    base_mtbench: MtBench | None = None
    base_ifeval: Ifeval | None = None
    ifeval: Ifeval | None = Field(None, description="of the last iteration's adapter")
    iterations: tuple[Iteration, ...]
    adapter: str | None = Field(description="the one that is kept")
    seconds: dict[str, float]


def summarize(flock: Flock, rounds: int, adapter: str | None) -> IsheepSummary:
    """What the store has of so many iterations."""
    records = flock.records
    base = records.read("test-before", Evaluation)
    return IsheepSummary(
        name=flock.name,
        config=flock.recipe,
        ended=ends(flock, rounds) if decided(flock, rounds - 1) else f"iteration {rounds} left nothing to train on",
        base=None if base is None else tested(base, None),
        base_turns=records.read("two-turns-before", Turns),
        base_drift=records.read("drift-before", Drift),
        base_probe=records.read("probe-before", Probe),
        base_mtbench=records.read("mt-bench-before", MtBench),
        base_ifeval=records.read("ifeval-before/accuracies", Ifeval),
        ifeval=records.read("ifeval-after/accuracies", Ifeval),
        iterations=tuple(iteration(records, round_, base) for round_ in range(rounds)),
        adapter=adapter,
        seconds=records.seconds(),
    )


def iteration(records: StageRecords, round_: int, base: Evaluation | None) -> Iteration:
    """What an iteration, the first of which is 0, has come to by now.

    Args:
        base: the base model on the test set, where it was asked.
    """
    part = f"round-{round_ + 1}"
    written = records.read(f"{part}/written", Written) or Written(tasks=(), asked=0, refused={})
    assessed = records.read(f"{part}/assessed", Pairs)
    pairs = assessed.pairs if assessed else ()
    curated = records.read(f"{part}/curated", Curated)
    rows = curated.rows if curated else ()
    trained = records.read(f"{part}/trained", TrainedAdapter)
    test = records.read(f"{part}/test", Evaluation)
    known = [
        found for scale in ("quality", "following") if (found := records.read(f"{part}/agreement-{scale}", Agreement))
    ]
    verdicts = [pair.passed for pair in pairs if pair.passed is not None]
    return Iteration(
        number=round_ + 1,
        asked=written.asked,
        prompts=len(written.tasks),
        refused=written.refused,
        pairs=len(pairs),
        second_turns=sum(pair.turn == 2 for pair in pairs),
        decided=len(verdicts),
        passed=sum(verdicts),
        agreement=tuple(known),
        filtered=records.read(f"{part}/filtered", Filtered),
        rows=len(rows),
        verified_rows=sum(row["verified"] for row in rows),
        gate=records.read(f"{part}/gate", GateDecision),
        adapter=None if trained is None else str(trained.path),
        test=None if test is None else tested(test, base),
        turns=records.read(f"{part}/two-turns", Turns),
        mtbench=records.read(f"{part}/mt-bench", MtBench),
        drift=records.read(f"{part}/drift", Drift),
        probe=records.read(f"{part}/probe", Probe),
        events=records.read(f"{part}/events", Departures),
    )


def tested(now: Evaluation, base: Evaluation | None) -> Tested:
    """The test set as one adapter answers it, held against the base model's answers."""
    held = [result for result in now.results if _HELD_OUT in result.tags]
    shares = {"told": share_of([each for each in now.results if each not in held]), "held_out": share_of(held)}
    passed = tuple(result.passed[0] for result in now.results)
    if base is None:
        return Tested(**shares, passed=passed)
    before = {result.task_id: result.passed[0] for result in base.results}
    pair = compare([before[result.task_id] for result in now.results], passed)
    low, high = pair.interval
    return Tested(**shares, difference=pair.difference, low=low, high=high, p_better=pair.p_better, passed=passed)


def published_lines(summary: IsheepSummary) -> list[str]:
    """MT-Bench and IFEval in words, a line each: the base model, then what was trained."""
    scored = [("the base", summary.base_mtbench)]
    scored += [(f"iteration {each.number}", each.mtbench) for each in summary.iterations]
    lines = [
        f"MT-Bench, {who}, by {found.judge} (self_assessed): turn 1 {_of_ten(found.first)}, "
        f"turn 2 {_of_ten(found.second)}, gap {_of_ten(found.gap, '+')}; "
        f"{found.first.unread + found.second.unread} scores could not be read"
        for who, found in scored
        if found is not None
    ]
    for who, each in (("the base", summary.base_ifeval), ("the last adapter", summary.ifeval)):
        if each is not None:
            shares = each.accuracies
            against = ""
            if each.difference is not None and each.interval is not None:
                low, high = each.interval
                against = (
                    f"; against the base {100 * each.difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
                )
            lines.append(
                f"IFEval, {who}, {shares.prompt_strict.total} prompts: strict {100 * shares.prompt_strict.rate:.1f}% "
                f"of prompts, {100 * shares.instruction_strict.rate:.1f}% of instructions; loose "
                f"{100 * shares.prompt_loose.rate:.1f}%, {100 * shares.instruction_loose.rate:.1f}%{against}"
            )
    return lines


def _of_ten(mean: Mean, sign: str = "") -> str:
    if mean.mean is None:
        return "cannot be told"
    low_high = "" if mean.interval is None else " ({:{sign}.2f} to {:{sign}.2f})".format(*mean.interval, sign=sign)
    return f"{mean.mean:{sign}.2f}{low_high}"
