"""When a task's loop ends: pure predicates over how it stands, each with its reason in words."""

from __future__ import annotations

from collections.abc import Callable

from gristmill.graph.amounts import in_words
from gristmill.graph.config import RunConfig
from gristmill.graph.records import STARTS, StopReason
from gristmill.graph.stopping import patience
from gristmill.graph.stopping.ranking import Standing
from gristmill.sandbox.records import Record

__all__ = ["PREDICATES", "Stop", "converged"]


class Stop(Record):
    """Why a loop ends."""

    reason: StopReason
    detail: str


Predicate = Callable[[Standing, int, RunConfig, StopReason | None], Stop | None]
"""(standing, round just done, configuration, budget that ran out) → reason to stop, if there is one."""


def target_reached(standing: Standing, round: int, config: RunConfig, spent: StopReason | None) -> Stop | None:
    """A hypothesis passed, at the task's target score where it has one."""
    if not standing.target:
        return None
    where = "before the first round" if round == STARTS else f"in round {round}"
    return Stop(reason=StopReason.TARGET, detail=f"{standing.best} reached the target {where}")


def budget_spent(standing: Standing, round: int, config: RunConfig, spent: StopReason | None) -> Stop | None:
    """The run may not buy any more."""
    if spent is None:
        return None
    bound = getattr(config.budget, spent.value)
    whole = in_words(float(bound)) if spent is StopReason.MONEY else f"{bound} {spent.value}"
    left = spent in (StopReason.TOKENS, StopReason.MONEY)
    rest = ", or what is left of it is less than the next call may take" if left else ""
    return Stop(reason=spent, detail=f"the run's budget of {whole} is spent{rest}")


def rounds_done(standing: Standing, round: int, config: RunConfig, spent: StopReason | None) -> Stop | None:
    """All rounds are done."""
    if round + 1 < config.search.rounds:
        return None
    return Stop(reason=StopReason.ROUNDS, detail=f"all {config.search.rounds} rounds are done")


def nothing_new(standing: Standing, round: int, config: RunConfig, spent: StopReason | None) -> Stop | None:
    """Every hypothesis of this round, and of so many before it, repeats one of an earlier round."""
    most = patience.same(config.search)
    if round == 0 or not standing.arrived or standing.novel > 0 or standing.same < most:
        return None
    rounds = f"round {round}" if most == 1 else f"{standing.same} rounds, up to round {round},"
    return Stop(reason=StopReason.SAME, detail=f"{rounds} brought no hypothesis that was not there before")


def patience_lost(standing: Standing, round: int, config: RunConfig, spent: StopReason | None) -> Stop | None:
    """The best has not become better for too long."""
    if standing.stale < patience.patience(config.search):
        return None
    return Stop(reason=StopReason.PATIENCE, detail=f"no better hypothesis in {standing.stale} rounds")


PREDICATES: tuple[Predicate, ...] = (target_reached, budget_spent, rounds_done, nothing_new, patience_lost)
"""In order: the first that holds is the reason on record."""


def converged(
    standing: Standing, round: int, config: RunConfig, *, spent: StopReason | None = None, cut: bool = False
) -> Stop | None:
    """The reason to stop after `round`, or None to go on.

    Args:
        standing: how the task stands after that round.
        round: the round just done, from 0.
        config: of the run.
        spent: the budget that is spent, if one is.
        cut: it refused a call of this round. Then it is the reason whatever the others found: with a wider budget the
            round is made whole, and the run ends as if it had had that budget from the start.
    """
    order = (budget_spent, *PREDICATES) if cut else PREDICATES
    return next((stop for predicate in order if (stop := predicate(standing, round, config, spent))), None)
