"""`tasks drive`: split tests written as driven ones, what passes them, what guesses do, and what is not written so."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gristmill.graph.tasks.loading import load_tasks
from gristmill.graph.tasks.writing import write_tasks
from gristmill.sandbox.pool import Pool
from gristmill.trainers.cli import app
from gristmill.verifiers import Outcome, Strength, Task, Verifiers, problems
from gristmill.verifiers.code.split.writing import driven
from gristmill.verifiers.records import DrivenTest
from tests.verifiers.code.driven.everyday_files import opened
from tests.verifiers.code.line import sections
from tests.verifiers.code.split.test_split import ATTACKS, RIGHT, account

inside = pytest.mark.asyncio(loop_scope="module")
PAGE = Path(__file__).resolve().parents[4] / "docs/driven.md"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=2) as opened_pool:
        yield opened_pool


def written(task: Task) -> Task:
    made, number, reasons = driven(task)
    assert (number, reasons) == (1, [])
    assert isinstance(made.tests[0], DrivenTest)
    assert problems(made) == []
    return made


def of_python(code: str, **more: Any) -> Task:
    test = {"type": "python", "entry_point": "f", "code": code}
    return Task(id="t", kind="code", prompt="?", tests=[test], **more)


def of_pytest(text: str) -> Task:
    test = {
        "type": "pytest",
        "entry_point": "f",
        "files": {"test_f.py": f"import pytest\nfrom solution import f\n{text}"},
    }
    return Task(id="t", kind="code", prompt="?", tests=[test])


def drive(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, ["tasks", "drive", *arguments])
    return ran.exit_code, ran.output


def test_the_page_shows_what_is_written(tmp_path: Path) -> None:
    before, after = re.findall("^```yaml\n(- id: cart\n.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "carts.yaml").write_text(before, "utf-8")
    code, said = drive(str(tmp_path / "carts.yaml"), "--out", str(tmp_path / "driven.yaml"))
    assert (code, "1 test is driven now" in said) == (0, True), said
    assert (tmp_path / "driven.yaml").read_text("utf-8") == after


def test_those_that_cannot_be_are_named_with_their_line_and_stay(tmp_path: Path) -> None:
    mixed = of_python("class P:\n    pass\nassert f(P()) == 4711")
    branch = {
        "type": "python",
        "entry_point": "f",
        "setup": "a = 1\nb = 2\n",
        "code": "\nif f(2):\n    raise ValueError\n",
    }
    named = {
        "conftest.py": "import pytest\n",
        "test_g.py": "from solution import f\ndef test_g():\n    assert (x := f(1))\n",
    }
    row = json.loads(mixed.model_dump_json(exclude_defaults=True))
    first = {"type": "python", "entry_point": "f", "code": mixed.tests[0].code}  # type: ignore[union-attr]  # a python test
    cases = {"type": "cases", "entry_point": "f", "cases": [{"args": [1], "expected": 2}]}
    file, out = tmp_path / "tasks.jsonl", tmp_path / "out.jsonl"
    row["tests"] = [first, branch, {"type": "pytest", "entry_point": "f", "files": named}, cases]
    file.write_text(json.dumps(row))
    code, said = drive(str(file), "--out", str(out))
    assert code == 1, said
    assert f"{file}: task 't': tests[1].code: line 2: a branch that the candidate drives decides" in said
    assert f"{file}: task 't': tests[2].files['test_g.py']: line 3: an assertion binds a name" in said
    (task,) = load_tasks(out)
    assert [test.type for test in task.tests] == ["driven", "python", "pytest", "cases"]
    assert task.tests[1:] == load_tasks(file)[0].tests[1:]


def test_mistakes_of_a_user_are_said(tmp_path: Path) -> None:
    file, out = tmp_path / "tasks.jsonl", tmp_path / "out.yaml"
    cases = [
        (of_python("assert f(1)"), "tests[0]: none of its assertions says what a value equals"),
        (Task(id="m", kind="math", prompt="?", answer="2"), "no task has a `python` or `pytest` test"),
    ]
    for task, words in cases:
        file.unlink(missing_ok=True)
        write_tasks(str(file), [task], force=False)
        code, said = drive(str(file), "--out", str(out))
        assert (code, words in said) == (2, True), said
        assert not out.exists()
    assert drive(str(tmp_path / "nowhere.jsonl"))[0] == 2
    out.write_text("mine")
    code, said = drive(str(file), "--out", str(out))
    assert (code, "exists already" in said, out.read_text()) == (2, True, "mine"), said


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60), st.lists(st.text(max_size=12), max_size=3))
def test_what_is_written_as_yaml_is_read_again_as_it_was(tmp_path_factory: Any, prompt: str, texts: list[str]) -> None:
    code = "class P:\n    pass\n" + "".join(f"assert f(P()) == {text!r}\n" for text in texts)
    task = of_python(code, settings={"entry_point": "f"}).model_copy(update={"prompt": prompt})
    path = tmp_path_factory.getbasetemp() / "again.yaml"
    try:
        prompt.encode()
    except UnicodeEncodeError:
        return
    write_tasks(str(path), [task], force=True)
    (row,) = yaml.safe_load(path.read_text("utf-8"))
    assert row.get("prompt", "") == prompt
    assert row["tests"][0]["code"] == code


EVERYDAY = {task.id: task for task in opened() if not task.packages}
PICKED = ("argparse-todo-cli", "csv-diff-exports", "mock-paginated-client")


@inside
@pytest.mark.parametrize("name", PICKED)
async def test_an_everyday_test_written_so_takes_the_right_one_and_no_wrong_one(pool: Pool, name: str) -> None:
    everyday = EVERYDAY[name]
    task = written(everyday.pytest_task())
    verdict = await Verifiers(pool).verify(task, everyday.right)
    assert (verdict.outcome, verdict.strength, verdict.verified) == (Outcome.PASSED, Strength.TESTED, True), verdict
    for source in [*everyday.wrong.values()][:2]:
        assert not (await Verifiers(pool).verify(task, source)).passed


FORGING = {each.name: each.source for each in sections(Path(__file__).with_name("driving_attacks.txt"))}


@inside
@pytest.mark.parametrize("name", [*FORGING, *[*ATTACKS][::5]])
async def test_what_is_beside_a_written_drive_can_report_and_not_know(pool: Pool, name: str) -> None:
    source = FORGING.get(name) or ATTACKS[name]
    verdict = await Verifiers(pool).verify(written(account(limits=4.0)), source)
    assert verdict.outcome not in (Outcome.PASSED, Outcome.UNSCORED), verdict


@inside
async def test_the_right_one_passes_after_them(pool: Pool) -> None:
    verdict = await Verifiers(pool).verify(written(account()), RIGHT)
    assert (verdict.strength, verdict.verified) == (Strength.TESTED, True)


# Each assertion of these is passed by a guess, alone, in each of its rounds.
GUESSED = {
    "constants": of_pytest("def test_a():\n    assert f('quern') == 0\n    assert f('mill') == []\n"),
    "the input": of_pytest("def test_a():\n    assert [f('quern')] == ['QUERN'.lower()]\n"),
    "a column of a table": of_pytest(
        "@pytest.mark.parametrize('x, y', [('quern', 'QUERN'), ('mill', 'MILL')])\n"
        "def test_a(x, y):\n    assert f(x) == y\n"
    ),
    "what a loop asks": of_pytest(
        "def test_a():\n    for x, y in [('quern', 5), ('mill', 4)]:\n        assert f(x) == y\n"
    ),
    "what an object is asked": of_pytest("def test_a():\n    assert f('quern').found == 2\n"),
    "what a helper asserts": of_pytest(
        "def check(x, y):\n    assert f(x) == y\ndef test_a():\n    check('quern', 'QUERN')\n"
    ),
}
WITHSTANDING = {
    "a column": of_pytest(
        "@pytest.mark.parametrize('x, y', [('quern', 'hopper'), ('mill', 'stone')])\n"
        "def test_a(x, y):\n    assert f(x) == y\n"
    ),
    "many at once": of_pytest(
        "def test_a():\n    for x, y in [('quern', True), ('mill', False), ('oat', True)]:\n        assert f(x) == y\n"
    ),
    "a helper": of_pytest("def check(x, y):\n    assert f(x) == y\ndef test_a():\n    check('quern', 8123)\n"),
}


@inside
async def test_guesses_are_tried_on_each_assertion(pool: Pool) -> None:
    verifiers = Verifiers(pool)
    for name, task in GUESSED.items():
        said = await verifiers.examine(written(task))
        assert "in its reports passes `judge`" in said[0], name
        assert "no case withstands" in said[-1], name
    for name, task in WITHSTANDING.items():
        assert await verifiers.examine(written(task)) == [], name


@inside
async def test_a_pass_of_what_guesses_pass_is_not_tested(pool: Pool) -> None:
    task = written(GUESSED["a column of a table"])
    verdict = await Verifiers(pool).verify(task, "def f(x):\n    return x.upper()\n")
    assert (verdict.outcome, verdict.strength) == (Outcome.REFUSED, Strength.TOGETHER)
    taken = await Verifiers(pool, accept_together=True).verify(task, "def f(x):\n    return x.upper()\n")
    assert (taken.passed, taken.verified) == (True, False)


@inside
async def test_a_judge_that_needs_reports_to_go_on_is_not_known_to_withstand(pool: Pool) -> None:
    """An author may have changed it."""
    test = written(of_pytest("def test_a():\n    assert f('quern') == 8123\n")).tests[0]
    assert isinstance(test, DrivenTest)
    changed = test.model_copy(update={"judge": test.judge.replace("if reports.next(0):", "if reports.next(0) or 1:")})
    said = await Verifiers(pool).examine(of_pytest("").model_copy(update={"tests": (changed,)}))
    assert "not known: without what is reported `judge` ends with" in said[0]
    two = test.judge.replace("seen_0,", "seen_0, other")
    beside = test.drive.replace("f('quern')", "f('quern'), 1")
    changed = test.model_copy(update={"judge": two, "drive": beside})
    assert await Verifiers(pool).examine(of_pytest("").model_copy(update={"tests": (changed,)})) == []
    guessed = test.model_copy(update={"judge": two.replace("8123", "2"), "drive": beside})
    assert "the guess [2]" in (await Verifiers(pool).examine(of_pytest("").model_copy(update={"tests": (guessed,)})))[0]


def test_only_what_counts_is_asked_for_as_what_counts() -> None:
    test = written(
        of_pytest("def test_a():\n    assert f(5) == 'loaf'\n    assert f(6) > 12\n    assert f('ab') == 'ab'\n")
    )
    judge = test.tests[0].judge  # type: ignore[union-attr]  # a driven test
    assert re.findall(r"reports\.(\w+)\(\d\)", judge) == ["next", "also", "also"]
    assert "loaf" not in test.tests[0].drive  # type: ignore[union-attr]  # as above


def test_names_that_are_used_through_a_module_are_still_looked_for() -> None:
    test = {
        "type": "pytest",
        "entry_point": ["f"],
        "files": {"test_f.py": "import solution as s\ndef test_a():\n    assert s.f(1) == 'loaf'\n"},
    }
    made = driven(Task(id="t", kind="code", prompt="?", tests=[test]))[0]
    assert made.settings["entry_point"] == ["f"]
