"""Where and how a test is run, and what a candidate's process has sent."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from gristmill.sandbox.records import Limits, Profile
from gristmill.sandbox.wire.values import Bounds, DecodeError, decode
from gristmill.verifiers import profiles

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["CASES", "LEAST_MESSAGE_BYTES", "Run", "decoded"]

CASES: Final = "gristmill.sandbox.guest.candidate:cases"
LEAST_MESSAGE_BYTES: Final = 8 << 20


@dataclass(frozen=True)
class Run:
    """Where and how one test is run. `public`: a model may read what comes of it; `reveal`: the task's author does."""

    pool: Jobs
    source: str
    limits: Limits
    profile: Profile
    public: bool
    reveal: bool = False
    fresh: bool = False
    shuffle: Random | None = None

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


def decoded(message: bytes, limits: Limits) -> dict[str, Any] | None:
    """A message of a candidate's process, which may have sent anything."""
    bounds = Bounds(nodes=1_000_000, size=max(LEAST_MESSAGE_BYTES, limits.output_kb << 10))
    try:
        told = decode(message, bounds)
    except DecodeError as error:
        return {"unencodable": str(error)}
    return told if type(told) is dict else {"unencodable": "a message of another form"}
