"""What environments have in common: what they advise; and those in which nothing ends an episode before its time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gristmill.verifiers.trained.reward.environment import Ended, Floats

__all__ = ["Endless", "World"]


class World:
    """Advises by whether any policy ever rose above the grade `lost`; then says what a raised reward is not."""

    lost: float
    hint: str
    """What to do for a policy that has never risen above `lost`."""
    wanted: str
    """What is to be learned, as in "crossing the line sooner"."""

    def advice(self, grades: Sequence[float]) -> str:
        """See `Environment.advice`."""
        if max(grades) <= self.lost:
            return self.hint
        return f"The policy did raise this reward, but that is not the same as {self.wanted}."


class Endless(World):
    """All episodes use up their steps; the grade is the mean progress."""

    goal = "never"

    def succeeded(self, states: Floats) -> NDArray[np.bool_]:
        """None: an episode goes on to its end."""
        return np.zeros(len(states), dtype=bool)

    def grade(self, ended: Ended) -> Floats:
        """The mean over its steps."""
        return ended.progress
