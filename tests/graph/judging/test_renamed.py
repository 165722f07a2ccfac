"""A program that was there before under other names is refused before it is judged, and never counts as anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.judging.repeats import renamed as renamed_verdict
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Hypothesis, Request, Sampling, Step, StopReason
from gristmill.graph.stopping.ranking import merit
from gristmill.graph.storage.store import Store
from gristmill.trainers.data.steps import is_wrong
from gristmill.verifiers.records import CasesTest, Direction, Outcome, ScoreTest, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

TEST = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})
TASK = Task(id="t", kind="code", prompt="f(x)", tests=(TEST,), target=2.0)
NAMES = "abcdefgh"


def renamed(request: Request) -> str:
    """The same program in every round, under another name each time."""
    name = NAMES[request.round]
    return f"```python\ndef f({name}):\n    return {name} + {request.sample}  # {request.round}\n```"


async def judged(folder: Path, same: int = 9, **knobs: Any) -> tuple[list[str], list[Verdict], StopReason]:
    async def find(task: Task, solution: str) -> Verdict:
        return Verdict(outcome=Outcome.FAILED, score=0.5, strength=Strength.TESTED, verifier="story/1")

    judge = ScriptedJudge(find)
    config = RunConfig.of(hypotheses=2, rounds=3, patience=9, same=same, profile="chat", **knobs)
    with Store.open(folder) as store:

        async def answer(request: Request) -> str:
            return renamed(request)

        await run_campaign([TASK], config, store=store, proposer=ScriptedProposer(answer), verifiers=judge, name="run")
        (trajectory,) = store.trajectories("run")
    assert all(
        not is_wrong(trajectory.task, step)
        for step in trajectory.steps
        if step.verdict.repeats and step.verdict.outcome is Outcome.INVALID
    )
    return [solution for _, solution in judge.judged], [step.verdict for step in trajectory.steps], trajectory.stop


@pytest.mark.parametrize("strategy", ["reflect", "tree", "evolve", "pareto", "auto"])
async def test_it_is_refused_and_told_which_it_is(tmp_path: Path, strategy: str) -> None:
    sent, verdicts, _ = await judged(tmp_path, strategy=strategy, population=2)
    assert len(sent) == 2
    assert [verdict.outcome for verdict in verdicts] == [Outcome.FAILED] * 2 + [Outcome.INVALID] * 4
    assert [verdict.repeats for verdict in verdicts[2:]] == ["t/0/0", "t/0/1"] * 2
    assert all(not verdict.passed and "under other names" in verdict.feedback for verdict in verdicts[2:])


@pytest.mark.parametrize("knobs", [{"novelty": False}, {"strategy": "best_of"}], ids=["off", "a measure"])
async def test_it_is_judged_where_that_is_wanted(tmp_path: Path, knobs: dict[str, Any]) -> None:
    sent, verdicts, _ = await judged(tmp_path, **knobs)
    assert len(sent) == 6
    assert {verdict.outcome for verdict in verdicts} == {Outcome.FAILED}


async def test_who_only_renames_is_given_up_as_one_who_repeats(tmp_path: Path) -> None:
    sent, verdicts, stop = await judged(tmp_path, same=1, strategy="evolve", population=2)
    assert (len(sent), len(verdicts), stop) == (2, 4, StopReason.SAME)


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("kind", ["score", "target"])
def test_it_is_the_worst_in_the_direction_of_what_it_repeats(direction: Direction, kind: str) -> None:
    given = {
        "entry_point": "f",
        "code": "def evaluate(c, i):\n    return c(i)",
        "instances": [1],
        "direction": direction,
    }
    scored = (ScoreTest.model_validate(given),)
    task = Task(id="t", kind="code", prompt="p", tests=scored if kind == "score" else (TEST,), target=1.0)
    task = task if kind == "score" else task.model_copy(update={"direction": direction})
    about: dict[str, Any] = {"proposer": "p", "model": "p", "sampling": Sampling(), "prompt_sha": ""}
    first = Hypothesis(id="t/0/0", task_id="t", round=0, sample=0, text="p", solution="p", **about)
    found = Verdict(
        outcome=Outcome.FAILED,
        score=-5.0 if kind == "score" else 0.5,
        direction=direction,
        strength=Strength.TESTED,
        verifier="v/1",
    )
    verdict = renamed_verdict(task, Step(hypothesis=first, verdict=found))
    assert (verdict.direction, verdict.score) == (direction, task.worst)
    assert merit(verdict) < merit(found)
    sign = -1 if direction is Direction.MINIMIZE else 1
    assert verdict.score is not None
    assert found.score is not None
    assert sign * verdict.score < sign * found.score, "by its number alone, too"
