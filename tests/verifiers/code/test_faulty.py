"""Tests that are at fault by their text alone, and tests that only look so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.verifiers import Task
from gristmill.verifiers.code.beforehand.faulty import faults
from gristmill.verifiers.records import Fault


def faults_of(*tests: dict[str, Any], **more: Any) -> list[tuple[str, Fault]]:
    return [each[:2] for each in faults(Task(id="t", kind="code", prompt="p", tests=tests, **more))]


def of(code: str, **more: Any) -> list[tuple[str, Fault]]:
    test = {"type": "python", "entry_point": "f", "code": code, **more}
    return [(place.removeprefix("tests[0].code: "), fault) for place, fault in faults_of(test)]


def of_pytest(text: str, **files: str) -> list[tuple[str, Fault]]:
    test = {"type": "pytest", "entry_point": "f", "files": {"test_f.py": text, **files}}
    return [(place.removeprefix("tests[0].files['test_f.py']: "), fault) for place, fault in faults_of(test)]


RAISES, IDLE, CONTRADICTS = Fault.RAISES, Fault.NEVER_CALLS, Fault.CONTRADICTS
FAULTY = {
    "assert f(1) == helper(1)": [("line 1", RAISES)],
    "def check(candidate):\n    for n in range(3):\n        assert candidate(n) == wnated": [("line 3", RAISES)],
    "assert f(1) == 1\nwith pytest.raises(ValueError):\n    f(2)": [("line 2", RAISES)],
    "def check(candidate):\n    assert True": [("line 1", IDLE)],
    "x = [1]\nassert x\nassert f(1) == 1": [("line 2", IDLE)],
    "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(1), 1)\n"
    "    def test_b(self):\n        self.assertTrue(2)": [("line 5", IDLE)],
    "def double(n):\n    return 2 * n\nassert double(2) == 4\nassert f(2) == 4": [("line 3", IDLE)],
    "assert f(1) == 1\nassert f(2) == 2\nassert f(1) == 3": [("line 3", CONTRADICTS)],
    "assert f(1) == 1\nassert f(1) is None": [("line 2", CONTRADICTS)],
    "assert f([1]) == [1]\nassert not f([1])": [("line 2", CONTRADICTS)],
    "assert f(1) == 1\nassert abs(f(1) - 2) < 0.5": [("line 2", CONTRADICTS)],
    "import math\ndef check(candidate):\n    assert candidate(1) == 1\n    assert candidate(1) == 2\n"
    "    assert math.isinf(candidate(3))": [("line 4", CONTRADICTS)],
}
SOUND = [
    "assert f(1) == 1\nassert f(1) == 1.0\nassert f(1) is True\nassert f(1)",
    "assert f(1) == 1\nassert abs(f(1) - 1.2) < 0.5",
    "assert f() == 1\nassert f() == 2",  # a counter
    "assert f(1) == 1\nf(5)\nassert f(1) == 2",  # it may keep what it was told
    "assert f(1) == 1\nassert f(True) == 2",
    "f = wrap(f)\ndef wrap(g):\n    return g\nassert f(1) == 1\nassert f(1) == 2",
    "seen = []\nf(3, seen.append)\nassert seen == [3]",
    "import io, sys\nold, sys.stdout = sys.stdout, io.StringIO()\nf(1)\nassert sys.stdout.getvalue() == 'x'",
    "total = 0\ndef add(n):\n    global total\n    total += n\nf(add)\nassert total == 3",
    "def check(it):\n    assert it(2) == 4",
    "assert math.sqrt(f(4)) == 2\nassert sys.maxsize > f(1)",
    "try:\n    unicode\nexcept NameError:\n    unicode = str\nassert f(1) == unicode(1)",
    "from __future__ import annotations\ndef check(candidate: Callable[[int], T]) -> None:\n    assert candidate(1)",
    "from math import *\nassert f(4) == sqrt(16)",
    "exec('two = 2')\nassert f(1) == two",
    "match f(1):\n    case {'a': a, **rest}:\n        assert a == rest\n    case [b, *c]:\n        assert b == c\n"
    "    case d:\n        assert d",
    "import helpers\nassert helpers.compare()",
    "assert all(f(n) == n for n in range(3) if (m := n) >= 0) and m == 2",
]


@pytest.mark.parametrize("code", FAULTY)
def test_faults_are_named_with_their_line(code: str) -> None:
    assert of(code) == FAULTY[code]


@pytest.mark.parametrize("code", SOUND)
def test_what_only_looks_like_a_fault_is_none(code: str) -> None:
    assert of(code) == []


def test_pytest_files_are_read_by_their_functions() -> None:
    text = (
        "import pytest\nfrom solution import f\n\n@pytest.fixture\ndef made():\n    return f(1)\n\n"
        "def test_a(made):\n    assert made == 1\n\n"
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_b(n):\n    assert n\n\n"
        "def test_c(elsewhere):\n    assert elsewhere\n\n"
        "def test_d():\n    assert f(2) == 1\n    assert f(2) == 2\n\n"
        "def test_e():\n    assert f(2) == 3 and undefined\n"
    )
    assert of_pytest(text) == [("line 23", RAISES), ("line 11", IDLE), ("line 20", CONTRADICTS)]
    assert of_pytest("from helpers import call\ndef test_a():\n    assert call()") == []
    autouse = "import pytest\nimport solution\n@pytest.fixture(autouse=True)\ndef run():\n    solution.f(1)\n"
    assert of_pytest(autouse + "def test_a():\n    assert True") == []


def test_tests_of_one_task_are_compared_with_each_other() -> None:
    first = {"type": "python", "entry_point": "f", "code": "assert f(1) == 1"}
    second = {"type": "python", "entry_point": "f", "code": "assert f(1) == 2"}
    assert faults_of(first, second) == [("tests[1].code: line 1", CONTRADICTS)]
    assert faults_of(second, public_tests=[first]) == [("tests[0].code: line 1", CONTRADICTS)]
    rows = [{"stdin": "1", "stdout": "2\n"}, {"stdin": "1", "stdout": "2"}]
    assert faults_of({"type": "stdio", "cases": rows}) == []
    rows.append({"stdin": "1", "stdout": "3"})
    assert faults_of({"type": "stdio", "cases": rows}) == [("tests[0].cases[2]", CONTRADICTS)]


def test_cases_contradict_as_they_are_compared() -> None:
    def two(one: Any, other: Any, **more: Any) -> list[tuple[str, Fault]]:
        rows = [{"args": [[1]], "kwargs": {"a": 1}, **each} for each in (one, other)]
        return faults_of({"type": "cases", "entry_point": "f", "cases": rows, **more})

    wrong = [("tests[0].cases[1]", CONTRADICTS)]
    assert two({"expected": [1, 2]}, {"expected": [2, 1]}) == wrong
    assert two({"expected": [1, 2]}, {"expected": [2, 1]}, compare="unordered") == []
    assert two({"expected": 1.0}, {"expected": 1.15}, compare="tolerance", tolerance=0.1) == []
    assert two({"expected": 1.0}, {"expected": 1.5}, compare="tolerance", tolerance=0.1) == wrong
    assert two({"expected": 1}, {"raises": "ValueError"}) == wrong
    assert two({"raises": "LookupError"}, {"raises": "KeyError"}) == []


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.tuples(values, values), max_size=6))
def test_cases_that_some_function_meets_contradict_nothing_and_others_do(pairs: list[tuple[Any, Any]]) -> None:
    """The law: there is a contradiction exactly where one argument, type by type, has two values that differ."""
    rows = [{"args": [given_], "expected": wanted} for given_, wanted in pairs]
    by_argument: dict[str, list[Any]] = {}
    for given_, wanted in pairs:
        by_argument.setdefault(json.dumps(given_), []).append(wanted)
    test = {"type": "cases", "entry_point": "f", "cases": rows}
    assert bool(rows and faults_of(test)) is any(one != wanted[0] for wanted in by_argument.values() for one in wanted)
