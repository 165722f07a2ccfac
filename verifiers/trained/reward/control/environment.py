"""Environments of gymnasium's: the `Simulation` protocol, and a base that leaves little to write.

Such a world keeps its state to itself, so its steps are no function of arrays. It is made and stepped on the judge's
side, by `gristmill.verifiers.trained.reward.control.ppo`; the candidate gets arrays of steps only. gymnasium is
imported on use (``gristmill[control]``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.trained.reward.environment import (
    Ended,
    EnvironmentSpec,
    Floats,
    PolicySettings,
    any_actions,
    is_continuous,
)
from gristmill.verifiers.trained.reward.worlds.base import World

__all__ = ["TRAINING", "GymnasiumWorld", "Simulation", "require_control", "try_out"]

TRAINING = PolicySettings(
    steps=102_400,
    episodes=16,
    horizon=128,
    epochs=10,
    minibatches=32,
    hidden=64,
    learning_rate=3e-4,
    discount=0.99,
    entropy=0.0,
    bootstrap=True,
    checkpoints=10,
    checkpoint_episodes=4,
    graded_episodes=16,
)
"""As stable-baselines3 has it by default, in 16 episodes side by side."""


class Simulation(EnvironmentSpec, Protocol):
    """A world of gymnasium's. `progress` and `succeeded` look into it, where no reward can; `grade` sums them up."""

    def make(self) -> Any:
        """A new ``gymnasium.Env`` whose observations and actions are what `observation` and `actions` describe."""
        ...

    def progress(self, env: Any) -> float:
        """In [0, 1], after a step: how far this episode is on the way to what must be learned."""
        ...

    def succeeded(self, env: Any) -> bool:
        """After a step: whether what must be learned has been reached. It ends nothing: `env` itself does."""
        ...

    def grade(self, ended: Ended) -> Floats:
        """(n,) in [0, 1], higher is better; the columns of ``ended.states`` are the last observations."""
        ...


class GymnasiumWorld(World):
    """A world by its `id` in gymnasium; its grade is the mean progress unless a subclass says otherwise."""

    id: str
    options: Mapping[str, Any] = {}
    """Further arguments of ``gymnasium.make``."""
    goal = "never"
    training = TRAINING
    lost = 0.1
    hint = "The policy has hardly begun: the reward must pay for every step on the way, from the first on."
    wanted = "a better grade"

    def make(self) -> Any:
        """See `Simulation`."""
        import gymnasium

        # Its checker warns of what is not ours to mend, at a fifth of the speed of a step.
        return gymnasium.make(self.id, disable_env_checker=True, **self.options)

    def succeeded(self, env: Any) -> bool:
        """Never, unless a subclass says otherwise."""
        return False

    def grade(self, ended: Ended) -> Floats:
        """The mean over its steps."""
        return ended.progress


def require_control(named: str) -> None:
    """Say in one line what is missing.

    Raises:
        UserError: gymnasium or stable-baselines3 is not installed.
    """
    try:
        import gymnasium  # noqa: F401
        import stable_baselines3  # noqa: F401
    except ImportError as error:
        raise UserError(_install(named, error)) from None


def _install(named: str, error: Exception) -> str:
    return f"{named} is trained by stable-baselines3 in gymnasium: pip install 'gristmill[control]' ({error})"


def try_out(world: Simulation, named: str) -> None:
    """Take one step, so that a mistake is told with its name, and before a candidate is judged.

    Raises:
        UserError: what is wrong with it, or that an extra is missing.
    """
    require_control(named)
    import gymnasium

    try:
        env = world.make()
        try:
            first, _ = env.reset(seed=0)
            after = np.asarray(env.step(any_actions(world, 1, np.random.default_rng(0))[0])[0], dtype=np.float64)
            progress, succeeded = float(world.progress(env)), bool(world.succeeded(env))
            takes, shape = _actions(env.action_space), np.shape(first)
        finally:
            env.close()
        row = np.array([progress])
        graded = np.shape(world.grade(Ended(after[None], np.array([succeeded]), np.array([1]), row, row)))
    except (ImportError, gymnasium.error.DependencyNotInstalled) as error:
        raise UserError(_install(named, error)) from None
    except Exception as error:
        raise UserError(f"{named} cannot take a step: {type(error).__name__}: {error}") from error
    asked = (len(world.actions),) if is_continuous(world.actions) else len(world.actions)
    wanted: Sequence[tuple[str, Any, Any]] = (
        ("an observation's shape", shape, (len(world.observation),)),
        ("what it takes as an action", takes, asked),
        ("the shape of one episode's grade", graded, (1,)),
    )
    for what, is_, must in wanted:
        if is_ != must:
            raise UserError(f"{named}: {what} is {is_}, and as it describes itself {must}; see docs/plugins.md")


def _actions(space: Any) -> Any:
    """The number of actions, or the shape of a real one."""
    return int(space.n) if hasattr(space, "n") else space.shape
