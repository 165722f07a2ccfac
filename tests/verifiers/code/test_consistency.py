"""The consistency run: a pass must hold in plain execution too, and what only fails apart is refused, never failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.backends.fake import FakeFactory
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Ending, Job, Report
from gristmill.sandbox.wire.values import encode
from gristmill.verifiers import Outcome, Strength, Task, Verdict, Verifiers, problems
from gristmill.verifiers.code.consistency import passes_together
from gristmill.verifiers.records import Apart, Direction
from gristmill.verifiers.settling import reason, settled
from tests.verifiers.code.line import Section, sections

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.third_on_docker]

ALIASING = sections(Path(__file__).with_name("aliasing.txt"))
SHARED = sections(Path(__file__).with_name("undecided.txt"))


def task(code: str, points: list[str], *, pytest_: bool = False, **more: Any) -> Task:
    test: dict[str, Any] = {"type": "python", "entry_point": points, "code": code}
    if pytest_:
        body = "".join(f"    {line}\n" for line in code.splitlines())
        text = f"import solution\nfrom solution import {', '.join(points)}\ndef test_it():\n{body}"
        test = {"type": "pytest", "entry_point": points, "files": {"test_it.py": text}}
    asked = Task(id="asked", kind="code", prompt="Do it.", tests=[test], limits={"wall_seconds": 5.0}, **more)
    assert problems(asked) == []
    return asked


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=1) as opened:
        yield opened


@pytest.mark.third_on_docker
@pytest.mark.parametrize("pytest_", [False, True], ids=["python", "pytest"])
@pytest.mark.parametrize("wrong", [pytest.param(each, id=each.name) for each in ALIASING])
async def test_what_a_candidate_keeps_and_changes_later_fails(pool: Pool, wrong: Section, pytest_: bool) -> None:
    """The one kind of wrong answer that the boundary lets through by itself: values are copied on their way.

    `seen`: what an object changes in its own earlier answers is told, and fails apart.
    """
    asked = task(wrong.tests, wrong.names, pytest_=pytest_)
    verifiers = Verifiers(pool, confirm=False)
    apart = await verifiers.verify_apart(asked, wrong.source)
    assert apart.passed is (wrong.words != "seen"), apart
    assert apart.pending
    assert not apart.verified
    verdict = await verifiers.settle(asked, wrong.source, apart)
    if wrong.words == "seen":
        assert verdict.outcome is Outcome.FAILED
        return
    assert (verdict.outcome, verdict.score, verdict.together) == (Outcome.FAILED, 0.0, False)
    assert "plain execution" in reason(verdict)
    assert verdict.unsettled == apart


@pytest.mark.third_on_docker
@pytest.mark.parametrize("pytest_", [False, True], ids=["python", "pytest"])
@pytest.mark.parametrize("right", [pytest.param(each, id=each.name) for each in SHARED])
async def test_what_cannot_be_judged_apart_is_refused(pool: Pool, right: Section, pytest_: bool) -> None:
    asked = task(right.tests, right.names, pytest_=pytest_)
    verifiers = Verifiers(pool, confirm=False)
    apart = await verifiers.verify_apart(asked, right.source)
    assert apart.outcome in (Outcome.FAILED, Outcome.ERROR), apart
    verdict = await verifiers.settle(asked, right.source, apart)
    assert verdict.outcome is Outcome.REFUSED
    assert not verdict.verified
    assert "cannot be judged apart" in reason(verdict)
    unchanged = ("score", "feedback", "metrics", "checks", "strength", "seconds", "verifier", "sandbox")
    assert all(getattr(verdict, name) == getattr(apart, name) for name in unchanged)
    accepted = await Verifiers(pool, accept_together=True).settle(asked, right.source, apart)
    assert (accepted.outcome, accepted.strength, accepted.score) == (Outcome.PASSED, Strength.TOGETHER, 1.0)
    assert not accepted.verified
    assert not accepted.decided_by_tools
    assert accepted.unsettled == apart


LATE = "def f(x):\n    return x\n"
IDENTITY = "class Own:\n    pass\nown = Own()\nassert f(own) is own\nassert f(1) == 1\n"


async def test_right_and_wrong_stay_what_they_are_and_a_settled_verdict_is_not_settled_again(pool: Pool) -> None:
    asked, verifiers = task(IDENTITY, ["f"]), Verifiers(pool)
    right = await verifiers.verify(asked, LATE)
    assert right.verified
    assert right.together is True
    wrong = await verifiers.verify(asked, "def f(x):\n    return 1\n")
    assert wrong.outcome is Outcome.FAILED
    assert wrong.together is False
    assert await verifiers.settle_all(asked, [("", right), ("", wrong)]) == [right, wrong]


async def test_where_no_judge_process_decides_nothing_runs_together(pool: Pool) -> None:
    asked = task("assert f(1) == 1\nassert f('a') == 'a'\n", ["f"])
    for source in (LATE, "def f(x):\n    return 2\n"):
        verdict = await Verifiers(pool).verify(asked, source)
        assert verdict.apart is None
        assert verdict.together is None


async def test_a_public_test_of_literals_that_fails_is_decided_without_a_judge_process(pool: Pool) -> None:
    hidden = task("assert f(1) == 1\n", ["f"])
    asked = hidden.model_copy(update={"tests": (), "public_tests": hidden.tests})
    verdict = await Verifiers(pool).verify(asked, "def f(x):\n    return 2\n")
    assert verdict.outcome is Outcome.FAILED
    assert "AssertionError" in verdict.feedback
    assert verdict.apart is None


async def test_without_the_consistency_run_a_verdict_is_what_the_boundary_holds(pool: Pool) -> None:
    wrong = ALIASING[0]
    verdict = await Verifiers(pool, consistency=False).verify(task(wrong.tests, wrong.names), wrong.source)
    assert verdict.verified
    assert not verdict.pending


SPY = """
import os, sys
for name in ("mark", "/tmp/mark", "/dev/shm/mark"):
    try:
        if os.path.exists(name):
            os._exit(0)
        open(name, "w").write("seen")
    except OSError:
        pass
def f(x):
    if "tests" in sys.modules:
        print("the hidden value is 4711", flush=True)
        sys.stderr.write("the hidden value is 4711")
        raise ValueError("the hidden value is 4711")
    return x
"""


async def test_nothing_but_one_bit_leaves_the_consistency_run(pool: Pool) -> None:
    asked = task(IDENTITY + "assert f(4711) == 4711\n", ["f"])
    verifiers = Verifiers(pool)
    apart = await verifiers.verify_apart(asked, SPY)
    assert apart.passed, apart
    verdict = await verifiers.settle(asked, SPY, apart)
    assert verdict.outcome is Outcome.FAILED
    assert "4711" not in verdict.model_dump_json()
    allowed = {"outcome", "score", "together"}
    changed = {name for name in Verdict.model_fields if getattr(verdict, name) != getattr(apart, name)}
    assert changed == allowed


def spoken(*messages: object, ending: Ending = Ending.FINISHED, status: int | None = 0) -> Report:
    return Report(ending=ending, exit_status=status, messages=tuple(map(encode, messages)), seconds=0.1)


YES = {"passed": True}


@pytest.mark.parametrize(
    ("report", "bit"),
    [
        (spoken(YES), True),
        (spoken(), False),
        (spoken(YES, YES), False),
        (spoken({"passed": 1}), False),
        (spoken({"passed": False}), False),
        (spoken({"passed": True, "score": 1}), False),
        (spoken([True]), False),
        (spoken(YES, ending=Ending.FAILED, status=3), False),
        (spoken(YES, ending=Ending.TIMEOUT, status=None), False),
        (spoken(YES, ending=Ending.OUT_OF_MEMORY, status=86), False),
        (spoken(YES, ending=Ending.OUTPUT_LIMIT, status=None), False),
        (Report(ending=Ending.FINISHED, exit_status=0, messages=(b'{"passed": true }',), seconds=0.1), False),
        (Report(ending=Ending.FINISHED, exit_status=0, messages=(b"\xff\xfe",), seconds=0.1), False),
    ],
)
async def test_one_message_of_one_form_is_a_pass_and_everything_else_is_none(report: Report, bit: bool) -> None:
    asked = task(IDENTITY, ["f"])
    async with Pool(FakeFactory(lambda job, sockets: report), size=1) as fake:
        assert await passes_together(fake, asked, [(LATE, pending(Outcome.PASSED))]) == [bit]


def pending(outcome: Outcome, score: float = 1.0, **more: Any) -> Verdict:
    apart = Apart(outcome=outcome, score=score, strength=Strength.TESTED)
    return Verdict(outcome=outcome, score=score, strength=Strength.TESTED, verifier="code/1", apart=apart, **more)


async def test_the_worker_serves_one_tasks_candidates_and_nothing_before_or_after() -> None:
    factory = FakeFactory(lambda job, sockets: spoken(YES))
    asked = task(IDENTITY, ["f"])
    async with Pool(factory, size=1) as fake:
        verifiers = Verifiers(fake)
        for _ in range(3):
            judged = [(LATE, pending(Outcome.PASSED)), (LATE, pending(Outcome.FAILED, 0.5))]
            passed, refused = await verifiers.settle_all(asked, judged)
            assert (passed.outcome, refused.outcome) == (Outcome.PASSED, Outcome.REFUSED)
            assert not any(worker.entered for worker in factory.workers)
    assert [len(worker.jobs) for worker in factory.workers] == [2, 2, 2]


async def test_trouble_of_the_machine_is_retried_and_then_unscored_but_never_a_failure() -> None:
    asked = task(IDENTITY, ["f"])
    script: list[Report | SandboxError] = [SandboxError("lost"), spoken(YES)]
    async with Pool(FakeFactory(script), size=1) as fake:
        assert (await Verifiers(fake).settle(asked, LATE, pending(Outcome.PASSED))).verified

    class Gone(FakeFactory):
        def create(self, profile: Any) -> Any:
            raise SandboxError("there is no sandbox here")

    async with Pool(Gone([]), size=1) as nowhere:
        settled_, kept = await Verifiers(nowhere).settle_all(
            asked, [(LATE, pending(Outcome.FAILED)), (LATE, settled(pending(Outcome.PASSED), True))]
        )
    assert settled_.outcome is Outcome.UNSCORED
    assert settled_.score is None
    assert kept.verified


async def test_a_candidate_that_brings_every_worker_down_does_not_choose_to_be_unscored() -> None:
    def lost(job: Job, sockets: object) -> Report | SandboxError:
        return SandboxError("lost") if job.program.endswith("run_plain:run") else spoken()

    async with Pool(FakeFactory(lost), size=1) as fake:
        verdict = await Verifiers(fake).settle(task(IDENTITY, ["f"]), LATE, pending(Outcome.PASSED))
    assert verdict.outcome is Outcome.FAILED


@pytest.mark.parametrize("direction", Direction)
async def test_the_score_of_what_fails_together_is_the_worst(direction: Direction) -> None:
    verdict = settled(pending(Outcome.PASSED, 3.0, direction=direction), False)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.score == (0.0 if direction is Direction.MAXIMIZE else float("inf"))
    assert verdict.unsettled == pending(Outcome.PASSED, 3.0, direction=direction)


SKIPS = {
    "a skip": "import pytest\ndef test_a():\n    pytest.skip('no')\n",
    "an expected failure": "import pytest\n@pytest.mark.xfail\ndef test_a():\n    assert False\n",
    "no test": "def helper():\n    pass\n",
    "one that fails": "def test_a():\n    assert False\ndef test_b():\n    pass\n",
    "a failing fixture": "import pytest\n@pytest.fixture\ndef a():\n    yield 1\n    assert 0\n"
    "def test_a(a):\n    assert a\n",
    "a file that cannot be collected": "import nothing_here\ndef test_a():\n    pass\n",
}
SILENT = {
    "no assertion": "f(1)\n",
    "a check that is empty": "def check(candidate):\n    pass\n",
    "an exit": "raise SystemExit(0)\nassert f(1) == 1\n",
    "a skipped case": "import unittest\nclass T(unittest.TestCase):\n    @unittest.skip('')\n    def test_a(self):\n"
    "        self.assertEqual(f(1), 1)\n",
}


async def test_what_proves_nothing_does_not_pass_together_either(pool: Pool) -> None:
    files = [
        {"type": "pytest", "entry_point": "f", "files": {"test_f.py": f"import solution\n{text}"}}
        for text in SKIPS.values()
    ]
    codes = [{"type": "python", "entry_point": "f", "code": code} for code in SILENT.values()]
    for test in (*files, *codes):
        asked = Task(id="t", kind="code", prompt="p", tests=[test])
        assert await passes_together(pool, asked, [(LATE, pending(Outcome.FAILED))]) == [False], test


HELPERS = """
def helper(x):
    return x + 1
"""
PROGRAMS = {
    "setup goes before the solution's names": ("def helper(x):\n    return x\n", "assert f(1) == helper(1)\n"),
    "the solution's names do where setup has none": ("", "assert f(1) == twice(1) / 2\n"),
    "entry points go before setup's stubs": ("def f(x):\n    raise NotImplementedError\n", "assert f(1) == 1\n"),
    "check is called": ("", "def check(candidate):\n    assert candidate(3) == 3\n"),
    "functions that test are called": ("", "def test_it():\n    assert f(3) == 3\n"),
    "cases are run": (
        "",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(1), 1)\n",
    ),
    "what solutions often import": ("", "assert math.isclose(f(1.0), 1.0)\n"),
    "an error that is expected": ("", "try:\n    f()\n    assert False\nexcept TypeError:\n    pass\n"),
    "the module itself": ("import solution\n", "assert solution.f is f\nassert solution.twice(2) == 4\n"),
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_programs_are_run_as_in_one_namespace(pool: Pool, name: str) -> None:
    setup, code = PROGRAMS[name]
    test = {"type": "python", "entry_point": "f", "setup": setup, "code": code}
    asked = Task(id="t", kind="code", prompt="p", tests=[test])
    source = f"{LATE}def twice(x):\n    return 2 * x\n{HELPERS}"
    wrong = "def f(x):\n    return None\ndef twice(x):\n    return 3\n"
    judged = [(source, pending(Outcome.PASSED)), (wrong, pending(Outcome.PASSED))]
    assert await passes_together(pool, asked, judged) == [True, name == "an error that is expected"]


async def test_what_met_a_limit_apart_must_keep_it_together(pool: Pool) -> None:
    identity = task(IDENTITY, ["f"])
    asked = identity.model_copy(update={"limits": identity.limits.model_copy(update={"memory_mb": 128})})
    hungry = "def f(x):\n    bytearray(300 << 20)\n    return x\n"
    judged = [(hungry, pending(Outcome.OUT_OF_MEMORY, 0.0)), (hungry, pending(Outcome.FAILED, 0.0))]
    assert await passes_together(pool, asked, judged) == [False, True]


async def test_cancelling_a_settlement_leaves_no_worker_behind() -> None:
    begun = asyncio.Event()

    async def hang(job: Job, sockets: object) -> Report:
        begun.set()
        await asyncio.Event().wait()
        return spoken()

    factory = FakeFactory(hang)
    async with Pool(factory, size=1) as fake:
        settling = asyncio.create_task(Verifiers(fake).settle(task(IDENTITY, ["f"]), LATE, pending(Outcome.PASSED)))
        await begun.wait()
        settling.cancel()
        await asyncio.gather(settling, return_exceptions=True)
        assert not any(worker.entered for worker in factory.workers)
