"""A candidate's function, called by a trusted trainer: it sits in a sandbox, and only arrays go in and out.

`serve` opens a session and hands its `ServedFunction` to trainer code in a thread. The time a candidate takes to
answer is charged to the candidate; the trainer's own time is not. What the candidate did wrong arrives as
`CandidateFault`, which is a verdict in the making and never leaves a verifier.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gristmill.sandbox.records import Limits, Profile, Report
from gristmill.sandbox.wire.channel import ChannelError
from gristmill.sandbox.wire.values import Bounds
from gristmill.verifiers.calling import (
    LoadError,
    Malformed,
    Missing,
    Raised,
    Unencodable,
    Value,
    answers,
    decode_answer,
    encode_call,
    error_text,
    noted,
    outcome_of,
    session_job,
)
from gristmill.verifiers.incidents.noting import note, note_exit, note_report
from gristmill.verifiers.incidents.record import Mechanism
from gristmill.verifiers.load_errors import load_error_text
from gristmill.verifiers.records import Outcome

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs, Session

__all__ = ["CandidateFault", "Runner", "ServedFunction", "Solution", "serve"]

T = TypeVar("T")

# A reply is a few arrays of some thousand numbers; more is an attack on the judge's memory.
BOUNDS: Final = Bounds(nodes=100_000, depth=8, size=4 << 20, digits=1000)


class CandidateFault(Exception):  # noqa: N818 - it is data about a candidate, not a mistake of ours
    """What a candidate did wrong: an outcome, and a sentence that its author may read."""

    def __init__(self, outcome: Outcome, feedback: str) -> None:
        super().__init__(feedback)
        self.outcome = outcome
        self.feedback = feedback


class _HungUpError(Exception):
    """The candidate's process hung up; its report says why."""


@dataclass(frozen=True)
class Solution:
    """Source text, the function in it that is served, and what it may use.

    `wrapper` is ``module:function`` of a guest module that makes the served callable from the candidate's;
    `limits.wall_seconds` is the time for loading it and giving one answer, and again for all its other answers in
    one session together.
    """

    source: str
    entry_point: str
    limits: Limits
    profile: Profile
    wrapper: str | None = None


class ServedFunction:
    """The far end of a candidate's function. Blocking: for one thread at a time."""

    def __init__(self, session: Session, seconds: float) -> None:
        self._session = session
        self._budget = seconds
        self._spent = 0.0
        self.calls = 0

    @property
    def seconds(self) -> float:
        """What the candidate has spent answering so far."""
        return self._spent

    def __call__(self, *args: Any) -> Any:
        """Call the function; what comes back is plain builtins and numeric arrays, and otherwise unchecked.

        Raises:
            CandidateFault: it raised, returned what cannot cross, or used up its time.
        """
        begun = time.monotonic()
        left = self._budget - self._spent
        try:
            frame = self._session.call(encode_call(args), seconds=left, limit=BOUNDS.size)
        except TimeoutError:
            note(Mechanism.TIME)
            raise CandidateFault(
                Outcome.TIMEOUT, f"Its calls took longer together than the limit of {self._budget:g} s."
            ) from None
        except ChannelError as error:
            raise CandidateFault(Outcome.ERROR, f"Its answer cannot be read: {error}.") from None
        if frame is None:
            raise _HungUpError
        self.calls += 1
        value = _value(frame)
        # The first answer waits for the code to load, which is charged apart. Decoding is the judge's work on the
        # candidate's value, so it is charged to the candidate as well.
        if self.calls > 1:
            self._spent += time.monotonic() - begun
        return value


@contextlib.asynccontextmanager
async def serve(
    pool: Jobs, solution: Solution, trainer_seconds: float, *, fresh: bool = False
) -> AsyncIterator[Runner]:
    """A candidate's function for as long as the block lasts; `trainer_seconds` is what the trainer may take of it.

    Raises:
        SandboxError: no healthy worker can be had, or it was lost; nothing may be concluded about the candidate.
    """
    wall = min(3600.0, trainer_seconds + 2 * solution.limits.wall_seconds)
    limits = solution.limits.model_copy(update={"wall_seconds": wall})
    job = session_job(solution.source, solution.entry_point, limits, solution.wrapper)
    async with pool.session(job, solution.profile, fresh=fresh) as session:
        yield Runner(session, ServedFunction(session, solution.limits.wall_seconds), solution)


class Runner:
    """Runs trainer code against one served function."""

    def __init__(self, session: Session, function: ServedFunction, solution: Solution) -> None:
        self._session = session
        self._function = function
        self._solution = solution

    async def run(self, work: Callable[[ServedFunction], T]) -> T:
        """`work` in a thread; whatever the candidate did wrong in it is raised with a text for its author.

        Raises:
            CandidateFault: see above; the session is over then.
            SandboxError: the worker was lost.
        """
        try:
            return await asyncio.to_thread(work, self._function)
        except _HungUpError:
            raise _why(await self._session.report(), self._solution) from None


def _value(frame: bytes) -> Any:
    match noted(decode_answer(frame, BOUNDS)):
        case Value(value):
            return value
        case Raised() as error:
            raise CandidateFault(Outcome.ERROR, f"It raised {error_text(error)}.")
        case Unencodable(reason):
            raise CandidateFault(Outcome.INVALID, f"It returned what is no number or array: {reason[:300]}.")
        case Malformed(reason):
            raise CandidateFault(Outcome.INVALID, f"What it returned cannot be read: {reason}.")
    raise CandidateFault(Outcome.INVALID, "It answered in a form that is not agreed.")


def _why(report: Report, solution: Solution) -> CandidateFault:
    """Why a process hung up before it had answered."""
    note_report(report)
    for answer in answers(report, BOUNDS):
        match answer:
            case LoadError(kind, _, line):
                words = load_error_text(solution.source, kind, line) + ("" if line is None else f" (line {line})")
                return CandidateFault(Outcome.ERROR, f"The code does not load: {words}.")
            case Missing():
                return CandidateFault(Outcome.INVALID, f"The code defines no function `{solution.entry_point}`.")
    note_exit(report)
    outcome, words = outcome_of(report, solution.limits)
    return CandidateFault(outcome, f"It {words}.")
