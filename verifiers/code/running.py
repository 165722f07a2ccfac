"""Where and how a test is run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from gristmill.sandbox.records import Limits, Profile
from gristmill.sandbox.wire.values import Bounds, encode
from gristmill.verifiers import profiles
from gristmill.verifiers.calling import message_bounds
from gristmill.verifiers.code.findings import Findings
from gristmill.verifiers.records import PytestTest, PythonTest

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs
    from gristmill.verifiers.code.programs.compiling import Program

__all__ = ["Setting", "judge_limits"]

# What an answer takes beside its value.
_ANSWER_BYTES = 64
# The judge outlives the candidate's clock, to tell what it has seen. Its time is bounded all the same.
_JUDGE_EXTRA_SECONDS = 5.0
_JUDGE_MEMORY_MB = 1024
# What a value takes in memory, of what it takes as it is sent.
_MEMORY_A_VALUE = 16


def judge_limits(given: Limits) -> Limits:
    """What the judge process of a test program may use, whose candidate may use `given`."""
    seconds = min(given.wall_seconds + _JUDGE_EXTRA_SECONDS, 3600)
    return Limits(
        wall_seconds=seconds,
        cpu_seconds=seconds,
        memory_mb=max(_JUDGE_MEMORY_MB, given.memory_mb, _MEMORY_A_VALUE * given.value_mb),
        output_kb=max(8192, given.output_kb),
    )


class Splitter(Protocol):
    """What splits a test that cannot be judged apart."""

    async def run(self, setting: Setting, test: PythonTest | PytestTest) -> Findings | None:
        """What the split test shows; None where it cannot be split, or proves nothing."""
        ...


@dataclass(frozen=True)
class Setting:
    """Where and how one test is run. `public`: a model may read what comes of it; `explain`: the task's owner does.

    `program` is the compiled solution, where it is in another language than Python. `splits`: what cannot be judged
    apart is split, where it can be.
    """

    pool: Jobs
    source: str
    limits: Limits
    profile: Profile
    public: bool
    explain: bool = False
    fresh: bool = False
    shuffle: Random | None = None
    program: Program | None = None
    splits: Splitter | None = None

    @property
    def bounds(self) -> Bounds:
        """What one message of the candidate may hold."""
        return message_bounds(self.limits)

    def limits_for(self, wanted: Iterable[Any]) -> Limits:
        """The limits of a job whose replies should be these values: it may send twice as much as they take.

        So a right solution never meets the limit of its output by what it returns, and a wrong one sends no more than
        the author of the task did.
        """
        enough = 2 * sum(len(encode(value)) + _ANSWER_BYTES for value in wanted) >> 10
        if enough <= self.limits.output_kb:
            return self.limits
        return self.limits.model_copy(update={"output_kb": min(enough, 65536)})

    @property
    def judge_limits(self) -> Limits:
        """What the judge process of a test program may use."""
        return judge_limits(self.limits)

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
