"""Rounds that are asked for ahead: they overlap, decide on what stood further back, and arrival plays no part."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Request, StopReason
from gristmill.graph.search import registry
from gristmill.graph.search.base import Plan
from gristmill.graph.search.history import Past, Place
from gristmill.graph.search.reflect import Reflect
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import CampaignSummary
from gristmill.verifiers.records import Outcome, ScoreTest, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

CODE = "def evaluate(candidate, instance):\n    return candidate(instance)"
TEST = ScoreTest.model_validate(
    {"entry_point": "f", "code": CODE, "instances": [1], "direction": "maximize", "target": 90.0}
)
TASKS = [Task(id=f"t/{number}", kind="code", prompt=f"{number}: f(x)", tests=(TEST,)) for number in range(2)]


def config(**knobs: Any) -> RunConfig:
    return RunConfig.of(
        **{"model": "scripted", "profile": "chat", "hypotheses": 3, "rounds": 8, "patience": 8, **knobs}
    )


def number(solution: str) -> int:
    return int(solution.rsplit("+", 1)[1].split()[0])


async def by_number(task: Task, solution: str) -> Verdict:
    found = float(number(solution) % 80)
    return Verdict(
        outcome=Outcome.FAILED, score=found, scores={"0": found}, strength=Strength.TESTED, verifier="number/1"
    )


def answer(request: Request) -> str:
    return f"```python\ndef f(x):\n    return x + {request.sampling.seed}\n```"


async def run(
    store: Store, proposer: ScriptedProposer, judge: ScriptedJudge, knobs: RunConfig, **how: Any
) -> CampaignSummary:
    return await run_campaign(TASKS, knobs, name="run", store=store, proposer=proposer, verifiers=judge, **how)


def story(store: Store) -> list[dict[str, Any]]:
    found = [trajectory.model_dump(mode="json") for trajectory in store.trajectories("run")]
    for trajectory in found:
        trajectory.pop("seconds")
    return found


@pytest.mark.parametrize("strategy", ["reflect", "evolve", "auto"])
async def test_a_round_is_asked_for_while_the_one_before_it_is_not_answered(tmp_path: Path, strategy: str) -> None:
    asked = {(task.id, round): asyncio.Event() for task in TASKS for round in range(9)}

    async def wait(request: Request) -> str:
        asked[request.task_id, request.round].set()
        # Answered only when the round after it has been asked for: without overlap this would never end.
        if request.round < 7:
            await asked[request.task_id, request.round + 1].wait()
        return answer(request)

    with Store.open(tmp_path) as store:
        summary = await run(store, ScriptedProposer(wait), ScriptedJudge(by_number), config(strategy=strategy, ahead=1))
        assert (summary.hypotheses, summary.unscored) == (2 * 8 * 3, 0)
        parents = {
            (step.hypothesis.round, int(parent.rsplit("/", 2)[1]))
            for trajectory in store.trajectories("run")
            for step in trajectory.steps
            for parent in step.hypothesis.parents
        }
        assert parents
        assert all(parent <= round - 2 for round, parent in parents)


@pytest.mark.parametrize("ahead", [1, 3])
@pytest.mark.parametrize("strategy", ["reflect", "tree", "evolve", "pareto", "auto"])
async def test_the_order_of_arrival_plays_no_part(tmp_path: Path, strategy: str, ahead: int) -> None:
    stories = []
    for attempt in range(3):
        chance = random.Random(attempt)

        async def late(request: Request, chance: random.Random = chance) -> str:
            await asyncio.sleep(chance.random() / 100 if chance.random() < 0.5 else 0)
            return answer(request)

        async def judged(task: Task, solution: str, chance: random.Random = chance) -> Verdict:
            await asyncio.sleep(chance.random() / 100 if chance.random() < 0.5 else 0)
            return await by_number(task, solution)

        with Store.open(tmp_path / str(attempt)) as store:
            await run(store, ScriptedProposer(late), ScriptedJudge(judged), config(strategy=strategy, ahead=ahead))
            stories.append(story(store))
    assert stories[0] == stories[1] == stories[2]


async def test_a_plan_sees_what_stood_so_many_rounds_further_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[int, set[int]] = {}

    class Watched(Reflect):
        def plan(self, history: Past, place: Place, draw: int) -> Plan:
            seen.setdefault(place.round, set()).add(len(history))
            return super().plan(history, place, draw)

    monkeypatch.setitem(registry._STRATEGIES, "reflect", Watched())
    with Store.open(tmp_path) as store:
        await run(store, ScriptedProposer(answer_now), ScriptedJudge(by_number), config(ahead=2, rounds=6))
    assert {round: rows for round, rows in seen.items() if round < 6} == {
        round: {3 * max(0, round - 2)} for round in range(6)
    }


async def answer_now(request: Request) -> str:
    return answer(request)


async def reached(task: Task, solution: str) -> Verdict:
    verdict = await by_number(task, solution)
    return verdict.model_copy(update={"outcome": Outcome.PASSED, "score": 95.0})


async def test_what_was_asked_for_ahead_is_judged_before_the_end(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        summary = await run(store, ScriptedProposer(answer_now), ScriptedJudge(reached), config(ahead=2))
        assert (summary.hypotheses, summary.unscored, summary.solved) == (2 * 3 * 3, 0, 2)
        for trajectory in store.trajectories("run"):
            assert trajectory.stop is StopReason.TARGET
            assert "in round 0" in trajectory.detail


async def test_a_budget_that_ends_in_the_midst_holds_and_may_grow(tmp_path: Path) -> None:
    knobs = config(ahead=2, strategy="evolve")
    with Store.open(tmp_path / "whole") as store:
        whole = await run(store, ScriptedProposer(answer_now), ScriptedJudge(by_number), knobs)
        expected = story(store)
    with Store.open(tmp_path / "bounded") as store:
        proposer = ScriptedProposer(answer_now)
        bounded = await run(store, proposer, ScriptedJudge(by_number), knobs.changed(calls=20))
        assert (bounded.calls, bounded.hypotheses, bounded.unscored) == (20, 20, 0)
        assert {trajectory.stop for trajectory in store.trajectories("run")} == {StopReason.CALLS}
        await run(store, proposer, ScriptedJudge(by_number), knobs.changed(calls=1000), resume=True)
        resumed = story(store)
    assert whole.hypotheses == 48
    assert [trajectory["steps"] for trajectory in resumed] == [trajectory["steps"] for trajectory in expected]
    assert [trajectory["stop"] for trajectory in resumed] == [trajectory["stop"] for trajectory in expected]


async def test_unscored_ones_of_rounds_asked_for_ahead_are_tried_again(tmp_path: Path) -> None:
    lost = True

    async def sometimes(task: Task, solution: str) -> Verdict:
        if lost and number(solution) % 4 == 0:
            return Verdict(outcome=Outcome.UNSCORED, score=None, strength=Strength.TESTED, verifier="number/1")
        return await by_number(task, solution)

    knobs = config(ahead=2, rounds=5)
    with Store.open(tmp_path / "lost") as store:
        proposer = ScriptedProposer(answer_now)
        assert (await run(store, proposer, ScriptedJudge(sometimes), knobs)).unscored
        lost = False
        resumed = await run(store, proposer, ScriptedJudge(sometimes), knobs, resume=True)
        assert (resumed.unscored, resumed.hypotheses) == (0, 2 * 5 * 3)


def test_one_after_another_and_ahead_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="nothing may be asked for ahead"):
        config(first_pass=True, ahead=1)


@pytest.mark.parametrize("ahead", [0, 2])
async def test_what_was_answered_is_stored_whatever_ends_the_session(tmp_path: Path, ahead: int) -> None:
    answered: list[tuple[str, int, int]] = []

    async def note(request: Request) -> str:
        answered.append((request.task_id, request.round, request.sample))
        return answer(request)

    def stop(event: Any) -> None:
        if event.kind == "call_started" and len(answered) > 7:
            raise RuntimeError("stop here")

    with Store.open(tmp_path) as store:
        with pytest.raises(RuntimeError, match="stop here"):
            await run(store, ScriptedProposer(note), ScriptedJudge(by_number), config(ahead=ahead), on_event=stop)
        first, answered[:] = set(answered), []
        await run(store, ScriptedProposer(note), ScriptedJudge(by_number), config(ahead=ahead), resume=True)
    assert first
    assert not first & set(answered)
