"""Test programs that are read instead of run: what is read, and that the verdict is the judge's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox import Ending, Limits, Pool
from gristmill.sandbox.wire.values import decode
from gristmill.verifiers import Task, profiles
from gristmill.verifiers.calling import calls_job
from gristmill.verifiers.code import test_types
from gristmill.verifiers.code.judge_run import run_judged
from gristmill.verifiers.code.literal_run import run_literal
from gristmill.verifiers.code.literal_tests import literal_program
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.code.verifier import CodeVerifier
from gristmill.verifiers.records import Outcome, PythonTest

CHECK = """
METADATA = {"author": "x"}

def check(candidate):
    "Says what it checks."
    assert candidate([1, 2], k=3) == (1, 2), "first"
    assert candidate([]) == ()
    assert True, "done"
check(f)
"""

PLAIN = {
    "asserts": "assert f(1) == 2\nassert f(2) == 3",
    "the literal first": "assert 2 == f(1)",
    "truth": "assert f(1)\nassert not f(0)",
    "identity": "assert f(1) is True\nassert f(2) is None",
    "tolerance": "assert abs(f(1.5) - 2.0 / 3.0) < 1e-6",
    "a sum": "assert f(1) == 1 + 2 * 3",
    "check": CHECK,
    "check that nobody calls": CHECK.replace("check(f)", ""),
    "a product in a tuple": "assert f([3, 5]) == (3 + 5, 3 * 5)",
    "a small power": "assert f([0 ** 0]) == 2 ** 10",
    "text in two parts": "assert f('ab' + 'cd') == 'ab' + 'cd'",
    "made a tuple": "assert tuple(f(1)) == tuple([1, 2])",
    "sorted": "assert sorted(f(1)) == [1, 2]",
    "a message that calls, in a check": "def check(candidate):\n    assert candidate(1) == 2, str(candidate(1))",
    "print without a call": "def check(candidate):\n    print\n    assert candidate(1) == 2",
    "negative and nested": "assert f(-1, {'a': [1, (2, {3})]}) == [None, -2.5, b'x']",
}
NOT_PLAIN = {
    "a call in an argument": "assert f(g(1)) == 2",
    "a call in the result": "assert f(1) == g([1])",
    # On the host, a candidate's numbers may collide in hashing.
    "made a set": "assert set(f(1)) == {1}",
    "made a tuple of no elements": "assert tuple(f(1)) == tuple(3)",
    "a call within a wrapper's call": "assert tuple(f(1)) == tuple(f(2))",
    "text and a number": "assert f('a' + 1) == 2",
    "a power in a power": "assert f(1) == 2 ** 2 ** 64",
    "a name": "x = 1\nassert f(x) == 2",
    "another function": "assert g(1) == 2",
    "a comparison of two calls": "assert f(1) == f(2)",
    "a chain": "assert 0 < f(1) < 3",
    "a loop": "for i in range(3):\n    assert f(i) == i",
    "a function of its own": "def helper(x):\n    return x\nassert f(1) == 2",
    "the name given anew": "f = 3\nassert f(1) == 2",
    "candidate given anew": "candidate = 3\nassert candidate(1) == 2",
    "a message that calls": "assert f(1) == 2, f(3)",
    "nothing asserted of the candidate": "def check(candidate):\n    assert True\ncheck(f)",
    "nothing at all": "",
    "a decorated check": "import functools\n@functools.cache\ndef check(candidate):\n    assert candidate(1) == 2",
    "check with a default": "def check(candidate=3):\n    assert candidate(1) == 2",
    "check twice": CHECK + "check(f)\n",
    "check of something else": CHECK.replace("check(f)", "check(len)"),
    "spread arguments": "assert f(*[1]) == 2",
    "spread keywords": "assert f(**{'a': 1}) == 2",
    "a method": "assert f.g(1) == 2",
    "an f-string": "assert f(f'{1}') == 2",
    "a power": "assert f(1) == 9 ** 9 ** 9",
    "division by nothing": "assert f(1) == 1 / 0",
    "a comprehension": "assert f([i for i in (1, 2)]) == 2",
    "async": "async def check(candidate):\n    assert candidate(1) == 2",
    "no Python": "assert f(1 ==",
    "too deep": "assert f(" + "[" * 60 + "]" * 60 + ") == 2",
    "an assignment in it": "assert (y := f(1)) == 2",
    "is with a number": "assert f(1) is 1",
}


@pytest.mark.parametrize("code", PLAIN.values(), ids=PLAIN)
def test_programs_that_only_call_and_compare_are_read(code: str) -> None:
    assert literal_program(code, "", ("f",)) is not None


@pytest.mark.parametrize("code", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_anything_else_is_left_to_the_judge(code: str) -> None:
    assert literal_program(code, "", ("f",)) is None


@pytest.mark.parametrize(
    "setup",
    [
        "f = 1",
        "candidate = 1",
        "abs = 1",
        "x = print()",
        "print(1)",
        "from math import nothing",
        "import os",
        "from .x import y",
        "import math as f; f()",
        "import math as f",
        "from math import sqrt as sorted",
        "def f(x):\n    return 2",
        "def g(x=print()):\n    return 2",
        "def g(x: print()):\n    return 2",
        "def g(x) -> Missing:\n    return 2",
        "def g(*x: Missing):\n    return 2",
        "@print\ndef g(x):\n    return 2",
        "class A:\n    pass",
        "lambda: 1",
    ],
)
def test_a_setup_that_does_something_is_left_to_the_judge(setup: str) -> None:
    assert literal_program("assert f(1) == 2", setup, ("f",)) is None


def test_imports_of_what_is_there_do_nothing() -> None:
    assert literal_program("assert f(1) == 2", "from typing import List, Optional\nimport math", ("f",)) is not None


@pytest.mark.parametrize(
    "setup",
    [
        "x = 1",
        "FIX = '''\nAdd more test cases.\n'''",
        "from typing import List, Tuple\ndef g(x: List[Tuple[int, str]], *m: float, y=3) -> 'A':\n    return print(x)",
    ],
)
def test_a_setup_of_literals_and_functions_does_nothing(setup: str) -> None:
    assert literal_program("assert f(1) == 2", setup, ("f",)) is not None


def test_several_entry_points_are_left_to_the_judge() -> None:
    assert literal_program("assert f(1) == 2", "", ("f", "g")) is None


def test_checks_have_the_judges_names() -> None:
    program = literal_program(CHECK, "", ("f",))
    assert program is not None
    assert program.checks == ("check, line 9",)
    assert [each.args for each in program.assertions] == [([1, 2],), ([],)]
    assert program.assertions[0].kwargs == {"k": 3}


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=2) as opened:
        yield opened


TESTS = {
    "asserts": "assert f(1) == 2\nassert f([1]) == [2]\nassert f('a') == 'b'",
    "check": "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate([1]) == [2]\ncheck(f)",
    "truth": "assert f(1)\nassert not f(0)\nassert f(2) is True",
    "tolerance": "assert abs(f(1) - 2.0) < 1e-6\nassert f(3) == 4",
    "wrapped": "assert tuple(f([1])) == tuple([2])\nassert sorted(f('a')) == ['b']\nassert list(f('a')) == ['b']",
    "message": "def check(candidate):\n    assert candidate(1) == 2, candidate(1)\n    assert candidate(3) == 4",
}
CANDIDATES = {
    "right": "def f(x):\n    return {1: 2, 'a': 'b', 3: 4}.get(x, 4) if type(x) is not list else [2]",
    "true": "def f(x):\n    return x != 0",
    "raises": "def f(x):\n    raise ValueError(x)",
    "raises later": "def f(x):\n    return 2 if x == 1 else 1 / 0",
    "stops": "def f(x):\n    raise StopIteration",
    "exits": "import os\ndef f(x):\n    os._exit(0)",
    "exits later": "import os\ndef f(x):\n    return 2 if x == 1 else os._exit(0)",
    "an always equal object": "class A:\n    def __eq__(self, other):\n        return True\ndef f(x):\n    return A()",
    "an int that is equal to all": (
        "class A(int):\n    def __eq__(self, other):\n        return True\ndef f(x):\n    return A(7)"
    ),
    "a counter": "from collections import Counter\ndef f(x):\n    return Counter()",
    "an array": "import numpy\ndef f(x):\n    return numpy.array([2])",
    "a huge number": "def f(x):\n    return 10 ** 4000",
    "nan": "def f(x):\n    return float('nan')",
    "a generator": "def f(x):\n    yield 2",
    "itself": "def f(x):\n    return f",
    "does not load": "def f(x)\n    return 2",
    "raises while loading": "1 / 0",
    "has another name": "def g(x):\n    return 2",
    "state": "n = 0\ndef f(x):\n    global n\n    n += 1\n    return [2, [2], 'b'][n - 1]",
    "bool for int": "def f(x):\n    return True",
}


@pytest.mark.parametrize("tests", TESTS.values(), ids=TESTS)
@pytest.mark.asyncio(loop_scope="module")
async def test_the_outcomes_are_the_judges(pool: Pool, tests: str) -> None:
    """Every check of every candidate, whichever way it was run; where reading says nothing, the judge was asked."""
    test = PythonTest(entry_point="f", code=tests)
    program = literal_program(tests, "", ("f",))
    assert program is not None
    read = 0
    for name, source in CANDIDATES.items():
        profile = profiles.candidate(profiles.libraries(source))
        setting = Setting(pool, source, Limits(wall_seconds=20), profile, public=False)
        literal = await run_literal(setting, program)
        judged = await run_judged(setting, test)
        if literal is not None:
            read += 1
            rows = {each.name: each.outcome for each in judged.checks if each.name != "proof"}
            assert {each.name: each.outcome for each in literal.checks} == rows, name
            assert "proof" not in {each.name for each in judged.checks}, name
    assert read > len(CANDIDATES) / 4


@pytest.mark.asyncio(loop_scope="module")
async def test_what_a_model_may_read_is_the_judges_words(pool: Pool) -> None:
    test = PythonTest(entry_point="f", code="assert f(1) == 2")
    task = Task(id="t", kind="code", prompt="?", public_tests=(test,))
    verdict = await CodeVerifier(pool).verify(task, "def f(x):\n    return 3")
    assert "assert f(1) == 2" in verdict.feedback
    assert "3" in verdict.feedback


@pytest.mark.asyncio(loop_scope="module")
async def test_a_plain_program_needs_no_judge(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(test_types, "run_judged")
    test = PythonTest(entry_point="f", code="assert f(1) == 2\nassert f(2) == 3")
    task = Task(id="t", kind="code", prompt="?", tests=(test,))
    verifier = CodeVerifier(pool)
    right, wrong = [await verifier.verify(task, f"def f(x):\n    return {body}") for body in ("x + 1", "2")]
    assert right.passed
    assert right.metrics == {"calls": 2.0, "assertions": 2.0}
    assert not wrong.passed
    assert wrong.score == 0.5


@pytest.mark.asyncio(loop_scope="module")
async def test_a_pass_is_confirmed_in_one_job_and_a_lucky_one_is_flaky(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, hidden = (PythonTest(entry_point="f", code=f"assert f({x}) == {x + 1}") for x in (1, 2))
    task = Task(id="t", kind="code", prompt="?", public_tests=(public,), tests=(hidden,))
    jobs = 0
    run = pool.run

    async def counting(*args: Any, **kwargs: Any) -> Any:
        nonlocal jobs
        jobs += 1
        return await run(*args, **kwargs)

    monkeypatch.setattr(pool, "run", counting)
    verdict = await CodeVerifier(pool).verify(task, "def f(x):\n    return x + 1")
    assert (verdict.passed, jobs) == (True, 2)
    assert [check.name for check in verdict.checks] == ["public_tests[0]/assert 1", "tests[0]/assert 1"]
    # One call in a process is right, a second one is not: confirmed apart, as it was first run.
    once = "n = 0\ndef f(x):\n    global n\n    n += 1\n    return x + n"
    assert (await CodeVerifier(pool).verify(task, once)).passed
    chance = "import random\nn = random.random()\ndef f(x):\n    return x + 1 if n < 0.5 else 0"
    for _ in range(1000):
        if (await CodeVerifier(pool).verify(task, chance)).outcome is Outcome.FLAKY:
            return
    pytest.fail("chance was never found out")


@pytest.mark.asyncio(loop_scope="module")
async def test_what_would_hang_after_a_failed_assertion_is_not_waited_for(pool: Pool) -> None:
    """As in the judge, a check ends with its first failure."""
    code = "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 3\ncheck(f)"
    task = Task(
        id="t",
        kind="code",
        prompt="?",
        tests=(PythonTest(entry_point="f", code=code),),
        limits=Limits(wall_seconds=60, cpu_seconds=60),
    )
    verdict = await CodeVerifier(pool).verify(task, "def f(x):\n    while x > 1:\n        pass\n    return 0")
    assert verdict.outcome is Outcome.FAILED
    assert Outcome.TIMEOUT not in {check.outcome for check in verdict.checks}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_job_is_ended_when_enough_is_known(pool: Pool) -> None:
    heard: list[bytes] = []

    def enough(message: bytes) -> bool:
        heard.append(message)
        return len(heard) == 2

    source = "import time\ndef f(x):\n    time.sleep(0 if x < 2 else 60)\n    return x\n"
    job = calls_job(source, "f", [([x], {}) for x in range(4)], Limits(wall_seconds=100))
    report = await pool.run(job, profiles.candidate(), enough=enough)
    assert report.ending is Ending.FAILED
    assert report.note == "killed by the host"
    assert [decode(message) for message in heard] == [{"value": 0}, {"value": 1}]
    assert report.messages[:2] == tuple(heard)


@pytest.mark.asyncio(loop_scope="module")
async def test_wrong_answers_are_told_as_test_by_test_and_few_of_them_are_tried_at_once(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, hidden = (PythonTest(entry_point="f", code=f"assert f({x}) == {x + 1}") for x in (1, 2))
    task = Task(id="t", kind="code", prompt="?", public_tests=(public,), tests=(hidden,))
    wrong = [f"def f(x):\n    return {body}" for body in ("x", "2", "3", "x // 0", "None", "x - 1", "'2'", "[x]")]
    run, jobs = pool.run, 0

    async def counting(*args: Any, **kwargs: Any) -> Any:
        nonlocal jobs
        jobs += 1
        return await run(*args, **kwargs)

    monkeypatch.setattr(pool, "run", counting)
    verifier, apart = CodeVerifier(pool), CodeVerifier(pool)
    told = [await verifier.verify(task, solution) for solution in wrong]
    with_tries, jobs = jobs, 0
    monkeypatch.setattr(apart, "_passing", 0.0)
    assert told == [await apart.verify(task, solution) for solution in wrong]
    assert not any(verdict.passed for verdict in told)
    assert (with_tries - jobs, jobs) == (4, 2 * len(wrong))
