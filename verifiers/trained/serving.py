"""A candidate's function, called by a trusted trainer: it sits in a sandbox, and only arrays go in and out.

`serve` opens a session and hands its `ServedFunction` to trainer code in a thread. The time a candidate takes to
answer is charged to the candidate; the trainer's own time is not. What the candidate did wrong arrives as
`CandidateFault`, which is a verdict in the making and never leaves a verifier.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report
from gristmill.sandbox.wire.channel import ChannelError
from gristmill.sandbox.wire.values import Bounds, DecodeError, decode, encode
from gristmill.verifiers.records import Outcome

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs, Session

__all__ = ["CandidateFault", "Runner", "ServedFunction", "Solution", "serve"]

T = TypeVar("T")

PROGRAM: Final = "gristmill.sandbox.guest.candidate:calls"
# A reply is a few arrays of some thousand numbers; more is an attack on the judge's memory.
BOUNDS: Final = Bounds(nodes=100_000, depth=8, size=4 << 20, digits=1000)
_OUTCOMES: Final = {
    Ending.TIMEOUT: (Outcome.TIMEOUT, "It took longer than its limit of {cpu:g} s of processor time or {wall:g} s."),
    Ending.OUT_OF_MEMORY: (Outcome.OUT_OF_MEMORY, "It needed more than its limit of {memory} MiB of memory."),
    Ending.OUTPUT_LIMIT: (Outcome.ERROR, "It printed or returned more than its limit of {output} KiB."),
}


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
            frame = self._session.call(encode({"args": list(args), "kwargs": {}}), seconds=left, limit=BOUNDS.size)
        except TimeoutError:
            raise CandidateFault(
                Outcome.TIMEOUT, f"Its calls took longer together than the limit of {self._budget:g} s."
            ) from None
        except ChannelError as error:
            raise CandidateFault(Outcome.ERROR, f"Its answer cannot be read: {error}.") from None
        if frame is None:
            raise _HungUpError
        self.calls += 1
        answer = _decoded(frame)
        # The first answer waits for the code to load, which is charged apart. Decoding is the judge's work on the
        # candidate's value, so it is charged to the candidate as well.
        if self.calls > 1:
            self._spent += time.monotonic() - begun
        return answer


@contextlib.asynccontextmanager
async def serve(
    pool: Jobs, solution: Solution, trainer_seconds: float, *, fresh: bool = False
) -> AsyncIterator[Runner]:
    """A candidate's function for as long as the block lasts; `trainer_seconds` is what the trainer may take of it.

    Raises:
        SandboxError: no healthy worker can be had, or it was lost; nothing may be concluded about the candidate.
    """
    wall = min(3600.0, trainer_seconds + 2 * solution.limits.wall_seconds)
    request = {"source": solution.source, "entry_point": solution.entry_point, "wrapper": solution.wrapper}
    job = Job(program=PROGRAM, request=request, limits=solution.limits.model_copy(update={"wall_seconds": wall}))
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


def _decoded(frame: bytes) -> Any:
    try:
        told = decode(frame, BOUNDS)
    except DecodeError as error:
        raise CandidateFault(Outcome.INVALID, f"What it returned cannot be read: {error}.") from None
    match told:
        case {"value": value}:
            return value
        case {"raised": raised}:
            raise CandidateFault(Outcome.ERROR, f"It raised {_error_text(raised)}.")
        case {"unencodable": str(reason)}:
            raise CandidateFault(Outcome.INVALID, f"It returned what is no number or array: {reason[:300]}.")
    raise CandidateFault(Outcome.INVALID, "It answered in a form that is not agreed.")


def _why(report: Report, solution: Solution) -> CandidateFault:
    """Why a process hung up before it had answered."""
    for told in _told(report):
        match told:
            case {"load_error": error}:
                return CandidateFault(Outcome.ERROR, f"The code does not load: {_error_text(error)}.")
            case {"missing": _}:
                return CandidateFault(Outcome.INVALID, f"The code defines no function `{solution.entry_point}`.")
    if report.ending in _OUTCOMES:
        outcome, text = _OUTCOMES[report.ending]
        limits = solution.limits
        return CandidateFault(
            outcome,
            text.format(
                cpu=limits.cpu_seconds, wall=limits.wall_seconds, memory=limits.memory_mb, output=limits.output_kb
            ),
        )
    return CandidateFault(Outcome.ERROR, "It ended its process before it had answered.")


def _told(report: Report) -> Iterator[Any]:
    for message in report.messages:
        with contextlib.suppress(DecodeError):
            yield decode(message, BOUNDS)


def _error_text(told: Any) -> str:
    """``ValueError: message (line 3)`` of an error that a candidate's process told; it may tell anything."""
    if not isinstance(told, dict):
        return "an error"
    kind, message, line = (told.get(key) for key in ("type", "message", "line"))
    text = f"{str(kind)[:60]}: {str(message)[:300]}" if message else str(kind)[:60]
    return f"{text} (line {line})" if type(line) is int else text
