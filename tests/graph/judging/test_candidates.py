"""Candidates are judged side by side, and one failure is one message."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from gristmill.graph.judging.candidates import judge_all
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Candidate, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge


async def test_failures_beside_the_first_one_are_heard_of() -> None:
    def missing(task: Task, solution: str) -> Verdict:
        raise UserError(f"{task.id} needs a package")

    tasks = {name: Task(id=name, kind="math", prompt="p", answer="4") for name in "abc"}
    candidates = [Candidate(task_id=name, id=name, text="4") for name in tasks]
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    with pytest.raises(UserError, match="needs a package"):
        async for _ in judge_all(tasks, candidates, ScriptedJudge(missing)):
            pass
    gc.collect()
    assert complaints == []
