"""Driven tests: `drive` beside the candidate, `judge` elsewhere; what passes, what does not, and what is where."""

from __future__ import annotations

import asyncio
import inspect
import sys
import types
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Strength, Task, Verdict, Verifiers, problems
from gristmill.verifiers.code.guest.candidate.plain_form import plain
from gristmill.verifiers.registry import warnings
from tests.verifiers.code.driven.everyday import TASKS, Everyday

inside = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=2) as opened:
        yield opened


def in_one_process(everyday: Everyday, solution: str) -> bool:
    """Whether plain execution passes: solution, `drive` and `judge` in this very process."""

    def load(source: str, name: str) -> Any:
        module = sys.modules[name] = types.ModuleType(name)
        exec(source, module.__dict__)
        return module

    sources = {"driven_solution": solution, "driven_drive": everyday.drive, "driven_judge": everyday.judge}
    try:
        loaded, drive, judge = (load(source, name) for name, source in sources.items())
        for case in everyday.cases:
            values = drive.drive(loaded, case.get("given", {}))
            values = asyncio.run(values) if inspect.iscoroutine(values) else values
            judge.judge(plain(values), {**case.get("given", {}), "expected": case.get("expected")})
    except Exception:
        return False
    finally:
        for name in sources:
            del sys.modules[name]
    return True


def wrong() -> list[Any]:
    return [
        pytest.param(name, source, id=f"{name} that {what}")
        for name, each in TASKS.items()
        for what, source in each.wrong.items()
    ]


@inside
@pytest.mark.parametrize("name", TASKS)
async def test_a_right_solution_of_an_everyday_task_is_verified(pool: Pool, name: str) -> None:
    task = TASKS[name].task(name)
    assert problems(task) == []
    assert warnings(task) == []
    verifiers = Verifiers(pool)
    verdict = await verifiers.verify(task, TASKS[name].right)
    assert verdict.verified, verdict
    assert verdict.strength is Strength.TESTED
    assert verdict.metrics["assertions"] >= len(TASKS[name].cases)
    assert await verifiers.examine(task) == []


@pytest.mark.parametrize("name", TASKS)
def test_plain_execution_passes_it(name: str) -> None:
    assert in_one_process(TASKS[name], TASKS[name].right)


@inside
@pytest.mark.parametrize(("name", "source"), wrong())
async def test_a_wrong_one_fails_here_as_it_does_in_plain_execution(pool: Pool, name: str, source: str) -> None:
    assert not await asyncio.to_thread(in_one_process, TASKS[name], source)
    verdict = await Verifiers(pool).verify(TASKS[name].task(name), source)
    # Objects without a plain form cannot be judged, and never pass.
    without = source == TASKS["classes"].wrong["equal to everything"]
    assert verdict.outcome in ((Outcome.REFUSED,) if without else (Outcome.FAILED, Outcome.ERROR)), verdict
    assert "expected" not in verdict.feedback


DRIVE = "def drive(solution, case):\n    return {'value': solution.double(case['x'])}\n"
JUDGE = "def judge(values, case):\n    assert values['value'] == case['expected']\n"
CASES = [{"given": {"x": 40961}, "expected": 81922}, {"given": {"x": "ab"}, "expected": "abab"}]
RIGHT = "def double(x):\n    return x * 2\n"


def doubling(*, public: bool = False, limits: dict[str, Any] | None = None, **changed: Any) -> Task:
    test = {"type": "driven", "drive": DRIVE, "judge": JUDGE, "cases": CASES, **changed}
    return Task(
        id="double",
        kind="code",
        prompt="Double it.",
        limits=limits or {"wall_seconds": 5.0, "cpu_seconds": 5.0},
        **{"public_tests" if public else "tests": [test]},
    )


async def judged(pool: Pool, task: Task, solution: str = RIGHT, **how: Any) -> Verdict:
    assert problems(task) == []
    return await Verifiers(pool, **how).verify(task, solution)


@inside
async def test_a_case_is_a_process_of_its_own(pool: Pool) -> None:
    counting = "calls = []\ndef double(x):\n    calls.append(x)\n    return x * 2 if len(calls) == 1 else None\n"
    assert (await judged(pool, doubling(), counting)).verified


@inside
@pytest.mark.parametrize(
    ("solution", "outcome"),
    [
        pytest.param("def double(x):\n    return x + 1 if isinstance(x, int) else x\n", Outcome.FAILED, id="wrong"),
        pytest.param("def double(x):\n    raise KeyError(x)\n", Outcome.ERROR, id="raises"),
        pytest.param("def doubled(x):\n    return x * 2\n", Outcome.ERROR, id="another name"),
        pytest.param("def double(x):\n    return object()\n", Outcome.REFUSED, id="no plain value"),
        pytest.param("1 / 0\n", Outcome.ERROR, id="does not load"),
        pytest.param("def double(x):\n    while True: pass\n", Outcome.TIMEOUT, id="for ever"),
        pytest.param("def double(x):\n    return bytearray(1 << 34)\n", Outcome.OUT_OF_MEMORY, id="memory"),
        pytest.param("import os\ndef double(x):\n    os._exit(0)\n", Outcome.ERROR, id="leaves"),
        pytest.param("def double(x):\n    raise SystemExit(0)\n", Outcome.ERROR, id="leaves in good order"),
    ],
)
async def test_outcomes(pool: Pool, solution: str, outcome: Outcome) -> None:
    # On a machine that is full of work, what ends by itself may take two seconds as well.
    task = doubling(limits={"wall_seconds": 2.0, "cpu_seconds": 1.0} if outcome is Outcome.TIMEOUT else None)
    verdict = await judged(pool, task, solution)
    assert verdict.outcome is outcome, verdict
    assert verdict.score == 0
    for hidden in ("40961", "81922", "abab"):
        assert hidden not in verdict.model_dump_json()


@inside
async def test_a_model_reads_all_of_a_public_test_and_counts_of_a_hidden_one(pool: Pool) -> None:
    half = "def double(x):\n    return x * 2 if isinstance(x, int) else 'other'\n"
    shown = await judged(pool, doubling(public=True), half)
    assert "Public tests: 1 of 2 passed." in shown.feedback
    for words in ("case 2", "'ab'", "'other'", "line 2 of `judge`", "assert values['value']", "expected = 'abab'"):
        assert words in shown.feedback
    hidden = await judged(pool, doubling(), half)
    assert hidden.feedback == "Hidden tests: 1 of 2 passed; 1 gave a wrong result."
    assert hidden.score == 0.5
    _, evidence = await Verifiers(pool).explain(doubling(), half)
    (_, told) = evidence.checks
    assert told.place == "tests[0].cases[1]"
    assert (told.asked, told.value, told.expected) == (
        "drive(solution, {'x': 'ab'})",
        "gave {'value': 'other'}",
        "'abab'",
    )
    assert "assert values['value'] == case['expected']" in told.detail


@inside
async def test_an_error_is_told_with_the_line_of_the_solution(pool: Pool) -> None:
    verdict = await judged(pool, doubling(public=True), "def double(x):\n    return x / 0\n")
    assert "raised ZeroDivisionError: division by zero (line 2 of `drive`)" in verdict.feedback
    assert "line 2: `return x / 0`" in verdict.feedback


@inside
@pytest.mark.parametrize(
    "judge",
    [
        pytest.param("def judge(values, case):\n    assert (values == case['expected'], 'words')\n", id="a tuple"),
        pytest.param(
            "def judge(values, case):\n    for each in values.get('none', ()):\n        assert each\n",
            id="an empty loop",
        ),
    ],
)
async def test_without_an_assertion_there_is_no_pass(pool: Pool, judge: str) -> None:
    verdict = await judged(pool, doubling(judge=judge, public=True))
    assert verdict.outcome is Outcome.REFUSED
    assert verdict.score == 0
    assert "made no assertion" in verdict.feedback


@inside
async def test_judge_cannot_be_loaded(pool: Pool) -> None:
    verdict = await judged(pool, doubling(judge="import no_such_module\n" + JUDGE, public=True))
    assert verdict.outcome is Outcome.FAILED
    assert "`judge` cannot be loaded: ModuleNotFoundError" in verdict.feedback


@inside
async def test_arrays_cross_and_numpy_is_there(pool: Pool) -> None:
    task = doubling(
        drive="import numpy as np\n"
        "def drive(solution, case):\n    return {'value': solution.double(np.array(case['x'], float))}\n",
        judge="import numpy as np\ndef judge(values, case):\n"
        "    print('x' * 100)\n    np.testing.assert_allclose(values['value'], case['expected'], rtol=1e-6)\n",
        cases=[{"given": {"x": [1.25, 3.5]}, "expected": [2.5, 7.0]}],
    )
    assert (await judged(pool, task)).verified
    assert (await judged(pool, task, "def double(x):\n    return x * 2.001\n")).outcome is Outcome.FAILED


# All memory in megabytes where the process has any object, freed or not, and all files that it can read. The pattern is
# no match of itself; the kernel says which pages there are, where it is asked to write them into a file.
SEARCH = """
import ctypes, gc, os, re
MARKS = re.compile(rb"MARK_([A-Z]+)_7319")
def double(x):
    found = set()
    objects = gc.get_objects()
    objects += gc.get_referents(*objects)
    near = {id(each) >> 20 for each in objects}
    libc = ctypes.CDLL(None)
    file = os.open("memory", os.O_RDWR | os.O_CREAT)
    for megabyte in sorted({each + step for each in near for step in (-1, 0, 1)}):
        size = 0
        for page in range(megabyte << 20, megabyte + 1 << 20, 4096):
            size += max(0, libc.pwrite(file, ctypes.c_void_p(page), 4096, ctypes.c_long(size)))
        found.update(MARKS.findall(os.pread(file, size, 0)))
    os.remove("memory")
    for folder, _, names in os.walk("/"):
        if folder.startswith(("/proc", "/sys", "/usr", "/lib", "/opt")):
            continue
        for name in names:
            try:
                with open(os.path.join(folder, name), "rb") as file:
                    found.update(MARKS.findall(file.read(1 << 20)))
            except OSError:
                continue
    return sorted(each.decode() for each in found)
"""


@inside
async def test_neither_expected_values_nor_the_text_of_judge_are_anywhere_near_a_candidate(pool: Pool) -> None:
    judge = "MARK_JUDGE_7319 = 'MARK_JUDGE_7319'\ndef judge(values, case):\n"
    judge += "    assert values['value'] == ['GIVEN'] and case['expected'] == 'MARK_EXPECTED_7319'\n"
    case = {"given": {"x": [], "more": "MARK_GIVEN_7319"}, "expected": "MARK_EXPECTED_7319"}
    verdict = await judged(pool, doubling(judge=judge, cases=[case], public=True), SEARCH, confirm=False)
    # The mark in `given` is found, so the search finds what is there.
    assert verdict.passed, verdict.feedback
