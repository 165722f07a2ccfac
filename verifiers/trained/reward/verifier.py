"""Judge a reward function by what a policy that was trained with it can do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any, Final

import numpy as np

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Profile
from gristmill.verifiers.records import Seeds, Task, Verdict
from gristmill.verifiers.trained.base import TrainedVerifier
from gristmill.verifiers.trained.reward.checking import ask, recheck
from gristmill.verifiers.trained.reward.environment import EnvironmentSpec, Floats, any_actions
from gristmill.verifiers.trained.reward.environments import environment_spec
from gristmill.verifiers.trained.reward.feedback import published_text, rewards_text
from gristmill.verifiers.trained.reward.trainer import Batch, TrainedPolicy
from gristmill.verifiers.trained.reward.training import train_policy
from gristmill.verifiers.trained.serving import ServedFunction, Solution
from gristmill.verifiers.trained.verifier import Watch, judge_trained, training_problems

__all__ = ["RewardTraining", "RewardVerifier", "ask", "recheck"]

_RECORDED: Final = 12


@dataclass
class _Watched:
    """A candidate's reward between trainer and sandbox: checks every answer and keeps what is needed afterwards."""

    served: Callable[..., Any]
    chance: np.random.Generator
    human: Callable[..., Any] | None = None
    beside: list[tuple[Floats, Floats]] = field(default_factory=list)
    recorded: list[tuple[Batch, Floats]] = field(default_factory=list)
    components: list[dict[str, tuple[float, float, float]]] = field(default_factory=list)

    def __call__(self, batch: Batch) -> Floats:
        rewards, parts = ask(self.served, batch)
        # Reservoir sampling: which rollouts are kept is known to nobody before the training has ended.
        calls, kept = len(self.components) + 1, len(self.recorded)
        place = kept if kept < _RECORDED else int(self.chance.integers(calls))
        if place < _RECORDED:
            self.recorded[place : place + 1] = [(batch, rewards)]
        self.components.append({name: (float(p.min()), float(p.mean()), float(p.max())) for name, p in parts.items()})
        if self.human is not None:
            self.beside.append((rewards, ask(self.human, batch)[0]))
        return rewards

    def correlation(self) -> float:
        """Pearson's, of the candidate's and the human reward on all steps of the training (Eureka's measure).

        Not a number where there is no human reward, or one of the two is the same at every step.
        """
        if not self.beside:
            return math.nan
        own, human = (np.concatenate(each) for each in zip(*self.beside, strict=True))
        own, human = (each - each.mean() for each in (own, human))
        size = float(np.linalg.norm(own) * np.linalg.norm(human))
        return float(own @ human) / size if size > 0 and math.isfinite(size) else math.nan


def _human(environment: EnvironmentSpec) -> Callable[..., Any] | None:
    """The environment's own best reward, if it has one: as trusted as the environment, so it is called here."""
    source = environment.baselines.get("human")
    if source is None:
        return None
    names: dict[str, Any] = {}
    exec(compile(source, "<human reward>", "exec"), names)  # noqa: S102
    human: Callable[..., Any] = names["reward"]
    return human


_Record = tuple[TrainedPolicy, _Watched]


class RewardTraining:
    """A `gristmill.verifiers.trained.verifier.Training` in one environment."""

    subject = "Policies trained with this reward"

    def __init__(self, environment: EnvironmentSpec, verifier: str, *, published: bool = False) -> None:
        self.environment = environment
        self.published = published
        self.verifier = verifier
        self.measure = environment.measure

    def probe(self, served: ServedFunction, chance: np.random.Generator) -> None:
        """Ask about steps from all over the observations' ranges, so that a mistake shows in milliseconds."""
        for rows in (64, 1, 33):
            ask(served, _anywhere(self.environment, rows, chance))

    def train(
        self, served: Callable[..., Any], seed: int, deadline: float, watch: Watch | None = None
    ) -> tuple[float, _Record]:
        """Train a policy; every answer of the reward is checked, and some are kept."""
        watched = _Watched(served, np.random.default_rng([seed, 1]), _human(self.environment))
        policy = train_policy(watched, self.environment, seed, deadline=deadline, watch=watch)
        return policy.grade, (policy, watched)

    def rechecks(self, record: _Record, chance: np.random.Generator) -> list[Callable[[ServedFunction], None]]:
        """See `recheck`."""
        return [
            partial(recheck, recorded=record[1].recorded, chance=chance, episodes=self.environment.training.episodes)
        ]

    def metrics(self, records: Sequence[_Record]) -> dict[str, float]:
        """The share of final episodes that succeeded, and how the reward goes with the human one, step by step."""
        successes = [policy.success for policy, _ in records if policy.success is not None]
        found = {"success_rate": fmean(successes)} if successes and self.environment.goal != "never" else {}
        known = [each for _, watched in records if not math.isnan(each := watched.correlation())]
        return found | ({"human_correlation": fmean(known)} if known else {})

    def feedback(self, target: float, records: Sequence[_Record]) -> str:
        """How grade and reward went."""
        runs = [(policy, watched.components) for policy, watched in records]
        return (
            published_text(self.environment, runs) if self.published else rewards_text(self.environment, target, runs)
        )


class RewardVerifier(TrainedVerifier):
    """Score = the environment's mean grade, in [0, 1], over seeds, of policies trained with the candidate.

    The candidate is ``reward(obs, action, next_obs, info)`` on arrays with one row a step; it returns (n,) numbers,
    or those and a dict of named components, each (n,). Trainer, environment, seeds and grade are here, on the
    judge's side; the candidate's process sees the steps of one seed's training and nothing else. The outcome is
    `passed` if the score reaches the task's `target` (default .9). Rollouts that nobody can know beforehand are asked
    again of a fresh process, episodes and rows in other company: a reward whose answers differ depends on more than its
    step and is `invalid`. Seeds and places of checks follow from `secret`: the same trainings for all rewards that are
    judged with one.

    `settings.seeds`: how many policies are trained, 1 to 20 (default 3); `settings.final_seeds`: how many of a search's
    winner, by seeds on which nothing was chosen, 0 to 20 (default 5); `settings.published`: messages and feedback are
    Eureka's.
    """

    name = "reward"
    version = 4
    kind = "reward"

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        try:
            environment_spec(task.environment)
        except UserError as error:
            return [str(error), *training_problems(task, "reward", ("published",))]
        wrong = training_problems(task, "reward", ("published",))
        if type(task.settings.get("published", False)) is not bool:
            wrong.append("settings.published: must be true (Eureka's messages and feedback) or false")
        return wrong

    async def _judge(self, task: Task, solution: str, seeds: Seeds) -> Verdict:
        offered = Solution(solution, task.settings.get("entry_point", "reward"), task.limits, PROFILE)
        training = RewardTraining(
            environment_spec(task.environment),
            f"{self.name}/{self.version}",
            published=task.settings.get("published") is True,
        )
        return await judge_trained(self._pool, task, offered, training, self.secret, seeds, confirm=self._confirm)


PROFILE: Final = Profile(name="reward", preload=("numpy", "math"))


def _anywhere(environment: EnvironmentSpec, rows: int, generator: np.random.Generator) -> Batch:
    """Steps between unrelated states, whether the world allows them or not."""

    def drawn() -> Floats:
        low, high = ([getattr(each, end) for each in environment.observation] for end in ("low", "high"))
        return generator.uniform(low, high, (rows, len(low)))

    return Batch(
        observation=drawn(),
        action=any_actions(environment, rows, generator),
        next_observation=drawn(),
        terminated=np.zeros(rows, dtype=bool),
        truncated=np.zeros(rows, dtype=bool),
    )
