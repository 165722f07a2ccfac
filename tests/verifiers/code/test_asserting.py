"""An assertion counts if it runs: apart, together, in programs and pytest files; where none has, nothing passes."""

from __future__ import annotations

import ast
import os
import tempfile
import textwrap
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Task
from gristmill.verifiers.code.beforehand import asserting as beforehand
from gristmill.verifiers.code.guest.counting import asserting as counting
from gristmill.verifiers.code.guest.counting.asserting import COUNTER, Asserting
from gristmill.verifiers.registry import Verifiers, warnings
from tests.verifiers.code.line import PlainContext, judged, serve, wrong

IDENTITY = "def f(x):\n    return x\n"
NOTHING = "def f(x):\n    return None\n"

# Each asserts that `f` is the identity: one way in which tests decide.
DECIDES = {
    "assert": "assert f(1) == 1",
    "with a message": "assert f(1) == 1, 'wrong'",
    "approx": "import pytest\nassert f(1.0) == pytest.approx(1.0)",
    "a helper of any name": "def expect(a, b):\n    assert a == b\nexpect(f(1), 1)",
    "a helper that raises": "def expect(a, b):\n    if a != b:\n        raise ValueError(a)\nexpect(f(1), 1)",
    "a helper that returns early": "def expect(a, b):\n    if a == b:\n        return\n    raise Exception\n"
    "expect(f(1), 1)",
    "a helper that returns its argument": "def same(a, b):\n    assert a == b\n    return a\nsame(f(1), 1)",
    "a helper that calls": "def asked(x):\n    y = f(x)\n    assert y == x\n    return y\nz = asked(1)",
    "if and raise": "got = f(1)\nif got != 1:\n    raise ValueError(got)",
    "if and exit": "import sys\nif f(1) != 1:\n    sys.exit(1)",
    "else and raise": "if f(1) == 1:\n    pass\nelse:\n    raise RuntimeError",
    "if and assert False": "if f(1) != 1:\n    assert False, 'wrong'",
    "or fail": "def fail():\n    raise AssertionError\nf(1) == 1 or fail()",
    "for, break and else": "for x in [f(1)]:\n    if x == 1:\n        break\nelse:\n    raise TypeError",
    "match": "match f(1):\n    case 1:\n        pass\n    case _:\n        raise ValueError",
    "errors kept": "errors = []\nif f(1) != 1:\n    errors.append(1)\nassert not errors",
    "unittest": "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
    "        self.assertEqual(f(1), 1)",
    "unittest, by an alias": "import unittest\nequal = unittest.TestCase().assertEqual\nequal(f(1), 1)",
    "unittest, fail": "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        if f(1) != 1:\n"
    "            self.fail()",
    "numpy": "import numpy as np\nnp.testing.assert_allclose(f(1.0), 1.0)",
    "numpy, by an alias": "from numpy.testing import assert_equal as eq\neq(f(1), 1)",
    "mock": "from unittest.mock import Mock\nm = Mock()\nm(f(1))\nm.assert_called_once_with(1)",
    "functions": "def test_a():\n    assert f(1) == 1",
    "check": "def check(candidate):\n    assert candidate(1) == 1\ncheck(f)",
    "a lambda": "import unittest\ncases = [lambda: unittest.TestCase().assertTrue(f(1) == 1)]\n"
    "[each() for each in cases]",
}
# These want an error, and are for a solution that raises one.
RAISING = "def f(x):\n    raise ValueError(x)\n"
EXPECTS = {
    "pytest.raises": "import pytest\nwith pytest.raises(ValueError):\n    f(1)",
    "pytest.raises, called": "import pytest\npytest.raises(ValueError, f, 1)",
    "assertRaises": "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
    "        with self.assertRaises(ValueError):\n            f(1)",
    "try and else": "try:\n    f(1)\nexcept ValueError:\n    pass\nelse:\n    raise AssertionError",
    "try and assert False": "try:\n    f(1)\n    assert False\nexcept ValueError:\n    pass",
    "a function that returns": "def raises():\n    try:\n        f(1)\n    except ValueError:\n        return\n"
    "    raise AssertionError\nraises()",
    "a manager of the tests": "import contextlib\n@contextlib.contextmanager\ndef raising():\n    try:\n        yield\n"
    "    except ValueError:\n        return\n    raise AssertionError\nwith raising():\n    f(1)",
}
# Each looks as if it tested `f`, and whatever `f` is, nothing is asserted.
SILENT = {
    "nothing": "f(1)",
    "a helper that compares": "def assertion(out, exp, atol):\n    exact_match = out == exp\n"
    "for x in range(3):\n    assertion(f(x), x, 0)",
    "a helper that is called as unittest's": "def assertEqual(a, b):\n    a == b\nassertEqual(f(1), 1)",
    "a method that hides unittest's": "import unittest\nclass T(unittest.TestCase):\n    def assertEqual(self, a, b):\n"
    "        return a == b\n    def test_a(self):\n        self.assertEqual(f(1), 1)",
    "a tuple": "assert (f(1) == 1, 'wrong')",
    "a constant": "f(1)\nassert True\nassert 1 == 1\nassert not None",
    "of the machine": "import sys\nassert sys.version_info >= (3, 8)\nf(1)\n"
    "if __name__ == '__main__':\n    sys.exit(f(1))",
    "a loop over nothing": "for x in []:\n    assert f(x) == 1\nf(1)",
    "a loop over what is empty": "for x in [y for y in range(3) if f(y) == 'never']:\n    assert f(x) == 1",
    "a branch not taken": "if f(1) == 'never':\n    assert f(1) == 1",
    "never called": "def real(a, b):\n    assert a == b\ndef assertion(a, b):\n    a == b\nassertion(f(1), 1)",
    "caught": "try:\n    f(1)\n    assert False\nexcept Exception:\n    pass\nexcept BaseException:\n    pass",
    "its own arguments": "def ref(n):\n    assert isinstance(n, int)\n    if n < 0:\n        raise ValueError\n"
    "    return n * 1\ndef assertion(a, b):\n    a == b\nassertion(f(1), ref(1))",
    "a class's own": "class Point:\n    def __init__(self, x):\n        if x < 0:\n            raise ValueError\n"
    "    def __iter__(self):\n        return self\n    def __next__(self):\n        raise StopIteration\n"
    "p = Point(1)\nf(1) == list(p)",
    "a mock that is asked wrongly": "from unittest.mock import Mock\nm = Mock()\nm(f(1))\nm.called_once_with(2)",
    "an answer as a set-up": "import os\nout = f(1)\nif os.name == 'nowhere':\n    raise AssertionError",
}


def ended(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return next(each["end"] for each in messages if "end" in each)


def as_file(code: str) -> dict[str, str]:
    """The same as one test of pytest's, its classes and functions left where they are."""
    definitions: list[str] = []
    statements: list[str] = []
    for node in ast.parse(code).body:
        defines = isinstance(node, ast.Import | ast.ImportFrom | ast.ClassDef)
        named = isinstance(node, ast.FunctionDef) and node.name.startswith("test")
        (definitions if defines or named else statements).append(ast.unparse(node))
    body = "def test_it():\n" + textwrap.indent("\n".join(statements), "    ") if statements else ""
    return {"test_f.py": "\n".join(["from solution import f", *definitions, body])}


def plainly(source: str, test: dict[str, Any]) -> bool:
    """Plain execution, in a process of its own."""
    from gristmill.verifiers.code.guest.together.run_plain import run

    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(read)
            context = PlainContext({"entry_points": ["f"], "source": source, "shared": "", **test}, None)  # type: ignore[arg-type]
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                run(context)  # type: ignore[arg-type]
                os.chdir("/")
            os.write(write, b"1" if context.sent == [{"passed": True}] else b"0")
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said == b"1"


def program(code: str, setup: str = "") -> dict[str, Any]:
    return {"type": "python", "code": code, "setup": setup}


@pytest.mark.third
@pytest.mark.parametrize("name", [*DECIDES, *EXPECTS])
def test_what_decides_counts_apart_and_together(name: str) -> None:
    code = DECIDES.get(name) or EXPECTS[name]
    right, bad = (IDENTITY, NOTHING) if name in DECIDES else (RAISING, IDENTITY)
    messages = judged(serve(right, ["f"]), code, ["f"])
    assert wrong(messages) == []
    assert any("check" in each for each in messages)
    assert wrong(judged(serve(bad, ["f"]), code, ["f"]))
    assert plainly(right, program(code))
    assert not plainly(bad, program(code))


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("name", SILENT)
def test_what_only_looks_as_if_it_tested_is_no_pass_apart_or_together(name: str) -> None:
    messages = judged(serve(IDENTITY, ["f"]), SILENT[name], ["f"])
    assert ended(messages)["asserted"] == 0
    assert ended(messages)["calls"]
    assert not plainly(IDENTITY, program(SILENT[name]))


@pytest.mark.third
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("name", [*DECIDES, *EXPECTS, *SILENT])
def test_the_same_holds_in_files_of_pytest(name: str) -> None:
    code = DECIDES.get(name) or EXPECTS.get(name) or SILENT[name]
    right, files = RAISING if name in EXPECTS else IDENTITY, as_file(code)
    messages = judged(serve(right, ["f"]), files, ["f"])
    assert (wrong(messages) == []) is (name not in SILENT)
    assert bool(ended(messages)["asserted"]) is (name not in SILENT)
    assert plainly(right, {"type": "pytest", "files": files}) is (name not in SILENT)


def test_files_that_pytest_does_not_rewrite_are_counted_too() -> None:
    helper = {"tools/__init__.py": "", "tools/say.py": "def expect(a, b):\n    assert a == b\n"}
    file = "from solution import f\nfrom tools.say import expect\ndef test_f():\n    expect(f(1), 1)\n"
    test = {"type": "pytest", "files": {"test_f.py": file, **helper}}
    assert wrong(judged(serve(IDENTITY, ["f"]), test["files"], ["f"])) == []  # type: ignore[arg-type]
    assert wrong(judged(serve(NOTHING, ["f"]), test["files"], ["f"]))  # type: ignore[arg-type]
    assert plainly(IDENTITY, test)
    idle = {**test["files"], "tools/say.py": "def expect(a, b):\n    a == b\n"}  # type: ignore[dict-item]
    assert ended(judged(serve(IDENTITY, ["f"]), idle, ["f"]))["asserted"] == 0
    assert not plainly(IDENTITY, {**test, "files": idle})


def test_assertions_of_the_set_up_count_only_where_the_tests_call_them() -> None:
    setup = "assert [1, 2]\nx = 1\nassert x == 1\ndef expect(a, b):\n    assert a == b\n"
    assert wrong(judged(serve(IDENTITY, ["f"]), "expect(f(1), 1)", ["f"], setup=setup)) == []
    assert ended(judged(serve(IDENTITY, ["f"]), "f(1)", ["f"], setup=setup))["asserted"] == 0
    assert plainly(IDENTITY, program("expect(f(1), 1)", setup))
    assert not plainly(IDENTITY, program("f(1)", setup))


@given(st.lists(st.sampled_from(["assert x", "if x:\n    raise E", "y = x", "assert (x, 1)", "g(x)"]), max_size=8))
def test_counting_changes_nothing_else_of_a_program(statements: list[str]) -> None:
    source = "\n".join(statements)
    counted = Asserting([source], ["f"]).counted(ast.parse(source))
    calls = [each for each in counted.body if ast.unparse(each) == f"{COUNTER}()"]
    assert len(calls) == sum(each.startswith(("assert x", "if")) for each in statements)
    kept = ast.Module([each for each in counted.body if each not in calls], [])
    assert ast.dump(kept, include_attributes=True) == ast.dump(ast.parse(source), include_attributes=True)


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=1) as opened:
        yield opened


def task(test: dict[str, Any], **more: Any) -> Task:
    return Task(id="t", kind="code", prompt="p", tests=(test,), **more)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_test_that_asserts_nothing_is_refused_and_its_author_told(pool: Pool) -> None:
    asked = task({"type": "python", "entry_point": "f", "code": SILENT["a helper that compares"]})
    verdict, evidence = await Verifiers(pool).explain(asked, IDENTITY)
    assert verdict.outcome is Outcome.REFUSED
    (proof,) = [check for check in evidence.checks if check.outcome is Outcome.REFUSED]
    assert proof.name == "tests[0]/proof"
    assert "no assertion of the tests has run" in proof.detail
    assert "assertion" not in verdict.feedback
    # A solution that another test finds wrong is wrong, and not refused.
    asked = asked.model_copy(
        update={
            "tests": (
                *asked.tests,
                *task({"type": "cases", "entry_point": "f", "cases": [{"args": [1], "expected": 1}]}).tests,
            )
        }
    )
    assert (await Verifiers(pool).verify(asked, NOTHING)).outcome is Outcome.FAILED
    assert (await Verifiers(pool).verify(asked, IDENTITY)).outcome is Outcome.REFUSED


@pytest.mark.asyncio(loop_scope="module")
async def test_a_candidate_does_not_pass_by_keeping_tests_from_asserting(pool: Pool) -> None:
    code = "from solution import f\ndef test_a():\n    for x in f(3):\n        assert x < 3\n"
    for test in (
        {"type": "pytest", "entry_point": "f", "files": {"test_f.py": code}},
        {"type": "python", "entry_point": "f", "code": "for x in f(3):\n    assert x < 3\n"},
    ):
        verifiers = Verifiers(pool)
        assert (await verifiers.verify(task(test), "def f(n):\n    return list(range(n))\n")).verified
        for empty in ("[]", "iter(())"):
            verdict = await verifiers.verify(task(test), f"def f(n):\n    return {empty}\n")
            assert verdict.outcome is Outcome.REFUSED, (test, empty)


@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "a helper that compares",
        "a tuple",
        "a constant",
        "never called",
        "a helper that is called as unittest's",
        "a method that hides unittest's",
    ],
)
def test_tests_that_assert_nothing_are_named_before_anything_is_run(name: str) -> None:
    said = warnings(task({"type": "python", "entry_point": "f", "code": SILENT[name]}))
    assert "tests[0].code: line 1: nothing in it asserts: no solution passes it, however right" in said


@pytest.mark.parametrize("name", [*DECIDES, *EXPECTS])
def test_tests_that_assert_are_not(name: str) -> None:
    code = DECIDES.get(name) or EXPECTS[name]
    said = warnings(task({"type": "python", "entry_point": "f", "code": code}))
    said += warnings(task({"type": "pytest", "entry_point": "f", "files": as_file(code)}))
    assert [each for each in said if "asserts" in each] == []


def test_a_function_of_pytest_that_asserts_nothing_is_named() -> None:
    code = "from solution import f\ndef test_a():\n    assert f(1) == 1\n"
    code += "class TestB:\n    def test_smoke(self):\n        f(1)\n"
    (said,) = warnings(task({"type": "pytest", "entry_point": "f", "files": {"test_f.py": code}}))
    assert said == "tests[0].files['test_f.py']: line 5: `test_smoke` asserts nothing: it holds whatever is answered"


def test_what_is_raised_to_steer_is_the_same_beforehand_and_while_tests_run() -> None:
    # The host imports no guest, so the names stand on both sides of the wall.
    assert beforehand._STEERS == counting._STEERS
