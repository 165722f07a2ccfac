"""A reward in use: gymnasium's environments and stable-baselines3's, paid by a function that was found here.

    from gristmill.verifiers.trained.reward.wrappers import RewardWrapper
    env = RewardWrapper(gymnasium.make("Hopper-v5"), winner.reward)

Needs ``gristmill[control]``. The function is called as the judge calls it: arrays with one row a step, numbers of 64
bits, actions within their ranges, an empty dict. It runs here with all your rights: read a model's code before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

__all__ = ["Reward", "RewardWrapper", "VecRewardWrapper"]

Reward = Callable[[Any, Any, Any, dict[str, Any]], Any]
"""``reward(obs, action, next_obs, info)`` → (n,), or that and a dict of named components."""


class RewardWrapper(gymnasium.Wrapper[Any, Any, Any, Any]):
    """One environment, whose own reward is in ``info["native_reward"]``, and components in ``info["components"]``."""

    def __init__(self, env: Any, reward: Reward) -> None:
        super().__init__(env)
        self._reward = reward
        self._seen: Any = None

    def reset(self, **given: Any) -> Any:
        """As the environment's."""
        self._seen, info = self.env.reset(**given)
        return self._seen, info

    def step(self, action: Any) -> Any:
        """A step, paid by the function."""
        seen, self._seen = self._seen, None
        self._seen, native, terminated, truncated, info = self.env.step(action)
        one = (np.asarray(each)[None] for each in (seen, action, self._seen))
        rewards, parts = _paid(self._reward, self.action_space, *one)
        added = {"native_reward": native, "components": {name: float(part[0]) for name, part in parts.items()}}
        return self._seen, float(rewards[0]), terminated, truncated, info | added


class VecRewardWrapper(VecEnvWrapper):
    """Environments side by side, for which the function is called once a step."""

    def __init__(self, venv: VecEnv, reward: Reward) -> None:
        super().__init__(venv)
        self._reward = reward
        self._seen: Any = None
        self._taken: Any = None

    def reset(self) -> Any:
        """As the environments'."""
        self._seen = self.venv.reset()
        return self._seen

    def step_async(self, actions: Any) -> None:
        """Begin a step."""
        self._taken = np.array(actions)
        self.venv.step_async(actions)

    def step_wait(self) -> Any:
        """End a step, paid by the function; where an episode has ended, by what was seen before the next began."""
        now, native, dones, infos = self.venv.step_wait()
        after = np.array(now)
        for place in np.flatnonzero(dones).tolist():
            after[place] = infos[place]["terminal_observation"]
        rewards, parts = _paid(self._reward, self.action_space, self._seen, self._taken, after)
        for place, info in enumerate(infos):
            info["native_reward"] = float(native[place])
            info["components"] = {name: float(part[place]) for name, part in parts.items()}
        self._seen = np.array(now)
        return now, rewards.astype(np.float32), dones, infos


def _paid(reward: Reward, space: Any, obs: Any, action: Any, after: Any) -> tuple[Any, dict[str, Any]]:
    """Rewards and components of steps, one row each."""
    real = isinstance(space, gymnasium.spaces.Box)
    taken = np.clip(action, space.low, space.high).astype(np.float64) if real else action.astype(np.int64)
    made = reward(np.asarray(obs, dtype=np.float64), taken, np.asarray(after, dtype=np.float64), {})
    total, parts = made if isinstance(made, tuple) else (made, {})
    return np.asarray(total, dtype=np.float64), parts
