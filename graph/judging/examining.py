"""What trying the tests of tasks by themselves shows, for the tasks' author; no candidate has a part in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.records import CodeTest, DrivenTest, ScoreTest, Task
from gristmill.verifiers.registry import Verifiers

__all__ = ["examine"]


async def examine(tasks: Sequence[Task], sandbox: str, workers: int | None) -> dict[str, list[str]]:
    """What is to be said of the tests of each task, by its id.

    Driven tests are tried on guesses, and evaluators on the task's reference.

    Without a sandbox that is what is said.
    """
    wanted = [task for task in tasks if any(isinstance(test, DrivenTest | ScoreTest) for test in _tests(task))]
    if not wanted:
        return {}
    try:
        async with Pool.open(sandbox, workers) as pool:
            found = await asyncio.gather(*map(Verifiers(pool).examine, wanted))
    except SandboxError as error:
        return {task.id: [f"its judges were not tried: {error}"] for task in wanted}
    return {task.id: said for task, said in zip(wanted, found, strict=True) if said}


def _tests(task: Task) -> tuple[CodeTest, ...]:
    return (*task.public_tests, *task.tests)
