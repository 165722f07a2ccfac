"""A ranker says what is judged first, and decides nothing: campaigns with scripted verdicts and rewards."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.judging.ordering import RANKER_REWARD, RankerReward
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Hypothesis, Message, Request, StopReason
from gristmill.graph.reports.ranking import saved_by_ranking
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import CampaignSummary
from gristmill.graph.view.own import VIEWS
from gristmill.graph.view.registry import Asked, registered
from gristmill.graph.view.rendering import Pages
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

TEST = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})
TASK = Task(id="t", kind="code", prompt="Write f(x).", tests=(TEST,))


def number(text: str) -> int:
    return int(text.split("return ")[1].split()[0])


class Rewards:
    """The rewards of a list, by the number that a hypothesis returns; `asked` lists whom it was asked for."""

    name = "a list"

    def __init__(self, rewards: Sequence[float]) -> None:
        self._rewards = rewards
        self.asked: list[str] = []
        self.prompts: list[Sequence[Message]] = []

    def rewards(self, task: Task, prompt: Sequence[Message], hypotheses: Sequence[Hypothesis]) -> list[float]:
        self.asked += [each.id for each in hypotheses]
        self.prompts.append(prompt)
        return [self._rewards[number(each.solution or "")] for each in hypotheses]


def told(width: int, empty: Sequence[int] = ()) -> ScriptedProposer:
    def answer(request: Request) -> str:
        at = request.round * width + request.sample
        return "none" if at in empty else f"```python\ndef f(x):\n    return {at}\n```"

    return ScriptedProposer(answer)


def judging(passing: Sequence[int], seed: int = 0, lost: Sequence[int] = ()) -> ScriptedJudge:
    chance = random.Random(seed)

    async def find(task: Task, solution: str) -> Verdict:
        await asyncio.sleep(chance.random() / 500)
        if number(solution) in lost:
            return Verdict(outcome=Outcome.UNSCORED, strength=Strength.TESTED, verifier="v/1")
        passed = number(solution) in passing
        outcome = Outcome.PASSED if passed else Outcome.FAILED
        return Verdict(outcome=outcome, score=float(passed), strength=Strength.TESTED, verifier="v/1", seconds=2.0)

    return ScriptedJudge(find)


async def campaign(
    store: Store,
    config: RunConfig,
    judge: ScriptedJudge,
    ranker: Rewards,
    resume: bool = False,
    empty: Sequence[int] = (),
) -> CampaignSummary:
    return await run_campaign(
        [TASK],
        config,
        name="r",
        store=store,
        proposer=told(config.search.hypotheses, empty),
        verifiers=judge,
        ranker=ranker,
        resume=resume,
    )


def in_order(first: int | None, **knobs: object) -> RunConfig:
    return RunConfig.of(**{"strategy": "best_of", "rank": "a:list", "judge_first": first, "patience": 9, **knobs})


async def test_what_is_ranked_behind_a_pass_is_not_judged_and_counts_as_nothing(tmp_path: Path) -> None:
    ranker, judge = Rewards([0.1, 0.5, float("nan"), 0.9, 0.5, 0.2, 0.3, 0.4]), judging([4, 0])
    with Store.open(tmp_path) as store:
        summary = await campaign(store, in_order(2, hypotheses=8, rounds=3), judge, ranker, empty=[5])
        (story,) = store.trajectories("r")
        rewards = store.documents.list(RANKER_REWARD, "r", RankerReward)
        saved = saved_by_ranking(store, "r")
        kinds = registered(VIEWS)
        pages = [
            Pages(kinds).page(kinds[kind].template, kinds[kind].page(store, Asked(kind, "r", id_)))
            for kind, id_ in (("task", "t"), ("hypothesis", "t/0/0"))
        ]
    # Nobody waits for its verdict.
    assert all("not judged" in page and "not judged yet" not in page for page in pages)
    assert "neither right nor wrong" in pages[1]
    # 3 and 1 first, then 4, the equal that stands behind, and 7. What has no program takes no judgement.
    assert {number(solution) for _, solution in judge.judged} == {3, 1, 4, 7}
    assert sorted(step.hypothesis.id for step in story.steps) == ["t/0/1", "t/0/3", "t/0/4", "t/0/5", "t/0/7"]
    assert (story.stop, story.best) == (StopReason.TARGET, "t/0/4")
    assert (summary.hypotheses, summary.spared, summary.solved) == (8, 3, 1)
    assert summary.outcomes == {Outcome.FAILED: 3, Outcome.INVALID: 1, Outcome.PASSED: 1}
    assert (summary.unscored, summary.verified_share) == (0, 1 / 5)
    assert {each.strength for each in rewards.values()} == {Strength.SELF_ASSESSED}
    assert (rewards["t/0/2"].reward, rewards["t/0/3"].reward) == (None, 0.9)
    assert saved is not None
    assert (saved.judged, saved.spared, saved.waiting, saved.judging) == (4, 3, 0, 2.0)
    assert saved.seconds == pytest.approx(6.0 - saved.scoring)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_judged_are_whole_parts_up_to_the_first_with_a_pass_however_fast_verdicts_come(data: st.DataObject) -> None:
    width, rounds = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 3))
    rewards = data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=width * rounds, max_size=width * rounds))
    passing = data.draw(st.sets(st.integers(0, width * rounds - 1), max_size=3))
    first, seed = data.draw(st.none() | st.integers(1, 6)), data.draw(st.integers(0, 99))
    wanted: set[int] = set()
    for round in range(rounds):
        order = sorted(range(round * width, (round + 1) * width), key=lambda at: (-rewards[at], at))
        for start in range(0, width, first or width):
            wanted.update(part := order[start : start + (first or width)])
            if passing & set(part):
                break
        if passing & wanted:
            break
    judge = judging([*passing], seed)
    with tempfile.TemporaryDirectory() as folder, Store.open(folder) as store:
        config = in_order(first, hypotheses=width, rounds=rounds)
        summary = asyncio.run(campaign(store, config, judge, Rewards(rewards)))
    assert sorted(number(solution) for _, solution in judge.judged) == sorted(wanted)
    assert summary.solved == bool(passing & wanted) == bool(passing)
    assert summary.hypotheses == len(wanted) + summary.spared


async def test_what_could_not_be_judged_is_tried_again_in_its_turn_and_nothing_is_ranked_twice(tmp_path: Path) -> None:
    ranker, config = Rewards([0.1, 0.2, 0.3, 0.4]), in_order(1, hypotheses=4, rounds=1)
    with Store.open(tmp_path) as store:
        first = await campaign(store, config, judging([1], lost=[3]), ranker)
        assert (first.spared, first.unscored, first.solved) == (1, 1, 1)
        judge = judging([1])
        second = await campaign(store, config, judge, ranker, resume=True)
    assert [number(solution) for _, solution in judge.judged] == [3]
    assert (second.spared, second.unscored) == (1, 0)
    assert len(ranker.asked) == len(set(ranker.asked)) == 4
    assert [turn.content for turn in ranker.prompts[0]][-1].count("Write f(x).") == 1


def test_options_that_say_nothing_together_are_refused(tmp_path: Path) -> None:
    for knobs in ({"judge_first": 2}, {"rank": "reward:a", "ahead": 1}, {"rank": "reward:a", "first_pass": True}):
        with pytest.raises(ValidationError, match="rank"):
            RunConfig.of(**knobs)


async def test_a_ranker_that_is_not_there_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for name, said in (("night", "KIND:WHAT"), ("nothing:night", "none of")):
            with pytest.raises(UserError, match=said):
                await run_campaign(
                    [TASK],
                    RunConfig.of(rank=name),
                    name="r",
                    store=store,
                    proposer=told(4),
                    verifiers=judging([]),
                )
        assert store.runs() == []


@pytest.mark.parametrize(("rewards", "said"), [([1.0, None], "'None' for t/0/1"), ([1.0, 10**400], "no number")])
async def test_a_ranker_that_gives_no_number_is_named(tmp_path: Path, rewards: list[float], said: str) -> None:
    with Store.open(tmp_path) as store, pytest.raises(UserError, match=f"a list gave .*{said}"):
        await campaign(store, in_order(1, hypotheses=2, rounds=1), judging([]), Rewards(rewards))
