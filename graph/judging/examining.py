"""What trying the tests of tasks by themselves shows, for the tasks' author; no candidate has a part in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.records import DrivenTest, Task
from gristmill.verifiers.registry import Verifiers

__all__ = ["examine"]


async def examine(tasks: Sequence[Task], sandbox: str, workers: int | None) -> dict[str, list[str]]:
    """What is to be said of the tests of each task, by its id; driven tests are tried on guesses.

    Without a sandbox that is what is said.
    """
    wanted = [task for task in tasks if any(isinstance(test, DrivenTest) for test in (*task.public_tests, *task.tests))]
    if not wanted:
        return {}
    try:
        async with Pool.open(sandbox, workers) as pool:
            found = await asyncio.gather(*map(Verifiers(pool).examine, wanted))
    except SandboxError as error:
        return {task.id: [f"its judges were not tried on guesses: {error}"] for task in wanted}
    return {task.id: said for task, said in zip(wanted, found, strict=True) if said}
