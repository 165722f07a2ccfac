"""Attacks on graders: each first fools a checker as they are commonly written, then must not pass here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Task, Verifiers, problems
from tests.verifiers.code.line import Section, sections
from tests.verifiers.code.naive import CASES, CHECKERS, by_one_namespace, stdio_naive

ATTACKS = sections(Path(__file__).with_name("attacks.txt"))
ON_TESTS = sections(Path(__file__).with_name("attacks_on_tests.txt"))
RIGHT = "def double(x):\n    return x * 2\n"
ASSERTS = "\n".join(f"assert double(*{args!r}) == {expected!r}" for args, expected in CASES)
KINDS: dict[str, dict[str, Any]] = {
    "cases": {
        "type": "cases",
        "entry_point": "double",
        "cases": [{"args": args, "expected": expected} for args, expected in CASES],
    },
    "python": {"type": "python", "entry_point": "double", "code": ASSERTS},
    "check": {
        "type": "python",
        "entry_point": "double",
        "code": "def check(candidate):\n" + ASSERTS.replace("double", "candidate").replace("assert", "    assert"),
    },
    "pytest": {
        "type": "pytest",
        "entry_point": "double",
        "files": {
            "test_double.py": "from solution import double\ndef test_it():\n    " + ASSERTS.replace("\n", "\n    ")
        },
    },
}
LIMITS = {"wall_seconds": 4.0, "cpu_seconds": 4.0}


def task(test: dict[str, Any]) -> Task:
    attacked = Task(id="attacked", kind="code", prompt="Double it.", tests=[test], limits=LIMITS)
    assert problems(attacked) == []
    return attacked


def fooling() -> list[Any]:
    return [
        pytest.param(attack.source, checker, id=f"{attack.name} ({checker})")
        for attack in ATTACKS
        for checker in attack.names
        if checker != "-"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("source", "checker"), fooling())
def test_the_attack_fools_a_common_checker(source: str, checker: str) -> None:
    assert CHECKERS[checker](source)


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_common_checkers_tell_honest_solutions_apart(checker: str) -> None:
    assert CHECKERS[checker](RIGHT)
    assert not CHECKERS[checker]("def double(x):\n    return 7\n")


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=1) as opened:
        yield opened


@pytest.mark.third_on_docker
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", [pytest.param(attack, id=attack.name) for attack in ATTACKS])
async def test_the_attack_does_not_pass_here(pool: Pool, attack: Section, kind: str) -> None:
    verdict = await Verifiers(pool, consistency=False).verify(task(KINDS[kind]), attack.source)
    assert verdict.outcome not in (Outcome.PASSED, Outcome.UNSCORED), verdict
    assert verdict.score is not None
    assert verdict.score < 1


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", KINDS)
async def test_after_all_attacks_the_same_pool_still_passes_honest_solutions(pool: Pool, kind: str) -> None:
    assert (await Verifiers(pool).verify(task(KINDS[kind]), RIGHT)).verified


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", ["check", "pytest"])
async def test_with_the_consistency_run_no_attack_passes_or_is_unscored_either(pool: Pool, kind: str) -> None:
    """A share of them: it can only take a pass away. What it makes of a failure is never more than `refused`."""
    asked, verifiers = task(KINDS[kind]), Verifiers(pool)
    sources = [attack.source for attack in ATTACKS[::6]]
    verdicts = [(source, await verifiers.verify_apart(asked, source)) for source in sources]
    settled = await verifiers.settle_all(asked, verdicts)
    assert not {verdict.outcome for verdict in settled} & {Outcome.PASSED, Outcome.UNSCORED}
    assert not any(verdict.pending for verdict in settled)


def setup_and_code(attack: Section) -> tuple[str, str]:
    setup, _, code = attack.tests.partition("--- code\n")
    return setup.strip("\n"), code


@pytest.mark.slow
@pytest.mark.parametrize("attack", [pytest.param(attack, id=attack.name) for attack in ON_TESTS])
def test_the_attack_on_a_test_program_fools_execution_in_one_namespace(attack: Section) -> None:
    setup, code = setup_and_code(attack)
    assert by_one_namespace(f"{setup}\n{attack.source}", code)


@pytest.mark.third_on_docker
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("attack", [pytest.param(attack, id=attack.name) for attack in ON_TESTS])
async def test_the_attack_on_a_test_program_does_not_pass_here(pool: Pool, attack: Section) -> None:
    setup, code = setup_and_code(attack)
    test = {"type": "python", "entry_point": attack.names, "setup": setup, "code": code}
    verdict = await Verifiers(pool, consistency=False).verify(task(test), attack.source)
    assert verdict.outcome not in (Outcome.PASSED, Outcome.UNSCORED), verdict


def printed(source: str) -> str:
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True).stdout


STDIO = [
    ("zip", "a prefix of the output", "print(1)"),
    ("zip", "no output at all", ""),
    ("starts", "garbage behind the output", "print('1\\n4\\n9')\nprint('and more')"),
    ("in", "every output at once", "for n in range(100):\n    print(n)\nprint('1\\n4\\n9')"),
    ("in", "the output, then a failure", "print('1\\n4\\n9', flush=True)\nraise SystemExit(3)"),
    ("in", "the output, then a crash", "import os\nprint('1\\n4\\n9', flush=True)\nos.abort()"),
    (
        "in",
        "the output on the wrong stream too",
        "import sys\nprint('1\\n4\\n9 ', file=sys.stderr)\nprint('x1\\n4\\n9')",
    ),
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("how", "source"), [pytest.param(how, source, id=name) for how, name, source in STDIO])
async def test_wrong_output_fools_a_careless_comparison_and_does_not_pass_here(
    pool: Pool, how: str, source: str
) -> None:
    expected = "1\n4\n9\n"
    assert stdio_naive(how, printed(source), expected)
    asked = task({"type": "stdio", "cases": [{"stdin": "3\n", "stdout": expected}]})
    verdict = await Verifiers(pool, consistency=False).verify(asked, source)
    assert verdict.outcome not in (Outcome.PASSED, Outcome.UNSCORED), verdict
