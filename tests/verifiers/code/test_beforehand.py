"""What `tasks check` says of tests of code before they are run: what cannot be decided apart, and what is too big."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from gristmill.graph.commands.tasks import app
from gristmill.graph.tasks.importers import import_tasks
from gristmill.sandbox.records import Limits
from gristmill.verifiers import Task, problems
from gristmill.verifiers.code.beforehand.sufficing import short_of
from gristmill.verifiers.registry import warnings
from tests.verifiers.code.honest.corpus import corpus


def warned(code: str, names: tuple[str, ...] = ("f", "Thing"), **more: Any) -> list[str]:
    test = {"type": "python", "entry_point": names, "code": code} | more.pop("test", {})
    task = Task(id="t", kind="code", prompt="p", tests=(test,), **more)
    assert problems(task) == []
    return warnings(task)


def refusing(said: list[str]) -> list[str]:
    return [each for each in said if each.endswith("right solutions may be `refused`")]


def test_every_honest_program_that_is_refused_by_the_list_is_warned_of() -> None:
    listed = [row for row in corpus() if row.reason.startswith("listed:")]
    assert len(listed) >= 15
    assert [row.name for row in listed if not refusing(warnings(row.task))] == []


def test_few_honest_programs_that_pass_are_warned_of_and_none_whose_reference_is_known() -> None:
    others = [row for row in corpus() if not row.reason]
    alarms = [row.name for row in others if refusing(warnings(row.task))]
    assert len(alarms) <= 0.05 * len(others), alarms
    referenced = [row.task.model_copy(update={"reference": row.solution}) for row in others if row.kind != "stdio"]
    assert [task.id for task in referenced if refusing(warnings(task))] == []


def test_no_published_test_is_warned_of(shared_data: Path) -> None:
    tasks = import_tasks("humaneval", shared_data / "humaneval" / "HumanEval.jsonl.gz")
    tasks = [*tasks, *import_tasks("mbpp", shared_data / "mbpp" / "mbpp.jsonl.gz", challenge=True)]
    assert len(tasks) == 164 + 974
    assert {task.id: said for task in tasks if (said := warnings(task))} == {}


REFUSED = [
    ("starts threads", "from threading import Thread as T\nT(target=f).start()\nassert f() == 1"),
    ("starts threads", "import concurrent.futures as c\nwith c.ThreadPoolExecutor() as p:\n    assert p.submit(f)"),
    (
        "starts threads",
        "import asyncio\nasync def g():\n    await asyncio.to_thread(f)\nassert asyncio.run(g())",
    ),
    ("patches", "import os\nos.environ['A'] = '1'\nassert f() == 1"),
    ("patches", "import io, sys\nsys.stdin = io.StringIO('3')\nassert f() == 1"),
    ("patches", "from unittest import mock\nwith mock.patch('builtins.input', return_value='3'):\n    assert f() == 1"),
    ("patches", "from unittest.mock import patch\n@patch.object(dict, 'get')\ndef g(m):\n    assert f() == 1\ng()"),
    ("patches", "import decimal\ndecimal.DefaultContext.prec = 5\nassert f() == 1"),
    ("seeds", "import random as r\nr.seed(3)\nassert f() == 1"),
    ("seeds", "import numpy as np\nnp.random.seed(3)\nassert f() == 1"),
    ("seeds", "import sys\nsys.setrecursionlimit(10**6)\nassert f() == 1"),
    ("makes files", "import tempfile\nwith tempfile.TemporaryDirectory() as d:\n    assert f(d) == 1"),
    ("copies objects", "from copy import deepcopy\nt = Thing(1)\nu = deepcopy(t)\nassert u.x == 1"),
    ("copies objects", "import copy\nts = [Thing(i) for i in range(3)]\nassert copy.copy(ts)[0].x == 1"),
    ("mocks", "from unittest.mock import MagicMock\nm = MagicMock()\nm.size.return_value = 3\nassert f(m) == 1"),
    ("mocks", "from unittest import mock\nassert f(mock.Mock(size=3)) == 1"),
    ("same object", "a, b = f(), f()\nassert a is b"),
    ("same object", "import solution\nx = solution.f()\nassert x.y is not solution.f()"),
    ("compares", "assert Thing(1) == Thing(1)"),
    ("compares", "a = Thing(1)\nb = a\nassert not b < Thing(2)"),
    ("compares", "assert Thing(1) + Thing(2) == Thing(3)"),
    ("compares", "assert sorted([Thing(2), Thing(1)])[0].x == 1"),
    ("compares", "ts = [Thing(i) for i in range(3)]\nts.sort()\nassert ts[0].x == 0"),
    ("compares", "assert len({Thing(1), Thing(1)}) == 1"),
    ("compares", "assert Thing(1) in [f()]"),
    ("compares", "assert hash(Thing.of(3)) == 3"),
    (
        "compares",
        "import unittest\nclass T(unittest.TestCase):\n  def test(self):\n    self.assertEqual(Thing(1), Thing(1))",
    ),
]


@pytest.mark.parametrize(("words", "code"), REFUSED)
def test_what_cannot_be_decided_apart_is_warned_of(words: str, code: str) -> None:
    (said,) = refusing(warned(code))
    assert words in said
    assert said.startswith("tests[0].code: line ")


QUIET = [
    "import threading\nlock = threading.Lock()\nwith lock:\n    assert f() == 1",
    "import random\nrandom.seed(3)\nx = [random.randint(1, 9) for _ in range(9)]\nassert f(x) == sorted(x)",
    "import copy\nx = [[1], [2]]\ny = copy.deepcopy(x)\nf(x)\nassert x == y",
    "from unittest.mock import Mock\ng = Mock(return_value=3)\nassert f(g) == 3\ng.assert_called_once_with(1)",
    "x = [1]\nassert f(x) is x\nassert f(x) is None",
    "assert Thing(1).x == Thing(2).y",
    "assert [t.x for t in sorted([Thing(2), Thing(1)], key=lambda t: t.x)] == [1, 2]",
    "t = Thing(1)\nassert t.size == 3 and t.pop() is True and t != None",
    "import io, sys\nold, sys.stdout = sys.stdout, io.StringIO()\nf()\nassert sys.stdout.getvalue() == 'x'",
    "from unittest.mock import patch\nimport io\nwith patch('sys.stdout', new=io.StringIO()) as out:\n    f()\n"
    "assert out.getvalue()",
    "def patch(x):\n    return x\nassert f(patch(1)) == 1",
    "class Thread:\n    pass\nassert f(Thread) == 1",
]


@pytest.mark.parametrize("code", QUIET)
def test_what_only_looks_like_it_is_not(code: str) -> None:
    assert warned(code) == []


def test_a_class_that_both_sides_have_or_whose_reference_does_not_compare_by_itself_is_no_alarm() -> None:
    code = "assert Thing(1) == Thing(1)"
    assert refusing(warned(code, ("f",), test={"shared": "class Thing:\n    pass"})) == []
    plain = "from dataclasses import dataclass\n@dataclass\nclass Thing:\n    x: int\ndef f(): pass"
    assert warned(code, reference=plain) == []
    above = "class Base:\n    def __eq__(self, other): return True\nclass Thing(Base):\n    pass\ndef f(): pass"
    assert len(refusing(warned(code, reference=above))) == 1


def test_fixtures_of_pytest_files_are_warned_of_where_they_are_used() -> None:
    def of(body: str) -> list[str]:
        test = {"type": "pytest", "entry_point": "f", "files": {"test_f.py": f"from solution import f\n{body}"}}
        return warnings(Task(id="t", kind="code", prompt="p", tests=(test,)))

    (said,) = of("def test(tmp_path):\n    assert f(tmp_path) == 1")
    assert said.startswith("tests[0].files['test_f.py']: line 2: makes files")
    (said,) = of("def test(monkeypatch):\n    monkeypatch.setenv('A', 'b')\n    assert f() == 1")
    assert "patches" in said
    assert of("def test(capsys):\n    f()\n    assert capsys.readouterr().out == ''") == []


def test_lines_of_a_setup_are_told_from_those_of_the_code() -> None:
    (said,) = warned("assert f() == 1\nassert f(None)", test={"setup": "\nimport random\nrandom.seed(1)"})
    assert said.startswith("tests[0].setup: line 3: seeds")
    (said,) = warned("a = f()\nassert a is f()", test={"setup": "import math\nx = math.pi"})
    assert said.startswith("tests[0].code: line 2: asks")


TOO_BIG = [
    (
        "assert len(f(list(range(200_000)))) == 3",
        "200,000 items or more, and `limits.value_mb` (1) lets 131,072 cross",
    ),
    ("x = [0] * 10**6\nassert f(x) == 3", "a value of 1,000,000 items or more"),
    ("assert f([i * i for i in range(10**6)]) == 3", "a value of 1,000,000 items or more"),
    ("x = 'ab' * (4 << 20)\nassert f(x) == 3", ""),
    ("x = 'ab' * 4_000_000\nassert f(x) == 3", "a text of 7 MiB, and `limits.value_mb` is 1"),
    ("assert f(10 ** 20_000_000) == 3", "an integer of 20,000,000 digits or more, and 10,000,000 may cross"),
    ("assert f([0] * 1000, 10 ** 1000, 'a' * 1000, x=list(range(1000))) == 3", ""),
]


@pytest.mark.parametrize(("code", "words"), TOO_BIG)
def test_what_a_test_passes_is_measured_beforehand(code: str, words: str) -> None:
    said = warned(code, limits={"value_mb": 1})
    assert (words in said[0]) if words else said == []


@given(st.integers(0, 300_000), st.sampled_from(["[0] * {}", "{} * (1,)", "list(range({}))"]), st.integers(1, 2))
def test_a_program_is_warned_of_just_where_more_items_than_may_cross_stand(size: int, form: str, value_mb: int) -> None:
    said = list(short_of(f"f({form.format(size)})", Limits(value_mb=value_mb)))
    assert bool(said) is (size > value_mb << 17)


def test_a_task_says_so_where_its_own_cases_do_not_fit(tmp_path: Path) -> None:
    rows = [
        {"type": "cases", "entry_point": "f", "cases": [{"args": [1], "expected": "x" * (2 << 20)}]},
        {"type": "stdio", "cases": [{"stdin": "", "stdout": "y" * 3000}]},
        {"type": "cases", "entry_point": "f", "cases": [{"args": [2], "expected": "x" * 2000}]},
    ]
    file = tmp_path / "tasks.jsonl"
    task = {"id": "big", "kind": "code", "prompt": "p", "limits": {"value_mb": 1, "output_kb": 1}, "tests": rows}
    file.write_text(json.dumps(task))
    done = CliRunner().invoke(app, ["check", str(file), "--json"])
    assert done.exit_code == 0
    first, second = json.loads(done.stdout)["warnings"]["big"]
    assert first.startswith("tests[0].cases[0]: a value takes more than 1 MiB (`limits.value_mb` raises that)")
    assert second == "tests[1].cases[0].stdout: has 3 KiB, and `limits.output_kb` is 1: raise it"


def test_a_program_that_nests_without_end_is_no_trouble() -> None:
    assert warned(f"assert f({' + '.join(['1'] * 900)}) == 1\nassert f() is not f") == []


def test_packages_whose_objects_do_not_cross_are_warned_of_where_tests_import_them() -> None:
    code = "import numpy, json\nfrom pandas import Series\nimport pandas.testing\nassert f(Series([1])) == 1"
    (said,) = warned(code, settings={"packages": ["pandas"]})
    assert said.startswith("tests[0].code: line 2: imports pandas, whose objects stay where they were made")
    assert warned(code) == []
