"""A program that was judged already keeps its verdict, is told so, and says which hypothesis it repeats."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.judging.repeats import Repeats
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Hypothesis, Request, Sampling, Step
from gristmill.graph.storage.entries import EVIDENCE
from gristmill.graph.storage.store import Store
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.records import Case, CasesTest, Evidence, Outcome, PythonTest, Strength, Task, Verdict
from gristmill.verifiers.registry import Verifiers
from gristmill.verifiers.scripted import SettlingJudge

CALLS = CasesTest(entry_point="f", cases=(Case(args=(1,), expected=2), Case(args=(2,), expected=4)))
TASK = Task(id="t", kind="code", prompt="f doubles", tests=(CALLS,))


class Remembering(SettlingJudge):
    """Judges by arithmetic, and knows the verdicts of its own image again."""

    def __init__(self, image: str = "one") -> None:
        self.image = image
        super().__init__(self._verdict, lambda task, solution: "x + 1" in solution)

    def _verdict(self, task: Task, solution: str) -> Verdict:
        if "raise" in solution:
            return self.made(Outcome.ERROR, 0.0)
        return self.made(Outcome.FAILED, 0.5 if "x + 1" in solution else 0.25)

    def made(self, outcome: Outcome, score: float) -> Verdict:
        return Verdict(
            outcome=outcome,
            score=score,
            strength=Strength.TESTED,
            feedback="off",
            verifier="arithmetic/1",
            sandbox=self.image,
        )

    async def stands(self, task: Task, solution: str, verdict: Verdict) -> bool:
        return verdict.sandbox == self.image


def answers(request: Request) -> str:
    """Sample 0: one program in another dress each round. Sample 1: another program each round."""
    if request.sample == 0:
        return "```python\n" + f"# {request.round}\n" * request.round + "def f(x):\n    return x + 1\n```"
    if request.sample == 1:
        return f"```python\ndef f(x):\n    return x - {request.round}\n```"
    return "```python\ndef f(x):\n" + "\n" * request.round + "    raise ValueError\n```"


def config(**more: Any) -> RunConfig:
    return RunConfig.of(hypotheses=3, rounds=3, patience=9, profile="chat", **more)


def steps(store: Store) -> dict[str, Step]:
    (trajectory,) = store.trajectories("r")
    return {step.hypothesis.id: step for step in trajectory.steps}


def run(where: Path, judge: Any, *, task: Task = TASK, resume: bool = False, **more: Any) -> dict[str, Step]:
    with Store.open(where) as store:
        asyncio.run(
            run_campaign(
                [task],
                config(**more),
                name="r",
                store=store,
                proposer=ScriptedProposer(answers),
                verifiers=judge,
                resume=resume,
            )
        )
        return steps(store)


def test_the_same_program_is_judged_and_settled_once(tmp_path: Path) -> None:
    judge = Remembering()
    by_id = run(tmp_path, judge)
    assert [by_id[f"t/{round}/0"].verdict.repeats for round in range(3)] == [None, "t/0/0", "t/0/0"]
    assert all(by_id[f"t/{round}/1"].verdict.repeats is None for round in range(3))
    # What failed otherwise is judged each time: it need not be the program's doing.
    assert all(by_id[f"t/{round}/2"].verdict.repeats is None for round in range(3))
    doubled = [solution for _, solution in judge.judged if "x + 1" in solution]
    assert len(doubled) == 1
    assert len([solution for _, solution in judge.settled if "x + 1" in solution]) == 1
    first, again = by_id["t/0/0"].verdict, by_id["t/2/0"].verdict
    assert first.outcome is again.outcome is Outcome.REFUSED  # what the consistency run makes of both
    assert (again.score, again.together, again.sandbox) == (first.score, first.together, first.sandbox)
    assert "not judged again" in again.feedback
    assert "round 0, answer 0" in again.feedback
    assert again.feedback.endswith("off")
    assert again.seconds == 0.0


def test_the_evidence_comes_along(tmp_path: Path) -> None:
    run(tmp_path, Remembering())
    with Store.open(tmp_path) as store:
        kept = [store.documents.get(EVIDENCE, "r", f"t/{round}/0", Evidence) for round in (0, 1)]
    assert kept[0] == kept[1] is not None


def test_a_resumed_run_gives_the_same(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", Remembering())
    run(tmp_path / "cut", Remembering(), calls=4)
    judge = Remembering()
    resumed = run(tmp_path / "cut", judge, resume=True, calls=9)
    assert [step.verdict for step in resumed.values()] == [step.verdict for step in whole.values()]
    assert not [solution for _, solution in judge.judged if "x + 1" in solution]


def test_another_image_judges_anew(tmp_path: Path) -> None:
    run(tmp_path, Remembering(), calls=3)
    judge = Remembering("two")
    by_id = run(tmp_path, judge, resume=True, calls=9)
    assert by_id["t/1/0"].verdict.repeats is None
    assert by_id["t/2/0"].verdict.repeats == "t/0/0" or by_id["t/2/0"].verdict.sandbox == "two"


def test_tests_that_are_left_to_chance_judge_anew(tmp_path: Path) -> None:
    noisy = PythonTest(entry_point="f", code="import random\nassert f(random.random()) > 0")
    by_id = run(tmp_path, Remembering(), task=TASK.model_copy(update={"tests": (noisy,)}))
    assert all(step.verdict.repeats is None for step in by_id.values())


def test_the_real_judge_knows_its_own_verdicts(bubblewrap: str) -> None:
    source = "def f(x):\n    return x + 1\n"

    async def asked() -> tuple[bool, bool, bool]:
        async with Pool.open("bubblewrap", 1) as pool:
            verdict = await Verifiers(pool).verify_apart(TASK, source)
        async with Pool.open("bubblewrap", 1) as pool:  # a resume: no worker has started yet
            judge = Verifiers(pool)
            return (
                await judge.stands(TASK, source, verdict),
                await judge.stands(TASK, source, verdict.model_copy(update={"sandbox": "docker sha256:0"})),
                await judge.stands(TASK, source, verdict.model_copy(update={"verifier": "code/0"})),
            )

    assert asyncio.run(asked()) == (True, False, False)


@pytest.mark.parametrize("solution", ["def f(x): return x", None])
def test_what_a_program_was_given_is_a_part_of_it(solution: str | None) -> None:
    about: dict[str, Any] = {"task_id": "t", "text": "", "proposer": "p", "model": "m", "sampling": Sampling()}
    first = Hypothesis(id="t/0/0", round=0, sample=0, solution=solution, prompt_sha="", best="a", **about)
    repeats = Repeats(TASK)
    repeats.add(first, Remembering().made(Outcome.FAILED, 0.5))
    later = first.model_copy(update={"round": 1, "id": "t/1/0"})
    assert repeats.alike(later, (1, 0)) == ([first.id] if solution else [])
    assert repeats.alike(later.model_copy(update={"best": "b"}), (1, 0)) == []
    second = first.model_copy(update={"sample": 1})
    assert repeats.alike(second, (0, 0)) == []
    assert repeats.alike(second, (0, 1)) == ([first.id] if solution else [])
