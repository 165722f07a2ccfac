"""The sandboxed jobs of mathematics: what they may use, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gristmill.sandbox.records import Job, Limits, Profile
from gristmill.verifiers.calling import over_limits, statements
from gristmill.verifiers.records import Outcome

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["LIMITS", "MATHEMATICS", "ask"]

_GUEST = "gristmill.verifiers.mathematics.guest.judge"
MATHEMATICS = Profile(name="mathematics", guest=(_GUEST,), preload=("sympy", "latex2sympy2_extended"))
# What SymPy takes for one answer is bounded here, whatever the task allows a candidate. The processor's clock is the
# one that decides; the wall's is wider, so that a busy machine turns no right answer into a timeout.
LIMITS = Limits(wall_seconds=20, cpu_seconds=10, memory_mb=1024, processes=4, output_kb=512)


async def ask(pool: Jobs, function: str, request: dict[str, Any], *, fresh: bool = False) -> tuple[Outcome | None, Any]:
    """(outcome if the job took more than its limits allow, the last thing it said or None), of a judge's function.

    Raises:
        SandboxError: no healthy worker can be had.
    """
    job = Job(program=f"{_GUEST}.{function}", request=request, limits=LIMITS)
    report = await pool.run(job, MATHEMATICS, fresh=fresh)
    return over_limits(report), (statements(report) or [None])[-1]
