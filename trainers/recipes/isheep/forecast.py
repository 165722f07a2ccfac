"""What a run of the recipe will take, said before it starts."""

from __future__ import annotations

from pathlib import Path

from gristmill.trainers.improve.forecast import Forecast, Rates
from gristmill.trainers.methods.planning import Work, plan, shape_of
from gristmill.trainers.recipes.isheep.config import IsheepConfig
from gristmill.trainers.recipes.isheep.measuring.fairness import probes

__all__ = ["calls", "forecast"]

_ADAPTER_SHARE, _REPLY = 0.15, 6_000
"""Bytes of an adapter beside the weights', and of a reply in the store; as `improve` counts."""


def calls(config: IsheepConfig) -> dict[str, float]:
    """Calls of the model at most, by stage, over all iterations; each reply becomes a pair, and each is scored."""
    rounds, prompts, look = config.iterations, config.synthesis.prompts, config.measuring
    second = prompts * config.synthesis.follow_ups
    return {
        "prompts": rounds * (prompts + second),
        "replies": rounds * (prompts + second),
        "scores": rounds * 2 * (prompts + second) * config.assessed,
        "gate": look.gate_prompts * 2 * rounds,
        "test": (2 * look.test_prompts + 2 * look.two_turn_prompts) * (rounds + 1),
        # In replies as long as the others are; what the judge takes is its own.
        "MT-Bench": 2 * look.mtbench * (rounds + 1) * look.mtbench_tokens / (config.run.calls.max_tokens or 96),
        "IFEval": 2 * look.ifeval,
        "probe": 2 * len(probes()) * (rounds + 1) * look.probe,
    }


def forecast(config: IsheepConfig, base: Path, rates: Rates) -> Forecast:
    """Predict from counts and rates; every pair is trained on, which no filter allows: it takes less in truth."""
    counted = calls(config)
    pairs = config.synthesis.prompts * (1 + config.synthesis.follow_ups)
    rounds = config.iterations
    rows = pairs * (rounds * (rounds + 1) / 2 if config.rows == "cumulative" else rounds)
    minutes = {stage: count / rates.hypotheses / 60 for stage, count in counted.items() if count}
    minutes["training"] = rows * config.method.epochs / rates.rows / 60
    planned = plan(
        shape_of(base),
        Work(
            rows=round(pairs),
            row_tokens=config.method.max_tokens,
            epochs=config.method.epochs,
            rank=config.method.lora.rank,
            micro_tokens=config.method.micro_tokens,
            replies=round(pairs),
            reply_tokens=config.run.calls.max_tokens or config.method.max_tokens,
            at_once=min(64, round(pairs)),
        ),
    )
    weights = float(sum(path.stat().st_size for path in base.glob("*.safetensors")))
    return Forecast(
        minutes=minutes,
        memory=max(planned.training_kept, planned.sampling),
        disk=rounds * _ADAPTER_SHARE * weights + _REPLY * sum(counted.values()),
        rates=rates,
    )
