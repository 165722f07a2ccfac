"""Code is judged in real sandboxes, for every kind of test and on both backends."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Job
from gristmill.verifiers import Outcome, Strength, Task, Verdict, Verifiers, problems

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.third_on_docker]


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    """One pool for all tests of a backend: whatever a candidate did before, the next one is judged rightly."""
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=1) as opened:
        yield opened


TESTS: dict[str, dict[str, Any]] = {
    "cases": {
        "type": "cases",
        "entry_point": "double",
        "cases": [
            {"args": [2], "expected": 4},
            {"args": ["ab"], "expected": "abab"},
            {"args": [[1, [2]]], "expected": [1, [2], 1, [2]]},
            {"args": [None], "raises": "TypeError"},
        ],
    },
    "stdio": {"type": "stdio", "cases": [{"stdin": "2\n", "stdout": "4\n"}, {"stdin": "-3", "stdout": "-6"}]},
    "python": {
        "type": "python",
        "entry_point": "double",
        "setup": "def two():\n    return 2",
        "code": "assert double(two()) == 4\nassert double([1]) == [1, 1]\n"
        "try:\n    double(None)\n    assert False\nexcept TypeError:\n    pass\n",
    },
    "pytest": {
        "type": "pytest",
        "entry_point": "double",
        "files": {
            "helpers/__init__.py": "TWO = 2\n",
            "test_double.py": (
                "import pytest\nimport solution\nfrom helpers import TWO\n\n"
                "def test_number():\n    assert solution.double(TWO) == 4\n\n"
                "@pytest.mark.parametrize('text', ['', 'a', 'ab'])\n"
                "def test_text(text):\n    assert solution.double(text) == text + text\n"
            ),
        },
    },
}
RIGHT = "def double(x):\n    return x * 2\n"
SOLUTIONS = dict.fromkeys(TESTS, RIGHT) | {"stdio": "print(int(input()) * 2)\n"}
HALF_RIGHT = dict.fromkeys(TESTS, "def double(x):\n    return x + x if isinstance(x, int) else 0\n") | {
    "stdio": "print(abs(int(input())) * 2)\n"
}


def task(kind: str, *, public: bool = False, seconds: float = 5.0, **more: Any) -> Task:
    double = Task(
        id=f"double/{kind}",
        kind="code",
        prompt="Double it.",
        limits={"wall_seconds": seconds, "cpu_seconds": seconds},
        **{"public_tests" if public else "tests": [TESTS[kind]]},
        **more,
    )
    assert problems(double) == []
    return double


async def judge(pool: Pool, asked: Task, solution: str, *, confirm: bool = True) -> Verdict:
    return await Verifiers(pool, confirm=confirm).verify(asked, solution)


@pytest.mark.parametrize("kind", TESTS)
async def test_a_right_solution_passes_and_a_half_right_one_gets_its_share(pool: Pool, kind: str) -> None:
    right = await judge(pool, task(kind), SOLUTIONS[kind])
    assert (right.outcome, right.score, right.verified) == (Outcome.PASSED, 1.0, True)
    assert right.strength is Strength.TESTED
    assert right.verifier == "code/1"
    assert re.fullmatch(f"{pool.backend} [0-9a-f]{{64}}", right.sandbox)
    half = await judge(pool, task(kind), HALF_RIGHT[kind])
    assert not half.passed
    assert half.score is not None
    assert 0 < half.score < 1
    assert len(half.checks) == len(right.checks)


@pytest.mark.parametrize("kind", TESTS)
async def test_hidden_tests_are_told_as_counts_only(pool: Pool, kind: str) -> None:
    source = {
        "stdio": "x = input()\nprint('SECRET', x)\nraise ValueError('SECRET ' + x)\n",
    }.get(kind, "def double(x):\n    raise ValueError('SECRET ' + repr(x))\n")
    verdict = await judge(pool, task(kind), source)
    assert verdict.outcome is not Outcome.PASSED
    texts = verdict.feedback + "".join(check.detail for check in verdict.checks)
    assert "SECRET" not in texts
    assert "Hidden tests: 0 of" in texts or "Hidden tests: 1 of" in texts


@pytest.mark.parametrize("kind", TESTS)
async def test_public_tests_are_told_in_full_with_the_line_that_raised(pool: Pool, kind: str) -> None:
    source = {"stdio": "x = int(input())\nprint(x)\n[][x]\n"}.get(kind, "def double(x):\n    y = x\n    return [][1]\n")
    verdict = await judge(pool, task(kind, public=True), source)
    assert verdict.outcome is Outcome.ERROR
    assert "IndexError" in verdict.feedback
    assert "[][" in verdict.feedback
    assert "line 3" in verdict.feedback


async def test_a_wrong_value_is_told_with_the_call_and_the_expected_one(pool: Pool) -> None:
    wrong = "def double(x):\n    return 7\n"
    cases = await judge(pool, task("cases", public=True), wrong)
    assert "double(2) returned 7, expected 4" in cases.feedback
    assert "expected it to raise TypeError" in cases.feedback
    python = await judge(pool, task("python", public=True), wrong)
    assert "assert double(two()) == 4" in python.feedback
    assert "double(2) returned 7" in python.feedback
    stdio = await judge(pool, task("stdio", public=True), "print(7)\n")
    assert "printed '7\\n', expected '4\\n'" in stdio.feedback
    files = await judge(pool, task("pytest", public=True), wrong)
    assert "double(2) returned 7" in files.feedback


@pytest.mark.parametrize("kind", TESTS)
@pytest.mark.parametrize("public", [True, False])
async def test_code_that_does_not_compile_is_told_with_its_line(pool: Pool, kind: str, public: bool) -> None:
    verdict = await judge(pool, task(kind, public=public), "x = 1\ndef double(x:\n    return x\n")
    assert (verdict.outcome, verdict.score) == (Outcome.ERROR, 0.0)
    assert "SyntaxError" in verdict.feedback
    assert "line 2" in verdict.feedback


@pytest.mark.parametrize("kind", ["cases", "python", "pytest"])
async def test_a_missing_entry_point_is_told_by_name(pool: Pool, kind: str) -> None:
    verdict = await judge(pool, task(kind), "def dubble(x):\n    return x * 2\n")
    assert (verdict.outcome, verdict.score) == (Outcome.ERROR, 0.0)
    assert "double" in verdict.feedback


# Whatever it finds in its process when it is loaded, it puts into the message that a model reads.
LEAKING = """
import gc
found = [o for o in gc.get_objects() if type(o) is dict and 'cases' in o and 'source' in o]
word = 'a' + 'b'
raise ValueError('LE' + 'AK' if any(word in repr(o['cases']) for o in found) else 'nothing')
"""


async def test_a_naive_report_of_load_errors_would_carry_out_hidden_inputs(pool: Pool) -> None:
    request = {"source": LEAKING, "entry_point": "double", "cases": [{"args": ["ab"]}]}
    report = await pool.run(Job(program="gristmill.sandbox.guest.candidate:cases", request=request))
    assert b"LEAK" in report.messages[0]


@pytest.mark.parametrize("kind", TESTS)
async def test_a_load_error_cannot_carry_out_hidden_inputs(pool: Pool, kind: str) -> None:
    verdict = await judge(pool, task(kind), LEAKING)
    assert not verdict.passed
    assert "LEAK" not in verdict.feedback


@pytest.mark.parametrize("kind", TESTS)
async def test_an_endless_loop_is_a_timeout(pool: Pool, kind: str) -> None:
    source = "while True:\n    pass\n" if kind == "stdio" else "def double(x):\n    while True:\n        pass\n"
    verdict = await judge(pool, task(kind, seconds=0.5), source)
    assert (verdict.outcome, verdict.score) == (Outcome.TIMEOUT, 0.0)


@pytest.mark.parametrize("kind", TESTS)
async def test_too_much_memory_is_told_apart_from_a_wrong_answer(pool: Pool, kind: str) -> None:
    grab = "x = []\nwhile True:\n    x.append(bytearray(1 << 22))\n"
    body = "".join(f"    {line}\n" for line in grab.splitlines())
    verdict = await judge(pool, task(kind), grab if kind == "stdio" else f"def double(x):\n{body}")
    assert verdict.outcome in (Outcome.OUT_OF_MEMORY, Outcome.ERROR)
    assert not verdict.passed
    if kind in ("cases", "stdio"):
        assert verdict.outcome is Outcome.OUT_OF_MEMORY


@pytest.mark.parametrize("kind", ["cases", "python", "pytest"])
async def test_a_process_that_ends_itself_is_an_error_however_it_exits(pool: Pool, kind: str) -> None:
    for way in ("os._exit(0)", "sys.exit(0)", "os.kill(os.getpid(), 9)"):
        verdict = await judge(pool, task(kind), f"import os, sys\ndef double(x):\n    {way}\n")
        assert verdict.outcome is Outcome.ERROR, way
        verdict = await judge(pool, task(kind), f"import os, sys\n{way}\ndef double(x):\n    return x * 2\n")
        assert verdict.outcome is Outcome.ERROR, way
        assert verdict.score == 0.0


async def test_a_verdict_is_text_that_any_file_can_hold(pool: Pool) -> None:
    for kind in ("cases", "python", "stdio"):
        raising = "raise ValueError('\\ud800 \\0')\n"
        source = raising if kind == "stdio" else f"def double(x):\n    {raising}"
        verdict = await judge(pool, task(kind, public=True), source)
        assert "ValueError" in verdict.feedback
        assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


async def test_an_empty_reply_is_invalid(pool: Pool) -> None:
    verdict = await judge(pool, task("cases"), "  \n")
    assert (verdict.outcome, verdict.score) == (Outcome.INVALID, 0.0)


@pytest.mark.parametrize("kind", ["cases", "python"])
async def test_what_passes_only_sometimes_is_flaky(pool: Pool, kind: str) -> None:
    # Each run of a fresh process has another identity; one in two is "right".
    source = (
        "import os, time\nlucky = hash(str(time.perf_counter_ns())) % 2\n"
        "def double(x):\n    return x * 2 if lucky else x * 3\n"
    )
    for _ in range(200):  # one in four is
        if (await judge(pool, task(kind), source)).outcome is Outcome.FLAKY:
            break
    else:
        pytest.fail("chance was never found out")
    # By chance it passes together too: that says nothing of a single run.
    verifiers = Verifiers(pool, confirm=False, consistency=False)
    once = {(await verifiers.verify(task(kind), source)).outcome for _ in range(24)}
    assert once == {Outcome.PASSED, Outcome.FAILED} or once == {Outcome.PASSED, Outcome.ERROR}


async def test_answers_by_the_order_of_the_cases_do_not_survive_the_confirmation(pool: Pool) -> None:
    cases = [{"args": [n], "expected": n * n % 7} for n in range(8)]
    asked = Task(id="t", kind="code", prompt="p", tests=[{"type": "cases", "entry_point": "f", "cases": cases}])
    source = f"answers = iter({[case['expected'] for case in cases]})\ndef f(x):\n    return next(answers)\n"
    assert (await judge(pool, asked, source, confirm=False)).passed
    assert (await judge(pool, asked, source)).outcome is Outcome.FLAKY


async def test_the_rule_of_comparison_is_the_tasks(pool: Pool) -> None:
    def asked(**fields: Any) -> Task:
        test = {"type": "cases", "entry_point": "f", "cases": [{"args": [], "expected": [1.0, 2.0]}], **fields}
        return Task(id="t", kind="code", prompt="p", tests=[test])

    near, turned = "def f():\n    return [1.0 + 1e-12, 2.0]\n", "def f():\n    return [2.0, 1.0]\n"
    assert not (await judge(pool, asked(), near)).passed
    assert (await judge(pool, asked(compare="tolerance"), near)).passed
    assert not (await judge(pool, asked(), turned)).passed
    assert (await judge(pool, asked(compare="multiset"), turned)).passed


async def test_public_and_hidden_tests_count_together_and_public_ones_run_first(pool: Pool) -> None:
    asked = Task(id="t", kind="code", prompt="p", public_tests=[TESTS["cases"]], tests=[TESTS["python"]])
    verdict = await judge(pool, asked, HALF_RIGHT["cases"])
    assert [check.public for check in verdict.checks] == [True] * 4 + [False] * 3
    assert "Public tests: 1 of 4" in verdict.feedback
    assert "Hidden tests: 1 of 3" in verdict.feedback
    assert all(not check.detail for check in verdict.checks if not check.public)


async def test_the_candidate_and_the_tests_use_numpy_and_sympy(pool: Pool) -> None:
    code = "import numpy as np\nfor n in range(3):\n    assert np.allclose(f(np.arange(n)), np.arange(n) * 2)\n"
    asked = Task(
        id="t",
        kind="code",
        prompt="p",
        tests=[{"type": "python", "entry_point": "f", "code": code}],
        limits={"memory_mb": 1024},
    )
    assert (await judge(pool, asked, "import numpy as np\ndef f(a):\n    return np.asarray(a) * 2\n")).passed
    assert not (await judge(pool, asked, "import numpy as np\ndef f(a):\n    return np.asarray(a) * 2 + 1\n")).passed
    cases = {"type": "cases", "entry_point": "f", "cases": [{"args": ["x*x"], "expected": "2*x"}]}
    cases = {"type": "cases", "entry_point": "f", "cases": [{"args": ["x*x"], "expected": "2*x"}]}
    sympy = Task(id="t", kind="code", prompt="p", limits={"memory_mb": 1024}, tests=[cases])
    source = "import sympy\ndef f(text):\n    return str(sympy.diff(sympy.sympify(text)))\n"
    assert (await judge(pool, sympy, source)).passed


async def test_a_test_that_breaks_is_no_pass_and_leaves_the_pool_working(pool: Pool) -> None:
    for code in ("assert double(2) == undefined", "import os\nos._exit(0)", "while True:\n    double(1)", "1 / 0"):
        asked = Task(
            id="t",
            kind="code",
            prompt="p",
            tests=[{"type": "python", "entry_point": "double", "code": code}],
            limits={"wall_seconds": 0.5, "cpu_seconds": 0.5},
        )
        assert not (await judge(pool, asked, RIGHT)).passed, code
    assert (await judge(pool, task("python"), RIGHT)).passed


@pytest.mark.parametrize("test_type", sorted(HALF_RIGHT))
async def test_the_owner_may_see_what_hidden_tests_showed_and_a_model_may_not(pool: Pool, test_type: str) -> None:
    hidden = task(test_type).model_copy(update={"public_tests": ()})
    verdict, evidence = await Verifiers(pool).explain(hidden, HALF_RIGHT[test_type])
    assert [check.outcome for check in evidence.checks] == [check.outcome for check in verdict.checks]
    wrong = [check for check in evidence.checks if check.outcome is not Outcome.PASSED]
    assert wrong
    assert all(check.detail for check in wrong)
    # The verdict is the one that a model would have been told of.
    plain = await Verifiers(pool).verify(hidden, HALF_RIGHT[test_type])
    assert verdict.model_copy(update={"seconds": 0}) == plain.model_copy(update={"seconds": 0})
    assert not any(check.detail for check in verdict.checks)
    assert not any(check.detail in verdict.feedback for check in wrong)


HELD = {
    # Each asserts three things of 1, 2 and 3; what only calls and compares is read, the others are run.
    "a check that is read": "def check(candidate):\n"
    + "".join(f"    assert candidate({n}) == {n}\n" for n in (1, 2, 3)),
    "a check that is run": "def check(candidate):\n    for n in (1, 2, 3):\n        assert candidate(n) == n\n",
    "a check that calls before": (
        "def check(candidate):\n    for n in (1, 2, 3):\n        came = candidate(n)\n        assert came == n\n"
    ),
    "a check that raises by itself": (
        "def check(f):\n    for n in (1, 2, 3):\n        if f(n) != n:\n            raise ValueError(n)\n"
    ),
    "a check over two lines": (
        "def check(f):\n    for n in (1, 2, 3):\n        assert (\n            f(n)\n            == n\n        )\n"
    ),
    "a test case": (
        "import unittest\n\nclass Test(unittest.TestCase):\n    def test_all(self):\n"
        "        for n in (1, 2, 3):\n            self.assertEqual(f(n), n)\n"
    ),
}
STOPS = {
    "wrong": "def f(n): return n if n < {at} else -41",
    "raises": "def f(n): return n if n < {at} else n / 0",
    "ends": "import os\ndef f(n): return n if n < {at} else os._exit(0)",
}


async def test_a_check_says_how_many_of_its_assertions_held_and_of_hidden_ones_nothing_else(pool: Pool) -> None:
    judge = Verifiers(pool, confirm=False)
    for number, (form, code) in enumerate(HELD.items()):
        test = {"type": "python", "entry_point": "f", "code": code}
        for at, how in zip((1, 2, 3), (*STOPS, *STOPS)[number % 3 :], strict=False):
            solution = STOPS[how].format(at=at)
            hidden = Task.model_validate({"id": "t", "kind": "code", "prompt": "p", "tests": [test]})
            words = f"{at - 1 or 'None'} of its assertions held before that."
            verdict, evidence = await judge.explain(hidden, solution)
            assert re.fullmatch(rf"Hidden tests: 0 of 1 passed; 1 [a-z ]+\. {words}", verdict.feedback), (form, verdict)
            assert words in evidence.checks[0].detail
            assert not any(check.detail for check in verdict.checks)
    shown = Task.model_validate({"id": "t", "kind": "code", "prompt": "p", "public_tests": [test]})
    assert words in (await judge.verify(shown, solution)).feedback


async def test_one_assertion_alone_is_told_as_it_was(pool: Pool) -> None:
    code = "assert f(1) == 1\nassert f(2) == 2\nassert f(3) == len([f])\n"
    test = {"type": "python", "entry_point": "f", "code": code}
    hidden = Task.model_validate({"id": "t", "kind": "code", "prompt": "p", "tests": [test]})
    verdict = await Verifiers(pool, confirm=False).verify(hidden, "def f(n): return 1")
    assert verdict.feedback == "Hidden tests: 2 of 3 passed; 1 gave a wrong result."
