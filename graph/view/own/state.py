"""Where a run stands, in one sentence, and whether it stands still."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gristmill.graph.amounts import in_words
from gristmill.graph.models.silence import are_many
from gristmill.graph.stopping.patience import patience
from gristmill.graph.storage.reading.glances import Flight, Glance
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import Run
from gristmill.graph.view.figures import duration, figure
from gristmill.graph.view.own.curve import Step, gain_in
from gristmill.verifiers.records import Direction, Outcome

__all__ = ["LAST", "Facts", "bounds", "facts_of", "sentence", "stuck"]

LAST = 40
"""Calls that a search is asked about: what have the last so many brought?"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a run when its sentence is written."""

    run: Run
    calls: int
    tokens: int
    money: int
    """Units of money."""
    glances: Sequence[Glance]
    flight: Sequence[Flight]
    steps: Sequence[Step]
    """Of the only task, where its score says how good a solution is."""
    direction: Direction
    target: float | None
    graded: bool

    @property
    def goes_on(self) -> bool:
        """Whether somebody works on it, as far as the store knows."""
        return self.run.status == "running"


def bounds(facts: Facts) -> str:
    """Calls, tokens, money and time, each of its bound where there is one."""
    budget = facts.run.config.budget
    parts = [f"{facts.calls:,} of {budget.calls:,} calls" if budget.calls else f"{facts.calls:,} calls"]
    if budget.tokens:
        parts.append(f"{facts.tokens:,} of {budget.tokens:,} tokens")
    if budget.money:
        parts.append(f"{in_words(facts.money)} of {in_words(budget.money)}")
    elif facts.money:
        parts.append(in_words(facts.money))
    took = duration(facts.run.seconds)
    parts.append(f"{took} of {duration(budget.seconds)}" if budget.seconds else took)
    return ", ".join(parts)


def sentence(facts: Facts) -> str:
    """Best, gap, gain, bounds and time left in one sentence."""
    parts = [_standing(facts)]
    if facts.graded:
        gain = gain_in(facts.steps, facts.calls, LAST, facts.direction)
        if gain is not None:
            parts.append(
                f"gained {figure(gain)} in the last {LAST} calls" if gain else f"no gain in the last {LAST} calls"
            )
    parts.append(bounds(facts))
    if (left := _left(facts)) is not None:
        parts.append(f"about {duration(left)} left at most")
    return "; ".join(parts) + "."


def _standing(facts: Facts) -> str:
    run = facts.run
    if not facts.graded:
        ended = f", {run.ended - run.solved} ended without" if run.ended > run.solved else ""
        return f"{run.solved} of {run.tasks} {'task' if run.tasks == 1 else 'tasks'} solved{ended}"
    if not facts.steps:
        return "No score yet" + (f", the target is {figure(facts.target)}" if facts.target is not None else "")
    best = facts.steps[-1].value
    if facts.target is None:
        return f"Best {figure(best)}, no target is set"
    gap = best - facts.target if facts.direction is Direction.MINIMIZE else facts.target - best
    if gap <= 0:
        return f"Best {figure(best)}: the target {figure(facts.target)} is reached"
    return f"Best {figure(best)}, {figure(gap)} short of the target {figure(facts.target)}"


def _left(facts: Facts) -> float | None:
    """Seconds until the calls that there are at most are made, at the pace so far; None where that is not known."""
    run, budget = facts.run, facts.run.config.budget
    if not facts.goes_on or not facts.calls or not run.seconds:
        return None
    search = run.config.search
    most = min(budget.calls or 10**9, run.tasks * search.rounds * search.hypotheses)
    left = max(0, most - facts.calls) * run.seconds / facts.calls
    return min(left, max(0.0, budget.seconds - run.seconds)) if budget.seconds else left


def stuck(facts: Facts, in_vain: int, again: Counter[str], *, now: float | None = None) -> str:
    """Why it does not get on, in words; empty where nothing speaks for that."""
    reasons = []
    judged = [each for each in facts.glances if each.outcome is not None]
    recent = Counter(each.outcome for each in judged[-LAST:])
    if lost := recent[Outcome.UNSCORED]:
        reasons.append(
            f"{lost} of the last {sum(recent.values())} verdicts are unscored: trouble with the machine, "
            "`gristmill doctor` may say which"
        )
    if (unusable := recent[Outcome.INVALID]) * 2 > sum(recent.values()):
        reasons.append(f"{unusable} of the last {sum(recent.values())} replies have no usable solution in them")
    if in_vain:
        reasons.append(f"{in_vain} {'call was' if in_vain == 1 else 'calls were'} given up without an answer")
    if are_many(tries := again.total(), facts.calls):
        reason, count = again.most_common(1)[0]
        reasons.append(f"{facts.calls:,} calls took {tries:,} further tries, {count:,} of them for: {reason}")
    if facts.goes_on:
        oldest = min((each.started for each in facts.flight), default=None)
        waits = (now or time.time()) - oldest if oldest is not None else 0.0
        if waits > 600:
            reasons.append(f"a call has waited {duration(waits)} for its answer")
    if facts.graded and facts.steps and judged and facts.goes_on:
        rounds = {each.id: each.round for each in judged}
        stale = max(rounds.values()) - rounds.get(facts.steps[-1].id, 0)
        most = patience(facts.run.config.search)
        if stale * 2 >= most:
            reasons.append(f"no better hypothesis in {stale} rounds, and after {most} the task is given up")
    return "; ".join(reasons)


def facts_of(
    store: Store,
    run: Run,
    glances: Sequence[Glance],
    steps: Sequence[Step],
    direction: Direction,
    target: float | None,
    graded: bool,
) -> Facts:
    """The facts of a run, asked of the store."""
    spent = store.account.spending(run.name)
    return Facts(
        run=run,
        calls=spent.calls,
        tokens=spent.tokens,
        money=spent.money,
        glances=glances,
        flight=store.glances.flight(run.name) if run.status == "running" else [],
        steps=steps,
        direction=direction,
        target=target,
        graded=graded,
    )
