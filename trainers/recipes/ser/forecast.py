"""What SER and its RL will take, told before they start: minutes, memory and disk, by `methods.planning`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gristmill.sandbox.records import Record
from gristmill.trainers.improve.forecast import Forecast as StageForecast
from gristmill.trainers.improve.forecast import Rates
from gristmill.trainers.methods.planning import Assumptions, Work, plan, shape_of
from gristmill.trainers.recipes.ser.config import SerConfig
from gristmill.trainers.recipes.ser.pairs import Pair, Parts, Turn
from gristmill.trainers.recipes.ser.reinforcing import RlConfig

__all__ = ["Forecast", "forecast", "rl_forecast"]

CHARACTERS = 4.0
"""Of one token of English, about; only for what is told before anything is tokenized."""
FORWARD = 1 / 3
"""Of the work of a training step, forward alone."""
_REPLY = 6_000
"""Bytes of a reply in the store with verdict and prompts; as `improve` counts."""


class Forecast(Record):
    """At most: every round labels all of the pool."""

    tokens: int
    minutes: float
    memory_gb: float
    disk_gb: float

    @property
    def words(self) -> str:
        """One line for a person."""
        return (
            f"about {self.tokens} tokens; at most {self.minutes:.0f} minutes, {self.memory_gb:.1f} GB of memory and "
            f"{self.disk_gb:.2f} GB of disk, if every round labels all of the pool"
        )


def forecast(pairs: Sequence[Pair], parts: Parts, config: SerConfig, base: Path, cores: int) -> Forecast:
    """By characters of the texts, the shape of the model, and the rates of one plain core."""
    shape, training = shape_of(base), config.training
    sizes = {pair.id: _tokens(pair, training.max_tokens) for pair in pairs}
    total, labelled = sum(sizes.values()), sum(sizes[id_] for id_ in parts.trained)
    pool = sum(sizes[id_] for id_ in parts.pool)
    later = config.rounds if parts.pool else 0
    trained = labelled * training.epochs + later * (labelled + pool) * training.later_epochs
    scored = (later + 1) * total
    upper = 1.0 if config.cached_layers is None else max(0.0, 1 - config.cached_layers / shape.layers)
    once = 0.0 if config.cached_layers is None else total * FORWARD
    work = Work(
        rows=1,
        row_tokens=max(1, int(once + upper * (trained + scored * FORWARD))),
        epochs=1.0,
        rank=training.lora.rank,
        micro_tokens=training.micro_tokens,
        replies=0,
        reply_tokens=0,
        at_once=0,
    )
    found = plan(shape, work, Assumptions())
    kept = 0 if config.cached_layers is None else total * shape.hidden * 2
    return Forecast(
        tokens=total,
        minutes=60 * found.train_hours / max(1, cores),
        memory_gb=(found.weights + found.adapter + found.overhead + upper * found.activations) / 1e9,
        disk_gb=(kept + (later + 1) * found.adapter / 4) / 1e9,
    )


def _tokens(pair: Pair, most: int) -> int:
    """Of both conversations, where neither is too long."""
    both = [sum(len(turn["content"]) for turn in pair.turns(place)) / CHARACTERS for place in (0, 1)]
    return int(sum(both)) if max(both) <= most else 0


def rl_forecast(
    prompts: Sequence[Sequence[Turn]], tasks: int, config: RlConfig, base: Path, rates: Rates, cores: int
) -> StageForecast:
    """What `recipe reinforce` takes where every reply is as long as it may be.

    Sampling, training and rewards by the arithmetic of `methods.planning` on so many plain cores; measuring by the rate
    of this workspace, judged. The reward model is taken to be as large as the base, and stays in memory beside it.
    """
    shape = shape_of(base)
    asked = [sum(len(turn["content"]) for turn in prompt) / CHARACTERS for prompt in prompts]
    fitting = [tokens for tokens in asked if tokens + config.answer_tokens <= config.max_tokens]
    replies, measured = len(fitting) * config.group, tasks * (config.checkpoints + 1)
    mean = sum(fitting) / len(fitting) if fitting else 0.0
    row = max(1, round(mean + config.answer_tokens))
    work = Work(
        rows=replies,
        row_tokens=row,
        # A reference model reads what is trained on once more.
        epochs=1 + (FORWARD if config.beta else 0.0),
        rank=config.lora.rank,
        micro_tokens=max(config.micro_tokens, row),
        replies=replies,
        reply_tokens=config.answer_tokens,
        at_once=config.group * (config.batch or plan(shape, _NOTHING).batch),
    )
    found = plan(shape, work)
    scoring = plan(shape, work.model_copy(update={"rows": replies + measured, "epochs": FORWARD}))
    minutes = {
        "sampling": 60 * found.sample_hours / max(1, cores),
        "rewards": 60 * scoring.train_hours / max(1, cores),
        "training": 60 * found.train_hours / max(1, cores),
        "measuring": measured / rates.hypotheses / 60,
    }
    return StageForecast(
        minutes=minutes,
        memory=found.weights + max(found.training_kept + found.cache, found.sampling),
        # An adapter a checkpoint, in four bytes a weight.
        disk=config.checkpoints * found.adapter / 4 + _REPLY * measured,
        rates=rates,
    )


_NOTHING = Work(rows=0, row_tokens=1, epochs=1.0, rank=1, micro_tokens=1, replies=0, reply_tokens=1, at_once=1)
