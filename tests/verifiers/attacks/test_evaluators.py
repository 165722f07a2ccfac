"""Each attack on scores beside the naive evaluator that it fools, and what ours makes of time that is hidden."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Task, Verifiers
from gristmill.verifiers.attacks.catalogue import chosen
from gristmill.verifiers.attacks.records import Target
from gristmill.verifiers.attacks.suite import attack_task
from gristmill.verifiers.attacks.writing import write
from tests.verifiers.attacks.naive_checkers import fooled
from tests.verifiers.code.line import sections

NAIVE = {part.name: part for part in sections(Path(__file__).with_name("evaluators.txt"))}
ATTACKS = chosen(["scores"])
# It tells of the work that it does; `reference` is what the attacks are given.
REFERENCE = "def double(x):\n    import builtins\n    getattr(builtins, 'tick', int)()\n    return x * 2\n"
TARGET = Target(frozenset(("score", "timed")), ("double",), (), REFERENCE)
inside = pytest.mark.asyncio(loop_scope="module")


def test_each_attack_on_scores_has_an_evaluator_that_it_fools() -> None:
    assert set(NAIVE) == {attack.name for attack in ATTACKS}


@pytest.mark.third
@pytest.mark.parametrize("name", sorted(NAIVE))
def test_the_attack_fools_a_naive_evaluator_and_nonsense_does_not(name: str) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("no bwrap to run naive evaluators in")
    (attack,) = chosen([name])
    naive = NAIVE[name]
    source = write(attack, TARGET)
    assert source is not None
    assert fooled("namespace", source, naive.tests, naive.source.strip("\n"))
    assert not fooled("namespace", "def double(x):\n    return -1\n", naive.tests, naive.source.strip("\n"))


EVALUATE = """
import random
def evaluate(candidate, instance, seed):
    draw = random.Random(seed)
    timing = candidate.timed([[draw.randrange(10**6) for _ in range(instance)] for _ in range(40)])
    if timing.values != timing.expected:
        candidate.reject("that is not in order")
    return {"ratio": timing.ratio, "low": timing.low, "high": timing.high, "seconds": timing.seconds}
"""
INSERTION = """
def order(numbers):
    done = []
    for number in numbers:
        place = 0
        while place < len(done) and done[place] <= number:
            place += 1
        done.insert(place, number)
    return done
"""


def timed(*, reference: str | None = INSERTION, **changes: Any) -> Task:
    test: dict[str, Any] = {"type": "score", "entry_point": "order", "code": EVALUATE, "instances": [300], **changes}
    test |= {"direction": "minimize", "main": "ratio"}
    limits = {"wall_seconds": 5, "cpu_seconds": 5}
    row = {"id": "order", "kind": "code", "prompt": "Put them in order.", "tests": [test], "limits": limits}
    return Task.model_validate(row | {"reference": reference})


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["bubblewrap", "docker"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=2) as opened:
        yield opened


@inside
@pytest.mark.third_on_docker
async def test_no_attack_makes_a_solution_faster_than_it_is(pool: Pool) -> None:
    attacks = [attack for attack in ATTACKS if "timed" in attack.test_types]
    report = await attack_task(timed(), attacks, Verifiers(pool), at_a_time=1)
    assert report.tried == len(attacks) == 9
    assert (report.holes, report.leaks, report.weak, report.unscored, report.unverified) == ((), (), (), (), ())


@inside
@pytest.mark.third_on_docker
async def test_what_is_faster_has_a_better_score_and_what_it_does_elsewhere_counts(pool: Pool) -> None:
    judge, task = Verifiers(pool), timed()
    quick = await judge.verify(task, "def order(numbers):\n    return sorted(numbers)\n")
    assert quick.outcome is Outcome.PASSED
    assert quick.score is not None
    assert quick.metrics["low"] <= quick.score <= quick.metrics["high"]
    # Orders of magnitude more than all the rest: no two such runs are near each other.
    heavy = "table = sorted(range(3 * 10**6), key=lambda n: -n)\n" + "def order(numbers):\n    return sorted(numbers)\n"
    ahead = await judge.verify(task, heavy)
    assert ahead.score is not None
    assert ahead.score > quick.score
    # It is asked for a fiftieth of the time and waits for the rest, in which it works.
    timer = "import signal\nsignal.signal(signal.SIGALRM, lambda *args: sum(range(10**5)))\n"
    timer += "signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)\ndef order(numbers):\n    return sorted(numbers)\n"
    between = await judge.verify(task, timer)
    assert between.score is not None
    assert between.metrics["seconds"] > quick.metrics["seconds"]


@inside
@pytest.mark.third_on_docker
@pytest.mark.parametrize(
    ("solution", "words"),
    [
        ("import os\ndef order(numbers):\n    os.fork()\n    return sorted(numbers)\n", "BlockingIOError"),
        ("import threading\ndef order(numbers):\n    threading.Thread(target=int).start()\n", "RuntimeError"),
        ("def order(numbers):\n    return iter(sorted(numbers))\n", "no plain value"),
        ("import os\ndef order(numbers):\n    os._exit(0)\n", "ended the process it ran in"),
    ],
    ids=["child", "thread", "iterator", "end"],
)
async def test_a_timed_solution_is_one_process_with_one_thread_and_gives_plain_values(
    pool: Pool, solution: str, words: str
) -> None:
    verdict = await Verifiers(pool).verify(timed(public=[0]), solution)
    assert verdict.outcome is Outcome.ERROR
    assert words in verdict.feedback


@inside
@pytest.mark.third_on_docker
async def test_a_reference_that_cannot_be_timed_is_the_authors_fault(pool: Pool) -> None:
    judge = Verifiers(pool)
    broken = await judge.verify(timed(reference="def order(numbers):\n    return 1 / 0\n"), INSERTION)
    assert broken.outcome is Outcome.UNSCORED
    unloadable = await judge.verify(timed(reference="import nothing_of_that_name\n"), INSERTION)
    assert unloadable.outcome is Outcome.UNSCORED
    assert "the task's reference, which it is timed beside, cannot be loaded" in unloadable.model_dump_json()


@inside
@pytest.mark.third_on_docker
async def test_time_is_not_deterministic_and_that_is_no_fault(pool: Pool) -> None:
    assert await Verifiers(pool).examine(timed()) == []
