"""What counts as the same program: layout does not, and whatever could see layout is the same only by its text."""

from __future__ import annotations

import ast
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.verifiers.extraction.normal import is_without_noise, normal_form, program_key
from gristmill.verifiers.records import Case, CasesTest, PytestTest, PythonTest, StdioCase, StdioTest, Task

CALLS = CasesTest(entry_point="f", cases=(Case(args=(1,), expected=2),))
PLAIN = "import math\n\n\ndef f(x):\n    return math.floor(x) + 1\n"
DRESSED = "import math  # for floor\ndef f(x):\n\n\n    # add one\n    return (math.floor(x)\n            +1)\n"


def task(*tests: CasesTest | PythonTest | PytestTest | StdioTest, **more: str) -> Task:
    return Task.model_validate({"id": "t", "kind": "code", "prompt": "?", "tests": tests or (CALLS,), **more})


def is_same(one: str, other: str, of: Task | None = None) -> bool:
    return program_key(of or task(), one) == program_key(of or task(), other)


def test_layout_comments_and_positions_are_nothing() -> None:
    assert normal_form(PLAIN) == normal_form(DRESSED)
    assert is_same(PLAIN, DRESSED)
    assert normal_form("an  answer\n") == normal_form("an answer") != normal_form("another answer")


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace("+ 1", "+ 2"),
        PLAIN.replace("+ 1", "+ 1.0"),
        PLAIN.replace("def f(x):", 'def f(x):\n    "Add one."'),
        PLAIN.replace("math.floor(x)", "(x := math.floor(x))"),
        PLAIN.replace("def f(x)", "def f(x: int)"),
    ],
)
def test_whatever_can_be_told_by_what_runs_is_a_difference(other: str) -> None:
    assert not is_same(PLAIN, other)


@pytest.mark.parametrize(
    "body",
    [
        "import inspect; return len(inspect.getsource(f))",
        "import sys; return sys._getframe().f_lineno",
        "from sys import _getframe as g; return g().f_lineno",
        "import sys; s = sys; return s._getframe().f_lineno",
        "import typing; return typing.sys._getframe(0).f_lineno",
        "import random; return random._os.listdir('.')",
        "return f.__code__.co_firstlineno",
        "return getattr(f, '__co' + 'de__').co_firstlineno",
        "return open(__file__).read().count('#')",
        "o = open; return o('solution.py').read()",
        "return open(False).read()",
        "return eval('f.__co' + 'de__')",
        "return '{0.gi_frame.f_lineno}'.format(x for x in ())",
        "t = '{0.gi_' + 'frame.f_lineno}'; return t.format(x for x in ())",
        "match f:\n        case object(__code__=c): return c.co_firstlineno",
        "import sys; return type(sys.stdin.buffer.raw)('solution.py').read()",
        "try: 1 / 0\n    except Exception as e: return e.__traceback__.tb_lineno",
        "import operator; return operator.attrgetter('__code__')(f)",
        "import numpy; return numpy.fromfile('solution.py')",
        "from functools import *; return singledispatch",
        "return (x for x in ()).gi_frame.f_lineno",
    ],
)
def test_a_program_that_may_see_its_own_text_is_the_same_only_by_its_text(body: str) -> None:
    source = f"def f(x):\n    {body}\n"
    ast.parse(source)
    assert is_same(source, source)
    assert not is_same(source, f"# another\n{source}")


def test_a_comment_may_name_an_encoding() -> None:
    source = "def f(x):\n    return 'é'\n"
    assert not is_same(source, f"# -*- coding: latin-1 -*-\n{source}")


@pytest.mark.parametrize(
    "look", ["import inspect\nassert 'for' not in inspect.getsource(f)", "assert len(open('solution.py').read()) < 80"]
)
def test_where_a_test_looks_at_the_text_it_counts(look: str) -> None:
    of = task(PythonTest(entry_point="f", code=look))
    assert is_same(PLAIN, PLAIN, of)
    assert not is_same(PLAIN, DRESSED, of)


def test_other_languages_are_the_same_by_their_text() -> None:
    of = task(StdioTest(language="c++", cases=(StdioCase(stdout="1"),)))
    assert not is_same('int main() { puts("a  b"); }', 'int main() { puts("a b"); }', of)


def test_reading_input_is_no_look_at_the_text() -> None:
    source = "import sys\nn = int(sys.stdin.readline())\nprint(len(open(0).read()) + n)\n"
    of = task(StdioTest(cases=(StdioCase(stdout="1"),)))
    assert is_same(source, f"# twice\n{source}", of)


@pytest.mark.parametrize(
    ("code", "calm"),
    [
        ("assert f(1) == 2", True),
        ("import random\nassert f(random.random()) >= 0", False),
        ("import time\nassert time.perf_counter() > f(1)", False),
        ("assert hash(f(1)) == 2", False),
        ("import threading\nassert f(1) == 2", False),
    ],
)
def test_a_verdict_is_used_again_only_where_the_tests_leave_nothing_to_chance(code: str, calm: bool) -> None:
    assert is_without_noise(task(PythonTest(entry_point="f", code=code))) is calm
    assert is_without_noise(task(PytestTest(entry_point="f", files={"test_a.py": code}))) is calm


def test_trainings_and_texts_are_judged_again() -> None:
    assert not is_without_noise(Task(id="t", kind="reward", prompt="?"))
    assert not is_without_noise(Task(id="t", kind="math", prompt="?", answer="1"))
    assert is_without_noise(Task(id="t", kind="program", prompt="?"))


def _dressed(source: str, seed: int) -> str:
    """The same tree in another layout: blank lines and comments where they may stand."""
    chance = random.Random(seed)
    lines: list[str] = []
    for line in ast.unparse(ast.parse(source)).split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        lines += [""] * chance.randrange(2) + [f"{indent}# {chance.random()}"] * chance.randrange(2) + [line]
    return "\n".join(lines)


@given(st.integers(0, 10**6), st.sampled_from([PLAIN, "def f(xs):\n    return [x + 1 for x in xs if x]\n"]))
@settings(max_examples=40, deadline=None)
def test_the_form_of_a_program_does_not_depend_on_its_dress(seed: int, source: str) -> None:
    assert is_same(source, _dressed(source, seed))
