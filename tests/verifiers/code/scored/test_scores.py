"""Scores by an author's evaluator: what counts, whose doing it is when nothing does, and who never sees what."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gristmill.graph.tasks.loading import load_tasks
from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Strength, Task, Verdict, Verifiers
from gristmill.verifiers.attacks.catalogue import chosen
from gristmill.verifiers.attacks.suite import attack_task
from tests.verifiers.code.scored.knapsack import BEST, GREEDY, HELD_OUT, task

EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "tasks" / "score.jsonl"
inside = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["bubblewrap", "docker"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=2) as opened:
        yield opened


def plain(code: str, *, instances: Any = (1,), **changes: Any) -> Task:
    """A task with another evaluator, and no reference."""
    names = {"main": None, "held_out": [], "public": [], "entry_point": "f", "reference": None, **changes}
    return task(code=code, instances=list(instances), **names)


async def verdict_of(pool: Pool, asked: Task, solution: str) -> Verdict:
    return await Verifiers(pool).verify(asked, solution)


@inside
async def test_a_score_is_the_mean_of_its_instances(pool: Pool) -> None:
    verdict = await verdict_of(pool, task(), GREEDY)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.strength is Strength.TESTED
    assert verdict.scores == {"small": 10 / 14, "1": 7 / 12}
    assert verdict.score == pytest.approx((10 / 14 + 7 / 12) / 2)
    assert verdict.metrics == {"items": 1.0}


@inside
@pytest.mark.parametrize(("total", "score"), [("sum", 10 / 14 + 7 / 12), ("worst", 7 / 12)])
async def test_the_author_says_what_makes_the_total(pool: Pool, total: str, score: float) -> None:
    assert (await verdict_of(pool, task(total=total), GREEDY)).score == pytest.approx(score)


@inside
async def test_a_target_is_reached_or_not(pool: Pool) -> None:
    assert (await verdict_of(pool, task(target=1.0), GREEDY)).outcome is Outcome.FAILED
    reached = await verdict_of(pool, task(target=1.0), BEST)
    assert (reached.outcome, reached.score, reached.verified) == (Outcome.PASSED, 1.0, True)


@inside
async def test_less_is_better_where_the_author_says_so(pool: Pool) -> None:
    code = "def evaluate(candidate, instance):\n    return abs(candidate(instance) - 3)"
    asked = plain(code, direction="minimize", target=0.5)
    near, far = [await verdict_of(pool, asked, f"def f(x):\n    return {value}") for value in (3, 5.5)]
    assert (near.outcome, near.score) == (Outcome.PASSED, 0.0)
    assert (far.outcome, far.score) == (Outcome.FAILED, 2.5)
    assert (await verdict_of(pool, asked, "def f(x):\n    raise ValueError")).score == math.inf


@inside
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("candidate(instance)\n    return float('nan')", "returned nan, which is no score"),
        ("candidate(instance)\n    return -float('inf')", "returned -inf, which is no score"),
        ("candidate(instance)\n    return 1 / 0", "line 3: `return 1 / 0`: ZeroDivisionError"),
        ("candidate(instance)\n    return 'good'", "returned what is no number, a str"),
        ("candidate(instance)\n    return True", "returned what is no number, a bool"),
        ("candidate(instance)\n    return {'a': 1, 'b': 2}", "name the one that counts by `main`"),
        ("candidate(instance)\n    return 10 ** 400", "too great for a score"),
        ("missing(candidate)\n    return 1.0", "line 2: `missing(candidate)`: NameError"),
        ("str(candidate)\n    return 1.0", "has not called the candidate"),
        ("candidate(instance)\n    raise SystemExit", "line 3: `raise SystemExit`: SystemExit"),
    ],
    ids=lambda value: value[-30:],
)
async def test_what_is_the_evaluators_fault_is_never_a_score(pool: Pool, body: str, words: str) -> None:
    asked = plain(f"def evaluate(candidate, instance):\n    {body}\n    return 0")
    verdict, evidence = await Verifiers(pool).explain(asked, "def f(x):\n    return 1")
    assert (verdict.outcome, verdict.score, verdict.scores) == (Outcome.UNSCORED, None, {})
    assert words in verdict.sandbox
    assert "instance '0'" in verdict.sandbox
    assert words in evidence.checks[-1].detail
    assert verdict.feedback == ""


@inside
async def test_nobody_chooses_to_be_unscored(pool: Pool) -> None:
    code = "def evaluate(candidate, instance):\n    return candidate(instance) + 1"
    asked = plain(code, reference="def f(x):\n    return x")
    spoilt = await verdict_of(pool, asked, "def f(x):\n    return None")
    assert (spoilt.outcome, spoilt.score) == (Outcome.INVALID, -math.inf)
    unknown = await verdict_of(pool, plain(code), "def f(x):\n    return None")
    assert unknown.outcome is Outcome.UNSCORED


@inside
@pytest.mark.parametrize(
    ("solution", "outcome"),
    [
        ("def choose(*args):\n    return 1 / 0", Outcome.ERROR),
        ("def choose(*args):\n    while True: pass", Outcome.TIMEOUT),
        ("def choose(*args):\n    return [0] * (1 << 40)", Outcome.OUT_OF_MEMORY),
        ("def choose(*args):\n    import os; os._exit(0)", Outcome.ERROR),
        ("def choose(*args):\n    raise SystemExit", Outcome.ERROR),
        ("def choose(*args):\n    return [0, 0]", Outcome.INVALID),
        ("def choice(*args):\n    return [0]", Outcome.ERROR),
        ("def choose(:", Outcome.ERROR),
        ("", Outcome.INVALID),
    ],
)
async def test_what_a_candidate_does_is_its_own(pool: Pool, solution: str, outcome: Outcome) -> None:
    asked = task()
    if outcome is Outcome.TIMEOUT:  # on a machine that is full of work the others may take a second too
        brief = asked.limits.model_copy(update={"wall_seconds": 1, "cpu_seconds": 1})
        asked = asked.model_copy(update={"limits": brief})
    verdict = await verdict_of(pool, asked, solution)
    assert verdict.outcome is outcome
    assert (verdict.score, verdict.scores) == (-math.inf, {})


@inside
async def test_a_penalty_for_a_lost_candidate_is_no_score(pool: Pool) -> None:
    code = """
def evaluate(candidate, instance):
    try:
        return candidate(1)
    except BaseException:
        return 5
"""
    verdict = await verdict_of(pool, plain(code), "def f(x):\n    import os; os._exit(0)")
    assert (verdict.outcome, verdict.score) == (Outcome.ERROR, -math.inf)
    caught = await verdict_of(pool, plain(code), "def f(x):\n    raise ValueError")
    assert (caught.outcome, caught.score) == (Outcome.PASSED, 5.0)


@inside
async def test_nothing_is_carried_from_instance_to_instance(pool: Pool) -> None:
    code = "def evaluate(candidate, instance):\n    return candidate(instance)"
    counting = "calls = []\ndef f(x):\n    calls.append(x)\n    return len(calls)"
    verdict = await verdict_of(pool, plain(code, instances=[1, 2, 3]), counting)
    assert verdict.scores == {"0": 1.0, "1": 1.0, "2": 1.0}


@inside
async def test_what_is_given_is_a_copy(pool: Pool) -> None:
    code = """
def evaluate(candidate, instance):
    candidate(instance["a"], instance, x=instance["b"])
    return sum(instance["a"]) + len(instance["b"])
"""
    asked = plain(code, instances=[{"a": [1.0, 2.0], "b": {"k": [1]}}])
    changing = "def f(a, whole, x):\n    a.append(100.0); a[0] = 50.0; whole['a'] = [9]; x.clear()"
    assert (await verdict_of(pool, asked, changing)).score == 4.0


@inside
async def test_many_calls_cross_in_one_message(pool: Pool) -> None:
    code = """
def evaluate(candidate, instance):
    one = candidate.map(range(5), [[1.0, 2.0]] * 4 + [[3.0]])
    two = [candidate(n, v) for n, v in zip(range(5), [[1.0, 2.0]] * 4 + [[3.0]])]
    three = candidate.map([{"deep": [n]} for n in range(3)], [()] * 3)
    try:
        candidate.map(["bad", 1], [[], []])
    except ValueError as error:
        caught = str(error)
    return {"same": one == two, "n": three}[instance] == {"same": True, "n": [None] * 3}[instance] and len(caught) / 1
"""
    solution = """
def f(n, v):
    if n == 'bad': raise ValueError('bad!')
    return n + sum(v) if type(n) is int else None
"""
    assert (await verdict_of(pool, plain(code, instances=["same", "n"]), solution)).scores == {"0": 4.0, "1": 4.0}


@inside
async def test_every_entry_point_can_be_called(pool: Pool) -> None:
    code = "def evaluate(candidate, instance):\n    return candidate(1) + candidate.g(1) + candidate.WEIGHTS[1]"
    asked = plain(code, entry_point=["f", "g", "WEIGHTS"])
    solution = "WEIGHTS = [1, 30]\ndef f(x):\n    return 1\ndef g(x):\n    return 200"
    assert (await verdict_of(pool, asked, solution)).score == 231.0


@inside
async def test_arrays_and_scalars_cross_as_what_they_are(pool: Pool) -> None:
    code = """
import numpy
VALUES = [3, 2**70, -1.5, True, None, "é", [1.0], [1, 2], (1.0, 2.0), [], [True, 1], numpy.arange(3.0), numpy.arange(4)]
def evaluate(candidate, instance):
    wrong = 0
    for value in VALUES:
        back = candidate(value)
        same = type(back) is type(value) and (numpy.array_equal(back, value) and back.dtype == value.dtype
            if isinstance(value, numpy.ndarray) else back == value and repr(back) == repr(value))
        wrong += not same
        if isinstance(back, numpy.ndarray):
            back += 1  # what came can be written to
    return wrong
"""
    assert (
        await verdict_of(pool, plain(code, direction="minimize"), "import numpy\ndef f(x):\n    return x")
    ).score == 0


@inside
async def test_notes_come_from_public_instances_alone(pool: Pool) -> None:
    solution = "print('loaded')\ndef choose(weights, *rest):\n    print('first weight', weights[0])\n    return [0]"
    verdict = await verdict_of(pool, task(), solution)
    assert verdict.notes == "loaded\nfirst weight 5"
    assert "6" not in verdict.notes


@inside
async def test_a_model_reads_numbers_and_words_of_public_instances_only(pool: Pool) -> None:
    verdict = await verdict_of(pool, task(), GREEDY)
    assert verdict.feedback == (
        "Score 0.64881, the mean over 2 instances; more is better.\n"
        "Public instances: small: 0.714286 (items 1).\nOther instances: 1: 0.583333."
    )
    hidden = (
        "def choose(weights, *rest):\n    if weights[0] == 6: raise ValueError(f'secret {weights}')\n    return [0]"
    )
    verdict = await verdict_of(pool, task(), hidden)
    assert "secret" not in verdict.model_dump_json()
    assert "On instance 1, which is not public, it raised an error." in verdict.feedback


@inside
async def test_what_is_held_out_reaches_the_owner_alone(pool: Pool) -> None:
    judge = Verifiers(pool)
    verdict, evidence = await judge.explain(task(), GREEDY)
    assert "held_out" not in verdict.model_dump_json()
    assert evidence.scores == {}
    held = await judge.held_out(task(), GREEDY)
    assert held is not None
    assert (held.score, held.scores) == (10 / 12, {"0": 10 / 12})
    assert held.checks[0].place == "tests[0].held_out[0]"
    assert await judge.held_out(task(held_out=[]), GREEDY) is None
    broken = await judge.held_out(task(), "def choose(*args):\n    return 1 / 0")
    assert broken is not None
    assert (broken.score, broken.scores) == (None, {})
    assert HELD_OUT[0]["best"] == 12


@inside
async def test_chance_that_reaches_a_target_is_flaky(pool: Pool) -> None:
    code = "def evaluate(candidate, instance):\n    return candidate(instance)"
    lucky = "import os\ndef f(x):\n    return int.from_bytes(os.urandom(8), 'big') / 2**64"
    outcomes = {(await verdict_of(pool, plain(code, target=0.5), lucky)).outcome for _ in range(12)}
    assert outcomes <= {Outcome.PASSED, Outcome.FAILED, Outcome.FLAKY}
    assert Outcome.FLAKY in outcomes or Outcome.FAILED in outcomes


@inside
async def test_an_author_hears_of_his_evaluator(pool: Pool) -> None:
    examine = Verifiers(pool).examine
    assert await examine(task()) == []
    drawing = "import os\ndef evaluate(candidate, instance):\n    return candidate(1) + hash(os.urandom(9)) % 2**50"
    (chance,) = await examine(plain(drawing, reference="def f(x):\n    return 1"))
    assert "tests[0].instances[0]: the evaluator is not deterministic" in chance
    (lacking,) = await examine(task(reference="def choose(*args):\n    return [0, 1, 2]", held_out=[]))
    assert "the reference has no score there: the evaluator turned it down" in lacking
    against = "def evaluate(candidate, instance):\n    return 0.0 if candidate(1) == 1 else 5.0"
    (turned,) = await examine(plain(against, reference="def f(x):\n    return 1"))
    assert turned.startswith("tests[0].direction: a solution that returns None has 5")


@inside
@pytest.mark.third_on_docker
async def test_no_attack_makes_a_score(pool: Pool) -> None:
    attacks = chosen(["scores"])
    report = await attack_task(task(target=1.0), attacks, Verifiers(pool), at_a_time=2)
    # Those on time are for evaluators that compare it.
    assert report.tried == sum("score" in attack.test_types for attack in attacks)
    assert (report.holes, report.leaks, report.weak, report.unscored, report.unverified) == ((), (), (), (), ())
    # Without a target, whoever is as good as the reference counts.
    again = await attack_task(task(), chosen(["score-in-a-frame", "instance-changed-in-place"]), Verifiers(pool))
    assert again.clean
    assert again.tried == 2


@inside
@pytest.mark.third_on_docker
async def test_the_example_is_scored_as_it_says(pool: Pool) -> None:
    (asked,) = load_tasks(EXAMPLE)
    assert asked.scored is not None
    judge = Verifiers(pool)
    best_fit = await judge.verify(asked, asked.reference or "")
    first_fit = await judge.verify(asked, "def priority(item, capacities):\n    return [0.0] * len(capacities)")
    assert best_fit.outcome is first_fit.outcome is Outcome.PASSED
    assert best_fit.score is not None
    assert first_fit.score is not None
    assert best_fit.score <= first_fit.score
    assert set(best_fit.scores) == set(asked.scored.names)
    short = await judge.verify(asked, "def priority(item, capacities):\n    return [1.0]")
    assert short.outcome is Outcome.INVALID
    assert "return one number for each of the capacities" in short.feedback
