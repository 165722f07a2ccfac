"""Programs that a task begins with: rows before the first round, which nobody is asked for, and what builds on them."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.events import CallStarted, Event, Judged
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.prompts.messages import messages_for
from gristmill.graph.records import STARTS, Hypothesis, Request, Step, StopReason, Tokens
from gristmill.graph.search.history import Place
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import CampaignSummary
from gristmill.trainers.data.curate import CurateConfig, curate
from gristmill.trainers.data.formats import preference_rows, sft_rows
from gristmill.trainers.measure.evaluation import evaluate
from gristmill.verifiers.records import CasesTest, Outcome, ScoreTest, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

BEGIN, END = "# EVOLVE-BLOCK-START\n", "# EVOLVE-BLOCK-END\n"
CODE = "def evaluate(candidate, instance):\n    return candidate(instance)"
TEST = ScoreTest.model_validate({"entry_point": "f", "code": CODE, "instances": [1], "direction": "maximize"})


def program(number: int) -> str:
    return f"{BEGIN}def part(x):\n    return x + {number}\n{END}\ndef f(x):\n    return part(x)\n"


def task(*numbers: int, **more: Any) -> Task:
    starts = [program(number) for number in numbers]
    return Task(id="t", kind="code", prompt="f(x)", tests=(TEST,), **{"settings": {"start": starts}, **more})


async def judge(task: Task, solution: str) -> Verdict:
    match = re.search(r"x \+ (\d+)", solution)
    found = float(match[1]) if match else -1.0
    outcome = Outcome.PASSED if task.target is not None and found >= task.target else Outcome.FAILED
    return Verdict(outcome=outcome, score=found, scores={"0": found}, strength=Strength.TESTED, verifier="number/1")


def answer(request: Request) -> str:
    number = (request.sampling.seed or 0) % 50
    return f"```python\n{program(number).replace('return part(x)', 'return 10 ** 6')}```"


async def search(store: Store, *tasks: Task, name: str = "run", **knobs: Any) -> tuple[CampaignSummary, list[Request]]:
    how = {key: knobs.pop(key) for key in ("resume", "on_event") if key in knobs}
    model = ScriptedProposer(answer)
    config = {"model": "scripted", "profile": "chat", "hypotheses": 3, "rounds": 4, "patience": 9, **knobs}
    given: dict[str, Any] = {"name": name, "store": store, "proposer": model, "verifiers": ScriptedJudge(judge)}
    summary = await run_campaign(tasks or [task(3, 7)], RunConfig.of(**config), **given, **how)
    return summary, model.requests


def steps(store: Store, name: str = "run") -> list[Step]:
    return [step for trajectory in store.trajectories(name) for step in trajectory.steps]


@pytest.mark.parametrize("strategy", ["best_of", "reflect", "evolve", "tree", "pareto", "auto"])
async def test_every_strategy_begins_with_the_starts(tmp_path: Path, strategy: str) -> None:
    heard: list[Event] = []
    with Store.open(tmp_path) as store:
        summary, asked = await search(store, strategy=strategy, on_event=heard.append)
        found = steps(store)
        assert (summary.calls, summary.hypotheses, summary.tokens.prompt > 0) == (len(asked), len(asked) + 2, True)
        assert [each.task for each in store.standings("run")] == ["t"]
        assert store.standings("run")[0].baseline == 7.0
    first, second, *others = found
    assert [(each.hypothesis.id, each.hypothesis.solution) for each in (first, second)] == [
        ("t/start/0", program(3)),
        ("t/start/1", program(7)),
    ]
    assert all(each.hypothesis.given and each.hypothesis.operator == "start" for each in (first, second))
    assert (first.verdict.score, second.verdict.score, first.hypothesis.tokens) == (3.0, 7.0, Tokens())
    # Both are judged before anybody is asked for anything.
    kinds = [type(event) for event in heard if isinstance(event, CallStarted | Judged)]
    assert kinds[:3] == [Judged, Judged, CallStarted]
    parents = {parent for each in others for parent in each.hypothesis.parents}
    if strategy == "best_of":
        assert not parents
        assert program(3) in asked[0].messages[-1].content
    else:
        assert {"t/start/0", "t/start/1"} & parents
        assert all(each.hypothesis.parents for each in others), "nothing is made from nothing"
    if strategy in ("evolve", "tree", "pareto"):
        assert {"t/start/0", "t/start/1"} <= parents
    # What a reply has outside the marks is not what is run.
    assert all("10 ** 6" not in (each.hypothesis.solution or "") for each in others)
    assert all(any("x + 3" in each.content or "x + 7" in each.content for each in one.messages) for one in asked[:3])


@pytest.mark.parametrize("knobs", [{}, {"strategy": "evolve", "ahead": 2}, {"strategy": "tree", "first_pass": True}])
async def test_a_run_that_goes_on_in_parts_is_the_run_that_was_never_cut(tmp_path: Path, knobs: dict[str, Any]) -> None:
    with Store.open(tmp_path) as store:
        whole, asked = await search(store, name="whole", **knobs)
        # A budget of no time is spent before the first call; the starts are judged in that session.
        await search(store, name="parts", **{**knobs, "rounds": 1}, seconds=1e-9)
        assert [each.hypothesis.id for each in steps(store, "parts")] == ["t/start/0", "t/start/1"]
        for rounds, seconds in ((1, None), (2, None), (4, None)):
            parts, again = await search(
                store, name="parts", resume=True, **{**knobs, "rounds": rounds, "seconds": seconds}
            )
            assert not {request.messages for request in again} & {()}
        told = [
            [(each.hypothesis, each.verdict.model_copy(update={"seconds": 0.0})) for each in steps(store, name)]
            for name in ("whole", "parts")
        ]
        assert told[0] == told[1]
        assert (parts.calls, parts.hypotheses) == (whole.calls, whole.hypotheses) == (len(asked), len(asked) + 2)


async def test_a_start_that_reaches_the_target_ends_the_search_before_it_costs_anything(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        summary, asked = await search(store, task(3, 7, target=7.0), ahead=2)
        assert (summary.calls, summary.hypotheses, summary.solved, asked) == (0, 2, 1, [])
        (trajectory,) = store.trajectories("run")
        assert (trajectory.best, trajectory.stop) == ("t/start/1", StopReason.TARGET)
        assert "before the first round" in trajectory.detail


async def test_a_run_of_an_older_version_goes_on_without_rows_of_its_starts(tmp_path: Path) -> None:
    database = tmp_path / ".gristmill" / "gristmill.db"
    with Store.open(tmp_path) as store:
        bare = task().model_copy(update={"settings": {}})
        await search(store, bare, rounds=1)
        before = [each.hypothesis for each in steps(store)]
    # As it was stored then: the task has its programs, and the run no rows of them.
    with sqlite3.connect(database) as connection:
        connection.execute("update tasks set record = ?", (task(3).model_dump_json(),))
    connection.close()
    with Store.open(tmp_path) as store:
        summary, _ = await search(store, task(3), rounds=2, resume=True)
        after = [each.hypothesis for each in steps(store)]
    assert after[: len(before)] == before
    assert not any(each.given for each in after)
    assert summary.calls == len(after)


async def test_nobody_learns_from_a_start_and_no_measure_counts_one(tmp_path: Path) -> None:
    given = task(3, 7, target=7.0)
    with Store.open(tmp_path) as store:
        config = RunConfig.of(model="scripted", profile="chat", hypotheses=3)
        model = ScriptedProposer(answer)
        how: dict[str, Any] = {"store": store, "proposer": model, "verifiers": ScriptedJudge(judge)}
        measured = await evaluate([given], config, name="measure", **how)
        assert [len(each.passed) for each in measured.results] == [len(model.requests)] == [3]
        await search(store, given.model_copy(update={"target": 60.0}), strategy="tree")
        (trajectory,) = store.trajectories("run")
        assert any(step.hypothesis.given for step in trajectory.steps)
        rows = [*sft_rows([trajectory], accept="judged"), *preference_rows([trajectory], accept="judged")]
        curated = curate([trajectory], held_out=[], config=CurateConfig(verified=False, per_task=99))
    assert rows
    assert curated.rows
    assert all(row["round"] != STARTS for row in (*rows, *curated.rows))


async def test_equal_starts_are_judged_each_and_what_repeats_one_is_told_so(tmp_path: Path) -> None:
    def same(request: Request) -> str:
        return f"```python\n{program(3)}```"

    test = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 100}]})
    again = task(3, 3).model_copy(update={"tests": (test,)})
    with Store.open(tmp_path) as store:
        config = RunConfig.of(model="scripted", profile="chat", hypotheses=2, rounds=1, strategy="evolve")
        how: dict[str, Any] = {"store": store, "proposer": ScriptedProposer(same), "verifiers": ScriptedJudge(judge)}
        await run_campaign([again], config, name="run", **how)
        found = steps(store)
    assert [each.verdict.repeats for each in found[:2]] == [None, None]
    assert {each.verdict.repeats for each in found[2:]} <= {None, "t/start/0"}


def test_a_prompt_says_what_may_change_and_shows_the_program_once() -> None:
    (system, user) = messages_for(task(3), profile="chat", round=0)
    assert f"between the lines `{BEGIN.strip()}` and `{END.strip()}`" in user.content
    assert user.content.count(program(3).strip()) == 1
    parent = Hypothesis.model_validate(
        {
            "id": "t/start/0",
            "task_id": "t",
            "round": STARTS,
            "sample": 0,
            "text": program(3),
            "solution": program(3),
            "proposer": "start",
            "model": "task",
            "sampling": {},
            "prompt_sha": "",
        }
    )
    verdict = Verdict(outcome=Outcome.FAILED, score=3.0, strength=Strength.TESTED, verifier="number/1")
    shown = messages_for(task(3), profile="chat", round=0, parents=[Step(hypothesis=parent, verdict=verdict)])
    assert sum(message.content.count(program(3).strip()) for message in shown) == 1
    said = task(3).model_copy(update={"prompt": f"f(x)\n{program(3)}"})
    assert messages_for(said, profile="chat", round=0)[1].content.count(program(3).strip()) == 1
    assert system.role == "system"
    assert Place(STARTS, 5, 3) < Place(0, 0, 3)
