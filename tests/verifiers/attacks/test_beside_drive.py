"""Attacks on the process of `drive`: none is `tested` or `split`, and the page says what plain Python makes of each."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from gristmill.graph.tasks.writing import write_tasks
from gristmill.sandbox.pool import Pool
from gristmill.trainers.cli import app
from gristmill.verifiers import Outcome, Strength, Task, Verifiers, problems
from gristmill.verifiers.attacks.catalogue import ATTACKS, OTHERS
from gristmill.verifiers.attacks.records import Attack, Family
from gristmill.verifiers.attacks.suite import attack_task, limited, prepared
from gristmill.verifiers.attacks.writing import target_of
from gristmill.verifiers.code.split.writing import driven

pytestmark = pytest.mark.asyncio(loop_scope="module")
DRIVEN = tuple(each for each in OTHERS if each.family is Family.DRIVEN)
PAGE = Path(__file__).resolve().parents[3] / "docs/security.md"

# What is wanted hangs on an object of the test's own, which no proxy carries: so it is split.
PROGRAM = """
class Part:
    def __init__(self, cents):
        self.cents = cents
for cents, wanted in [(35303, 70606), (412, 824)]:
    assert double(Part(cents)) == wanted
"""
RIGHT_OF_PARTS = "def double(part):\n    return part.cents * 2\n"
DRIVE = "def drive(solution, case):\n    return {'value': solution.double(case['x'])}\n"
JUDGE = "def judge(values, case):\n    assert values['value'] == case['expected']\n"
CASES = [{"given": {"x": 40961}, "expected": 81922}, {"given": {"x": "ab"}, "expected": "abab"}]
RIGHT = "def double(x):\n    return x * 2\n"


def of(name: str, **test: Any) -> Task:
    made = Task.model_validate({"id": name, "kind": "code", "prompt": "Double it.", "tests": [test]})
    assert problems(made) == []
    return limited(made, 3.0)


SPLIT = of("split", type="python", entry_point="double", code=PROGRAM)
TASKS = {
    "driven": (of("driven", type="driven", drive=DRIVE, judge=JUDGE, cases=CASES), RIGHT),
    "written as driven": (driven(SPLIT)[0], RIGHT_OF_PARTS),
    "split": (SPLIT, RIGHT_OF_PARTS),
}
IN_ONE_PROCESS = f"""
import sys, types
solution = types.ModuleType("solution")
exec(SOLUTION, solution.__dict__)
{DRIVE}
{JUDGE}
for each in {CASES!r}:
    case = {{**each["given"], "expected": each["expected"]}}
    judge(drive(solution, case), case)
"""


def table() -> dict[str, list[str]]:
    page = PAGE.read_text("utf-8").split("### The process of `drive`\n")[1].split("\n### ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| (.+) \|$", page, flags=re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}


TABLE = table()
BY_NAME = {each.name: each for each in (*ATTACKS, *OTHERS)}


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=2) as opened:
        yield opened


@pytest.mark.parametrize("name", TASKS)
async def test_none_is_tested_and_none_is_split(pool: Pool, name: str) -> None:
    """The consistency run, which stands beside the tests, has no part in this."""
    task, right = TASKS[name]
    verifiers = Verifiers(pool, accept_split=True, consistency=False)
    report = await attack_task(task, [BY_NAME[each] for each in TABLE], verifiers, at_a_time=3, split=True)
    assert report.clean, report.model_dump(exclude={"attempts"})
    assert report.tried == len(TABLE)
    assert not {each.outcome for each in report.attempts} & {Outcome.PASSED, Outcome.UNSCORED}
    verdict = await verifiers.verify(task, right)
    assert (verdict.outcome, verdict.strength) == (
        Outcome.PASSED,
        Strength.SPLIT if name == "split" else Strength.TESTED,
    )


async def test_a_forgery_that_passes_split_is_a_hole(pool: Pool) -> None:
    """Nothing forged does; so it is tried with what is right."""
    honest = Attack("honest", Family.DRIVEN, DRIVEN[0].test_types, "is right", "answer = None\n" + RIGHT_OF_PARTS)
    report = await attack_task(SPLIT, [honest], Verifiers(pool, accept_split=True), split=True)
    assert (report.holes, report.together, report.clean) == (("honest",), (), False)


async def test_split_tests_are_attacked_where_they_are_taken() -> None:
    assert "split" in target_of(SPLIT, split=True).test_types
    assert prepared(SPLIT, DRIVEN) == []
    assert len(prepared(SPLIT, DRIVEN, split=True)) == len(DRIVEN) == len(prepared(TASKS["driven"][0], DRIVEN))


async def test_the_command_attacks_split_tests_if_it_is_told_to(bubblewrap: str, tmp_path: Path) -> None:
    write_tasks(str(tmp_path / "tasks.jsonl"), [SPLIT], force=False)
    command = [
        "attack",
        str(tmp_path / "tasks.jsonl"),
        "--sandbox",
        "bubblewrap",
        "--only",
        "reports-dropped",
        "--json",
    ]
    tried = {}
    for accept in ("verified", "split"):
        ran = await asyncio.to_thread(CliRunner().invoke, app, [*command, "--accept", accept])
        assert ran.exit_code == 0, ran.output
        tried[accept] = json.loads(ran.stdout)["tasks"][0]["tried"]
    assert tried == {"verified": 0, "split": 1}
    ran = CliRunner().invoke(app, [*command, "--accept", "together"])
    assert (ran.exit_code, "none of verified and split" in ran.output) == (2, True)


def in_plain_python(name: str) -> str:
    """Which tests plain Python passes the same program by, test and program in one process."""
    taken = []
    for kind, program in (("driven", IN_ONE_PROCESS), ("split", PROGRAM)):
        ((_, source),) = prepared(TASKS[kind][0], [BY_NAME[name]], split=True)
        text = program.replace("SOLUTION", repr(source)) if kind == "driven" else f"{source}\n{program}"
        ran = subprocess.run([sys.executable, "-I", "-c", text], capture_output=True, check=False, timeout=300)
        taken += [kind] if ran.returncode == 0 else []
    return ", ".join(taken) or "no"


async def test_the_page_has_each_of_them_with_what_plain_python_makes_of_it() -> None:
    assert set(TABLE) >= {each.name for each in DRIVEN}
    for name, (_, tested, split, plain) in TABLE.items():
        assert (tested, split) == ("no", "no"), name
        assert plain == in_plain_python(name), name
