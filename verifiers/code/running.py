"""Where and how a test is run."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from gristmill.sandbox.records import Limits, Profile
from gristmill.sandbox.wire.values import Bounds
from gristmill.verifiers import profiles
from gristmill.verifiers.calling import message_bounds

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["Setting"]


@dataclass(frozen=True)
class Setting:
    """Where and how one test is run. `public`: a model may read what comes of it; `explain`: the task's owner does."""

    pool: Jobs
    source: str
    limits: Limits
    profile: Profile
    public: bool
    explain: bool = False
    fresh: bool = False
    shuffle: Random | None = None

    @property
    def bounds(self) -> Bounds:
        """What one message of the candidate may hold."""
        return message_bounds(self.limits)

    @property
    def shown(self) -> bool:
        """Whether what comes of it is put into words, for whoever may read them."""
        return self.public or self.explain

    @property
    def libraries(self) -> tuple[str, ...]:
        """What both sides have loaded."""
        return profiles.loaded(self.profile)

    def order(self, number: int) -> list[int]:
        """The order of `number` independent cases."""
        places = list(range(number))
        if self.shuffle is not None:
            self.shuffle.shuffle(places)
            if places == sorted(places):
                places.reverse()
        return places
