"""Trainings under a configuration: a policy learns in worlds drawn from it, and is graded in worlds drawn apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from gristmill.verifiers.trained.curves import curve, figure
from gristmill.verifiers.trained.ranges.perturbed import graded, worst
from gristmill.verifiers.trained.reward.environment import Environment, Floats, Ranges
from gristmill.verifiers.trained.reward.trainer import train
from gristmill.verifiers.trained.reward.verifier import RewardTraining, ask
from gristmill.verifiers.trained.serving import ServedFunction
from gristmill.verifiers.trained.verifier import Watch

__all__ = ["Graded", "RangesTraining"]


@dataclass(frozen=True)
class Graded:
    """One policy: its grades by perturbed world, (worlds,), in the world as it is, and there by checkpoint."""

    by_world: Floats
    nominal: float
    course: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the worlds."""
        return float(self.by_world.mean())


class RangesTraining:
    """A `gristmill.verifiers.trained.verifier.Training`: the function that is served is the owner's reward.

    Args:
        environment: the world.
        verifier: name and version.
        ranges: the configuration.
        worlds: the perturbed worlds that decide, the same for all configurations.
    """

    subject = "Policies trained within these ranges"

    def __init__(self, environment: Environment, verifier: str, ranges: Ranges, worlds: dict[str, Floats]) -> None:
        self.environment = environment
        self.verifier = verifier
        self.measure = f"{environment.measure} in perturbed worlds"
        self.records: list[Graded] = []
        self._ranges, self._worlds = ranges, worlds

    def probe(self, served: ServedFunction, chance: np.random.Generator) -> None:
        """As a reward is probed."""
        RewardTraining(self.environment, self.verifier).probe(served, chance)

    def train(
        self, served: ServedFunction, seed: int, deadline: float, watch: Watch | None = None
    ) -> tuple[float, Graded]:
        """Train one policy, and grade it in every perturbed world; starts follow from the seed.

        `watch` is not asked: its grades are of the world as it is, the score is not, so nothing stops early by it.
        """
        policy = train(
            lambda batch: ask(served, batch)[0], self.environment, seed, deadline=deadline, ranges=self._ranges
        )
        assert policy.policy is not None
        by_world = graded(policy.policy, self.environment, self._worlds, np.random.default_rng([seed, 2]))
        record = Graded(by_world, policy.grade, tuple(mark.grade for mark in policy.checkpoints))
        self.records.append(record)
        return record.mean, record

    def rechecks(self, record: Graded, chance: np.random.Generator) -> Iterable[Callable[[ServedFunction], None]]:
        """None: the reward is the owner's, the same for all configurations."""
        return ()

    def metrics(self, records: Sequence[Graded]) -> dict[str, float]:
        """None: the verifier adds them."""
        return {}

    def feedback(self, target: float, records: Sequence[Graded]) -> str:
        """Where it fails, and what randomising has cost."""
        nominal, lowest = fmean(each.nominal for each in records), fmean(worst(each.by_world) for each in records)
        weakest = min(records, key=lambda each: each.mean)
        marks = ", ".join(f"{name} [{low:.6g}, {high:.6g}]" for name, (low, high) in self._ranges.items())
        return "\n".join(
            (
                f"Drawn in training: {marks}; all else stays as it is.",
                f"In the world as it is: {figure(nominal)}; in the worst tenth of the perturbed worlds: "
                f"{figure(lowest)}.",
                f"The weakest run in the world as it is, by checkpoint: {curve(weakest.course)}.",
                *self._where(records),
            )
        )

    def _where(self, records: Sequence[Graded]) -> Iterable[str]:
        """What the worst tenth of the worlds have in common, where that is something."""
        mean = np.mean([each.by_world for each in records], axis=0)
        order = np.argsort(mean, kind="stable")
        tenth = order[: max(1, len(order) // 10)]
        if mean[tenth].mean() > mean.mean() - 0.02:
            return
        said = []
        for name, values in self._worlds.items():
            low, high = float(values.min()), float(values.max())
            at = (float(values[tenth].mean()) - low) / (high - low) if high > low else 0.5
            if abs(at - 0.5) > 0.2:
                said.append(f"{'high' if at > 0.5 else 'low'} {name} ({float(values[tenth].mean()):.6g} in the mean)")
        if said:
            yield f"The worst tenth of the worlds have {', '.join(said)}."
