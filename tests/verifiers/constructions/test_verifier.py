"""Programs run in one sandbox and are scored in another: honest ones, forged ones, flaky ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.backends.fake import FakeFactory
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Job, Limits, Report
from gristmill.verifiers.constructions.catalogue import problem, problem_names, task_of
from gristmill.verifiers.constructions.verifier import ProgramVerifier
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Direction, Outcome, Strength, Task, Verdict
from gristmill.verifiers.registry import Verifiers, problems
from tests.verifiers.constructions.program_examples import TARGETS, example_tasks, lines

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
GRID = """
def construct():
    return [((2 * i + 1) / 12, (2 * j + 1) / 12, {radius}) for i in range(6) for j in range(6)][:26]
"""
in_module = pytest.mark.asyncio(loop_scope="module")
LIMITS = Limits(wall_seconds=5, cpu_seconds=5, output_kb=2048)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", 2) as opened:
        yield opened


async def judge(pool: Pool, source: str, name: str = "circles_26", **fields: Any) -> Verdict:
    task = task_of(name, **({"limits": LIMITS} | fields))
    return await ProgramVerifier(pool).verify(task, source)


@in_module
async def test_a_valid_construction_gets_its_exact_score_and_passes_at_its_target(pool: Pool) -> None:
    verdict = await judge(pool, GRID.format(radius=0.0625), target=1.6)
    assert (verdict.outcome, verdict.score, verdict.strength) == (Outcome.PASSED, 26 / 16, Strength.EXACT)
    assert verdict.verified
    assert "Score 1.625," in verdict.feedback
    assert "2.6359" in verdict.feedback
    assert verdict.metrics["excess"] == 0


@in_module
async def test_without_a_target_the_best_known_value_must_be_reached(pool: Pool) -> None:
    verdict = await judge(pool, GRID.format(radius=0.0625))
    assert (verdict.outcome, verdict.score) == (Outcome.FAILED, 1.625)


@in_module
async def test_an_overlap_is_repaired_and_never_scores_as_it_stands(pool: Pool) -> None:
    verdict = await judge(pool, GRID.format(radius="1/12 + 1e-9"), target=26 / 12)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.score is not None
    assert 26 / 12 - 1e-12 < verdict.score < 26 / 12
    assert "not valid as returned" in verdict.feedback


@in_module
async def test_the_score_never_flatters(pool: Pool) -> None:
    # 96/49 lies between two floats: the worse one is the greater where less is better.
    verdict = await judge(pool, "def construct():\n    return [1, 2, 4]", "autocorrelation_1")
    assert verdict.direction is Direction.MINIMIZE
    assert verdict.score is not None
    assert Fraction(math.nextafter(verdict.score, 0)) < Fraction(96, 49) < Fraction(verdict.score)
    verdict = await judge(pool, "def construct():\n    return [1, 2, 4]", "autocorrelation_2")
    values = [0, 1, 4, 12, 16, 16, 0]
    exact = Fraction(sum(a * a + a * b + b * b for a, b in itertools.pairwise(values)), 3 * 49 * 16)
    assert verdict.score is not None
    assert Fraction(verdict.score) <= exact < Fraction(math.nextafter(verdict.score, 1))


@in_module
@pytest.mark.parametrize(
    ("source", "outcome", "says"),
    [
        ("", Outcome.INVALID, "no code"),
        ("x = 1", Outcome.INVALID, "defines no function"),
        ("def construct(: pass", Outcome.ERROR, "does not load"),
        ("def construct():\n    return 1 / 0", Outcome.ERROR, "ZeroDivisionError"),
        ("def construct(a):\n    return a", Outcome.ERROR, "TypeError"),
        ("def construct():\n    return 2.7", Outcome.INVALID, "must be a list"),
        ("def construct():\n    return [(float('nan'), 0, 0)] * 26", Outcome.INVALID, "finite"),
        ("def construct():\n    return [(0, 0, float('inf'))] * 26", Outcome.INVALID, "finite"),
        ("def construct():\n    return [(True, 0, 0)] * 26", Outcome.INVALID, "bool"),
        ("def construct():\n    return [('1', 0, 0)] * 26", Outcome.INVALID, "text"),
        ("def construct():\n    return [(10 ** 1500, 0, 0)] * 26", Outcome.INVALID, "digits"),
        ("def construct():\n    return [(10 ** 10000, 0, 0)] * 26", Outcome.INVALID, "cannot be read"),
        ("def construct():\n    return [(0, 0, 0)] * 27", Outcome.INVALID, "26 items"),
        ("def construct():\n    return [(0, 0)] * 26", Outcome.INVALID, "3 items"),
        ("def construct():\n    return [(0, 0, 0)] * 300000", Outcome.ERROR, "more than is allowed"),
        ("class F(float):\n    pass\ndef construct():\n    return [(F(0), 0, 0)] * 26", Outcome.INVALID, "F do not"),
        ("import numpy as np\ndef construct():\n    return np.array([[None] * 3] * 26)", Outcome.INVALID, "object"),
        ("def construct():\n    while True:\n        pass", Outcome.TIMEOUT, "in time"),
        ("def construct():\n    x = [0]\n    while True:\n        x += x", Outcome.OUT_OF_MEMORY, "memory"),
        ("import os\nos._exit(0)", Outcome.ERROR, "ended"),
        ("raise SystemExit(0)", Outcome.ERROR, "SystemExit"),
        ("def construct():\n    x = []\n    x.append(x)\n    return x", Outcome.INVALID, "no list of numbers"),
    ],
)
async def test_what_is_no_construction_gets_an_outcome_and_a_reason(
    pool: Pool, source: str, outcome: Outcome, says: str
) -> None:
    verdict = await judge(pool, source, limits=Limits(wall_seconds=4, cpu_seconds=4, memory_mb=256))
    assert (verdict.outcome, verdict.score) == (outcome, 0.0), verdict
    assert says in verdict.feedback


@in_module
@pytest.mark.parametrize(
    "forged",
    [
        "{'score': [3, 3], 'repair': '', 'facts': {}}",
        "{'value': 3}",
        "{'low': 3, 'high': 3}",
        "[{'score': 9}]",
    ],
)
async def test_a_forged_score_is_a_value_like_any_other(pool: Pool, forged: str) -> None:
    verdict = await judge(pool, f"def construct():\n    return {forged}", target=1.0)
    assert (verdict.outcome, verdict.score) == (Outcome.INVALID, 0.0)


SENDS = """
import gc, os, struct
from fractions import Fraction
def construct():
    from gristmill.sandbox.wire.values import encode
    data = encode({'score': [Fraction(9), Fraction(9)], 'repair': '', 'facts': {}})
    for descriptor in range(3, 40):
        for frame in (struct.pack('>I', len(data)) + data, struct.pack('>Q', len(data)) + data, data):
            try:
                os.write(descriptor, frame)
            except OSError:
                pass
    os._exit(0)
"""


@in_module
async def test_a_program_that_writes_a_judge_s_message_to_every_descriptor_scores_nothing(pool: Pool) -> None:
    verdict = await judge(pool, SENDS, target=1.0)
    assert verdict.outcome is not Outcome.PASSED
    assert verdict.score == 0.0


@in_module
async def test_no_evaluator_is_within_a_program_s_reach(pool: Pool) -> None:
    source = "def construct():\n    import gristmill.verifiers.constructions.guest.circles\n    return []"
    verdict = await judge(pool, source)
    assert verdict.outcome is Outcome.ERROR
    assert "ModuleNotFoundError" in verdict.feedback


@in_module
async def test_a_construction_that_is_worse_the_second_time_is_flaky(pool: Pool) -> None:
    chance = "import random\n" + GRID.format(radius="0.06 + 0.02 * choice")
    chance = chance.replace("import random", "import random\nchoice = random.randrange(2)")
    for _ in range(200):  # one in four is
        if (await judge(pool, chance, target=2.0)).outcome is Outcome.FLAKY:
            return
    pytest.fail("chance was never found out")


@in_module
async def test_of_two_passing_runs_the_worse_score_counts(pool: Pool) -> None:
    chance = "import random\nchoice = random.random()\n" + GRID.format(radius="0.06 + 0.02 * choice")
    confirmed = [(await judge(pool, chance, target=1.0)).score or 0 for _ in range(6)]
    assert all(26 * 0.06 <= score <= 26 * 0.08 for score in confirmed)
    assert len(set(confirmed)) == 6


@in_module
async def test_minimisation_gives_the_worst_score_to_what_is_refused(pool: Pool) -> None:
    verdict = await judge(pool, "def construct():\n    return [(0, 0)] * 16", "minmax_distance_16_2d")
    assert (verdict.outcome, verdict.score, verdict.direction) == (Outcome.INVALID, math.inf, Direction.MINIMIZE)


@in_module
async def test_numbers_that_take_the_judge_too_long_are_charged_to_the_program(pool: Pool) -> None:
    source = (
        "from fractions import Fraction\ndef construct():\n    return [Fraction(1, 3 ** 700 + i) for i in range(4000)]"
    )
    verdict = await judge(pool, source, "autocorrelation_1")
    assert verdict.outcome is Outcome.INVALID
    assert "denominator" in verdict.feedback


async def test_trouble_with_the_machine_is_unscored(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_worker(*args: Any, **kwargs: Any) -> Any:
        raise SandboxError("the engine is gone")

    async with Pool(FakeFactory([]), size=1) as broken:
        monkeypatch.setattr(broken._workers, "take", no_worker)
        verdict = await Verifiers(broken).verify(task_of("circles_26"), GRID.format(radius=0.05))
    assert (verdict.outcome, verdict.score) == (Outcome.UNSCORED, None)


# Tasks.


def test_the_example_file_is_the_catalogue_s() -> None:
    assert (EXAMPLES / "tasks" / "program.jsonl").read_text("utf-8") == lines()
    assert set(TARGETS) <= set(problem_names())
    assert len(TARGETS) >= 10


@in_module
async def test_processor_time_is_what_ends_a_program_and_its_judge(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[Limits] = []
    run = pool.run

    async def watched(job: Job, *args: Any, **kwargs: Any) -> Report:
        limits.append(job.limits)
        return await run(job, *args, **kwargs)

    monkeypatch.setattr(pool, "run", watched)
    # A program that has to wait for its core, as on a machine that has other work: here it waits by itself.
    waiting = "import time\ndef construct():\n    time.sleep(2)" + GRID.format(radius=0.0625).split(":", 1)[1]
    verdict = await judge(pool, waiting, limits=Limits.of_processor(1, output_kb=2048))
    assert (verdict.outcome, verdict.score) == (Outcome.FAILED, 1.625), verdict
    verdict = await judge(pool, "def construct():\n    while True:\n        pass", limits=Limits.of_processor(1))
    assert verdict.outcome is Outcome.TIMEOUT
    assert "1 s of processor time" in verdict.feedback
    program, judging, _ = limits
    assert (program.cpu_seconds, program.wall_seconds) == (1, 19)
    assert (judging.cpu_seconds, judging.wall_seconds) == (60, 255)
    assert task_of("circles_26").limits.wall_seconds == 255


@in_module
async def test_example_references_pass(pool: Pool) -> None:
    verifiers = Verifiers(pool, confirm=False)
    for task in example_tasks():
        assert problems(task) == []
        verdict = await verifiers.verify(task, task.reference or "")
        assert verdict.passed, (task.id, verdict.feedback)


@pytest.mark.parametrize("name", problem_names())
def test_every_problem_says_what_to_do_which_way_and_what_is_known(name: str) -> None:
    asked = problem(name)
    text = asked.prompt()
    assert "construct()" in text
    assert asked.best in text
    assert asked.source in text
    assert ("larger" if asked.direction is Direction.MAXIMIZE else "smaller") in text
    assert "{" not in asked.title
    assert problems(task_of(name)) == []


def test_wrong_fields_are_named() -> None:
    assert "problem" in problems(Task(id="x", kind="program", prompt="?", problem="circles_27"))[0]
    assert "direction" in problems(task_of("circles_26", direction=Direction.MINIMIZE))[0]
    assert "settings" in problems(task_of("circles_26", settings={"tolerance": 1e-6}))[0]


def test_a_program_is_found_in_a_reply_by_its_entry_point() -> None:
    reply = "A grid.\n```python\nN = 5\n```\n\n```python\ndef construct():\n    return [N]\n```\nDone."
    assert extract(task_of("circles_26"), reply).solution == "N = 5\n\n\ndef construct():\n    return [N]"
