"""Replies that are wrong by construction: each fools somebody who judges as is often done, and nobody here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Task, Verifiers, problems
from gristmill.verifiers.attacks.catalogue import OTHERS
from gristmill.verifiers.attacks.records import Attack, Family
from gristmill.verifiers.attacks.secrets import hidden_words
from gristmill.verifiers.attacks.suite import attack_task, limited, prepared

REPLIES = [attack for attack in OTHERS if attack.family is Family.ANSWERS]
# What evaluates a reply in the process that decides; what ends or hangs it is trouble, which nobody counts.
EVALUATES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
class JobContext:
    def send(self, message):
        print("score", message["scores"][0])
context = JobContext()
try:
    print("score", float(eval(sys.argv[1]) == 181))
except Exception:
    print("score", 0.0)
"""


def math(answer: str) -> Task:
    return Task(id=answer, kind="math", prompt="How much is it?", answer=answer)


def inner(reply: str) -> str:
    return reply.removeprefix(r"\boxed{").removesuffix("}").removeprefix("<answer>").removesuffix("</answer>")


def contains(gold: str, reply: str) -> bool:
    return gold in reply


def last_side(gold: str, reply: str) -> bool:
    return inner(reply).rpartition("=")[2] == gold


def points(gold: str, reply: str) -> bool:
    """Compares values at whole numbers, to nine digits."""
    from latex2sympy2_extended import latex2sympy

    def at(text: str, place: int) -> float:
        expression = latex2sympy(text)
        return float(expression.subs(dict.fromkeys(expression.free_symbols, place)).doit().evalf())

    return all(abs(at(gold, place) - at(inner(reply), place)) < 1e-9 for place in (1, 2, 3))


def evaluates(gold: str, reply: str) -> bool:
    text = inner(reply)
    text = text.replace("^{", "**(").replace("}", ")") if "^{" in text else text
    done = subprocess.run([sys.executable, "-c", EVALUATES, text], capture_output=True, text=True)
    return done.stdout.split()[:2] != ["score", "0.0"]


def near(gold: str, reply: str) -> bool:
    return not abs(float(inner(reply)) - float(gold)) > 1e-6


def parses(gold: str, reply: str) -> bool:
    try:
        return bool(json.loads(inner(reply)) == gold)
    except ValueError:
        return False
    except RecursionError:
        return True  # nobody is left who could count it


FOOLED: dict[Callable[[str, str], bool], str] = {
    contains: (
        "hedged answer-in-a-list both-signs relation interval factor-too-many set-added-to-it all-numbers "
        "or-7-behind-it 7-or-before-it answer-denied answer-twice answer-and-words"
    ),
    last_side: "false-chain",
    points: (
        "work-left-undone trifle-more wave-added-to-it factorial-wave floor-added-to-it distant-maximum "
        "bump-added-to-it"
    ),
    evaluates: (
        "reply-that-runs reply-that-reports tower-of-powers evaluated-and-ends evaluated-and-reports "
        "evaluated-and-hangs"
    ),
    near: "score-of-no-number",
    parses: "deeper-than-parsers",
}
CHECKERS = {name: checker for checker, names in FOOLED.items() for name in names.split()}
FUNCTION = "wave-added-to-it factorial-wave floor-added-to-it distant-maximum bump-added-to-it".split()


def test_each_reply_has_a_checker_that_it_fools() -> None:
    assert set(CHECKERS) == {attack.name for attack in REPLIES}
    for checker in FOOLED:
        assert not checker("181", r"\boxed{7}")
        assert checker is parses or checker is near or checker("181", r"\boxed{181}")


@pytest.mark.parametrize("attack", REPLIES, ids=lambda attack: attack.name)
def test_the_reply_fools_a_naive_checker(attack: Attack) -> None:
    gold = "x^2" if attack.name in FUNCTION else "181"
    asked = math(gold) if "math" in attack.test_types else reasoning(gold)
    assert attack.make is not None
    reply = attack.make(asked)
    assert reply is not None
    assert CHECKERS[attack.name](gold, reply)


def reasoning(gold: str) -> Task:
    return Task(id="r", kind="reasoning", prompt="?", reference=f"<answer>{gold}</answer>")


def test_what_would_not_surely_be_wrong_is_not_made() -> None:
    names = {attack.name for attack, _ in prepared(math("181"), OTHERS)}
    assert {"hedged", "work-left-undone"} <= names
    assert not {"wave-added-to-it", "or-7-behind-it", "labels-carried-along"} & names
    assert "factor-too-many" not in {attack.name for attack, _ in prepared(math("0"), OTHERS)}
    assert "hedged" not in {attack.name for attack, _ in prepared(math(r"\text{north}"), OTHERS)}
    allowing = math("181").model_copy(update={"settings": {"expressions": True}})
    assert "work-left-undone" not in {attack.name for attack, _ in prepared(allowing, OTHERS)}
    for gold in (r"x\in\{1,2\}", "y=x", r"\text{next}", r"\sin n, 2"):
        assert not {attack.name for attack, _ in prepared(math(gold), OTHERS)} & set(FUNCTION), gold
    assert "wave-added-to-it" in {attack.name for attack, _ in prepared(math(r"\sin n"), OTHERS)}


def test_the_expected_answer_is_what_no_verdict_may_tell() -> None:
    assert hidden_words(math("181181")) == {"181181"}
    assert hidden_words(reasoning("north by east")) == {"north by east"}


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=2) as opened:
        yield opened


async def refused(pool: Pool, asked: Task) -> None:
    assert problems(asked) == []
    report = await attack_task(limited(asked, 4.0), OTHERS, Verifiers(pool), at_a_time=3)
    assert report.clean, report.model_dump(exclude={"attempts"})
    assert report.tried >= 4
    assert Outcome.PASSED not in {attempt.outcome for attempt in report.attempts}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("gold", ["181", r"\frac{3}{4}", "x^2"])
async def test_no_wrong_reply_to_a_math_task_passes(pool: Pool, gold: str) -> None:
    if pool.backend == "docker" and gold != "181":
        pytest.skip("one of them on Docker")
    await refused(pool, math(gold))


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ["chain_sum", "countdown"])
async def test_no_wrong_reply_to_a_reasoning_task_passes(pool: Pool, name: str) -> None:
    pytest.importorskip("reasoning_gym")
    from gristmill.graph.tasks.reasoning import reasoning_tasks

    if pool.backend == "docker" and name != "chain_sum":
        pytest.skip("one of them on Docker")
    (asked,) = reasoning_tasks(name, size=1, seed=5)
    await refused(pool, asked)
