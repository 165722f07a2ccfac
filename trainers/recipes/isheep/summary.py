"""The whole of a recipe's run, as its report and its `--json` tell it; read from the store alone."""

from __future__ import annotations

from pydantic import Field

from gristmill.graph.comparing import compare
from gristmill.sandbox.records import Record
from gristmill.trainers.data.curate import Curated
from gristmill.trainers.improve.gate import GateDecision
from gristmill.trainers.measure.estimates import share_of
from gristmill.trainers.measure.records import Evaluation
from gristmill.trainers.methods.base import TrainedAdapter
from gristmill.trainers.recipes.isheep.config import IsheepConfig
from gristmill.trainers.recipes.isheep.context import Flock
from gristmill.trainers.recipes.isheep.measuring.agreement import Agreement
from gristmill.trainers.recipes.isheep.measuring.drift import Departures, Drift
from gristmill.trainers.recipes.isheep.measuring.fairness import Probe
from gristmill.trainers.recipes.isheep.measuring.looking import Turns
from gristmill.trainers.recipes.isheep.records import Filtered, Pairs, Written
from gristmill.trainers.recipes.isheep.stages import decided, ends
from gristmill.trainers.records import Share

__all__ = ["IsheepSummary", "Iteration", "Tested", "summarize"]

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
        base=None if base is None else _tested(base, None),
        base_turns=records.read("two-turns-before", Turns),
        base_drift=records.read("drift-before", Drift),
        base_probe=records.read("probe-before", Probe),
        iterations=tuple(_iteration(flock, round_, base) for round_ in range(rounds)),
        adapter=adapter,
        seconds=records.seconds(),
    )


def _iteration(flock: Flock, round_: int, base: Evaluation | None) -> Iteration:
    part, records = f"round-{round_ + 1}", flock.records
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
        gate=decided(flock, round_),
        adapter=None if trained is None else str(trained.path),
        test=None if test is None else _tested(test, base),
        turns=records.read(f"{part}/two-turns", Turns),
        drift=records.read(f"{part}/drift", Drift),
        probe=records.read(f"{part}/probe", Probe),
        events=records.read(f"{part}/events", Departures),
    )


def _tested(now: Evaluation, base: Evaluation | None) -> Tested:
    held = [result for result in now.results if _HELD_OUT in result.tags]
    shares = {"told": share_of([each for each in now.results if each not in held]), "held_out": share_of(held)}
    passed = tuple(result.passed[0] for result in now.results)
    if base is None:
        return Tested(**shares, passed=passed)
    before = {result.task_id: result.passed[0] for result in base.results}
    pair = compare([before[result.task_id] for result in now.results], passed)
    low, high = pair.interval
    return Tested(**shares, difference=pair.difference, low=low, high=high, p_better=pair.p_better, passed=passed)
