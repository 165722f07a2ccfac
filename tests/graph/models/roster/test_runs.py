"""Whole runs with several models: who is asked, by which prompts, what a dead one costs, and what is taken again."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.campaign import left_out, run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.errors import ModelError, ModelSetupError
from gristmill.graph.models.replay.proposer import ReplayProposer
from gristmill.graph.models.replay.recording import Recorded, Recording
from gristmill.graph.models.resolve import resolve
from gristmill.graph.models.roster.proposer import RosterProposer
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.prompts.messages import messages_for
from gristmill.graph.records import Hypothesis, Reply, Request, Tokens
from gristmill.graph.roster import Member, drawn
from gristmill.graph.search import registry
from gristmill.graph.search.base import Plan
from gristmill.graph.search.history import Past, Place
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import CampaignSummary
from gristmill.sandbox.errors import UserError
from gristmill.trainers.data.formats import sft_rows
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

RANGE = 50


def tasks(count: int = 3) -> list[Task]:
    test = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})
    start = {"start": "def f(x):\n    return x + 1\n"}
    return [
        Task(id=f"t/{number}", kind="code", prompt=f"{number}: f(x)", tests=(test,), settings=start)
        for number in range(count)
    ]


async def judge(task: Task, solution: str) -> Verdict:
    match = re.search(r"x \+ (\d+)", solution)
    score = -abs(int(match[1]) - 17) / RANGE if match else -1.0
    return Verdict(outcome=Outcome.FAILED, score=score, strength=Strength.TESTED, verifier="nearer/1")


def says(name: str) -> ScriptedProposer:
    def answer(request: Request) -> str:
        number = int.from_bytes(hashlib.sha256(f"{name} {request.sampling.seed}".encode()).digest()[:2], "big") % RANGE
        return f"```python\ndef f(x):\n    return x + {number}\n```"

    model = ScriptedProposer(answer)
    model.model = name
    return model


class Failing(ScriptedProposer):
    """Answers so many times, and then never again."""

    def __init__(self, error: Exception, after: int = 0) -> None:
        def answer(request: Request) -> str:
            if len(self.requests) > after:
                raise error
            return "```python\ndef f(x):\n    return x + 40\n```"

        super().__init__(answer)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


MEMBERS = (Member(model="a", weight=2), Member(model="b"))


def config(*members: Member, **knobs: Any) -> RunConfig:
    knobs = {"hypotheses": 4, "rounds": 3, "patience": 9, "profile": "chat", "seed": 3, **knobs}
    return RunConfig.of(models=[each.model_dump() for each in members or MEMBERS], **knobs)


async def run(
    store: Store, config: RunConfig, proposers: dict[str, Any], name: str = "run", **more: Any
) -> CampaignSummary:
    async with RosterProposer(config.members, proposers=proposers) as roster:
        given = {"tasks": tasks(), "proposer": roster, "verifiers": ScriptedJudge(judge), **more}
        return await run_campaign(config=config, name=name, store=store, **given)


def hypotheses(store: Store, name: str = "run") -> list[Hypothesis]:
    """Those that a model was asked for; a task's first one is what it begins with."""
    every = [step.hypothesis for trajectory in store.trajectories(name) for step in trajectory.steps]
    return [each for each in every if not each.given]


async def test_each_hypothesis_says_who_was_asked_and_that_is_whom_the_draw_gives(store: Store) -> None:
    models = {"a": says("a"), "b": says("b")}
    summary = await run(store, config(), dict(models))
    made = hypotheses(store)
    assert len(made) == summary.calls == 36
    for each in made:
        assert each.asked == each.model == drawn(MEMBERS, 3, each.task_id, each.round, each.sample).name
    asked = {name: len(model.requests) for name, model in models.items()}
    assert asked == Counter(each.asked for each in made)
    assert {request.model for request in models["a"].requests} == {"a"}
    rows = [row for trajectory in store.trajectories("run") for row in sft_rows([trajectory], accept="judged")]
    assert {row["model"] for row in rows} == {"a", "b"}


async def test_prompts_and_sampling_are_those_of_the_member(store: Store) -> None:
    members = (
        Member(model="local", name="little", temperature=0.25, max_tokens=77),
        Member(model="openai:x@http://127.0.0.1:9/v1", name="large", top_p=0.5),
        Member(model="mutate"),
    )
    models: dict[str, Any] = {"little": says("little"), "large": says("large"), "mutate": resolve("mutate")}
    bare = [task.model_copy(update={"settings": {}}) for task in tasks()]
    await run(store, config(*members, profile="auto"), models, tasks=bare)
    little, large = models["little"].requests, models["large"].requests
    small = messages_for(bare[0], profile="small", round=0)
    assert little
    assert large
    assert next(each for each in little if (each.task_id, each.round) == ("t/0", 0)).messages == small
    assert {(each.sampling.temperature, each.sampling.max_tokens, each.sampling.top_p) for each in little} == {
        (0.25, 77, 0.95)
    }
    assert {(each.sampling.temperature, each.sampling.max_tokens, each.sampling.top_p) for each in large} == {
        (0.8, 4096, 0.5)
    }
    told = [message.content for each in large if each.round for message in each.messages]
    assert any("x + " in text for text in told), "capable models are shown what they build on"
    by = Counter((each.asked, each.proposer) for each in hypotheses(store))
    assert set(by) == {("little", "scripted"), ("large", "scripted"), ("mutate", "mutate")}


async def test_a_member_that_cannot_answer_a_task_gives_its_share_to_the_others(store: Store) -> None:
    words = Task(id="sum", kind="math", prompt="What is 1 + 1?", answer="2")
    models = {"mutate": resolve("mutate"), "b": says("b")}
    await run(store, config(Member(model="mutate", weight=9), Member(model="b")), models, tasks=[*tasks(1), words])
    by = {(each.task_id, each.asked) for each in hypotheses(store)}
    assert by == {("t/0", "mutate"), ("t/0", "b"), ("sum", "b")}


class Naming:
    """Plans what it is given."""

    name = "naming"

    def __init__(self, plan: Callable[[Past, Place], Plan]) -> None:
        self._plan = plan

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        return self._plan(history, place)


async def test_the_loop_honours_the_model_and_the_form_of_a_plan(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(history: Past, place: Place) -> Plan:
        if not place.round:
            return Plan(model="ab"[place.sample % 2])
        form: Any = (None, "whole", "edit")[place.sample % 3]
        assert history.best is not None
        return Plan(parents=(history.best.id,), operator="improve", model="b", form=form)

    monkeypatch.setitem(registry._STRATEGIES, "naming", Naming(plan))
    models = {"a": says("a"), "b": says("b")}
    await run(store, config(strategy="naming", hypotheses=3, rounds=2), dict(models))
    assert {(each.round, each.sample): each.asked for each in hypotheses(store)} == {
        (0, 0): "a", (0, 1): "b", (0, 2): "a", (1, 0): "b", (1, 1): "b", (1, 2): "b",
    }  # fmt: skip
    second = [each for each in models["b"].requests if each.round]
    edits = {each.sample: "<<<<<<< SEARCH" in each.messages[-1].content for each in second}
    assert edits == {0: False, 1: False, 2: True}
    monkeypatch.setitem(registry._STRATEGIES, "naming", Naming(lambda history, place: Plan(model="c")))
    with pytest.raises(UserError, match="asks for the model 'c'; the run has a, b"):
        await run(store, config(strategy="naming"), dict(models), "odd")


async def test_a_long_program_may_be_asked_for_whole() -> None:
    parent = tasks()[0]
    long = "def f(x):\n" + "    x += 1\n" * 80 + "    return x\n"
    from gristmill.graph.records import Sampling, Step

    made = Hypothesis(
        id="t/0/0/0", task_id="t/0", round=0, sample=0, text=long, solution=long, proposer="p", model="m",
        sampling=Sampling(), prompt_sha="0",
    )  # fmt: skip
    step = Step(hypothesis=made, verdict=await judge(parent, long))
    asked: dict[Any, str] = {
        form: messages_for(parent, profile="chat", round=1, parents=[step], form=form)[-1].content
        for form in (None, "whole", "edit")
    }
    assert ["<<<<<<< SEARCH" in asked[form] for form in (None, "whole", "edit")] == [True, False, True]
    assert asked[None] == asked["edit"]


@pytest.mark.parametrize("error", [ModelError("nobody there"), ModelSetupError("the quota is spent")])
async def test_a_member_that_fails_for_good_is_left_out_and_the_run_goes_on(store: Store, error: Exception) -> None:
    heard: list[Any] = []
    models: dict[str, Any] = {"a": Failing(error, after=3), "b": says("b")}
    summary = await run(store, config(concurrency=1), models, on_event=heard.append)
    setup = isinstance(error, ModelSetupError)
    assert summary.status == "finished"
    assert summary.unanswered == (0 if setup else 4)
    assert [each.model for each in heard if each.kind == "left_out"] == ["a"]
    assert left_out(store, "run") == {"a"}
    told = store.summary("run").left_out
    assert list(told) == ["a"]
    assert told["a"]
    assert len(models["a"].requests) == 3 + (1 if setup else 5)
    made = hypotheses(store)
    assert len(made) == 36 - summary.unanswered
    # Nobody else's place has changed hands.
    assert all(
        each.asked == "b" for each in made if drawn(MEMBERS, 3, each.task_id, each.round, each.sample).name == "b"
    )
    assert Counter(each.asked for each in made)["a"] == 3
    assert summary.calls == 36 + 1
    if not setup:
        again = {"a": says("a"), "b": says("b")}
        resumed = await run(store, config(concurrency=1), dict(again), resume=True)
        assert (resumed.unanswered, len(hypotheses(store))) == (0, 36)
        assert not again["a"].requests, "who was given up is not asked again in this run"
        assert len(again["b"].requests) >= 4


async def test_the_last_one_left_ends_the_run(store: Store) -> None:
    models: dict[str, Any] = {"a": Failing(ModelError("gone")), "b": Failing(ModelError("away"))}
    with pytest.raises(ModelError, match="5 calls in a row were not answered"):
        await run(store, config(concurrency=1), models)
    assert len(left_out(store, "run")) == 1
    models = {"a": Failing(ModelSetupError("no key")), "b": Failing(ModelSetupError("no key either"))}
    with pytest.raises(ModelSetupError, match="no key"):
        await run(store, config(concurrency=1), models, "other")


async def test_auto_has_an_arm_for_each_model_and_is_the_same_after_a_resume(store: Store) -> None:
    wide = config(strategy="auto", rounds=12)
    await run(store, wide, {"a": says("a"), "b": says("b")})
    made = hypotheses(store)
    assert all(each.by.partition("@")[2] == each.asked for each in made)
    assert {each.asked for each in made} == {"a", "b"}
    calls = 0

    class StopError(Exception):
        pass

    def stop(event: Any) -> None:
        nonlocal calls
        calls += event.kind == "replied"
        if calls == 50:
            raise StopError

    with pytest.raises(StopError):
        await run(store, wide, {"a": says("a"), "b": says("b")}, "cut", on_event=stop)
    await run(store, wide, {"a": says("a"), "b": says("b")}, "cut", resume=True)
    assert hypotheses(store, "cut") == made


async def test_a_recording_of_several_models_plays_again_by_place(store: Store) -> None:
    members = (Member(model="mutate"), Member(model="b"))
    told = config(*members, strategy="auto")
    await run(store, told, {"mutate": resolve("mutate"), "b": says("b")})
    recording = Recording([Recorded.of(each) for each in hypotheses(store)])
    played = config(*(Member(model="replay:said.jsonl", name=each.name) for each in members), strategy="auto")
    await run(store, played, {each.name: ReplayProposer(recording) for each in members}, "again")
    ours, theirs = hypotheses(store), hypotheses(store, "again")
    same = ("id", "text", "solution", "model", "asked", "by", "operator", "parents", "tokens")
    assert [[getattr(each, name) for name in same] for each in ours] == [
        [getattr(each, name) for name in same] for each in theirs
    ]


class Silent(ScriptedProposer):
    """Must not be asked."""

    def __init__(self) -> None:
        def answer(request: Request) -> str:
            raise AssertionError(f"asked for {request.task_id}/{request.round}/{request.sample}")

        super().__init__(answer)


async def test_replies_are_taken_again_for_nothing_where_the_very_same_is_asked(store: Store) -> None:
    first = await run(store, config(), {"a": says("a"), "b": says("b")})
    summary = await run(store, config(reuse=True), {"a": Silent(), "b": Silent()}, "again", tasks=tasks())
    assert (summary.calls, summary.tokens, summary.hypotheses) == (0, Tokens(), first.hypotheses)
    ours, theirs = hypotheses(store), hypotheses(store, "again")
    assert [each.reused for each in theirs] == [f"run/{each.id}" for each in ours]
    assert [each.model_copy(update={"reused": ""}) for each in theirs] == ours
    third = await run(store, config(reuse=True, calls=1), {"a": Silent(), "b": Silent()}, "third")
    assert (third.calls, third.hypotheses) == (0, first.hypotheses)
    assert all(each.reused.startswith("run/") for each in hypotheses(store, "third")), "the first that was answered"
    without = {"a": says("a"), "b": says("b")}
    bought = await run(store, config(), dict(without), "fourth")
    assert bought.calls == first.calls
    assert not any(each.reused for each in hypotheses(store, "fourth"))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4},
        {"temperature": 0.7},
        {"top_p": 0.9},
        {"max_tokens": 99},
        {"stop": ("END",)},
        {"request": {"top_k": 20}},
    ],
)
async def test_what_is_asked_otherwise_is_asked(store: Store, change: dict[str, Any]) -> None:
    await run(store, config(rounds=1), {"a": says("a"), "b": says("b")})
    summary = await run(store, config(rounds=1, reuse=True, **change), {"a": says("a"), "b": says("b")}, "other")
    assert summary.calls == len(hypotheses(store, "other")) == 12
    assert not any(each.reused for each in hypotheses(store, "other"))


async def test_replies_never_cross_models(store: Store, tmp_path: Path) -> None:
    await run(store, config(rounds=1), {"a": says("a"), "b": says("b")})
    # The same names for other models, and one with an adapter.
    others = (Member(model="c", name="a", weight=2), Member(model="b", adapter=str(tmp_path), name="b"))
    summary = await run(store, config(*others, rounds=1, reuse=True), {"a": says("c"), "b": says("b")}, "other")
    assert summary.calls == 12
    again = await run(store, config(*others, rounds=1, reuse=True), {"a": Silent(), "b": Silent()}, "same")
    assert again.calls == 0
    (tmp_path / "adapter_model.safetensors").write_bytes(b"trained anew")
    anew = {"a": Silent(), "b": says("b")}
    await run(store, config(*others, rounds=1, reuse=True), anew, "trained")
    assert len(anew["b"].requests) == sum(each.asked == "b" for each in hypotheses(store, "trained")) > 0
    # One that is asked alone is known by its model string, whatever it is called in a roster.
    alone = RunConfig.of(model="c", hypotheses=4, rounds=1, profile="chat", seed=3, reuse=True)
    model = says("c")
    await run_campaign(tasks(), alone, name="alone", store=store, proposer=model, verifiers=ScriptedJudge(judge))
    taken = Counter(bool(each.reused) for each in hypotheses(store, "alone"))
    assert taken[False] == len(model.requests)
    assert taken[True] == sum(each.asked == "a" for each in hypotheses(store, "other")) > 0


async def test_lessons_are_taken_again_too(store: Store) -> None:
    models = {"a": says("a"), "b": says("b")}
    first = await run(store, config(lessons=True), dict(models))
    assert first.calls > first.hypotheses - 3
    summary = await run(store, config(lessons=True, reuse=True), {"a": Silent(), "b": Silent()}, "again")
    assert (summary.calls, summary.hypotheses) == (0, first.hypotheses)
    ours, theirs = (
        [[each.lesson for each in trajectory.reflections] for trajectory in store.trajectories(name)]
        for name in ("run", "again")
    )
    assert ours == theirs


async def test_a_reply_is_text_and_the_same_wherever_it_is_read(store: Store) -> None:
    """Reasoning that stood in the reply stays apart when it is taken again."""

    class Thinking(ScriptedProposer):
        async def propose(self, request: Request) -> Reply:
            reply = await super().propose(request)
            return reply.model_copy(update={"text": f"<think>so\n</think>{reply.text}", "finish": "length"})

    models = {name: Thinking(lambda request: "```python\ndef f(x):\n    return x + 3\n```") for name in "ab"}
    await run(store, config(rounds=1), dict(models))
    await run(store, config(rounds=1, reuse=True), {"a": Silent(), "b": Silent()}, "again")
    ours, theirs = hypotheses(store), hypotheses(store, "again")
    assert [each.model_copy(update={"reused": ""}) for each in theirs] == ours
    assert ours[0].reasoning
    assert ours[0].cut
