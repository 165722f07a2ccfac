"""A reply whose changes do not apply: one more call at the same place, within the budget, bought once, and resumed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.errors import ModelError
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Request, Step, StopReason
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import CampaignSummary
from gristmill.verifiers.records import Case, CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

TEST = CasesTest(entry_point="f", cases=(Case(args=(1,), expected=2),))
FIRST = "```python\ndef f(x):\n    y = x\n    return y - {}\n```"
TORN = "Flip the sign.\n<<<<<<< SEARCH\n    return z - 1\n=======\n    return y + 1\n>>>>>>> REPLACE"
MENDED = TORN.replace("z - 1", "y - {}")


def tasks(count: int = 1) -> list[Task]:
    return [
        Task(id=f"t/{number}", kind="code", prompt=f"{number}: f adds one", tests=(TEST,)) for number in range(count)
    ]


def judge() -> ScriptedJudge:
    def find(task: Task, solution: str) -> Verdict:
        score = 0.1 * solution.count("+")
        return Verdict(outcome=Outcome.FAILED, score=score, strength=Strength.TESTED, verifier="a/1")

    return ScriptedJudge(find)


class Asked:
    """A model whose changes never apply at first, and do when it is asked again."""

    def __init__(self, *, deaf: bool = False, mends: bool = True) -> None:
        self.requests: list[Request] = []
        self._deaf, self._mends = deaf, mends

    async def __call__(self, request: Request) -> str:
        self.requests.append(request)
        if request.round == 0:
            return FIRST.format(request.sample)
        if "were not made" not in request.messages[-1].content:
            return TORN
        if self._deaf:
            raise ModelError("nobody is there")
        parent = request.parents[0].rpartition("/")[2]
        return MENDED.format(parent) if self._mends else TORN

    @property
    def repairs(self) -> list[Request]:
        return [each for each in self.requests if "were not made" in each.messages[-1].content]


def run(
    where: Path, model: Asked, *, count: int = 1, resume: bool = False, **more: Any
) -> tuple[dict[str, Step], CampaignSummary, list[StopReason]]:
    knobs: dict[str, Any] = {"hypotheses": 2, "rounds": 2, "patience": 9, "profile": "chat"}
    with Store.open(where) as store:
        summary = asyncio.run(
            run_campaign(
                tasks(count),
                RunConfig.of(**(knobs | more)),
                name="r",
                store=store,
                proposer=ScriptedProposer(model),
                verifiers=judge(),
                resume=resume,
            )
        )
        trajectories = list(store.trajectories("r"))
    steps = {step.hypothesis.id: step for trajectory in trajectories for step in trajectory.steps}
    return steps, summary, [trajectory.stop for trajectory in trajectories]


def test_what_does_not_apply_is_asked_for_once_more_at_once(tmp_path: Path) -> None:
    model = Asked()
    steps, summary, _ = run(tmp_path, model)
    assert list(steps) == ["t/0/0/0", "t/0/0/1", "t/0/1/0", "t/0/1/0r", "t/0/1/1", "t/0/1/1r"]
    torn, mended = steps["t/0/1/0"], steps["t/0/1/0r"]
    assert torn.verdict.outcome is Outcome.INVALID
    assert "change 1 of 1 looks for `return z - 1`, which is not there; the nearest is line 3" in torn.verdict.feedback
    assert mended.hypothesis.repairs == torn.hypothesis.id
    assert mended.hypothesis.parents == torn.hypothesis.parents
    assert mended.hypothesis.solution is not None
    assert "return y + 1" in mended.hypothesis.solution
    assert mended.hypothesis.prompt_sha != torn.hypothesis.prompt_sha
    assert mended.hypothesis.sampling.seed != torn.hypothesis.sampling.seed
    assert summary.calls == 6
    assert summary.unanswered == summary.repeated == 0
    asked = model.repairs[0].messages
    assert asked[-2].content == TORN.replace("<<<<<<< SEARCH", asked[-2].content.split("\n")[1])
    assert "the nearest is line 3" in asked[-1].content
    assert "def f(x):\n    y = x" in asked[-1].content


def test_a_repair_is_not_repaired(tmp_path: Path) -> None:
    model = Asked(mends=False)
    steps, summary, _ = run(tmp_path, model)
    assert summary.calls == 6
    assert steps["t/0/1/0r"].verdict.outcome is Outcome.INVALID


@pytest.mark.parametrize("calls", [3, 4, 5])
def test_a_budget_is_never_exceeded_and_a_resume_ends_as_if_there_had_been_none(tmp_path: Path, calls: int) -> None:
    whole, _, _ = run(tmp_path / "whole", Asked())
    first, second = Asked(), Asked()
    cut, summary, stops = run(tmp_path / "cut", first, calls=calls)
    assert summary.calls == calls == len(first.requests)
    assert stops == [StopReason.CALLS]
    assert len(cut) == calls
    resumed, summary, _ = run(tmp_path / "cut", second, resume=True, calls=20)
    assert resumed == whole
    assert summary.calls == 6
    prompts = [(each.round, each.sample, each.messages) for each in (*first.requests, *second.requests)]
    assert len(prompts) == len({repr(each) for each in prompts}) == 6  # nothing was bought twice


def test_the_second_call_is_kept_before_the_first_is_made(tmp_path: Path) -> None:
    """With one call too few, some repair is refused, and not a reply whose turn comes later gets its call instead."""
    model = Asked()
    steps, summary, _ = run(tmp_path, model, count=3, calls=6 + 5)
    assert summary.calls == 11
    torn = [id_ for id_, step in steps.items() if step.verdict.outcome is Outcome.INVALID]
    assert len(torn) == 3
    assert len([id_ for id_ in torn if f"{id_}r" in steps]) == 2


def test_a_repair_that_nobody_answers_is_asked_for_at_resume(tmp_path: Path) -> None:
    steps, summary, _ = run(tmp_path, Asked(deaf=True))
    assert "t/0/1/0r" not in steps
    assert summary.unanswered == 2
    model = Asked()
    resumed, summary, _ = run(tmp_path, model, resume=True)
    assert sorted(request.sample for request in model.requests) == [0, 1]
    assert summary.unanswered == 0
    whole, _, _ = run(tmp_path / "whole", Asked())
    assert resumed == whole


def test_the_ledger_tells_of_what_did_not_apply(tmp_path: Path) -> None:
    model = Asked()
    run(tmp_path, model, rounds=3)
    last = next(request for request in model.requests if request.round == 2)
    said = "\n".join(message.content for message in last.messages)
    assert "1.0 invalid" in said
    assert "change 1 of 1 looks for 'return z - 1'" in said
