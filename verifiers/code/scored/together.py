"""The consistency run of a score: plain Python, evaluator and candidate in one process, must come to the same numbers.

It sees all that the evaluator holds and is thrown away, as in `gristmill.verifiers.code.consistency`; a job for each
instance, as apart from the candidate, and one bit of each.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from gristmill.sandbox.records import Ending, Job, Limits
from gristmill.sandbox.wire.values import encode
from gristmill.verifiers import profiles
from gristmill.verifiers.extraction.importing import image_of
from gristmill.verifiers.records import Direction, Seeds, Task, Verdict
from gristmill.verifiers.testing.data import mounts, unchanged

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["ABSOLUTE", "RELATIVE", "limits_of_both", "memory_of_both", "scores_together"]

RELATIVE: Final = 1e-9
"""By how much of itself a score may differ where it is made again: the order of a sum, and no more."""
ABSOLUTE: Final = 1e-12
"""By how much, for scores near 0."""

_RUN: Final = "gristmill.verifiers.code.guest.together.run_scored:run"
_REPRODUCED: Final = (encode({"reproduced": True}),)
_CLOCK, _EXTRA_SECONDS, _EXTRA_MEMORY_MB = 4, 15.0, 1024


async def scores_together(pool: Jobs, task: Task, solution: str, verdict: Verdict, seeds: Seeds) -> bool:
    """Whether plain Python comes to the score of every instance that a verdict by one seed has.

    Raises:
        SandboxError: nothing may be concluded about the solution.
        DataError: the test's data are not what they were.
    """
    test = task.scored
    if test is None or not verdict.scores:
        return False
    await asyncio.to_thread(unchanged, test.data)
    (seed,) = test.seeds(seeds)
    image = image_of(task)
    preload = profiles.libraries(solution, *test.sources, image=image)
    memory = memory_of_both(task.limits)
    named = dict(zip(test.names, test.instances, strict=True))
    async with pool.alone(profiles.together(preload, memory, image.image, mounts(test.data, candidate=False))) as run:
        # What a cascade has spared has no score, apart or together.
        for name, expected in verdict.scores.items():
            request = {
                "source": solution,
                "entry_points": list(test.entry_points),
                "code": test.code,
                "files": test.files,
                "instance": named[name],
                "seed": seed,
                "main": test.main,
                "expected": expected,
                "bound": test.floor if test.cascade else None,
                "minimize": test.direction is Direction.MINIMIZE,
                "relative": RELATIVE,
                "absolute": ABSOLUTE,
            }
            report = await run(Job(program=_RUN, request=request, limits=limits_of_both(task.limits, memory)))
            if report.ending is not Ending.FINISHED or report.exit_status != 0 or report.messages != _REPRODUCED:
                return False
    return True


def memory_of_both(limits: Limits) -> int:
    """MiB that evaluator and solution may take in one process."""
    return min(limits.memory_mb + _EXTRA_MEMORY_MB, 65536)


def limits_of_both(limits: Limits, memory: int) -> Limits:
    """Room for both sides: processor time bounds them, and the clock only what waits."""
    return limits.model_copy(
        update={
            "wall_seconds": min(_CLOCK * limits.wall_seconds + _EXTRA_SECONDS, 3600),
            "cpu_seconds": min(2 * limits.cpu_seconds + _EXTRA_SECONDS, 3600),
            "memory_mb": memory,
            "processes": min(2 * limits.processes, 512),
        }
    )
