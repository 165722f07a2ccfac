"""MountainCar, many at a time: the judge's own copy of the world in which a candidate's reward trains a policy.

The dynamics are those of Moore (1990) as in Gymnasium's ``MountainCar-v0``: a car too weak for the hill must swing
up. Everything is a vector over the cars, so that 64 cars step as fast as one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["ACTIONS", "EPISODE_STEPS", "GOAL", "Floats", "MountainCars", "Steps"]

Floats = NDArray[np.float64]

ACTIONS = 3
"""Push left, coast, push right."""

GOAL = 0.5
"""Position of the flag; reaching it ends an episode as a success."""

EPISODE_STEPS = 200
"""An episode that has not reached the goal by then ends as a failure."""

_FORCE = 0.001
_GRAVITY = 0.0025
_LOWEST, _HIGHEST = -1.2, 0.6
_MAX_SPEED = 0.07


@dataclass(frozen=True)
class Steps:
    """What one step of all cars gave; every array has one row a car, in the order of the cars."""

    observation: Floats  # (cars, 2) before the step: position in [-1.2, 0.6], velocity in [-0.07, 0.07]
    next_observation: Floats  # (cars, 2) after the step and before any reset
    terminated: NDArray[np.bool_]  # the goal was reached
    truncated: NDArray[np.bool_]  # the episode's steps were used up
    step: NDArray[np.int64]  # number of the step within its episode, from 0


@dataclass
class MountainCars:
    """`cars` independent episodes that begin anew where they end.

    Starts are drawn from the generator given, and from nothing else: equal seeds give equal worlds.
    """

    cars: int
    generator: np.random.Generator
    position: Floats = field(init=False)
    velocity: Floats = field(init=False)
    age: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.position = self.generator.uniform(-0.6, -0.4, self.cars)
        self.velocity = np.zeros(self.cars)
        self.age = np.zeros(self.cars, dtype=np.int64)

    def observe(self) -> Floats:
        """(cars, 2): position and velocity now."""
        return np.stack([self.position, self.velocity], axis=1)

    def step(self, action: NDArray[np.int64]) -> Steps:
        """Push every car by its action, 0 to 2, and begin anew the episodes that ended."""
        before = self.observe()
        velocity = self.velocity + (action - 1) * _FORCE - np.cos(3 * self.position) * _GRAVITY
        velocity = np.minimum(np.maximum(velocity, -_MAX_SPEED), _MAX_SPEED)
        position = np.minimum(np.maximum(self.position + velocity, _LOWEST), _HIGHEST)
        velocity[(position <= _LOWEST) & (velocity < 0)] = 0.0
        after = np.stack([position, velocity], axis=1)
        terminated = position >= GOAL
        truncated = ~terminated & (self.age + 1 >= EPISODE_STEPS)
        steps = Steps(before, after, terminated, truncated, self.age.copy())
        self.position, self.velocity, self.age = position, velocity, self.age + 1
        ended = terminated | truncated
        if ended.any():
            self.position[ended] = self.generator.uniform(-0.6, -0.4, int(ended.sum()))
            self.velocity[ended] = 0.0
            self.age[ended] = 0
        return steps
