"""A pass of a driven test is confirmed with all cases in one process, which can take it away and never make it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Job, Limits, Report
from gristmill.verifiers import Outcome, Task, Verifiers, profiles
from gristmill.verifiers.attacks.catalogue import chosen
from gristmill.verifiers.attacks.suite import prepared
from gristmill.verifiers.code.driven.running import passing_at_once
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.records import DrivenTest
from tests.verifiers.code.driven.everyday import TASKS
from tests.verifiers.code.driven.test_driven import doubling

inside = pytest.mark.asyncio(loop_scope="module")
LIMITS = Limits(wall_seconds=3.0, cpu_seconds=2.0)
DRIVE = "def drive(solution, case):\n    return solution.double(case['x'])\n"
JUDGE = "def judge(values, case):\n    assert values == case['expected']\n"
RIGHT = "def double(x):\n    return x * 2\n"
CLAIMS = [(attack.name, source) for attack, source in prepared(doubling(), chosen(["driven"]))]
CASES = [{"given": {"x": place}, "expected": 2 * place} for place in range(1000, 1010)]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


class Counting:
    """A pool that notes which programs are run."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.ran: list[str] = []

    async def run(self, job: Job, *args: Any, **how: Any) -> Report:
        self.ran.append(job.program.rpartition(":")[2])
        return await self._pool.run(job, *args, **how)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def doubled() -> Task:
    test = {"type": "driven", "drive": DRIVE, "judge": JUDGE, "cases": CASES}
    return Task.model_validate({"id": "double", "kind": "code", "prompt": "double", "tests": [test]})


ALONE = ["drive"] * len(CASES) + ["decide"]


@inside
async def test_a_pass_takes_a_process_for_each_case_and_one_more_for_all(pool: Pool) -> None:
    counting = Counting(pool)
    assert (await Verifiers(counting).verify(doubled(), RIGHT)).verified
    assert counting.ran[: len(ALONE) + 2] == [*ALONE, "drive_all", "decide"]
    assert not set(counting.ran[len(ALONE) + 2 :]) - {"guess"}


@inside
async def test_one_that_cannot_be_confirmed_so_is_confirmed_with_a_process_for_each_case(pool: Pool) -> None:
    """What a solution keeps for itself is gone, as it is loaded anew; what it leaves with Python is not."""
    counting = Counting(pool)
    source = (
        "import sys\ndef double(x):\n    left, sys.left = hasattr(sys, 'left'), 1\n    return None if left else x * 2\n"
    )
    assert (await Verifiers(counting).verify(doubled(), source)).verified
    assert counting.ran[: 2 * len(ALONE) + 2] == [*ALONE, "drive_all", "decide", *ALONE]


@inside
@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            "calls = []\ndef double(x):\n    calls.append(x)\n    return x * 2 * (len(calls) == 1)\n", id="names"
        ),
        pytest.param(
            "import os\ndef double(x):\n    seen = os.listdir('.')\n    os.makedirs('a/b')\n    os.chdir('a')\n"
            "    return None if seen else x * 2\n",
            id="files",
        ),
        pytest.param(
            "import asyncio\nasync def later(x):\n    await asyncio.sleep(0)\n    return x * 2\n"
            "def double(x):\n    return asyncio.run(later(x))\n",
            id="event loops",
        ),
    ],
)
async def test_cases_begin_anew_as_far_as_one_process_allows(pool: Pool, source: str) -> None:
    assert await confirmed(pool, source)


async def confirmed(pool: Pool, source: str, task: Task | None = None) -> bool:
    (test,) = (task or doubled()).tests
    assert isinstance(test, DrivenTest)
    findings = await passing_at_once(Setting(pool, source, LIMITS, profiles.candidate(), public=False), test)
    return findings is not None


# Right where other cases are in its process, and nowhere else; and the reverse, which is what is asked for.
TOGETHER = "import sys\nseen = sys.__dict__.setdefault('seen', set())\ndef double(x):\n    seen.add(x)\n    return "


@inside
async def test_whoever_is_right_only_beside_other_cases_has_not_passed(pool: Pool) -> None:
    verdict = await Verifiers(pool).verify(doubled(), TOGETHER + "x * 2 if len(seen) > 1 else None\n")
    assert (verdict.outcome, verdict.score) == (Outcome.FAILED, 0)
    assert (await Verifiers(pool).verify(doubled(), TOGETHER + "x * 2 if len(seen) == 1 else None\n")).verified


@inside
@pytest.mark.parametrize(("name", "source"), CLAIMS)
async def test_claims_are_confirmed_no_more_than_they_pass(pool: Pool, name: str, source: str) -> None:
    assert not await confirmed(pool, source, doubling()), name


@inside
async def test_messages_for_other_cases_are_claims_that_are_judged(pool: Pool) -> None:
    source = "import sys\ndef double(x):\n    frame = sys._getframe()\n    while 'context' not in frame.f_locals:\n"
    source += "        frame = frame.f_back\n    context = frame.f_locals['context']\n    import os\n"
    source += "    from gristmill.sandbox.wire.answers import Value, encode_answer\n"
    source += "    for place in range(10):\n        context.send_bytes(encode_answer(Value(4242)))\n    os._exit(0)\n"
    assert not await confirmed(pool, source)


@inside
async def test_everyday_tasks_are_confirmed_so(pool: Pool) -> None:
    for name, everyday in TASKS.items():
        assert await confirmed(pool, everyday.right, everyday.task(name)), name
