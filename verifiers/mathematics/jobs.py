"""The sandboxed jobs of mathematics: who they are, what they may use, and what they said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report
from gristmill.sandbox.wire.values import DecodeError, decode
from gristmill.verifiers.records import Outcome

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["LIMITS", "MATHEMATICS", "ask", "said"]

_GUEST = "gristmill.verifiers.mathematics.guest.judge"
MATHEMATICS = Profile(name="mathematics", guest=(_GUEST,), preload=("sympy", "latex2sympy2_extended"))
# What SymPy takes for one answer is bounded here, whatever the task allows a candidate. The processor's clock is the
# one that decides; the wall's is wider, so that a busy machine turns no right answer into a timeout.
LIMITS = Limits(wall_seconds=20, cpu_seconds=10, memory_mb=1024, processes=4, output_kb=512)
_OUTCOMES = {Ending.TIMEOUT: Outcome.TIMEOUT, Ending.OUT_OF_MEMORY: Outcome.OUT_OF_MEMORY}


async def ask(pool: Jobs, function: str, request: dict[str, Any], *, fresh: bool = False) -> tuple[Outcome | None, Any]:
    """(outcome if the job did not end well, the last thing it said or None), of a function of the worker module.

    Raises:
        SandboxError: no healthy worker can be had.
    """
    job = Job(program=f"{_GUEST}.{function}", request=request, limits=LIMITS)
    report = await pool.run(job, MATHEMATICS, fresh=fresh)
    return _OUTCOMES.get(report.ending), said(report)


def said(report: Report) -> Any:
    """The last message of a job, which is what it says and no more; None if it cannot be read."""
    if not report.messages:
        return None
    try:
        return decode(report.messages[-1])
    except DecodeError:
        return None
