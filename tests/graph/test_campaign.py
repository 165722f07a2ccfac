"""A whole campaign in one process: what it stores, when it stops, what it survives."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console

from gristmill.graph.campaign import run_campaign
from gristmill.graph.commands.reports.summary import print_summary
from gristmill.graph.config import RunConfig
from gristmill.graph.errors import RunBusyError, RunExistsError, RunMismatchError, UnknownRunError
from gristmill.graph.models.errors import ModelError
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Message, Reply, Request, Step, StopReason, Tokens
from gristmill.graph.search import registry
from gristmill.graph.search.base import Plan
from gristmill.graph.search.history import Past, Place
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import CampaignSummary
from gristmill.sandbox.errors import InfrastructureError, SandboxError
from gristmill.verifiers.judging import unscored
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge, SettlingJudge

RANGE = 7


def tasks(count: int) -> list[Task]:
    test = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})
    return [Task(id=f"t/{number}", kind="code", prompt=f"{number}: f(x)", tests=(test,)) for number in range(count)]


def wanted(task_id: str) -> int:
    return hashlib.sha256(task_id.encode()).digest()[0] % RANGE


def by_seed(request: Request) -> str:
    assert request.sampling.seed is not None
    return f"```python\ndef f(x):\n    return x + {request.sampling.seed % RANGE}\n```"


def scripted(
    hook: Callable[[Request], Any] | None = None, text: Callable[[Request], str] = by_seed
) -> ScriptedProposer:
    """Answers by the seed; `hook` may wait or raise before the answer."""

    async def answer(request: Request) -> str:
        if hook is not None:
            await hook(request)
        return text(request)

    return ScriptedProposer(answer)


def arithmetic(hook: Callable[[Task, str], Awaitable[Verdict | None]] | None = None) -> ScriptedJudge:
    """Arithmetic instead of a sandbox; `hook` may wait, raise or give another verdict."""

    async def find(task: Task, solution: str) -> Verdict:
        if hook is not None and (hooked := await hook(task, solution)) is not None:
            return hooked
        match = re.search(r"x \+ (\d+)", solution)
        distance = abs(int(match[1]) - wanted(task.id)) if match else RANGE
        return Verdict(
            outcome=Outcome.FAILED if distance else Outcome.PASSED,
            score=1 - distance / RANGE,
            strength=Strength.TESTED,
            feedback=f"off by {distance}",
            verifier="arithmetic/1",
        )

    return ScriptedJudge(find)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


CONFIG = RunConfig.of(hypotheses=3, rounds=4, patience=4, profile="chat", seed=3)


async def run(
    store: Store, model: ScriptedProposer | None = None, judge: ScriptedJudge | None = None, **more: Any
) -> CampaignSummary:
    given: dict[str, Any] = {"tasks": tasks(8), "config": CONFIG, "name": "run", **more}
    return await run_campaign(
        given.pop("tasks"),
        given.pop("config"),
        store=store,
        proposer=model or scripted(),
        verifiers=judge or arithmetic(),
        **given,
    )


def story(store: Store, name: str = "run") -> list[dict[str, Any]]:
    trajectories = [
        trajectory.model_dump(mode="json", exclude={"seconds", "run"}) for trajectory in store.trajectories(name)
    ]
    assert trajectories
    return trajectories


async def test_every_task_gets_a_whole_trajectory(store: Store) -> None:
    model, judge = scripted(), arithmetic()
    summary = await run(store, model, judge)
    trajectories = list(store.trajectories("run"))
    assert [trajectory.task.id for trajectory in trajectories] == [task.id for task in tasks(8)]
    assert summary.status == "finished"
    assert summary.hypotheses == len(model.requests) == len(judge.judged) == summary.calls
    assert summary.solved == sum(trajectory.stop is StopReason.TARGET for trajectory in trajectories) > 0
    assert summary.tokens == Tokens(prompt=10 * summary.calls, completion=5 * summary.calls)
    for trajectory in trajectories:
        places = [(step.hypothesis.round, step.hypothesis.sample) for step in trajectory.steps]
        assert places == [(round, sample) for round in range(places[-1][0] + 1) for sample in range(3)]
        assert len(trajectory.reflections) == places[-1][0]
        for step in trajectory.steps:
            hypothesis = step.hypothesis
            assert hypothesis.id == f"{hypothesis.task_id}/{hypothesis.round}/{hypothesis.sample}"
            assert hypothesis.prompt_sha in trajectory.prompts
            assert hypothesis.solution == hypothesis.text.split("```")[1].removeprefix("python\n").strip() + "\n" or (
                hypothesis.solution is not None
            )
            assert not hypothesis.parents or hypothesis.round


async def test_reflection_shows_the_model_the_best_hypothesis_and_its_evidence(store: Store) -> None:
    model = scripted()
    await run(store, model)
    for trajectory in store.trajectories("run"):
        steps = {step.hypothesis.id: step for step in trajectory.steps}
        for step in trajectory.steps:
            shown = "\n".join(message.content for message in trajectory.prompts[step.hypothesis.prompt_sha])
            for parent in (steps[id_] for id_ in step.hypothesis.parents):
                assert parent.hypothesis.solution
                assert parent.hypothesis.solution.strip() in shown
                assert parent.verdict.feedback in shown
                reflection = trajectory.reflections[step.hypothesis.round - 1]
                assert parent.hypothesis.id in reflection.parents
                assert parent.verdict.feedback in reflection.feedback


async def test_best_of_never_looks_back(store: Store) -> None:
    await run(store, config=CONFIG.changed(strategy="best_of"))
    for trajectory in store.trajectories("run"):
        assert len(trajectory.prompts) == 1
        assert all(not step.hypothesis.parents for step in trajectory.steps)


async def test_a_plan_says_what_a_model_is_shown_and_at_what_temperature(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mine:
        name = "mine"

        def plan(self, history: Past, place: Place, draw: int) -> Plan:
            first, *others = [row.id for row in history.leaders(3)] or [""]
            if not first:
                return Plan()
            return Plan(parents=(first,), inspirations=tuple(others), temperature=0.25)

    monkeypatch.setitem(registry._STRATEGIES, "mine", Mine())

    def far(request: Request) -> str:
        return f"```python\ndef f(x):\n    return x - {request.sampling.seed}\n```"

    model = scripted(text=far)
    await run(store, model, tasks=tasks(1), config=CONFIG.changed(strategy="mine", rounds=2))
    (trajectory,) = store.trajectories("run")
    first = [step.hypothesis for step in trajectory.steps if step.hypothesis.round == 0]
    for request in model.requests[3:]:
        assert request.parents == (first[0].id,)
        assert request.sampling.temperature == 0.25
        shown = "\n".join(message.content for message in request.messages)
        assert all(each.solution and each.solution.strip() in shown for each in first)
    assert all(request.sampling.temperature == CONFIG.calls.temperature for request in model.requests[:3])


async def test_results_do_not_depend_on_the_order_of_arrival(store: Store) -> None:
    await run(store, name="run")
    delays = {id_: hashlib.sha256(id_.encode()).digest()[3] / 20_000 for id_ in (task.id for task in tasks(8))}

    async def slow_model(request: Request) -> None:
        await asyncio.sleep(delays[request.task_id] * (3 - request.sample))

    async def slow_judge(task: Task, solution: str) -> None:
        await asyncio.sleep(hashlib.sha256(solution.encode()).digest()[0] / 20_000)

    config = CONFIG.changed(concurrency=5)
    await run(store, scripted(slow_model), arithmetic(slow_judge), name="slow", config=config)
    assert story(store, "slow") == story(store, "run")


async def test_a_reply_is_verified_while_others_are_still_written(store: Store) -> None:
    """Sample 2 is held back until the verdicts of samples 0 and 1 are in: a loop that waited would hang."""
    verdicts = asyncio.Event()

    async def wait_for_verdicts(request: Request) -> None:
        if request.sample == 2:
            await asyncio.wait_for(verdicts.wait(), 120)

    judged = 0

    def hear(event: Any) -> None:
        nonlocal judged
        judged += event.kind == "judged"
        if judged == 2:
            verdicts.set()

    config = CONFIG.changed(rounds=1)
    summary = await run(store, scripted(wait_for_verdicts), tasks=tasks(1), config=config, on_event=hear)
    assert summary.hypotheses == 3


async def test_as_many_calls_as_allowed_are_in_flight_at_once(store: Store) -> None:
    """Nobody is answered until so many have asked: a loop that asked fewer at a time would hang."""

    def all_of(count: int) -> ScriptedProposer:
        everyone = asyncio.Event()

        async def wait(request: Request) -> None:
            if model.open >= count:
                everyone.set()
            await asyncio.wait_for(everyone.wait(), 60)

        model = scripted(wait)
        return model

    model = all_of(11)
    await run(store, model, config=CONFIG.changed(concurrency=11, rounds=1))
    assert model.most == 11
    model = all_of(24)
    await run(store, model, name="wide", config=CONFIG.changed(rounds=1))
    assert model.most == 24


async def test_a_reply_without_a_solution_is_data(store: Store) -> None:
    judge = arithmetic()
    summary = await run(store, scripted(text=lambda request: "I cannot do that. \ud800\x00"), judge)
    assert not judge.judged
    assert set(summary.outcomes) == {Outcome.INVALID}
    assert set(summary.stops) == {StopReason.SAME}
    for trajectory in store.trajectories("run"):
        assert all(step.hypothesis.solution is None and step.hypothesis.note for step in trajectory.steps)


async def test_seeds_are_those_of_the_place_and_all_different(store: Store) -> None:
    model = scripted()
    await run(store, model)
    seeds = [request.sampling.seed for request in model.requests]
    assert len(set(seeds)) == len(seeds)


async def test_the_seeds_can_be_chosen(store: Store) -> None:
    model = scripted(text=lambda request: str(request.sampling.seed))
    await run(store, model, seed_for=lambda task_id, round, sample: None if sample else 40 + round)
    assert {request.sampling.seed for request in model.requests} <= {None, 40, 41, 42, 43}
    assert {None, 40} <= {request.sampling.seed for request in model.requests}


async def test_an_evaluation_is_marked_and_not_resumed_as_a_search(store: Store) -> None:
    await run(store, name="search")
    await run(store, name="measured", purpose="evaluation")
    assert {each.name: each.purpose for each in store.runs()} == {"search": "search", "measured": "evaluation"}
    with pytest.raises(RunMismatchError, match="gristmill eval --resume"):
        await run(store, name="measured", resume=True)
    with pytest.raises(RunMismatchError, match="gristmill run --resume"):
        await run(store, name="search", resume=True, purpose="evaluation")


async def test_the_knobs_of_sampling_reach_the_model(store: Store) -> None:
    model, knobs = scripted(), {"temperature": 0.3, "top_p": 0.5, "max_tokens": 77, "stop": ("\n", "###")}
    await run(store, model, config=CONFIG.changed(**knobs))
    assert model.requests
    assert all(request.sampling.model_dump(exclude={"seed"}) == knobs for request in model.requests)


async def test_the_prompts_can_be_overridden(store: Store) -> None:
    def mine(task: Task, *, profile: str, round: int, parents: Sequence[Step]) -> tuple[Message, ...]:
        return (Message(role="user", content=f"{task.id} {round} {len(parents)}"),)

    model = scripted()
    await run(store, model, messages_for=mine)
    assert {request.messages[0].content for request in model.requests if request.round == 0} == {
        f"{task.id} 0 0" for task in tasks(8)
    }


# Stopping


@pytest.mark.parametrize("limit", [1, 7, 24, 40])
async def test_a_budget_of_calls_is_never_exceeded(store: Store, limit: int) -> None:
    model = scripted()
    summary = await run(store, model, config=CONFIG.changed(calls=limit))
    assert len(model.requests) == summary.calls <= limit
    assert summary.ended == 8
    if limit < 24:
        assert summary.stops[StopReason.CALLS]
        assert len(model.requests) == limit


async def test_a_budget_of_tokens_stops_all_tasks(store: Store) -> None:
    config = CONFIG.changed(tokens=150, concurrency=1)
    summary = await run(store, config=config)
    assert summary.tokens.prompt + summary.tokens.completion == 150
    assert summary.ended == 8
    assert summary.stops[StopReason.TOKENS] >= 4


async def test_a_budget_of_seconds_cancels_the_calls_in_flight(store: Store) -> None:
    async def never(request: Request) -> None:
        if request.sample:
            await asyncio.sleep(3600)

    config = CONFIG.changed(seconds=5)
    summary = await run(store, scripted(never), config=config)
    assert summary.ended == 8
    assert summary.hypotheses == 8, "what had arrived is kept"
    assert set(summary.stops) <= {StopReason.SECONDS, StopReason.TARGET}


async def test_greedy_repetition_stops_a_task(store: Store) -> None:
    def same(request: Request) -> str:
        return "```python\ndef f(x):\n    return x + 99\n```"

    summary = await run(store, scripted(text=same))
    assert summary.stops == {StopReason.SAME: 8}


async def test_a_search_that_goes_long_is_given_up_after_several_rounds_without_anything_new(store: Store) -> None:
    def same(request: Request) -> str:
        return "```python\ndef f(x):\n    return x + 99\n```"

    # 100 hypotheses, of 50 a round: the first is new, and the two rounds after it are not.
    config = CONFIG.changed(strategy="tree", hypotheses=50, rounds=9, patience=None)
    summary = await run(store, scripted(text=same), config=config, tasks=tasks(1))
    assert (summary.stops, summary.hypotheses) == ({StopReason.SAME: 1}, 3 * 50)
    assert "2 rounds" in next(iter(store.trajectories("run"))).detail


async def test_rounds_without_anything_new_can_be_widened_at_resume(store: Store) -> None:
    def same(request: Request) -> str:
        return "```python\ndef f(x):\n    return x + 99\n```"

    whole, wide = CONFIG.changed(patience=9, rounds=6), CONFIG.changed(patience=9, rounds=6, same=3)
    await run(store, scripted(text=same), name="whole", config=wide)
    first = await run(store, scripted(text=same), config=whole)
    assert (set(first.stops), first.hypotheses) == ({StopReason.SAME}, 8 * 2 * 3)
    with pytest.raises(RunMismatchError, match="same = 3, 1 is less"):
        await run(store, name="whole", config=whole, resume=True)
    last = await run(store, scripted(text=same), config=wide, resume=True)
    assert (set(last.stops), last.hypotheses) == ({StopReason.SAME}, 8 * 4 * 3)
    assert story(store) == story(store, "whole")


async def test_a_task_without_progress_is_given_up(store: Store) -> None:
    def different(request: Request) -> str:
        return f"```python\ndef f(x):\n    return {request.sampling.seed}\n```"

    summary = await run(store, scripted(text=different), config=CONFIG.changed(patience=2))
    assert summary.stops == {StopReason.PATIENCE: 8}
    assert summary.hypotheses == 8 * 3 * 3


async def test_tasks_go_out_in_waves_and_unscored_ones_only_once_a_session(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gristmill.graph.nodes import campaign

    monkeypatch.setattr(campaign, "WAVE", 3)

    async def broken(task: Task, solution: str) -> None:
        if task.id in ("t/1", "t/7"):
            raise SandboxError("no room")

    waves: list[str] = []
    summary = await run(
        store, judge=arithmetic(broken), on_event=lambda event: waves.append(getattr(event, "node", "")), tasks=tasks(8)
    )
    assert waves.count("open") == waves.count("close") == 3
    assert (summary.ended, summary.status) == (8, "finished")
    await run(store, resume=True)
    await run(store, name="whole")
    assert len(story(store)) == len(story(store, "whole")) == 8


async def test_an_empty_campaign_is_finished(store: Store) -> None:
    summary = await run(store, tasks=[])
    assert (summary.status, summary.tasks) == ("finished", 0)


# Trouble


async def test_a_dead_call_costs_its_own_place_only_and_is_made_up_for_at_resume(store: Store) -> None:
    async def dies(request: Request) -> None:
        if (request.task_id, request.round, request.sample) in dead:
            raise ModelError("nobody there\nat this address")

    dead = {("t/1", 0, 2), ("t/5", 0, 0), ("t/5", 0, 1)}
    heard: list[Any] = []
    summary = await run(store, scripted(dies), on_event=heard.append)
    assert (summary.status, summary.ended, summary.unanswered) == ("finished", 8, 3)
    unanswered = {event.hypothesis: event.detail for event in heard if event.kind == "unanswered"}
    assert unanswered == dict.fromkeys(("t/1/0/2", "t/5/0/0", "t/5/0/1"), "nobody there at this address")
    await run(store, name="whole")
    others = {"t/1", "t/5"}
    ours, theirs = ([row for row in story(store, name) if row["task"]["id"] not in others] for name in ("run", "whole"))
    assert ours == theirs
    first = {step.hypothesis.id for trajectory in store.trajectories("run") for step in trajectory.steps}
    assert not first & set(unanswered)
    model = scripted()
    resumed = await run(store, model, resume=True)
    assert (resumed.status, resumed.unanswered) == ("finished", 0)
    places = {f"{request.task_id}/{request.round}/{request.sample}" for request in model.requests}
    assert set(unanswered) <= places
    assert not places & first, "what was answered is not bought again"
    assert len(story(store)) == 8
    nothing = scripted()
    await run(store, nothing, resume=True)
    assert not nothing.requests


async def test_reasoning_is_kept_apart_and_no_part_of_what_is_judged_shown_or_exported(store: Store) -> None:
    from gristmill.trainers.data.export import export_rows

    def thinks(request: Request) -> str:
        draft = "```python\ndef f(x):\n    return x + 9999\n```"
        return f"<think>\nA wrong draft first:\n{draft}\n</think>\n\n{by_seed(request)}"

    model, plain_model, judge = scripted(text=thinks), scripted(), arithmetic()
    await run(store, model, judge)
    await run(store, plain_model, name="plain")
    assert not any("9999" in solution for _, solution in judge.judged)
    assert not any("9999" in message.content for request in model.requests for message in request.messages)
    ours, theirs = story(store), story(store, "plain")
    for row in ours:
        for step in row["steps"]:
            assert step["hypothesis"]["reasoning"].startswith("A wrong draft first:")
            assert "9999" not in step["hypothesis"]["text"]
            step["hypothesis"]["reasoning"] = ""
    assert ours == theirs
    for format in ("sft", "messages", "preference"):
        # Each place is asked something of its own; pairs are of replies to the task's own prompt.
        rows = export_rows(store.trajectories("run"), format, prompts="task")
        assert rows
        assert "9999" not in str(rows)
        assert "reasoning" not in str(rows)
        kept = export_rows(store.trajectories("run"), format, prompts="task", reasoning=True)
        assert {row["reasoning_verified"] for row in kept} == {False}
        last = [(row.get("completion") or row.get("messages") or row["chosen"])[-1] for row in kept]
        assert all("9999" in turn["reasoning_content"] and "9999" not in turn["content"] for turn in last)


async def test_a_draft_in_the_text_of_an_earlier_version_is_not_exported_either(store: Store) -> None:
    from gristmill.trainers.data.export import export_rows

    await run(store)
    old = [
        trajectory.model_copy(
            update={
                "steps": tuple(
                    step.model_copy(
                        update={
                            "hypothesis": step.hypothesis.model_copy(
                                update={"text": f"<think>draft</think>{step.hypothesis.text}"}
                            )
                        }
                    )
                    for step in trajectory.steps
                )
            }
        )
        for trajectory in store.trajectories("run")
    ]
    assert "draft" not in str(export_rows(old, "sft"))
    assert "draft" in str(export_rows(old, "sft", reasoning=True))


async def test_reasoning_without_an_answer_is_told_apart_with_what_to_do(store: Store) -> None:
    async def answer(request: Request) -> Reply:
        return Reply(text="", reasoning="and so on", finish="length", tokens=Tokens(prompt=1, completion=512))

    class Thinker(ScriptedProposer):
        async def propose(self, request: Request) -> Reply:
            return await answer(request)

    summary = await run(store, Thinker(lambda request: ""), tasks=tasks(1), config=CONFIG.changed(rounds=1))
    assert (summary.reasoning_only, summary.cut, summary.outcomes) == (3, 3, {Outcome.INVALID: 3})
    (trajectory,) = store.trajectories("run")
    assert {step.hypothesis.note for step in trajectory.steps} == {
        "reasoning only, without an answer; cut off after 512 tokens, for which --max-tokens is too small"
    }
    assert {step.hypothesis.reasoning for step in trajectory.steps} == {"and so on"}


async def test_further_fields_of_requests_are_the_same_at_resume(store: Store) -> None:
    config = CONFIG.changed(request=["top_k=20", 'chat_template_kwargs={"enable_thinking": false}', "mode=fast"])
    assert config.calls.request == {"top_k": 20, "chat_template_kwargs": {"enable_thinking": False}, "mode": "fast"}
    await run(store, config=config)
    assert store.get_run("run").config == config
    with pytest.raises(RunMismatchError, match="request"):
        await run(store, config=CONFIG, resume=True)
    for refused in ("model=x", "stream=true", "n=4", 'extra_body={"seed": 3}', "api_key=sk-1", "top_k", "extra_body=3"):
        with pytest.raises(ValidationError, match="request"):
            CONFIG.changed(request=[refused])


async def test_a_round_without_any_answer_is_not_taken_for_repetition(store: Store) -> None:
    async def dies(request: Request) -> None:
        if request.round == 1:
            raise ModelError("nobody there")

    def different(request: Request) -> str:
        return f"```python\ndef f(x):\n    return {request.sampling.seed}\n```"

    summary = await run(store, scripted(dies, different), tasks=tasks(1))
    assert dict(summary.stops) == {StopReason.ROUNDS: 1}
    assert (summary.hypotheses, summary.unanswered) == (9, 3)


async def test_a_run_in_which_nobody_answers_fails_however_small_it_is(store: Store) -> None:
    async def dies(request: Request) -> None:
        raise ModelError("nobody there")

    with pytest.raises(ModelError, match="nobody there"):
        await run(store, scripted(dies), tasks=tasks(1), config=CONFIG.changed(rounds=1))
    assert store.get_run("run").status == "failed"
    assert (await run(store, tasks=tasks(1), config=CONFIG.changed(rounds=1), resume=True)).hypotheses == 3


async def test_patience_can_be_widened_at_resume(store: Store) -> None:
    def different(request: Request) -> str:
        return f"```python\ndef f(x):\n    return {request.sampling.seed}\n```"

    await run(store, scripted(text=different), name="whole", config=CONFIG.changed(patience=3))
    first = await run(store, scripted(text=different), config=CONFIG.changed(patience=1))
    assert set(first.stops) == {StopReason.PATIENCE}
    with pytest.raises(RunMismatchError, match="patience = 1, 0"):
        await run(
            store,
            config=CONFIG.model_copy(update={"search": CONFIG.search.model_copy(update={"patience": 0})}),
            resume=True,
        )
    await run(store, scripted(text=different), config=CONFIG.changed(patience=3, call_timeout=7.0), resume=True)
    assert story(store) == story(store, "whole")


async def test_the_greatest_length_follows_from_the_profile_unless_it_is_said(store: Store) -> None:
    for name, knobs, longest in (
        ("chat", {"profile": "chat"}, 4096),
        ("small", {"profile": "small"}, 512),
        ("said", {"profile": "chat", "max_tokens": 99}, 99),
    ):
        model = scripted()
        await run(store, model, name=name, tasks=tasks(1), config=CONFIG.changed(rounds=1, **knobs))
        assert {request.sampling.max_tokens for request in model.requests} == {longest}


async def test_a_model_that_never_answers_ends_the_run_with_its_work_kept(store: Store) -> None:
    async def dies(request: Request) -> None:
        if request.task_id > "t/5":
            for _ in range(1200):  # until all that is answered is there to be kept
                if store.summary("run").hypotheses >= 18:
                    break
                await asyncio.sleep(0.05)
            raise ModelError("nobody there")
        if request.round:
            await asyncio.sleep(3600)

    with pytest.raises(ModelError, match="nobody there"):
        await run(store, scripted(dies))
    stored = store.get_run("run")
    assert stored.status == "failed"
    assert "nobody there" in stored.detail
    kept = store.summary("run").hypotheses
    assert kept
    model = scripted()
    summary = await run(store, model, resume=True)
    assert summary.status == "finished"
    assert summary.hypotheses == kept + len(model.requests)
    await run(store, name="whole")
    assert story(store) == story(store, "whole")


async def test_unscored_is_retried_at_resume_and_never_counted_as_wrong(store: Store) -> None:
    async def flaky_machine(task: Task, solution: str) -> Verdict | None:
        if task.id in ("t/1", "t/2"):
            raise SandboxError("the engine is gone")
        return None

    summary = await run(store, judge=arithmetic(flaky_machine))
    assert summary.status == "finished"
    assert summary.unscored > 0
    for trajectory in store.trajectories("run"):
        for step in trajectory.steps:
            assert (step.verdict.score is None) == (step.verdict.outcome is Outcome.UNSCORED)
    model = scripted()
    resumed = await run(store, model, resume=True)
    assert resumed.unscored == 0
    await run(store, name="whole")
    whole = {row["task"]["id"]: row for row in story(store, "whole")}
    for row in story(store):
        steps = {step["hypothesis"]["id"]: step["verdict"]["outcome"] for step in row["steps"]}
        there = {step["hypothesis"]["id"]: step["verdict"]["outcome"] for step in whole[row["task"]["id"]]["steps"]}
        first = {id_ for id_ in there if "/0/" in id_[3:]}
        assert {id_: steps[id_] for id_ in first} == {id_: there[id_] for id_ in first}


async def test_a_machine_that_cannot_judge_any_more_ends_the_run(store: Store) -> None:
    async def gone(task: Task, solution: str) -> None:
        raise SandboxError("the engine is gone")

    with pytest.raises(InfrastructureError, match="the engine is gone"):
        await run(store, judge=arithmetic(gone))
    assert store.get_run("run").status == "failed"
    model = scripted()
    assert (await run(store, model, resume=True)).unscored == 0


async def test_a_fault_in_a_verifier_is_unscored_and_named(store: Store) -> None:
    async def broken(task: Task, solution: str) -> None:
        if task.id == "t/0":
            raise ZeroDivisionError("in the verifier")

    await run(store, judge=arithmetic(broken))
    first = next(store.trajectories("run"))
    assert all(step.verdict.outcome is Outcome.UNSCORED for step in first.steps)
    assert "ZeroDivisionError" in first.steps[0].verdict.sandbox


@pytest.mark.parametrize("status", ["finished", "failed", "interrupted"])
async def test_the_end_is_told_when_its_status_is_stored_and_all_else_with_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    told, stored = [], []
    begun = asyncio.Event()
    save = store.save

    def saved(entries: Any, **more: Any) -> None:
        entries = list(entries)
        if any(entry.row.get("kind") == "run_ended" for entry in entries):
            stored.append(store.get_run("run").status)
        save(entries, **more)

    def hear(event: Any) -> None:
        if event.kind == "run_ended":
            sessions, _ = store.glances.machine.sessions("run")
            told.append((event.status, store.get_run("run").status, sessions[-1].status, sessions[-1].events))

    async def acts(request: Request) -> None:
        begun.set()
        if status == "failed":
            raise ModelError("nobody there")
        if status == "interrupted":
            await asyncio.sleep(3600)

    monkeypatch.setattr(store, "save", saved)
    asked = asyncio.create_task(
        run(store, scripted(acts), tasks=tasks(1), config=CONFIG.changed(rounds=1), on_event=hear)
    )
    await asyncio.wait_for(begun.wait(), 60)
    if status == "interrupted":
        asked.cancel()
    await asyncio.wait([asked])
    assert asked.cancelled() or (asked.exception() is not None) is (status == "failed")
    sessions, _ = store.glances.machine.sessions("run")
    assert told == [(status, status, status, sessions[-1].events)], "whoever hears of it finds it, and nothing follows"
    assert stored == [status], "whoever waits for the next event, as a page does, finds it too"


async def test_cancelling_keeps_what_arrived_and_leaves_nothing_running(store: Store) -> None:
    arrived, everything = Counter[str](), asyncio.Event()

    async def hold(request: Request) -> None:
        if request.sample == 2:
            await asyncio.sleep(3600)

    def hear(event: Any) -> None:
        arrived[event.kind] += 1
        if arrived["judged"] == 16:
            everything.set()

    task = asyncio.create_task(run(store, scripted(hold), on_event=hear))
    await asyncio.wait_for(everything.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert store.get_run("run").status == "interrupted"
    assert store.summary("run").hypotheses == 16
    assert asyncio.all_tasks() == {asyncio.current_task()}
    model = scripted()
    await run(store, model, resume=True)
    stored = {(request.task_id, request.round, request.sample) for request in model.requests}
    assert not {place for place in stored if place[1] == 0 and place[2] != 2}
    await run(store, name="whole")
    assert story(store) == story(store, "whole")


async def test_a_run_on_postgresql_is_cut_off_and_goes_on(store: Store, postgresql: str) -> None:
    name, replies = f"run-{uuid.uuid4().hex[:8]}", Counter[str]()
    enough = asyncio.Event()

    def hear(event: Any) -> None:
        replies[event.kind] += 1
        if replies["replied"] == 20:
            enough.set()

    with Store.open(postgresql) as server:
        task = asyncio.create_task(run(server, name=name, config=CONFIG, on_event=hear))
        await asyncio.wait_for(enough.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.get_run(name).status == "interrupted"
        kept = server.summary(name).hypotheses
        model = scripted()
        summary = await run(server, model, name=name, resume=True)
        assert (summary.status, summary.hypotheses) == ("finished", kept + len(model.requests))
        await run(store, name="whole")
        assert story(server, name) == story(store, "whole")


async def test_a_resume_goes_on_at_the_round_where_the_run_was_cut_off(store: Store) -> None:
    def cut(event: Any) -> None:
        if event.kind == "node_entered" and event.node == "rank" and event.round == 1:
            raise RuntimeError("cut off")

    def far(request: Request) -> str:
        return f"```python\ndef f(x):\n    return x - {request.sampling.seed}\n```"

    with pytest.raises(RuntimeError, match="cut off"):
        await run(store, scripted(text=far), tasks=tasks(1), on_event=cut)
    heard: Counter[tuple[str, int]] = Counter()

    def note(event: Any) -> None:
        if event.kind == "node_entered":
            heard[event.node, event.round] += 1

    judge = arithmetic()
    await run(store, scripted(text=far), judge, tasks=tasks(1), resume=True, on_event=note)
    assert not heard["propose", 0]
    assert heard["propose", 1] == heard["rank", 1] == 1
    assert len(judge.judged) == 2 * 3


async def test_a_resume_walks_over_stored_rounds_and_buys_nothing_there(store: Store) -> None:
    def stop(event: Any) -> None:
        if event.kind == "node_entered" and event.node == "record" and event.task_id == "t/3":
            raise RuntimeError("stop here")

    model = scripted()
    with pytest.raises(RuntimeError, match="stop here"):
        await run(store, model, on_event=stop)
    again = scripted()
    await run(store, again, resume=True)
    first = {(request.task_id, request.round, request.sample) for request in model.requests}
    assert not first & {(request.task_id, request.round, request.sample) for request in again.requests}
    await run(store, name="whole")
    assert story(store) == story(store, "whole")


# The user's mistakes


async def test_a_run_is_resumed_with_what_it_was_started_with(store: Store) -> None:
    await run(store)
    with pytest.raises(RunExistsError):
        await run(store)
    with pytest.raises(UnknownRunError):
        await run(store, name="other", resume=True)
    with pytest.raises(RunMismatchError, match=r"temperature = 0\.8, not 0\.1"):
        await run(store, resume=True, config=CONFIG.changed(temperature=0.1))
    with pytest.raises(RunMismatchError, match="'t/7' is missing"):
        await run(store, resume=True, tasks=tasks(7))
    with pytest.raises(RunMismatchError, match="'t/8' is new"):
        await run(store, resume=True, tasks=tasks(9))
    changed = [*tasks(7), tasks(8)[7].model_copy(update={"prompt": "other"})]
    with pytest.raises(RunMismatchError, match="'t/7' has changed"):
        await run(store, resume=True, tasks=changed)
    with pytest.raises(RunMismatchError, match="rounds = 4, 3 is less"):
        await run(store, resume=True, config=CONFIG.changed(rounds=3))
    with pytest.raises(RunMismatchError, match="calls = no bound, 9 is less"):
        await run(store, resume=True, config=CONFIG.changed(calls=9))
    # How fast a run is may change.
    model = scripted()
    await run(store, model, resume=True, config=CONFIG.changed(concurrency=2))
    assert not model.requests


@pytest.mark.parametrize(
    "narrow",
    [{"rounds": 1}, {"rounds": 2}, {"calls": 10}, {"tokens": 200, "rounds": 2}],
    ids=["one round", "two rounds", "calls", "tokens and rounds"],
)
async def test_wider_bounds_at_resume_end_like_a_run_that_had_them_from_the_start(
    store: Store, narrow: dict[str, Any]
) -> None:
    whole, first, second = scripted(), scripted(), scripted()
    await run(store, whole, name="whole")
    cut = await run(store, first, config=CONFIG.changed(**narrow))
    assert set(cut.stops) & {StopReason.ROUNDS, StopReason.CALLS, StopReason.TOKENS}
    summary = await run(store, second, resume=True)
    assert story(store) == story(store, "whole")
    assert len(first.requests) + len(second.requests) == len(whole.requests)
    assert (summary.status, summary.repeated) == ("finished", 0)
    assert store.get_run("run").config == CONFIG
    # From now on the wide bounds are the run's own.
    with pytest.raises(RunMismatchError):
        await run(store, resume=True, config=CONFIG.changed(**narrow))


async def test_a_round_that_the_budget_cut_is_made_whole_with_a_wider_one(store: Store) -> None:
    # The first sample passes, the second is refused: the target is reached, yet the round is not done.
    config = CONFIG.changed(hypotheses=2)
    right = scripted(text=lambda request: f"```python\ndef f(x):\n    return x + {wanted('t/0')}\n```")
    cut = await run(store, right, tasks=tasks(1), config=config.changed(calls=1))
    assert (cut.solved, cut.hypotheses, dict(cut.stops)) == (1, 1, {StopReason.CALLS: 1})
    whole = await run(store, right, tasks=tasks(1), config=config, resume=True)
    assert (whole.solved, whole.hypotheses, dict(whole.stops)) == (1, 2, {StopReason.TARGET: 1})


async def test_wider_bounds_reach_a_run_that_was_cut_off_in_its_midst(store: Store) -> None:
    await run(store, scripted(), name="whole")

    async def fail(request: Request) -> None:
        if len(model.requests) > 14:
            raise ModelError("gone")  # all of them from now on

    model = scripted(fail)
    with pytest.raises(ModelError):
        await run(store, model, config=CONFIG.changed(rounds=2))
    await run(store, scripted(), resume=True)
    assert story(store) == story(store, "whole")


async def test_wider_bounds_leave_alone_what_ended_for_another_reason(store: Store) -> None:
    config = CONFIG.changed(rounds=2, patience=1)
    await run(store, config=config)
    before = {trajectory.task.id: trajectory for trajectory in store.trajectories("run")}
    model = scripted()
    await run(store, model, resume=True, config=config.changed(rounds=5))
    asked = {request.task_id for request in model.requests}
    assert asked
    assert asked <= {id_ for id_, trajectory in before.items() if trajectory.stop is StopReason.ROUNDS}
    after = {trajectory.task.id: trajectory for trajectory in store.trajectories("run")}
    others = [id_ for id_, trajectory in before.items() if trajectory.stop is not StopReason.ROUNDS]
    assert others
    assert [after[id_] for id_ in others] == [before[id_] for id_ in others]


async def test_a_run_at_work_cannot_be_resumed(store: Store) -> None:
    begun = asyncio.Event()

    async def hold(request: Request) -> None:
        begun.set()
        await asyncio.sleep(3600)

    task = asyncio.create_task(run(store, scripted(hold)))
    await begun.wait()
    with pytest.raises(RunBusyError):
        await run(store, resume=True)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# Around and below


async def test_a_campaign_inside_another_graph_leaves_nothing_in_its_checkpoints(store: Store) -> None:
    """As `gristmill improve` runs it."""
    from typing import TypedDict

    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END, START, StateGraph

    class State(TypedDict):
        status: str

    async def campaign(state: State) -> State:
        return {"status": (await run(store)).status}

    graph = StateGraph(State)
    graph.add_node("campaign", campaign)
    graph.add_edge(START, "campaign")
    graph.add_edge("campaign", END)
    saver = InMemorySaver()
    compiled = graph.compile(checkpointer=saver)
    assert (await compiled.ainvoke({"status": ""}, {"configurable": {"thread_id": "outer"}}))["status"] == "finished"
    outer = [each.checkpoint["channel_values"] for each in saver.list(None)]
    assert not any("task_id" in values or "pending" in values for values in outer)


def settling(together: Callable[[Task, str], bool], strength: Strength = Strength.TESTED) -> SettlingJudge:
    """Arithmetic whose verdicts wait for a consistency run that says `together`."""
    plain = arithmetic()

    async def find(task: Task, solution: str) -> Verdict:
        return (await plain.verify(task, solution)).model_copy(update={"strength": strength})

    return SettlingJudge(find, together)


def odd(task: Task, solution: str) -> bool:
    return int(hashlib.sha256(f"{task.id} {solution}".encode()).hexdigest(), 16) % 2 == 1


async def test_verdicts_are_settled_after_the_tasks_last_call_and_the_search_is_none_the_wiser(store: Store) -> None:
    model, judge = scripted(), settling(odd)
    asked_when_settled: dict[str, int] = {}
    settle_all = judge.settle_all

    async def settle(task: Task, judged: Sequence[tuple[str, Verdict]]) -> list[Verdict]:
        assert task.id not in asked_when_settled
        asked_when_settled[task.id] = sum(request.task_id == task.id for request in model.requests)
        assert len(judged) == asked_when_settled[task.id]
        return await settle_all(task, judged)

    judge.settle_all = settle  # type: ignore[method-assign]
    await run(store, model, judge)
    plain = scripted()
    await run(store, plain, name="plain")
    asked = {(each.task_id, each.round, each.sample): each.messages for each in model.requests}
    assert asked == {(each.task_id, each.round, each.sample): each.messages for each in plain.requests}
    assert asked_when_settled == Counter(request.task_id for request in model.requests)
    outcomes: Counter[Outcome] = Counter()
    for trajectory, before in zip(store.trajectories("run"), store.trajectories("plain"), strict=True):
        assert (trajectory.stop, trajectory.reflections) == (before.stop, before.reflections)
        steps = {step.hypothesis.id: step for step in trajectory.steps}
        for step, unsettled in zip(trajectory.steps, before.steps, strict=True):
            passed = odd(trajectory.task, step.hypothesis.solution or "")
            wanted = Outcome.PASSED if unsettled.verdict.passed else Outcome.REFUSED
            assert step.verdict.outcome is (wanted if passed else Outcome.FAILED)
            assert (step.verdict.feedback, step.verdict.unsettled.outcome) == (
                unsettled.verdict.feedback,
                unsettled.verdict.outcome,
            )
            assert not step.verdict.pending
            outcomes[step.verdict.outcome] += 1
        best = steps[trajectory.best or ""].verdict
        assert best.passed == any(step.verdict.passed for step in trajectory.steps)
    assert outcomes[Outcome.PASSED]
    assert outcomes[Outcome.REFUSED]
    summary = store.summary("run")
    assert summary.outcomes == outcomes
    assert summary.verified == outcomes[Outcome.PASSED]
    assert summary.solved < store.summary("plain").solved


async def test_what_is_refused_is_not_retried_and_a_resume_settles_nothing_again(store: Store) -> None:
    judge = settling(lambda task, solution: True)
    await run(store, judge=judge)
    settled_once, rows = list(judge.settled), story(store)
    await run(store, judge=judge, resume=True)
    assert judge.settled == settled_once
    assert story(store) == rows


async def test_a_run_that_is_stopped_while_it_settles_goes_on_as_if_it_never_had_been(store: Store) -> None:
    """The verdicts of a task, and its end, are written at once: the search never sees a part of them."""
    await run(store, judge=settling(odd), name="whole")
    judge, begun = settling(odd), asyncio.Event()
    settle_all, count = judge.settle_all, 0

    async def hang(task: Task, judged: Sequence[tuple[str, Verdict]]) -> list[Verdict]:
        nonlocal count
        count += 1
        if count >= 3:
            begun.set()
            await asyncio.Event().wait()
        return await settle_all(task, judged)

    judge.settle_all = hang  # type: ignore[method-assign]
    stopped = asyncio.create_task(run(store, judge=judge))
    await begun.wait()
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    assert store.unended("run")
    await run(store, judge=settling(odd), resume=True)
    assert story(store) == story(store, "whole")


async def test_a_run_with_wider_bounds_goes_on_as_if_nothing_had_been_settled_yet(store: Store) -> None:
    narrow = CONFIG.changed(rounds=2)
    await run(store, judge=settling(odd), config=narrow)
    await run(store, judge=settling(odd), config=CONFIG, resume=True)
    await run(store, judge=settling(odd), name="whole")
    assert story(store) == story(store, "whole")


async def test_trouble_in_the_consistency_run_is_unscored_and_judged_again_at_resume(store: Store) -> None:
    judge = settling(odd)

    async def lost(task: Task, judged: Sequence[tuple[str, Verdict]]) -> list[Verdict]:
        return [unscored("the engine went away") for _ in judged]

    good, judge.settle_all = judge.settle_all, lost  # type: ignore[method-assign]
    with contextlib.suppress(InfrastructureError):
        await run(store, judge=judge, tasks=tasks(2))
    assert store.summary("run").unscored
    judge.settle_all = good  # type: ignore[method-assign]
    await run(store, judge=judge, tasks=tasks(2), resume=True)
    await run(store, judge=settling(odd), name="whole", tasks=tasks(2))
    assert store.summary("run").unscored == 0
    assert [(each["best"], each["steps"]) for each in story(store)] == [
        (each["best"], each["steps"]) for each in story(store, "whole")
    ]


@pytest.mark.parametrize("strength", [Strength.FORWARDED, Strength.TOGETHER])
async def test_a_pass_that_the_candidate_had_a_hand_in_does_not_end_the_search(
    store: Store, strength: Strength
) -> None:
    await run(store, judge=settling(lambda task, solution: True, strength))
    trajectories = list(store.trajectories("run"))
    assert not any(trajectory.stop is StopReason.TARGET for trajectory in trajectories)
    assert any(step.verdict.passed for trajectory in trajectories for step in trajectory.steps)
    assert store.summary("run").verified == 0


# Memory


def taught(request: Request) -> str:
    if "You keep the notes" in request.messages[0].content:
        return f"Add {request.round}. " + "word " * 200
    return by_seed(request)


LEARNING = CONFIG.changed(lessons=True, hypotheses=2, rounds=3, patience=3)


async def test_lessons_are_bought_once_a_round_stored_and_told_from_then_on(store: Store) -> None:
    model = scripted(text=taught)
    summary = await run(store, model, tasks=tasks(3), config=LEARNING)
    asked = [request for request in model.requests if "You keep the notes" in request.messages[0].content]
    lessons = {(each.task_id, each.round) for each in asked}
    assert summary.calls == len(model.requests) == summary.hypotheses + len(lessons)
    assert summary.tokens == Tokens(prompt=10 * summary.calls, completion=5 * summary.calls)
    assert not summary.unanswered
    for trajectory in store.trajectories("run"):
        assert {each.round for each in trajectory.reflections} == {
            round for task_id, round in lessons if task_id == trajectory.task.id
        }
        for each in trajectory.reflections:
            assert each.lesson is not None
            assert len(each.lesson.split()) == 81  # and an ellipsis
        for step in trajectory.steps:
            shown = "\n".join(turn.content for turn in trajectory.prompts[step.hypothesis.prompt_sha])
            for round in range(step.hypothesis.round):
                assert f"after round {round}: Add {round}." in shown or round < step.hypothesis.round - 1
            assert f"Add {step.hypothesis.round}." not in shown
    again = await run(store, model, tasks=tasks(3), config=LEARNING, resume=True)
    assert again.calls == summary.calls


async def test_a_lesson_that_nobody_writes_ends_nothing_and_one_beyond_the_budget_is_not_asked_for(
    store: Store,
) -> None:
    async def deaf(request: Request) -> None:
        if "You keep the notes" in request.messages[0].content:
            raise ModelError("no answer")

    config = LEARNING.changed(hypotheses=2)
    summary = await run(store, scripted(deaf, text=lambda request: "no code"), tasks=tasks(1), config=config)
    assert summary.status == "finished"
    assert not summary.unanswered
    (trajectory,) = store.trajectories("run")
    assert {each.lesson for each in trajectory.reflections} <= {""}
    model = scripted(text=taught)
    spent = await run(store, model, name="short", tasks=tasks(1), config=config.changed(calls=2))
    assert len(model.requests) == spent.calls == 2


@pytest.mark.parametrize("more", [{"profile": "small"}, {"strategy": "best_of"}])
async def test_small_models_and_independent_samples_write_no_lessons(store: Store, more: dict[str, Any]) -> None:
    model = scripted(text=taught)
    summary = await run(store, model, tasks=tasks(1), config=LEARNING.changed(**more))
    assert summary.calls == summary.hypotheses
    assert not any("notes" in turn.content for request in model.requests for turn in request.messages)


async def test_tokens_that_a_server_had_in_its_cache_are_counted(store: Store) -> None:
    model = ScriptedProposer(taught, Tokens(prompt=10, completion=5, cached=7))
    summary = await run(store, model, tasks=tasks(2), config=LEARNING)
    assert summary.tokens == Tokens(prompt=10 * summary.calls, completion=5 * summary.calls, cached=7 * summary.calls)
    told = Console(record=True, width=100)
    print_summary(told, summary)
    assert f"({7 * summary.calls} of them cached)" in told.export_text()
