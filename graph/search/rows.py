"""What decisions need of one judged hypothesis, and where it stands in its task."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Self

from gristmill.graph.records import Step, Tokens
from gristmill.graph.roster import Rates
from gristmill.graph.stopping.ranking import Merit, content_key, graded, merit, reaches_target
from gristmill.verifiers.records import Direction, Outcome, Task, Verdict
from gristmill.verifiers.trained.halving import has_stopped

__all__ = ["LENGTH", "NO_SCORES", "Place", "Rank", "Row", "Scores", "SettledStanding", "cost", "finalists", "outcome"]

LENGTH = "length"
"""The feature that every solution has: its characters."""


class Scores(NamedTuple):
    """Scores of single instances, greater is better: `names` is one object for all rows that share it."""

    names: tuple[str, ...]
    values: tuple[float, ...]

    @classmethod
    def of(cls, task: Task, verdict: Verdict) -> Self:
        """Those that steer the search; where a verdict has none, which of its checks passed."""
        found: Mapping[str, float] = verdict.scores
        if found:
            sign = -1.0 if verdict.direction is Direction.MINIMIZE else 1.0
            names = sorted(found)
            values = (sign * found[name] for name in names)
            return cls(_shared(tuple(names)), tuple(value if math.isfinite(value) else -math.inf for value in values))
        checks = {check.name: float(check.outcome is Outcome.PASSED) for check in verdict.checks[:_MOST]}
        return cls(_shared(tuple(checks)), tuple(checks.values())) if checks else cls((), ())


NO_SCORES = Scores((), ())
_RATES = Rates()
_NO_RATES: Mapping[str, Rates] = {}
_MOST = 64
"""Checks of a verdict that count as instances of their own."""


@lru_cache(256)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    return names


def cost(tokens: Tokens, rates: Rates = _RATES) -> float:
    """What a hypothesis cost, in evaluations: its own, and the model's answer, 100 of whose tokens count as one.

    Four tokens of a prompt count as one of an answer; where models have prices, 100 tokens of an answer by the cheapest
    of them count as one evaluation, and all others by what they cost beside these. Seconds are left out: they differ
    from run to run.
    """
    prompt = (tokens.prompt - tokens.cached) * rates.prompt + tokens.cached * rates.cached
    return 1.0 + (tokens.completion * rates.answer + prompt) / 100


def _feature(name: str, step: Step) -> float:
    if name == LENGTH and name not in step.verdict.metrics:
        return float(len(step.hypothesis.solution or ""))
    return step.verdict.metrics.get(name, math.nan)


class Place(NamedTuple):
    """Where a hypothesis stands in its task: sample `sample` of round `round`, of `width` samples a round.

    A reply that repairs another has its place, and comes after it.
    """

    round: int
    sample: int
    width: int
    repair: bool = False

    @property
    def number(self) -> int:
        """The running number within the task."""
        return self.round * self.width + self.sample


class Rank(NamedTuple):
    """Sorts best first; of equals what was built on least, then the earlier place, never the one that arrived first."""

    failed: int
    unusable: bool
    loss: float
    tried: int
    place: Place


class SettledStanding(NamedTuple):
    """How a hypothesis stands after its consistency run, or before it while `pending`, and after its search's close."""

    passed: bool
    merit: Merit
    pending: bool

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """How a stored verdict stands."""
        return cls(verdict.passed, merit(verdict), verdict.pending)


@dataclass(frozen=True, slots=True)
class Row:
    """What decisions need of one judged hypothesis.

    A search decides on what was found before the consistency run, whether that has come or not: so it goes on as it
    would have, wherever it is cut off. `settled` has what is told of the task in the end; `parents` are those that the
    reply was built on, `graded` says that it ran and that its score tells how good it is. `operator`, `by` (the
    strategy that `auto` chose), `island`, `model` and `instruction` tell how it came about, `cost` what it cost in
    evaluations, `repeated` that it was there before and not judged, `stopped` that its trainings ended early. 10,000
    rows are held in memory, so names are shared, and of the verdict is kept what archives and fronts are made of.
    """

    id: str
    place: Place
    outcome: Outcome
    score: float | None
    merit: Merit
    content: str
    target: bool
    settled: SettledStanding | None = None
    parents: tuple[str, ...] = ()
    graded: bool = False
    operator: str = ""
    by: str = ""
    model: str = ""
    instruction: str = ""
    island: int = 0
    cost: float = 1.0
    repeated: bool = False
    stopped: bool = False
    features: tuple[float, ...] = ()
    scores: Scores = NO_SCORES

    @classmethod
    def of(
        cls, task: Task, step: Step, width: int, features: Sequence[str] = (), rates: Mapping[str, Rates] = _NO_RATES
    ) -> Self:
        """The row of a stored step.

        Args:
            task, step: what is stored.
            width: hypotheses of a round of the run.
            features: what its archives go by.
            rates: what the tokens of its models count for, by their names.
        """
        hypothesis, verdict = step.hypothesis, step.verdict.unsettled
        looked_at = step.verdict.apart is not None or step.verdict.searched is not None
        settled = SettledStanding.of(step.verdict) if looked_at else None
        return cls(
            id=hypothesis.id,
            place=Place(hypothesis.round, hypothesis.sample, width, hypothesis.repairs is not None),
            outcome=verdict.outcome,
            score=verdict.score,
            merit=merit(verdict),
            content=content_key(step),
            target=reaches_target(task, verdict),
            settled=settled,
            parents=hypothesis.parents,
            graded=graded(task) and verdict.outcome in (Outcome.PASSED, Outcome.FAILED),
            operator=sys.intern(hypothesis.operator or ""),
            by=sys.intern(hypothesis.by),
            model=sys.intern(hypothesis.asked or hypothesis.model),
            instruction=sys.intern(hypothesis.instruction),
            island=hypothesis.island,
            cost=cost(hypothesis.tokens, rates.get(hypothesis.asked, _RATES)),
            repeated=verdict.repeats is not None,
            stopped=has_stopped(task, verdict),
            features=tuple(_feature(name, step) for name in features),
            scores=Scores.of(task, verdict),
        )

    @property
    def passed(self) -> bool:
        """Whether the hypothesis passed."""
        return self.outcome is Outcome.PASSED

    @property
    def usable(self) -> bool:
        """Whether anything could be judged."""
        return self.merit[1]

    @property
    def rank(self) -> Rank:
        """What rows are sorted by, as long as nothing is built on them."""
        passed, usable, score = self.merit
        return Rank(-passed, not usable, -score, 0, self.place)

    @property
    def final(self) -> SettledStanding:
        """How it stands in the end."""
        return self.settled or SettledStanding(self.passed, self.merit, pending=False)


def outcome(rows: Iterable[Row], verdicts: Mapping[str, Verdict]) -> tuple[str | None, bool]:
    """(id of the best hypothesis in the end, whether any passed); `verdicts` has those decided just now.

    Who was stopped early is never the best, whatever becomes of the others: how good it is was not found out.
    """
    best, solved, most = None, False, None
    for row in rows:
        if row.stopped:
            continue
        final = _final(row, verdicts)
        solved |= final.passed
        if most is None or final.merit > most:
            best, most = row.id, final.merit
    return best, solved


def finalists(rows: Iterable[Row], verdicts: Mapping[str, Verdict], most: int) -> list[str]:
    """Ids of the best graded rows by how they stand in the end, best first; of those that say the same the first.

    Who was stopped early is none of them.
    """
    wanted = (row for row in rows if row.graded and not row.repeated and not row.stopped)
    finals = ((_final(row, verdicts), row) for row in wanted)
    ranked = [(final, row) for final, row in finals if math.isfinite(final.merit[2])]
    ranked.sort(key=lambda each: each[0].merit, reverse=True)
    first: dict[str, str] = {}
    for _, row in ranked:
        first.setdefault(row.content, row.id)
    return list(first.values())[:most]


def _final(row: Row, verdicts: Mapping[str, Verdict]) -> SettledStanding:
    return SettledStanding.of(verdicts[row.id]) if row.id in verdicts else row.final
