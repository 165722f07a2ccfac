"""What a reward is judged in: the `Environment` protocol, and many of its episodes run side by side.

`EnvironmentSpec` is what all environments have; `Environment` is one whose steps are a function of arrays, and
`gristmill.verifiers.trained.reward.control.environment.Simulation` one of gymnasium's that keeps its state to itself.
An environment describes itself in words, moves its states, and grades how episodes ended. It runs on the judge's side:
the trainer and the grade see it, the candidate gets arrays of steps only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Actions",
    "Ended",
    "Environment",
    "EnvironmentSpec",
    "Episodes",
    "Floats",
    "Parameter",
    "PolicySettings",
    "Quantity",
    "Ranges",
    "Steps",
    "any_actions",
    "is_continuous",
]

Floats = NDArray[np.float64]
Actions = NDArray[np.int64] | Floats
"""(n,) numbers of actions; or (n, parts) where actions are real numbers."""
Ranges = Mapping[str, tuple[float, float]]
"""Between what a constant of the physics is drawn for an episode, each value as likely; what is not named stays."""


@dataclass(frozen=True)
class Quantity:
    """A number that is observed, one column of an observation; or one part of an action.

    `scale` is how far it usually lies from the middle of its range, for what a policy reads; half the range if None.
    """

    name: str
    low: float
    high: float
    note: str = ""
    scale: float | None = None


@dataclass(frozen=True)
class Parameter:
    """A constant of the physics, and the range in which it still makes sense."""

    name: str
    default: float
    low: float
    high: float


@dataclass(frozen=True)
class PolicySettings:
    """How a policy is trained and measured. The defaults take about a second with `MountainCar`."""

    steps: int = 98_304
    episodes: int = 64  # side by side in training
    horizon: int = 64
    epochs: int = 4
    minibatches: int = 8
    hidden: int = 32
    learning_rate: float = 1e-3
    discount: float = 0.975
    trace: float = 0.95
    clip: float = 0.2
    entropy: float = 0.01
    gradient_norm: float = 0.5
    bootstrap: bool = False  # an episode whose steps are used up is valued as if it went on
    checkpoints: int = 10
    checkpoint_episodes: int = 64
    graded_episodes: int = 256


@dataclass(frozen=True)
class Ended:
    """How episodes ended, one row an episode."""

    states: Floats  # (n, columns of a state)
    succeeded: NDArray[np.bool_]  # (n,)
    steps: NDArray[np.int64]  # (n,) how many steps it took
    progress: Floats  # (n,) `Environment.progress` after each of its steps, in the mean
    nearest: Floats  # (n,) the greatest of these


class EnvironmentSpec(Protocol):
    """What is told of an environment, and how much training a reward gets in it, whatever moves its states."""

    @property
    def name(self) -> str:
        """What `Task.environment` names."""
        ...

    @property
    def story(self) -> str:
        """What a policy must learn and what makes that hard, in a sentence or two."""
        ...

    @property
    def dynamics(self) -> str:
        """How a step changes a state, in words or formulas."""
        ...

    @property
    def observation(self) -> Sequence[Quantity]:
        """The columns of an observation."""
        ...

    @property
    def actions(self) -> Sequence[str] | Sequence[Quantity]:
        """What each action does, from number 0 on, as in "pushes left"; or the parts of an action of real numbers."""
        ...

    @property
    def episode_steps(self) -> int:
        """An episode that has not succeeded by then ends."""
        ...

    @property
    def goal(self) -> str:
        """What ends an episode before its time, as in "the flag was reached"; "never" if nothing does."""
        ...

    @property
    def measure(self) -> str:
        """The name of the mean grade, as in "success rate"."""
        ...

    @property
    def grading(self) -> str:
        """What the mean grade is, as in "the share of fresh episodes in which ..."."""
        ...

    @property
    def training(self) -> PolicySettings:
        """How much training a reward gets."""
        ...

    @property
    def baselines(self) -> Mapping[str, str]:
        """Source of rewards to compare with: "human", the best known by hand, and "sparse", success alone."""
        ...

    def advice(self, grades: Sequence[float]) -> str:
        """A sentence for the author of a reward that falls short; `grades` are the weakest policy's, by checkpoint."""
        ...


class Environment(EnvironmentSpec, Protocol):
    """A world in which a policy learns from a reward. It keeps no state: equal arguments give equal answers.

    A state is a row of numbers whose first columns, one for each `Quantity`, are what is observed; further columns stay
    hidden from policy and reward.
    """

    @property
    def physics(self) -> Sequence[Parameter]:
        """The constants that `step` gets by name."""
        ...

    def reset(self, generator: np.random.Generator, episodes: int) -> Floats:
        """(episodes, columns): states in which episodes begin, drawn from `generator` and nothing else."""
        ...

    def step(self, states: Floats, actions: Actions, physics: Mapping[str, float | Floats]) -> Floats:
        """The next states, a new array; `physics` has one number for all rows or one for each."""
        ...

    def progress(self, states: Floats) -> Floats:
        """(n,) in [0, 1]: how far states are on the way to what must be learned, for grades; no reward sees it."""
        ...

    def succeeded(self, states: Floats) -> NDArray[np.bool_]:
        """(n,): which states end their episode as a success."""
        ...

    def grade(self, ended: Ended) -> Floats:
        """(n,) in [0, 1], higher is better: what a reward is scored by, and cannot touch."""
        ...


@dataclass(frozen=True)
class Steps:
    """What one step of all episodes gave; every array has one row an episode."""

    observation: Floats  # (n, quantities) before the step
    next_observation: Floats  # (n, quantities) after the step and before any reset
    next_state: Floats  # (n, columns of a state), likewise
    terminated: NDArray[np.bool_]  # it succeeded
    truncated: NDArray[np.bool_]  # the episode's steps were used up


def is_continuous(actions: Sequence[str] | Sequence[Quantity]) -> TypeGuard[Sequence[Quantity]]:
    """Whether actions are real numbers."""
    return not isinstance(actions[0], str)


def any_actions(environment: EnvironmentSpec, rows: int, generator: np.random.Generator) -> Actions:
    """As many actions, each as likely as all others."""
    actions = environment.actions
    if is_continuous(actions):
        low, high = [each.low for each in actions], [each.high for each in actions]
        return generator.uniform(low, high, (rows, len(actions)))
    return generator.integers(0, len(actions), rows)


class Episodes:
    """`count` independent episodes that begin anew where they end.

    Starts are drawn from the generator given, physics from one that it spawns, and nothing from elsewhere: equal seeds
    give equal episodes, whatever the ranges.

    Args:
        environment: the world.
        count: how many run side by side.
        generator: where chance comes from.
        physics: constants of the world, one number for all episodes or one for each; what is not named is as it is.
        ranges: constants that are drawn anew whenever an episode begins.
    """

    def __init__(
        self,
        environment: Environment,
        count: int,
        generator: np.random.Generator,
        *,
        physics: Mapping[str, float | Floats] | None = None,
        ranges: Ranges | None = None,
    ) -> None:
        self.environment = environment
        self.count = count
        self._generator = generator
        self._physics: dict[str, float | Floats] = {each.name: each.default for each in environment.physics}
        # In the order of the environment, which is the order in which they are drawn.
        self._ranges = {name: ranges[name] for name in self._physics if name in ranges} if ranges else {}
        self._physics |= dict(physics or {})
        if self._ranges:
            self._of_physics = generator.spawn(1)[0]
            self._drawn = {name: np.empty(count) for name in self._ranges}
            self._physics |= self._drawn
            self._draw(np.ones(count, dtype=bool))
        self.states = environment.reset(generator, count)
        self._age = np.zeros(count, dtype=np.int64)

    def _draw(self, rows: NDArray[np.bool_]) -> None:
        for name, (low, high) in self._ranges.items():
            self._drawn[name][rows] = self._of_physics.uniform(low, high, int(rows.sum()))

    def observe(self) -> Floats:
        """(count, quantities): what is observed now."""
        return self.states[:, : len(self.environment.observation)]

    def step(self, action: Actions) -> Steps:
        """Take one action in every episode, and begin anew those that ended."""
        environment, before, age = self.environment, self.observe(), self._age
        after = environment.step(self.states, action, self._physics)
        terminated = environment.succeeded(after)
        truncated = ~terminated & (age + 1 >= environment.episode_steps)
        self.states, self._age = after.copy(), age + 1
        ended = terminated | truncated
        if ended.any():
            self.states[ended] = environment.reset(self._generator, int(ended.sum()))
            self._age[ended] = 0
            self._draw(ended)
        observed = after[:, : len(environment.observation)]
        return Steps(before, observed, after, terminated, truncated)
