"""A score test: an evaluator of the task's author, which turns a candidate into numbers, instance by instance."""

from __future__ import annotations

import ast
import hashlib
import json
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.verifiers.testing.data import Data

__all__ = ["SEARCH", "Direction", "ScoreTest", "Seeds", "Stage", "instance_name"]


class Direction(StrEnum):
    """Which way a score improves."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


class Seeds(Record):
    """Which replicates of a noisy evaluator are asked for: those of one draw, `count` of them from `first` on.

    One draw has the same seeds for every solution of a task, so that two solutions meet the same chances and are
    compared replicate by replicate (`Verdict.replicates`); replicate 3 is the same whether it is asked for alone or
    with others, so that a race can ask for more where they decide. Another draw has others: a re-score names its own.
    """

    draw: str = Field("", description="whatever names the draw; the one of a search is empty")
    first: int = Field(0, ge=0, description="the first replicate")
    count: int | None = Field(None, ge=1, le=10_000, description="how many; None: as many as the test says")


SEARCH = Seeds()
"""Those that every verdict of a search is made with."""


class Stage(Record):
    """Instances that come before the others, and what a candidate needs on all until then to get any further."""

    instances: tuple[int, ...] = Field(min_length=1, description="places of `instances`")
    threshold: float = Field(
        allow_inf_nan=False, description="what the total over this stage and those before must reach, to go on"
    )


_CODE = "source that defines `evaluate(candidate, instance)`, which returns a number, or numbers by name"
_INSTANCES = "what `evaluate` is called with, each in processes of its own; these steer a search"
_HELD_OUT = "instances that never steer a search, and reach nobody but the task's owner"
_PUBLIC = "places of `instances` that a model may read, with what a candidate did on them"
_MAIN = "which number counts, where `evaluate` returns several"
_TOTAL = "how the scores of the instances make one: their mean, their sum, or the worst of them"
_REPEATS = "how often each instance is evaluated: `evaluate(candidate, instance, seed)`, each time with another seed"
_SEED = "what the seeds are drawn from, so that others draw the same; by itself the test's own hidden text"
_CASCADE = (
    "stages that a candidate has to get through: it is stopped below a threshold, and ranks below who got further"
)
_DATA = "folders of large inputs, read-only for the evaluator, and for solutions only where they say `candidate`"
_FILES = "modules that `code` imports, texts by path: for the evaluator alone"
_TOGETHER = (
    "the evaluator needs the program itself, by `candidate.path`: one process holds both, so its score can be forged"
)
_FLOOR = "the worst that an instance can score: what one counts as that a cascade has spared"


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
    repeats: int = Field(1, ge=1, le=1000, description=_REPEATS)
    seed: int | None = Field(None, description=_SEED)
    cascade: tuple[Stage, ...] = Field((), description=_CASCADE)
    floor: float | None = Field(None, allow_inf_nan=False, description=_FLOOR)
    data: tuple[Data, ...] = Field((), description=_DATA)
    files: dict[str, str] = Field({}, description=_FILES)
    together: bool = Field(False, description=_TOGETHER)

    @property
    def names(self) -> tuple[str, ...]:
        """What the instances are called, in their order."""
        return tuple(instance_name(place, each) for place, each in enumerate(self.instances))

    @property
    def entry_points(self) -> tuple[str, ...]:
        """What the test declares of the solution."""
        return (self.entry_point,) if isinstance(self.entry_point, str) else self.entry_point

    @property
    def sources(self) -> tuple[str, ...]:
        """All texts that the evaluator consists of."""
        return self.code, *self.files.values()

    @property
    def timed(self) -> bool:
        """Whether the evaluator compares processor time, by its text: a reference runs beside the solution then."""
        return any(map(_times, self.sources))

    @property
    def noisy(self) -> bool:
        """Whether the same solution may score otherwise: `evaluate` draws by a seed, or compares processor time."""
        return _takes_seed(self.code) or self.timed

    def seeds(self, asked: Seeds) -> tuple[int, ...]:
        """The seeds of the replicates that are asked for, each below 2**32, as every generator takes them.

        The same on every machine and in every year, as verdicts are made again. Nobody who does not have the test can
        know them: its hidden text has its part in them.
        """
        key = self.seed
        if key is None:
            parts = [self.code, self.instances, self.held_out, *([self.files] if self.files else ())]
            hidden = json.dumps(parts, sort_keys=True, default=repr)
            key = int.from_bytes(hashlib.sha256(hidden.encode("utf-8", "surrogatepass")).digest())
        places = range(asked.first, asked.first + (asked.count or self.repeats))
        texts = (f"{key}/{asked.draw}/{place}".encode("utf-8", "surrogatepass") for place in places)
        return tuple(int.from_bytes(hashlib.sha256(text).digest()[:4]) for text in texts)


@lru_cache(64)
def _times(source: str) -> bool:
    if "timed" not in source:
        return False
    try:
        nodes = ast.walk(ast.parse(source))
        return any(isinstance(node, ast.Attribute) and node.attr == "timed" for node in nodes)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


@lru_cache(maxsize=256)
def _takes_seed(code: str) -> bool:
    """Whether `evaluate` takes a third argument by its place."""
    try:
        module = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    named = [each for each in module.body if isinstance(each, ast.FunctionDef) and each.name == "evaluate"]
    return any(len(each.args.posonlyargs) + len(each.args.args) > 2 for each in named[-1:])


def instance_name(place: int, instance: Any) -> str:
    """An instance's own name, or its place."""
    named = instance.get("name") if isinstance(instance, dict) else None
    return named if isinstance(named, str) and named else str(place)
