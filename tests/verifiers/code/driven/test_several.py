"""Several cases in one job: each in a process of its own, which knows nothing of another one and leaves it nothing."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Ending, Job, Limits, Report
from gristmill.sandbox.wire.answers import Value, decode_answer
from gristmill.verifiers import Outcome, Task, Verifiers, profiles
from gristmill.verifiers.code.driven.running import passing, several
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.records import DrivenTest
from tests.verifiers.code.driven.everyday import TASKS
from tests.verifiers.code.driven.test_driven import CLAIMS, SEARCH, doubling

inside = pytest.mark.asyncio(loop_scope="module")
LIMITS = Limits(wall_seconds=20.0, cpu_seconds=10.0)
DRIVE = "def drive(solution, case):\n    return solution.double(case['x'])\n"
JUDGE = "def judge(values, case):\n    assert values == case['expected']\n"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


def driven(*cases: tuple[Any, Any], drive: str = DRIVE) -> DrivenTest:
    rows = [{"given": {"x": given}, "expected": expected} for given, expected in cases]
    return DrivenTest.model_validate({"type": "driven", "drive": drive, "judge": JUDGE, "cases": rows})


async def ran(pool: Pool, source: str, test: DrivenTest) -> tuple[Report, list[Any]]:
    """The report on all cases in one job, and the values that came."""
    setting = Setting(pool, source, LIMITS, profiles.candidate(), public=False)
    report = await several(setting, test, list(range(len(test.cases))))
    answers = [decode_answer(each, setting.bounds) for each in report.messages]
    return report, [each.value if isinstance(each, Value) else each for each in answers]


@inside
async def test_each_case_begins_anew_in_an_empty_folder(pool: Pool) -> None:
    source = """
import os, pathlib
calls = []
def double(x):
    calls.append(x)
    seen = sorted(os.listdir("."))
    inner = pathlib.Path("deep/er")
    inner.mkdir(parents=True)
    (inner / "file").write_text(x)
    os.chmod(inner, 0)
    os.symlink("/", "link")
    os.environ["LEFT"] = x
    return [calls, seen]
"""
    report, values = await ran(pool, source, driven(("a", 0), ("b", 0), ("c", 0)))
    assert (report.ending, report.exit_status) == (Ending.FINISHED, 0)
    assert values == [[["a"], []], [["b"], []], [["c"], []]]


@inside
async def test_no_case_finds_another_one_in_its_memory_its_files_or_its_input(pool: Pool) -> None:
    source = SEARCH.replace("def double(x):", "def double(x):\n    found_there = os.read(0, 1000)").replace(
        "return sorted(each.decode() for each in found)",
        "return [found_there, sorted(each.decode() for each in found)]",
    )
    marks = [("MARK_FIRST_7319", 0), ("MARK_SECOND_7319", 0), ("MARK_THIRD_7319", 0)]
    report, values = await ran(pool, source, driven(*marks))
    assert report.exit_status == 0, report
    # Its own is found, so the search finds what is there.
    assert values == [[b"", ["FIRST"]], [b"", ["SECOND"]], [b"", ["THIRD"]]]


ENDS = {
    "leaves a process": (
        "import os, time\ndef double(x):\n    if os.fork() == 0:\n        os.setsid()\n        time.sleep(60)\n"
        "    return 2 * x\n",
        [2],
    ),
    "ends the process of the job": (
        f"import os\ndef double(x):\n    os.kill(os.getppid(), {signal.SIGKILL.value})\n    return 2 * x\n",
        None,
    ),
    "ends badly": ("import os\ndef double(x):\n    os._exit(3)\n", []),
    "is killed": (f"import os\ndef double(x):\n    os.kill(os.getpid(), {signal.SIGKILL.value})\n", []),
}


@inside
@pytest.mark.parametrize("what", ENDS)
async def test_nothing_more_is_run_behind_a_case_that(pool: Pool, what: str) -> None:
    source, wanted = ENDS[what]
    report, values = await ran(pool, source, driven((1, 2), (3, 6)))
    assert report.exit_status != 0
    assert 6 not in values
    if wanted is not None:
        assert values == wanted


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


@inside
async def test_a_pass_that_is_likely_takes_one_job_for_several_cases_and_any_other_one_for_each(pool: Pool) -> None:
    cases = [{"given": {"x": place}, "expected": 2 * place} for place in range(1000, 1010)]
    test = {"type": "driven", "drive": DRIVE, "judge": JUDGE, "cases": cases}
    task = Task.model_validate({"id": "double", "kind": "code", "prompt": "double", "tests": [test]})
    counting = Counting(pool)
    verifiers = Verifiers(counting)
    wrong = "def double(x):\n    return x * 2 + (x == 1009)\n"
    assert (await verifiers.verify(task, wrong)).outcome is Outcome.FAILED
    assert counting.ran == ["drive"] * 10 + ["decide"]
    for _ in range(8):
        assert (await verifiers.verify(task, "def double(x):\n    return x * 2\n")).verified
    counting.ran.clear()
    assert (await verifiers.verify(task, "def double(x):\n    return x * 2\n")).verified
    assert sorted(counting.ran) == ["decide"] * 2 + ["drive_several"] * 4
    counting.ran.clear()
    # What is known of a failure comes from a job for each case, as before.
    verdict = await verifiers.verify(task, wrong)
    assert (verdict.outcome, verdict.score) == (Outcome.FAILED, 0.9)
    assert counting.ran.count("drive") == 10


@inside
@pytest.mark.parametrize("name", CLAIMS)
async def test_claims_pass_here_no_more_than_in_a_job_for_each_case(pool: Pool, name: str) -> None:
    (test,) = doubling().tests
    assert isinstance(test, DrivenTest)
    limits = LIMITS.model_copy(update={"wall_seconds": 3.0, "cpu_seconds": 2.0})
    setting = Setting(pool, CLAIMS[name], limits, profiles.candidate(), public=False)
    assert await passing(setting, test) is None


@inside
async def test_a_loop_of_events_for_each_of_many_cases(pool: Pool) -> None:
    everyday = TASKS["callbacks"]
    task = everyday.task("callbacks")
    (test,) = task.tests
    assert isinstance(test, DrivenTest)
    many = test.model_copy(update={"cases": test.cases * 4})
    report, values = await ran(pool, everyday.right, many)
    assert (report.exit_status, len(values)) == (0, 8)
    assert values[0] == values[2]
