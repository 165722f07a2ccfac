"""Which cases guesses pass, what that makes of a pass, and what is said of a driven test beforehand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import ValidationError
from typer.testing import CliRunner

from gristmill.sandbox.pool import Pool
from gristmill.trainers.cli import app
from gristmill.verifiers import Outcome, Strength, Task, Verifiers, problems
from gristmill.verifiers.code.driven.forms import HOLE, TRUE, forms
from gristmill.verifiers.records import DrivenTest
from gristmill.verifiers.registry import warnings

inside = pytest.mark.asyncio(loop_scope="module")
DRIVE = "def drive(solution, case):\n    return {'value': solution.f(case['x']), 'kind': 'plain'}\n"
JUDGE = "def judge(values, case):\n    assert values['value'] == case['expected']\n"
RIGHT = "def f(x):\n    return x\n"


def task(drive: str = DRIVE, judge: str = JUDGE, *cases: Any, **more: Any) -> Task:
    test = {"type": "driven", "drive": drive, "judge": judge, "cases": list(cases) or [{"given": {"x": 1}}]}
    return Task(id="t", kind="code", prompt="?", tests=[test], **more)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


def case(expected: Any, **given: Any) -> dict[str, Any]:
    return {"given": given, "expected": expected}


# What stands in `judge`, or in a case, that somebody passes who has never done what was asked.
WEAK = {
    "truth": task(DRIVE, "def judge(values, case):\n    assert values['value']\n", case(None, x=5)),
    "its type": task(DRIVE, "def judge(values, case):\n    assert isinstance(values['value'], int)\n", case(5, x=5)),
    "that there is something": task(
        DRIVE, "def judge(values, case):\n    assert len(values['value']) > 0\n", case(None, x=[4, 5])
    ),
    "a small constant": task(DRIVE, JUDGE, case(1, x=812)),
    "a truth value": task(DRIVE, JUDGE, case(True, x=812), case(False, x=813)),
    "nothing": task(DRIVE, JUDGE, case([], x=812)),
    "the input": task(DRIVE, JUDGE, case(81273, x=81273)),
    "how many there are": task(DRIVE, JUDGE, case(5, x=[9, 8, 7, 6, 4])),
    "their sum": task(DRIVE, JUDGE, case(34, x=[9, 8, 7, 6, 4])),
    "the input sorted": task(DRIVE, JUDGE, case([4, 8, 9], x=[9, 4, 8])),
    "the input in capitals": task(DRIVE, JUDGE, case("QUERN", x="quern")),
    "a part of the input": task(DRIVE, JUDGE, case("miller", x={"name": "miller"})),
    "a literal of drive": task(
        "def drive(solution, case):\n    found = solution.f(case['x'])\n"
        "    return found if found == 'gudgeon' else None\n",
        "def judge(values, case):\n    assert values == 'gudgeon'\n",
        case(None, x=3),
    ),
    "a verdict that drive has found": task(
        "def drive(solution, case):\n    got = solution.f(case['x'])\n    return {'same': got == [3, 5], 'got': got}\n",
        "def judge(values, case):\n    assert values['same'] is True\n",
        case(None, x=3),
    ),
    "a verdict beside a constant": task(
        "def drive(solution, case):\n    return [solution.f(case['x']) == 17, 0]\n",
        "def judge(values, case):\n    assert values[0]\n    assert values[1] == 0\n",
        case(None, x=3),
    ),
    "several truths": task(
        DRIVE,
        "def judge(values, case):\n    assert values['value'] == case['expected']\n",
        case([True, True], x=[1, 2]),
    ),
}


@inside
@pytest.mark.parametrize("name", WEAK)
async def test_a_task_that_guesses_pass_is_together_at_most(pool: Pool, name: str) -> None:
    asked = WEAK[name]
    assert problems(asked) == []
    said = await Verifiers(pool).examine(asked)
    cases = len(asked.tests[0].cases)  # type: ignore[union-attr]  # a driven test has cases
    assert len(said) == cases + 1, said
    assert all(f"tests[0].cases[{place}]: the guess " in said[place] for place in range(cases))
    assert "no case withstands" in said[-1]


@inside
async def test_a_pass_of_such_a_task_is_refused_or_taken_as_what_it_is(pool: Pool) -> None:
    asked = WEAK["truth"]
    verdict, evidence = await Verifiers(pool).explain(asked, RIGHT)
    assert verdict.outcome is Outcome.REFUSED
    assert verdict.strength is Strength.TOGETHER
    assert "so do guesses" in evidence.reason
    taken = await Verifiers(pool, accept_together=True).verify(asked, RIGHT)
    assert taken.passed
    assert taken.strength is Strength.TOGETHER
    assert not taken.verified
    wrong = await Verifiers(pool).verify(asked, "def f(x):\n    return 0\n")
    assert wrong.outcome is Outcome.FAILED


@inside
async def test_one_case_that_withstands_is_enough_and_the_others_are_named(pool: Pool) -> None:
    asked = task(DRIVE, JUDGE, case(1, x=1), case(829, x=410))
    right = "def f(x):\n    return 1 if x == 1 else 2 * x + 9\n"
    verifiers = Verifiers(pool)
    assert (await verifiers.verify(asked, right)).verified
    said = await verifiers.examine(asked)
    assert [each.partition(":")[0] for each in said] == ["tests[0].cases[0]"]


@inside
async def test_public_cases_do_not_stand_in_for_hidden_ones(pool: Pool) -> None:
    """A model reads the wanted value of a public case, so only hidden ones can show anything."""
    strong = task(DRIVE, JUDGE, case(829, x=410)).tests
    weak = task(DRIVE, JUDGE, case(1, x=1)).tests
    right = "def f(x):\n    return 1 if x == 1 else 2 * x + 9\n"
    both = Task(id="t", kind="code", prompt="?", tests=weak, public_tests=strong)
    assert (await Verifiers(pool).verify(both, right)).outcome is Outcome.REFUSED
    # A test of another type is as strong as ever, whatever stands beside it.
    cases = {"type": "cases", "entry_point": "f", "cases": [{"args": [410], "expected": 829}]}
    mixed = Task(id="t", kind="code", prompt="?", tests=[*weak, cases])
    assert (await Verifiers(pool).verify(mixed, right)).verified


@inside
async def test_a_judge_that_never_ends_on_a_guess_has_not_passed_it(pool: Pool) -> None:
    judge = "def judge(values, case):\n    while values['value'] is True:\n        pass\n"
    judge += "    assert values['value'] == case['expected']\n"
    asked = task("def drive(solution, case):\n    return {'value': solution.f(3)}\n", judge, case(829))
    assert (await Verifiers(pool).examine(asked)) == []
    never = "def judge(values, case):\n    while values['value'] != case['expected']:\n        pass\n    assert True\n"
    said = await Verifiers(pool).examine(task(DRIVE, never, case(829, x=1)))
    assert "(not known: on guesses `judge` takes for ever)" in said[0]


def test_forms_are_read_off_the_text() -> None:
    drive = """
def drive(solution, case):
    out = {"a": solution.f(1), "sure": isinstance(solution.f(2), int) and not solution.g()}
    out["late"] = solution.f(3)
    def inner():
        return {"not": "this"}
    if case:
        return solution.f(1), 5
    return out
"""
    judge = "def judge(values, case):\n    assert values['a'] and values['b']\n"
    test = DrivenTest.model_validate({"drive": drive, "judge": judge, "cases": [{}]})
    found = forms(test)
    assert {"a": HOLE, "sure": TRUE, "late": HOLE} in found
    assert (HOLE, 5) in found
    assert {"a": HOLE, "b": HOLE} in found
    assert len(found) == 3
    assert test.entry_point == ("f", "g")


@pytest.mark.parametrize(
    ("drive", "judge", "words"),
    [
        ("def drive(solution:", JUDGE, "drive: is no Python program"),
        ("def driver(solution, case):\n    return solution.f()\n", JUDGE, "drive: defines no function"),
        ("def drive(solution):\n    return solution.f()\n", JUDGE, "drive: line 1: `drive` must take two arguments"),
        ("def drive(solution, case):\n    return 5\n", JUDGE, "never uses the solution"),
        ("def drive(solution, case):\n    solution.f()\n", JUDGE, "returns nothing"),
        ("def drive(s, c):\n    return s.f(c['expected'])\n", JUDGE, "drive: line 2: reads `expected`"),
        (DRIVE, "def judge(values, case):\n    return True\n", "judge: line 1: asserts nothing"),
        (DRIVE, "async def judge(values, case):\n    assert values\n", "must be a plain function"),
        (DRIVE, "def judge(values):\n    assert values\n", "must take two arguments"),
        (DRIVE, "import solution\n" + JUDGE, "judge: line 1: imports the solution"),
        (DRIVE, "x = 1\n", "judge: defines no function"),
    ],
)
def test_problems_name_the_field_and_the_line(drive: str, judge: str, words: str) -> None:
    found = problems(task(drive, judge))
    assert any(words in each for each in found), found
    assert all(each.startswith("tests[0].") for each in found)


def test_a_case_says_clearly_what_is_given_and_what_is_expected() -> None:
    (found,) = problems(task(DRIVE, JUDGE, {"given": {"x": 1, "expected": 2}}))
    assert found.startswith("tests[0].cases[0].given: has a key `expected`")
    for odd in ({"x": 1, "expected": 2}, {"given": [1]}, {"input": {"x": 1}, "output": 2}):
        with pytest.raises(ValidationError):
            task(DRIVE, JUDGE, odd)


@pytest.mark.parametrize(
    ("drive", "judge", "expected", "words"),
    [
        (
            "def drive(solution, case):\n    return solution.f('Tallinn')\n",
            "def judge(values, case):\n    assert values == 'Tallinn'\n",
            None,
            "judge: line 2: 'Tallinn' stands in `drive` too, line 2",
        ),
        (
            "def drive(solution, case):\n    return solution.f(4711)\n",
            JUDGE,
            {"value": [4711]},
            "cases[0].expected: 4711 stands in `drive` too, line 2",
        ),
        (
            "def drive(solution, case):\n    return solution.f([1, 2])\n",
            "def judge(values, case):\n    assert values == [1, 2]\n",
            None,
            "judge: line 2: [1, 2] stands in `drive` too",
        ),
        (
            "def drive(solution, case):\n    got = solution.f(1)\n    assert got\n    return got\n",
            JUDGE,
            None,
            "drive: line 3: asserts beside the solution",
        ),
    ],
)
def test_a_literal_on_both_sides_and_an_assertion_on_the_wrong_one_are_warned_of(
    drive: str, judge: str, expected: Any, words: str
) -> None:
    found = warnings(task(drive, judge, {"expected": expected}))
    assert any(words in each for each in found), found


def test_names_of_keys_and_small_numbers_on_both_sides_are_no_reason_to_warn() -> None:
    drive = (
        'def drive(solution, case):\n    """Words."""\n    return {"total": solution.f(case["rows"], 3), "name": 1}\n'
    )
    judge = 'def judge(values, case):\n    assert values["total"] == 3, "the total"\n    assert values.get("name")\n'
    assert warnings(task(drive, judge, case(7, rows=[1]))) == []


def test_check_names_the_cases_that_guesses_pass(bubblewrap: str, tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(WEAK["truth"].model_dump_json(exclude_unset=True) + "\n")
    ran = CliRunner().invoke(app, ["tasks", "check", str(file), "--sandbox", "bubblewrap", "--json"])
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)["warnings"]["t"]
    assert said[0].startswith("tests[0].cases[0]: the guess {'kind'")
