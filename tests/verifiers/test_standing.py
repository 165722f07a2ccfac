"""Judging by one call: sync and async, from any thread, over a pool that stays."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gristmill.sandbox import Limits, SandboxError, UserError
from gristmill.verifiers import Outcome, StandingJudge, Task
from tests.verifiers.lost import lost_kind

TASK = Task(
    id="double",
    kind="code",
    prompt="Write f(n) that doubles n.",
    tests=[{"type": "cases", "entry_point": "f", "cases": [{"args": [3], "expected": 6}]}],
)
RIGHT, WRONG, PROSE = "Sure!\n```python\ndef f(n):\n    return 2 * n\n```", "def f(n): return n", "I would double it."


@pytest.fixture(scope="module")
def standing(bubblewrap: str) -> Iterator[StandingJudge]:
    with StandingJudge("bubblewrap", workers=1) as judge:
        yield judge


def outcomes(standing: StandingJudge, *replies: str) -> list[str | None]:
    verdicts = [standing.judge(TASK, reply) for reply in replies]
    return [None if verdict is None else verdict.outcome.value for verdict in verdicts]


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "gristmill-judge"]


def test_a_reply_is_judged_by_one_call_and_prose_is_none(standing: StandingJudge) -> None:
    assert outcomes(standing, RIGHT, WRONG, PROSE) == ["passed", "failed", None]
    assert standing.judge(TASK.model_dump(exclude_unset=True), RIGHT) is not None


async def test_it_can_be_awaited_called_inside_a_loop_and_from_threads_over_one_pool(standing: StandingJudge) -> None:
    assert outcomes(standing, RIGHT) == ["passed"]
    before = threads()
    verdicts = await asyncio.gather(*(standing.judge_async(TASK, reply) for reply in (RIGHT, WRONG, PROSE)))
    assert [verdict and verdict.passed for verdict in verdicts] == [True, False, None]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda reply: outcomes(standing, reply), (RIGHT, WRONG))) == [["passed"], ["failed"]]
    assert threads() == before


async def test_what_is_cancelled_leaves_the_judge_as_it_was(standing: StandingJudge) -> None:
    brief = TASK.model_copy(update={"limits": Limits(wall_seconds=1, cpu_seconds=1)})
    endless = asyncio.create_task(standing.judge_async(brief, "def f(n):\n    while True: pass"))
    await asyncio.sleep(0.1)
    endless.cancel()
    with pytest.raises(asyncio.CancelledError):
        await endless
    assert outcomes(standing, RIGHT) == ["passed"]


def test_trouble_is_unscored_and_neither_none_nor_wrong(standing: StandingJudge, tmp_path: Path) -> None:
    with lost_kind(tmp_path) as kind:
        verdict = standing.judge({"id": "t", "kind": kind, "prompt": "p"}, "anything")
    assert verdict is not None
    assert (verdict.outcome, verdict.score) == (Outcome.UNSCORED, None)


def test_a_task_that_cannot_be_judged_and_a_sandbox_that_is_not_there_are_said(bubblewrap: str) -> None:
    judge = StandingJudge("bubblewrap")
    with pytest.raises(UserError, match="'t' cannot be judged: kind: nobody judges 'cod'"):
        judge.judge({"id": "t", "kind": "cod", "prompt": "p"}, RIGHT)
    with pytest.raises(UserError, match="this is no task"):
        judge.judge({"id": "t"}, RIGHT)
    with pytest.raises((UserError, SandboxError)):
        StandingJudge("nowhere").judge(TASK, RIGHT)
    assert judge.closed


def test_it_starts_again_after_it_was_closed_and_in_a_process_that_was_forked_off(bubblewrap: str) -> None:
    program = (
        "import os, sys\n"
        "from gristmill.verifiers import judge\n"
        f"from gristmill.verifiers.standing.judge import standing\ntask = {TASK.model_dump(exclude_unset=True)!r}\n"
        f"def told(): print(judge(task, {RIGHT!r}).outcome.value, flush=True)\n"
        "told()\n"
        "child = os.fork()\n"
        "told()\n"
        "if not child: standing().close(); os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "standing().close(); told()\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"GRISTMILL_SANDBOX": "bubblewrap"},
    )
    assert (done.stdout.split(), done.returncode) == (["passed"] * 4, 0), done.stderr
    assert done.stderr == ""
