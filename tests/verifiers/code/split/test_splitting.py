"""The text of a split test: what stands beside the candidate, what does not, and what keeps a test from being split."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.verifiers.code.driven.problems import driven_problems
from gristmill.verifiers.code.guest.candidate import splitting as guest
from gristmill.verifiers.code.guest.candidate.plain_form import plain
from gristmill.verifiers.code.guest.judge.driven import reports as judges
from gristmill.verifiers.code.split.splitting import Split, split
from gristmill.verifiers.records import PytestTest, PythonTest


def of_pytest(text: str) -> Split | str:
    return split(PytestTest(entry_point="f", files={"test_f.py": text}))


def of_python(text: str, names: str | tuple[str, ...] = "f") -> Split | str:
    return split(PythonTest(entry_point=names, code=text))


def made(split_test: Split | str) -> Split:
    assert isinstance(split_test, Split), split_test
    assert list(driven_problems(split_test.test)) == []
    return split_test


def passes(split_test: Split, solution: str, values: Any = None) -> bool:
    """Whether a flat program passes, drive and judge in this very process."""
    guest._told.clear()
    names = ("solution", "drive", "split_judge")
    try:
        for name, source in zip(names, (solution, split_test.test.drive, split_test.test.judge), strict=True):
            if values is None or name == "split_judge":
                sys.modules["gristmill_reports"] = judges if name == "split_judge" else guest
                module = sys.modules[name] = types.ModuleType(name)
                exec(source, module.__dict__)
        case = {"step": "flat", "expected": None}
        reported = sys.modules["drive"].drive(None, case) if values is None else values
        reported = asyncio.run(reported) if inspect.iscoroutine(reported) else reported
        sys.modules["split_judge"].judge(plain(reported), case)
    except Exception:
        return False
    finally:
        for name in (*names, "gristmill_reports"):
            sys.modules.pop(name, None)
    return True


FILE = '''
"""Tests of f: 77001."""
import pytest
from solution import f

TABLE = {"a": 77002, "b": 77003}
SCALE = 77004  # 77005


def doubled(number):
    """77006"""
    return number * 77007


@pytest.fixture
def wanted():
    return [77008]


@pytest.mark.parametrize("x, y", [("one", 77009), pytest.param("two", 77010, id="n77011")], ids=str)
def test_rows_77012(x, y):
    want = y + 77013
    assert f(x) == want, "message 77014"


def test_loops(tmp_path, wanted):
    for key, value in TABLE.items():
        assert f(key) == value
    for x, y in [("three", 77015), ("four", 77016)]:
        assert f(x) == doubled(y) + SCALE
    for x, y in zip(["five"], [77017]):
        assert f(x) == y
    assert all(f(x) == y for x, y in [("six", 77018)])
    assert f("seven") == wanted
    assert (tmp_path / "x").read_text() == "77019"
    with pytest.raises(ValueError, match="77020"):
        f("eight")
    assert 77021 in f("nine") and len(f("ten")) == 77022
    assert f("eleven") > 77023
    assert f("twelve").startswith("77024")
    assert f(f("thirteen")) == f"{77025}"


class TestMore_77026:
    def test_more(self):
        """77027"""
        found = f("fourteen")
        assert found.total == pytest.approx(77028.5)
'''


def test_nothing_that_is_wanted_stands_beside_the_candidate() -> None:
    parts = made(of_pytest(FILE))
    assert "77" not in parts.test.drive, parts.test.drive
    for word in ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "fourteen"):
        assert repr(word) in parts.test.drive
    for word in ("77002", "77009", "77013", "77016", "77018", "77020", "77024", "77028.5"):
        assert word in parts.test.judge
    assert "test_rows" not in parts.test.drive
    assert [each.given["step"] for each in parts.test.cases] == ["step_1", "step_2", "step_3"]
    for gone in ("TABLE", "SCALE", "doubled", "message", "y"):
        assert gone not in ast.unparse(ast.parse(parts.test.drive)).replace("y'", "").split(), gone


def test_what_counts_is_equality_with_what_the_candidate_cannot_know() -> None:
    parts = made(of_pytest(FILE))
    words = [each.text for each in parts.counted]
    assert len(words) == 10
    assert not any(mark in text for text in words for mark in ("> 77023", "raises", "startswith"))


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.integers(100, 999), st.integers(10**6, 10**9)), min_size=1, max_size=4),
    st.sampled_from(
        [
            "for x, y in {rows}:\n    assert f(x) == y",
            "TABLE = {rows}\nfor x, y in TABLE:\n    assert f(x) == y",
            "for i, (x, y) in enumerate({rows}):\n    assert f(x) == y",
            "assert all(f(x) == y for x, y in {rows})",
            "def wanted(x):\n    return dict({rows})[x]\nfor x in {keys}:\n    assert f(x) == wanted(x)",
            "W = dict({rows})\nfor x in {keys}:\n    found = f(x)\n    assert found == W[x]",
        ]
    ),
)
def test_no_literal_that_only_assertions_read_is_beside_the_candidate(rows: list[tuple[int, int]], form: str) -> None:
    rows = list(dict(rows).items())
    parts = made(of_python(form.format(rows=rows, keys=[key for key, _ in rows])))
    beside = {each.value for each in ast.walk(ast.parse(parts.test.drive)) if isinstance(each, ast.Constant)}
    assert not beside & {wanted for _, wanted in rows}
    assert {key for key, _ in rows} <= beside
    assert passes(parts, f"def f(x):\n    return {dict(rows)}[x]\n")
    assert not passes(parts, "def f(x):\n    return x\n")
    (only, *_), others = rows[0][::-1], len(rows)
    assert not passes(parts, "", [[0, [], True, [only]]] * (others + 1))


HELPERS = [
    "def check(x, want):\n    assert f(x) == want\ncheck('a', 77001)\ncheck(x='b', want=77002)",
    "def check(x, /, want=77001, *, more):\n    assert f(x) == [want, more]\n"
    "check('a', more=77003)\ncheck('b', 77002, more=77004)",
    "def check(got, want):\n    assert got == want\n"
    "for x, y in [('a', 77001), ('b', 77002)]:\n    check(f(x), y + 77003)",
    "def inner(x, want):\n    assert f(x) == want\ndef check(x, want):\n    inner(x, want - 77001)\n"
    "check('a', 78001)\ncheck('b', 78002)",
]


@pytest.mark.parametrize("code", HELPERS)
def test_what_a_helper_is_handed_to_assert_with_is_not_beside_the_candidate(code: str) -> None:
    parts = made(of_python(code))
    assert "77" not in parts.test.drive, parts.test.drive
    assert "78" not in parts.test.drive, parts.test.drive
    wanted: Any = {"a": 77001, "b": 77002}
    if "more" in code:
        wanted = {"a": [77001, 77003], "b": [77002, 77004]}
    elif "y + " in code:
        wanted = {"a": 154004, "b": 154005}
    elif "inner" in code:
        wanted = {"a": 1000, "b": 1001}
    assert passes(parts, f"def f(x):\n    return {wanted!r}[x]\n")
    assert not passes(parts, "def f(x):\n    return 77001\n")


def test_what_a_helper_reads_beside_the_candidate_counts_no_more() -> None:
    assert isinstance(of_python("def check(x, y):\n    assert f(x, y) == y\ncheck('a', 77001)"), str)


TOGETHER = {
    "raise outside an assertion": "r = f(1)\nif r != 2:\n    raise AssertionError('no')\nassert f(2) == 4001",
    "a branch that the candidate drives": "r = f(1)\nif r:\n    assert f(2) == 4001\nelse:\n    assert f(3) == 4002",
    "an error that decides": "try:\n    f(1)\nexcept ValueError as error:\n    assert str(error) == 'wanted words'",
    "truth": "assert f(1)\nassert not f(2)",
    "order": "assert f(1) < 4001",
    "membership": "assert f(1) in [4001, 4002]",
    "difference": "assert f(1) != 4001",
    "both sides the candidate's": "assert f(1) == f(2)",
    "what is handed over, unchanged": "x = [4001]\nbefore = list(x)\nf(x)\nassert x == before",
    "a loop that the candidate drives": "for x in f(1):\n    assert x == 4001",
    "a callback": "def seen(x):\n    assert x == 4001\nf(seen)",
    "what stands beside the candidate too": "assert f('abcde') == 'abcde'",
    "a failure by name": "import pytest\nif f(1) != 2:\n    pytest.fail('no')\nassert f(2) == 4001",
    "an expression that names": "assert (x := f(1)) == 4001",
    "none": "f(1)",
    "no program": "assert f(1 ==",
}


@pytest.mark.parametrize("name", TOGETHER)
def test_what_is_not_split(name: str) -> None:
    assert isinstance(of_python(TOGETHER[name]), str)


def test_a_test_with_shared_source_is_not_split_and_says_why() -> None:
    test = PythonTest(entry_point="f", shared="class P:\n    x = 1\n", code="assert f(P()) == 7003")
    said = split(test)
    assert isinstance(said, str)
    assert said.startswith("shared: ")
    assert isinstance(split(test.model_copy(update={"shared": ""})), Split)


def test_a_callback_reports_and_never_raises() -> None:
    code = "def seen(x):\n    assert x == 4001, 'words'\n    return x\nassert f(seen) == 'done 8123'"
    parts = made(of_python(code))
    assert "4001" not in parts.test.drive
    assert "assert" not in parts.test.drive
    assert passes(parts, "def f(seen):\n    seen(4001)\n    seen(4001)\n    return 'done 8123'")
    assert not passes(parts, "def f(seen):\n    seen(4000)\n    return 'done 8123'")
    assert [site.loose for site in parts.sites] == [True, False]
    assert len(parts.counted) == 1


FLOWS = {
    "a result of the candidate's is cut where it is plain": (
        "def tidy(rows):\n    return sorted(rows)\nassert tidy(f(3)) == [5001, 5002, 5003]",
        "def f(x):\n    return [5003, 5001, 5002]",
        "def f(x):\n    return [5003, 5001]",
    ),
    "and asked beside it where it is an object": (
        "assert f(3).rows[1] == 5001\nassert len(f(4)) == 5004",
        "class R(list):\n    rows = [0, 5001]\n    def __len__(self):\n        return 5004\ndef f(x):\n    return R()",
        "class R(list):\n    rows = [0, 1]\n    def __len__(self):\n        return 5004\ndef f(x):\n    return R()",
    ),
    "a coroutine of the test's": (
        "import asyncio\nasync def main():\n    found = await f(2)\n    assert found == 5005\nasyncio.run(main())",
        "async def f(x):\n    return 5005",
        "async def f(x):\n    return 5006",
    ),
    "a function that asserts": (
        "def check(x, want):\n    found = f(x)\n    assert found == want * 3\n"
        "for x, want in [(1, 2001), (2, 2002)]:\n    check(x, want)",
        "def f(x):\n    return 6000 + 3 * x",
        "def f(x):\n    return 6003",
    ),
    "what a list has become": (
        "calls = []\nf(lambda x: calls.append(x))\nassert calls == [7001, 7002]",
        "def f(told):\n    told(7001)\n    told(7002)",
        "def f(told):\n    told(7002)\n    told(7001)",
    ),
    "a data class of the test's": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nassert f(P(1)) == P(7003)",
        "def f(p):\n    return type(p)(7003)",
        "def f(p):\n    return type(p)(7004)",
    ),
    "calls of a mock": (
        "from unittest.mock import Mock, call\nm = Mock()\nf(m)\nassert m.put.call_args_list == [call(7005, x=1)]\n"
        "m.put.assert_called_once_with(7005, x=1)\nm.get.assert_not_called()",
        "def f(m):\n    m.put(7005, x=1)",
        "def f(m):\n    m.put(7006, x=1)",
    ),
    "an error that has to come": (
        "try:\n    f(0)\n    assert False\nexcept ValueError:\n    pass\nassert f(1) == 7007",
        "def f(x):\n    if not x:\n        raise ValueError\n    return 7007",
        "def f(x):\n    return 7007",
    ),
    "the same object": (
        "a = f(1)\nassert f(1) is a\nassert a == [7008]",
        "kept = [7008]\ndef f(x):\n    return kept",
        "def f(x):\n    return [7008]",
    ),
    "check(candidate)": (
        "def check(candidate):\n    assert candidate(2) == 7009\n    assert abs(candidate(3) - 1.5) < 1e-9",
        "def f(x):\n    return 7009 if x == 2 else 1.5",
        "def f(x):\n    return 7009",
    ),
    "a case of unittest's assertions": (
        "import unittest\nt = unittest.TestCase()\nassert f(3) == (7010, 'x')",
        "def f(x):\n    return (7010, 'x')",
        "def f(x):\n    return [7010, 'x']",
    ),
    "numpy": (
        "import numpy as np\nnp.testing.assert_allclose(f(np.arange(3)), [0.5, 7011.0, 2.0])",
        "import numpy as np\ndef f(x):\n    return np.array([0.5, 7011.0, 2.0])",
        "import numpy as np\ndef f(x):\n    return np.array([0.5, 7010.0, 2.0])",
    ),
}


@pytest.mark.parametrize("name", FLOWS)
def test_a_split_test_passes_what_plain_execution_passes(name: str) -> None:
    code, right, wrong = FLOWS[name]
    parts = made(of_python(code))
    assert passes(parts, right), parts.test.drive + parts.test.judge
    assert not passes(parts, wrong)


def test_reports_are_asked_for_once_and_all_of_them() -> None:
    parts = made(of_python("for x in (1, 2):\n    assert f(x) == x + 8000\nassert f(9) == 'nine 9009'"))
    right = [[0, [], True, [8001]], [0, [], True, [8002]], [1, [], True, ["nine 9009"]]]
    assert passes(parts, "", right)
    assert passes(parts, "", [right[2], right[0], right[1]])
    wrong: Any
    for wrong in (
        [],
        right[:2],
        right[1:],
        right[::-1],
        [*right, right[2]],
        [right[0], *right],
        [*right, [7, [], True, [1]]],
        [[0, [], True, []], *right[1:]],
        [[0, [], False, [8001]], *right[1:]][:2],
        None,
        {},
        [None],
        "x",
    ):
        assert not passes(parts, "", wrong if wrong is not None else 0), wrong


def test_pytest_runs_one_test_function_with_its_fixtures(tmp_path: Path) -> None:
    """In a process of its own, as beside a candidate."""
    text = (
        "import pytest\nfrom solution import f\n@pytest.fixture\ndef base():\n    return 8100\n"
        "@pytest.mark.parametrize('x, y', [(1, 8101), (2, 8102)])\ndef test_f(x, y, base, tmp_path, capsys):\n"
        "    assert f(x, base, tmp_path) == y\n    assert capsys.readouterr().out == f'{y}\\n'\n"
        "    assert (tmp_path / 'x').read_text() == str(y * 2)\n"
    )
    parts = made(of_pytest(text))
    solution = (
        "def f(x, base, folder):\n    print(base + x)\n    (folder / 'x').write_text(str(2 * (base + x)))\n"
        "    return base + x\n"
    )
    assert judged_in_a_process(parts, solution, "step_1", tmp_path / "here")


def judged_in_a_process(parts: Split, solution: str, step: str, folder: Path) -> bool:
    """Whether a step passes, in a process of its own."""
    folder.mkdir()
    sources = (("solution", solution), ("drive", parts.test.drive), ("j", parts.test.judge))
    program = (
        "import sys, types\nfrom gristmill.verifiers.code.guest.candidate import splitting\n"
        "from gristmill.verifiers.code.guest.judge.driven import reports\n"
        f"for name, source in {sources!r}:\n"
        "    sys.modules['gristmill_reports'] = reports if name == 'j' else splitting\n"
        "    module = sys.modules[name] = types.ModuleType(name)\n    exec(source, module.__dict__)\n"
        f"values = sys.modules['drive'].drive(None, {{'step': {step!r}}})\n"
        f"sys.modules['j'].judge(values, {{'step': {step!r}}})\nprint('judged')\n"
    )
    paths = os.pathsep.join(each for each in sys.path if each)
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.endswith("judged\n")


def test_a_case_of_unittest_runs_beside_the_candidate(tmp_path: Path) -> None:
    parts = made(
        of_pytest(
            "import unittest\nfrom solution import f\nclass TestF(unittest.TestCase):\n    def test_one(self):\n"
            "        self.assertEqual(f(1), 8201)\n"
            "    def test_two(self):\n        self.assertTrue(f(2) == 8202)\n        self.assertTrue(f(2))\n"
            "    def test_three(self):\n        with self.assertRaisesRegex(ValueError, 'words'):\n            f(3)\n"
        )
    )
    assert "82" not in parts.test.drive
    assert "words" not in parts.test.drive
    for step, number in (("step_1", 8201), ("step_2", 8202)):
        assert judged_in_a_process(parts, f"def f(x):\n    return {number}\n", step, tmp_path / step)
        assert not judged_in_a_process(parts, "def f(x):\n    return 1\n", step, tmp_path / f"{step}_wrong")
