"""What an improvement will take and what it can show, said before anything starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import Field

from gristmill.graph.comparing import detectable, tasks_needed
from gristmill.graph.storage.store import Store
from gristmill.sandbox.records import Record
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.gating.open_ended import open_detectable, open_power, open_tasks_needed
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.improve.splits import Sets
from gristmill.trainers.methods.base import TrainedAdapter
from gristmill.trainers.methods.planning import Work, plan, shape_of

__all__ = ["Forecast", "Rates", "can_show", "forecast", "measured_rates", "took_by", "work_of"]

DISCORDANCE = 0.17
"""Share of gate tasks on which two adapters of one search differ, as seen with the local model."""
_ROUND, _FIRST = "-round-1", "round-1/trained"
_ENOUGH = 20
_STAGES = {
    "search": ("campaign", "wave-"),
    "training": ("trained",),
    "gate": ("gate-", "retention-", "sampled-"),
    "test": ("test",),
}
"""What is foretold → how stages of it begin."""
_SEEN = {"hypotheses": 1536 / 360, "rows": 128 * 3 / 480}
"""A core's work in a second, of the local model on plain cores: hypotheses, and rows times epochs."""
_ADAPTER_SHARE, _REPLY = 0.15, 6_000
"""Bytes of an adapter beside the weights', and of a reply in the store with verdict and prompts."""


class Rates(Record):
    """How fast this machine is with this model."""

    hypotheses: float = Field(description="a second, judged")
    rows: float = Field(description="rows times epochs trained a second")
    measured: tuple[str, ...] = Field((), description="which of the two were measured in this workspace")


class Forecast(Record):
    """What an improvement takes at most, where every round finds rows."""

    minutes: dict[str, float] = Field(description="by stage, over all rounds")
    memory: float = Field(description="bytes at the peak")
    disk: float = Field(description="bytes, adapters and replies")
    rates: Rates

    @property
    def words(self) -> str:
        """One paragraph for people."""
        parts = ", ".join(f"{stage} {_whole(minutes)}" for stage, minutes in self.minutes.items())
        assumed = [name for name in ("hypotheses", "rows") if name not in self.rates.measured]
        whence = {
            0: "as measured in this workspace",
            1: f"the rate of {assumed[0] if assumed else ''} is assumed, the other measured in this workspace",
            2: "at assumed rates, those of the local model on plain cores: nothing was measured in this workspace yet",
        }[len(assumed)]
        return (
            f"predicted: {_whole(sum(self.minutes.values()))} minutes ({parts}), {self.memory / 1e9:.1f} GB of memory "
            f"(assumed), {self.disk / 1e6:.0f} MB of disk; {whence}"
        )


def _whole(minutes: float) -> str:
    return "under 1" if minutes < 1 else f"{minutes:.0f}"


def took_by(seconds: Mapping[str, float]) -> dict[str, float]:
    """Wall time in seconds by what a forecast tells apart; what it does not foretell is ``rest``.

    Args:
        seconds: by stage, as `StageRecords.seconds` has them.
    """
    total: dict[str, float] = dict.fromkeys([*_STAGES, "rest"], 0.0)
    for stage, value in seconds.items():
        part = stage.rpartition("/")[2]
        total[next((each for each, begins in _STAGES.items() if part.startswith(begins)), "rest")] += value
    return total


def measured_rates(store: Store, model: str, epochs: float) -> Rates:
    """From the newest runs and trainings of this model in the store; what there is none of is assumed by cores."""
    cores = len(os.sched_getaffinity(0))
    found: dict[str, float] = {}
    count, took = 0, 0.0
    for run in reversed(store.runs()):
        if run.config.model != model or run.status != "finished" or run.seconds <= 0:
            continue
        if "hypotheses" not in found:
            count, took = count + store.summary(run.name).hypotheses, took + run.seconds
            if count >= _ENOUGH:
                found["hypotheses"] = count / took
        if "rows" not in found and run.name.endswith(_ROUND):
            trained = StageRecords(store, run.name.removesuffix(_ROUND)).read(_FIRST, TrainedAdapter)
            if trained is not None and trained.rows >= _ENOUGH and trained.seconds > 0:
                found["rows"] = trained.rows * epochs / trained.seconds
        if len(found) == len(_SEEN):
            break
    rates = {name: found.get(name, rate * cores) for name, rate in _SEEN.items()}
    return Rates(**rates, measured=tuple(sorted(found)))


def forecast(config: ImproveConfig, splits: Sets, base: Path, rates: Rates) -> Forecast:
    """Predict from counts and rates: every round searches its whole budget and trains on four rows for five tasks."""
    counts, rounds, search = splits.counts, config.rounds, config.run.search
    tried = counts["train"] * search.hypotheses * search.rounds
    rows = sum(0.8 * counts["train"] * (each + 1 if _grows(config, splits) else 1) for each in range(rounds))
    gated = counts["gate"] * (2 * rounds if splits.fresh else rounds + 1)
    tested = counts["test"] * (rounds + 1)
    minutes = {
        "search": tried * rounds / rates.hypotheses / 60,
        "training": rows * config.method.epochs / rates.rows / 60,
        "gate": gated / rates.hypotheses / 60,
        "test": tested / rates.hypotheses / 60,
    }
    planned = plan(shape_of(base), work_of(config, counts["train"]))
    weights = float(sum(path.stat().st_size for path in base.glob("*.safetensors")))
    return Forecast(
        minutes=minutes,
        memory=max(planned.training_kept, planned.sampling),
        disk=rounds * _ADAPTER_SHARE * weights + _REPLY * (tried * rounds + gated + tested),
        rates=rates,
    )


def work_of(config: ImproveConfig, tasks: int) -> Work:
    """What one round of so many tasks takes at most, where each task gives as many rows as it may."""
    method, search = config.method, config.run.search
    replies = tasks * search.hypotheses * search.rounds
    return Work(
        rows=tasks * config.curate.per_task,
        row_tokens=method.max_tokens,
        epochs=method.epochs,
        rank=method.lora.rank,
        micro_tokens=method.micro_tokens,
        replies=replies,
        reply_tokens=config.run.calls.max_tokens or method.max_tokens,
        at_once=min(64, replies),
    )


def _grows(config: ImproveConfig, splits: Sets) -> bool:
    """Whether a round has rows of other tasks than the one before."""
    return splits.fresh and config.rows == "cumulative"


def can_show(splits: Sets, config: ImproveConfig) -> str:
    """Which gain the gate finds in four of five cases, and what to do where that is only a great one."""
    size = splits.counts["gate"]
    said, least, needed = (_open_shows if config.mode == "open" else _set_shows)(size, config)
    if least is not None and least <= 0.15:
        return said
    return (
        f"{said}. An adapter that is better by less is mostly not kept, and the test set of "
        f"{len(splits.test)} shows no more. {_tasks_words(needed())} give more tasks, or learn from a "
        "family like them with fresh tasks every round (--family), and measure with `gristmill eval`; to have them "
        "solved, and nothing learned, `gristmill run` is enough"
    )


def _tasks_words(tasks: int | None) -> str:
    if tasks is None:
        return "No number of gate tasks up to 100,000 finds ten points: let `gate_step` be smaller,"
    return f"Ten points take {tasks} gate tasks:"


_Shows = tuple[str, float | None, Callable[[], int | None]]
"""In words, the least gain that is found, and how many tasks find ten points."""


def _set_shows(size: int, config: ImproveConfig) -> _Shows:
    alpha, step = config.level, config.gate.gate_step if config.mode == "fixed" else 0.0
    least = detectable(size, DISCORDANCE, alpha, margin=step)
    if least is None:
        said = f"a gate of {size} tasks finds no gain, however great, in 80% of cases"
    else:
        said = f"a gate of {size} tasks finds a gain of {100 * least:.0f} points in 80% of cases, lesser ones less"
    over = f", and a step of more than {100 * step:g} points" if step else ""
    said = f"{said} (exact McNemar at {alpha:.3g}{over}, where {100 * DISCORDANCE:.0f}% of the tasks differ)"
    return said, least, lambda: tasks_needed(0.1, DISCORDANCE, alpha, margin=step)


def _open_shows(size: int, config: ImproveConfig) -> _Shows:
    gate = config.gate.model_copy(update={"gate_most": size})
    least = open_detectable(DISCORDANCE, gate, config.alpha)
    said = f"an open gate of at most {size} tasks, {min(size, gate.gate_batch)} at a time, finds"
    if least is None:
        said = f"{said} no gain, however great, in 80% of cases"
    else:
        took = open_power(least, max(least, DISCORDANCE), gate, config.alpha).tasks
        said = (
            f"{said} a gain of {100 * least:.0f} points in 80% of cases, after {took:.0f} tasks in the mean, lesser "
            "ones less"
        )
    said = (
        f"{said} (simulated: an e-value of {1 / config.level:.0f} in the first round, and more in later ones, where "
        f"{100 * DISCORDANCE:.0f}% of the tasks differ)"
    )
    return said, least, lambda: open_tasks_needed(0.1, DISCORDANCE, gate, config.alpha)
