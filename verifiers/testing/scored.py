"""A score test: an evaluator of the task's author, which turns a candidate into numbers, instance by instance."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from gristmill.sandbox.records import Record

__all__ = ["Direction", "ScoreTest", "instance_name"]


class Direction(StrEnum):
    """Which way a score improves."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


_CODE = "source that defines `evaluate(candidate, instance)`, which returns a number, or numbers by name"
_INSTANCES = "what `evaluate` is called with, each in processes of its own; these steer a search"
_HELD_OUT = "instances that never steer a search, and reach nobody but the task's owner"
_PUBLIC = "places of `instances` that a model may read, with what a candidate did on them"
_MAIN = "which number counts, where `evaluate` returns several"
_TOTAL = "how the scores of the instances make one: their mean, their sum, or the worst of them"


class ScoreTest(Record):
    """``evaluate(candidate, instance)`` runs in the judge process; the candidate is a proxy there.

    An instance that is an object with a text `name` is called that, others by their place.
    """

    type: Literal["score"] = "score"
    entry_point: str | tuple[str, ...]
    code: str = Field(description=_CODE)
    instances: tuple[Any, ...] = Field(min_length=1, description=_INSTANCES)
    held_out: tuple[Any, ...] = Field((), description=_HELD_OUT)
    direction: Direction
    main: str | None = Field(None, description=_MAIN)
    total: Literal["mean", "sum", "worst"] = Field("mean", description=_TOTAL)
    public: tuple[int, ...] = Field((), description=_PUBLIC)
    target: float | None = Field(None, allow_inf_nan=False, description="the total that passes; without one, any does")

    @property
    def names(self) -> tuple[str, ...]:
        """What the instances are called, in their order."""
        return tuple(instance_name(place, each) for place, each in enumerate(self.instances))

    @property
    def entry_points(self) -> tuple[str, ...]:
        """What the test declares of the solution."""
        return (self.entry_point,) if isinstance(self.entry_point, str) else self.entry_point


def instance_name(place: int, instance: Any) -> str:
    """An instance's own name, or its place."""
    named = instance.get("name") if isinstance(instance, dict) else None
    return named if isinstance(named, str) and named else str(place)
