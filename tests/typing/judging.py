"""Judging candidates by Python: one solution, and one raw reply of a model."""

from __future__ import annotations

from typing import assert_type

from gristmill.sandbox import Pool
from gristmill.verifiers import Outcome, Task, Verdict, Verifiers
from gristmill.verifiers.judging import judge_reply

TASK = Task(
    id="next",
    kind="code",
    prompt="Write f(x), which returns the number after x.",
    tests=[{"type": "cases", "entry_point": "f", "cases": [{"args": [1], "expected": 2}]}],
)
REPLY = "Here it is:\n```python\ndef f(x):\n    return x + 1\n```"


async def judged(sandbox: str = "auto") -> tuple[Verdict, Verdict]:
    async with Pool.open(sandbox, size=1) as pool:
        verifiers = Verifiers(pool)
        wrong = await verifiers.verify(TASK, "def f(x):\n    return x")
        _, right = await judge_reply(TASK, REPLY, verifiers)
    assert_type(right, Verdict)
    assert_type(right.outcome, Outcome)
    assert_type(right.score, float | None)
    return wrong, right
