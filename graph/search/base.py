"""The contract of a search strategy: what each hypothesis is to build on, and how it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Literal, Protocol, runtime_checkable

from pydantic import Field

from gristmill.graph.search.history import Fold, Past, Place
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Outcome

__all__ = ["Folding", "Operator", "Plan", "Strategy", "draw", "folds_of", "from_start"]

Operator = Literal["again", "fresh", "repair", "improve", "adjust", "cross", "another"]
"""What is asked for: the bare prompt once more, as a measure needs it; an answer from scratch; with the first parent:
repair it, improve it, adjust its numbers, cross it with the second, or take another idea than it has."""


class Plan(Record):
    """How the hypothesis of one place is to be made.

    The prompt shows parents and inspirations, in this order; None leaves a choice to the run's configuration.
    """

    parents: tuple[str, ...] = Field((), description="ids of the hypotheses that this one builds on, the first most")
    inspirations: tuple[str, ...] = Field((), description="ids of others that the model is shown")
    operator: Operator = Field("fresh", description="what is to be done with the parents")
    form: Literal["whole", "edit"] | None = Field(None, description="of the reply; None: either, where edits save much")
    model: str | None = None
    temperature: float | None = Field(None, ge=0)
    island: int = Field(0, ge=0, description="the part of the population that the hypothesis belongs to")
    by: str = Field("", description="the strategy whose plan this is, where another one has chosen it")
    instruction: str = Field("", description="name of the instruction that is told besides, where these evolve")


@runtime_checkable
class Strategy(Protocol):
    """Plans hypotheses. Pure: it holds no state, and the same past, place and draw give the same plan, whatever the
    order of arrival and however often a run was cut off. `gristmill.graph.search.conformance` checks that."""

    name: str

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        """The plan for one place, asked once.

        Args:
            history: all rounds before this one.
            place: of the hypothesis that is to be made.
            draw: the place's own random number, in [0, 2**64); no other chance may enter.
        """
        ...


@runtime_checkable
class Folding(Protocol):
    """A strategy that has more built up from the rows than a past holds by itself: `Past.folds` has it by name."""

    @property
    def folds(self) -> Mapping[str, Callable[[], Fold]]:
        """What makes each; one that others of the same name would make is made once."""
        ...


def folds_of(strategy: Strategy) -> Mapping[str, Callable[[], Fold]]:
    """What a strategy wants built up; nothing for most."""
    return strategy.folds if isinstance(strategy, Folding) else {}


def from_start(plan: Plan, past: Past, place: Place) -> Plan:
    """A strategy's plan, on a program that the task begins with wherever it would begin from nothing.

    One place for all strategies: their first population and restarts after a standstill are asked to be another idea
    than a start is, the starts taken in turn, or its repair where it does not do yet. Plans of independent samples
    stay: there a start is the best so far, and no more.
    """
    starts = [row for row in past.starts if row.outcome is not Outcome.UNSCORED]
    if plan.parents or plan.operator == "again" or not starts:
        return plan
    start = starts[place.number % len(starts)]
    operator = "another" if start.passed or start.graded else "repair"
    return plan.model_copy(update={"parents": (start.id,), "operator": operator})


def draw(run_seed: int, task_id: str, place: Place) -> int:
    """A number in [0, 2**64) for the plan of a place: a hash, so that it is the same in every session of a run."""
    text = f"plan\n{run_seed}\n{task_id}\n{place.round}\n{place.sample}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
