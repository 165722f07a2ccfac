"""What Eureka reports of a search: how many candidates ran, how good each iteration's best was, and who beat whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from pydantic import Field

from gristmill.graph.judging.baselines import Baseline
from gristmill.graph.judging.racing import interval
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import TaskStanding
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Evidence, Outcome, Verdict
from gristmill.verifiers.trained.halving import STOPPED

__all__ = ["ComparisonRow", "Iteration", "Trained", "trained"]


class Iteration(Record):
    """One round."""

    round: int
    candidates: int = Field(description="that were judged, for the first time")
    executed: int = Field(description="of these, that could be trained with")
    score: float | None = Field(description="the best one's")
    success: float | None = Field(description="the greatest success rate; None where nothing succeeds or fails")


class ComparisonRow(Record):
    """A row of the table: the winner, or what it is compared with, after equally long trainings."""

    name: str
    search: float | None
    final: float | None = Field(description="mean over the final seeds, on which nothing was chosen")
    low: float | None = Field(None, description="lower end of its 95% interval over these seeds")
    high: float | None = None
    seeds: int
    success: float | None = Field(None, description="the share of final episodes that succeeded")
    gain: float | None = Field(
        None, description="by how much the winner is better, in the mean, final seed by final seed"
    )
    gain_low: float | None = Field(None, description="lower end of that gain's 95% interval")
    gain_high: float | None = None


class Trained(Record):
    """What came of a search for a reward or a loss."""

    task: str
    length: str = Field(description="of every training")
    candidates: int
    executed: int
    execute_rate: float | None = Field(description="the share of candidates that could be trained with")
    correlation: float | None = Field(description="Pearson's, of the winner and the human reward on the winner's steps")
    correlation_mean: float | None = Field(description="the same, the mean over all candidates that ran")
    beat: dict[str, float] = Field(
        description="the share of candidates whose score is above each baseline's; of who was stopped early it is what "
        "it would have come to at least"
    )
    iterations: tuple[Iteration, ...]
    table: tuple[ComparisonRow, ...]


def trained(
    store: Store, run: str, standing: TaskStanding, compared: Sequence[Baseline], length: str, final: Evidence | None
) -> Trained:
    """The report of one task.

    Args:
        store, run, standing: whose.
        compared: the task's baselines.
        length: of every training, in words.
        final: what the winner came to by its final seeds.
    """
    rounds: dict[int, list[Verdict]] = defaultdict(list)
    winner: Verdict | None = None
    for hypothesis, verdict in store.each_step(run, standing.task):
        if verdict is None:
            continue
        found = verdict.unsettled
        if hypothesis.id == standing.best:
            winner = found
        if not hypothesis.given and verdict.repeats is None and found.outcome is not Outcome.UNSCORED:
            rounds[hypothesis.round].append(found)
    every = [verdict for each in rounds.values() for verdict in each]
    ran = [verdict for verdict in every if _ran(verdict)]
    known = [value for verdict in ran if (value := verdict.metrics.get("human_correlation")) is not None]
    scores = [verdict.score or 0.0 for verdict in every]
    rows = [] if winner is None else [_winner(standing, winner, final)]
    return Trained(
        task=standing.task,
        length=length,
        candidates=len(every),
        executed=len(ran),
        execute_rate=len(ran) / len(every) if every else None,
        correlation=winner.metrics.get("human_correlation") if winner else None,
        correlation_mean=fmean(known) if known else None,
        beat={
            each.name: sum(score > each.search for score in scores) / len(scores)
            for each in compared
            if each.search is not None and scores
        },
        iterations=tuple(_iteration(round, found) for round, found in sorted(rounds.items())),
        table=(*rows, *(_baseline(each, final if rows else None) for each in compared)),
    )


def _ran(verdict: Verdict) -> bool:
    return verdict.outcome in (Outcome.PASSED, Outcome.FAILED)


def _iteration(round: int, verdicts: Sequence[Verdict]) -> Iteration:
    ran = [verdict for verdict in verdicts if _ran(verdict)]
    known = [verdict.metrics.get("success_rate") for verdict in ran if STOPPED not in verdict.metrics]
    successes = [value for value in known if value is not None]
    return Iteration(
        round=round,
        candidates=len(verdicts),
        executed=len(ran),
        score=max((verdict.score for verdict in ran if verdict.score is not None), default=None),
        success=max(successes, default=None),
    )


def _winner(standing: TaskStanding, verdict: Verdict, final: Evidence | None) -> ComparisonRow:
    values = tuple(final.scores.values()) if final is not None else ()
    low, high = interval(values) or (None, None)
    return ComparisonRow(
        name=f"winner {standing.best}",
        search=verdict.score,
        final=final.score if final is not None else None,
        low=low,
        high=high,
        seeds=len(values),
        success=final.metrics.get("success_rate") if final is not None else None,
    )


def _baseline(found: Baseline, winner: Evidence | None) -> ComparisonRow:
    low, high = interval(found.final) or (None, None)
    mean = fmean(found.final) if found.final else None
    numbered = sorted(winner.scores, key=lambda name: (len(name), name)) if winner is not None else ()
    best = [winner.scores[name] for name in numbered] if winner is not None else []
    # Training by training: all have the same seeds, in the same order.
    gains = [one - two for one, two in zip(best, found.final, strict=True)] if len(best) == len(found.final) else []
    gain_low, gain_high = interval(gains) or (None, None)
    return ComparisonRow(
        name=found.name,
        search=found.search,
        final=mean,
        low=low,
        high=high,
        seeds=len(found.final),
        success=found.success,
        gain=fmean(gains) if gains else None,
        gain_low=gain_low,
        gain_high=gain_high,
    )
