"""A budget is spread over tasks fairly, and a round may stop at its first pass: campaigns with scripted verdicts."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.graph.amounts import Amount
from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import Budget, RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Request, StopReason
from gristmill.graph.stopping.sharing import Sharing
from gristmill.graph.stopping.spending import Spending
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import CampaignSummary
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

TEST = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})


def tasks(count: int) -> list[Task]:
    return [Task(id=f"t/{number}", kind="code", prompt=f"{number}: f(x)", tests=(TEST,)) for number in range(count)]


async def campaign(
    folder: Path, count: int, config: RunConfig, passing: dict[str, int] | None = None, *, resume: bool = False
) -> tuple[Counter[str], CampaignSummary]:
    """Calls by task; a task in `passing` passes with the sample, counted over all rounds, of that number."""

    def answer(request: Request) -> str:
        number = request.round * config.search.hypotheses + request.sample
        return f"```python\ndef f(x):\n    return {number}\n```"

    def find(task: Task, solution: str) -> Verdict:
        passed = (passing or {}).get(task.id) == int(solution.split()[-1])
        return Verdict(
            outcome=Outcome.PASSED if passed else Outcome.FAILED,
            score=float(passed),
            strength=Strength.TESTED,
            verifier="v/1",
        )

    proposer, judge = ScriptedProposer(answer), ScriptedJudge(find)
    with Store.open(folder) as store:
        summary = await run_campaign(
            tasks(count), config, name="r", store=store, proposer=proposer, verifiers=judge, resume=resume
        )
    return Counter(request.task_id for request in proposer.requests), summary


@pytest.mark.parametrize("concurrency", [1, 64])
async def test_no_task_has_a_call_more_than_another_lacks(tmp_path: Path, concurrency: int) -> None:
    config = RunConfig.of(hypotheses=4, rounds=3, patience=9, calls=85, concurrency=concurrency)
    calls, summary = await campaign(tmp_path, 40, config)
    assert summary.calls == calls.total() == 85
    assert {calls[f"t/{number}"] for number in range(40)} == {2, 3}
    assert summary.stops == {StopReason.CALLS: 40}


async def test_who_ends_early_leaves_its_part_to_the_others(tmp_path: Path) -> None:
    passing = {f"t/{number}": 0 for number in range(3)}
    config = RunConfig.of(strategy="best_of", hypotheses=1, rounds=5, patience=9, calls=19)
    calls, summary = await campaign(tmp_path, 6, config, passing)
    assert [calls[f"t/{number}"] for number in range(6)] == [1, 1, 1, 5, 5, 5]
    assert summary.stops == {StopReason.TARGET: 3, StopReason.ROUNDS: 3}


async def test_tokens_are_spread_as_calls_are(tmp_path: Path) -> None:
    # A scripted reply takes 15 tokens.
    config = RunConfig.of(strategy="best_of", hypotheses=2, rounds=4, patience=9, tokens=15 * 24, concurrency=1)
    calls, summary = await campaign(tmp_path, 12, config)
    assert {calls[f"t/{number}"] for number in range(12)} == {2}
    assert summary.tokens.prompt + summary.tokens.completion == 15 * 24


async def test_a_resumed_run_counts_what_each_task_has_had(tmp_path: Path) -> None:
    config = RunConfig.of(strategy="best_of", hypotheses=4, rounds=1, calls=6)
    first, _ = await campaign(tmp_path, 4, config)
    second, _ = await campaign(tmp_path, 4, config.changed(calls=12), resume=True)
    assert sorted(first.values()) == [1, 1, 2, 2]
    assert set((first + second).values()) == {3}


async def test_tasks_of_later_waves_keep_their_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gristmill.graph.nodes.campaign.WAVE", 5)
    config = RunConfig.of(strategy="best_of", hypotheses=4, rounds=2, patience=9, calls=36)
    calls, summary = await campaign(tmp_path, 12, config)
    assert summary.calls == 36
    assert {calls[f"t/{number}"] for number in range(12)} == {3}


@given(
    st.integers(1, 30),
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), min_size=1, max_size=8),
)
def test_turns_never_hang_and_spend_all_that_is_asked_for(calls: int, wants: list[tuple[int, int]]) -> None:
    """A task asks for rounds of (at a time, more rounds); in the end the budget or the wishes are exhausted."""

    async def work() -> Counter[str]:
        spending = Spending(Budget(calls=calls))
        ids = [str(number) for number in range(len(wants))]
        sharing, by_task = Sharing(spending, dict.fromkeys(ids, 0)), Counter[str]()
        sharing.begin(ids)

        async def one(id_: str) -> bool:
            async with sharing.turn(id_) as turn:
                if turn.refused or await spending.reserve(Amount(calls=1)):
                    return False
                turn.take()
                await asyncio.sleep(0)
                by_task[id_] += 1
                spending.settle(Amount(calls=1), Amount(calls=1))
                return True

        async def task(id_: str, at_a_time: int, more: int) -> None:
            for _ in range(more + 1):
                if not all(await asyncio.gather(*(one(id_) for _ in range(at_a_time)))):
                    break
            sharing.ended(id_)

        await asyncio.gather(*(task(id_, *want) for id_, want in zip(ids, wants, strict=True)))
        return by_task

    by_task = asyncio.run(work())
    wished = {str(number): at * (more + 1) for number, (at, more) in enumerate(wants)}
    assert by_task.total() == min(calls, sum(wished.values()))
    for one, other in ((one, other) for one in wished for other in wished):
        assert by_task[other] >= min(wished[other], by_task[one] - 1)


@pytest.mark.parametrize("strategy", ["best_of", "reflect"])
async def test_a_round_ends_at_its_first_pass_where_that_is_asked_for(tmp_path: Path, strategy: str) -> None:
    passing = {"t/0": 0, "t/1": 2, "t/2": 5}
    config = RunConfig.of(strategy=strategy, hypotheses=4, rounds=2, patience=9, first_pass=True)
    calls, summary = await campaign(tmp_path, 4, config, passing)
    assert [calls[f"t/{number}"] for number in range(4)] == [1, 3, 6, 8]
    assert (summary.solved, summary.stops) == (3, {StopReason.TARGET: 3, StopReason.ROUNDS: 1})
    whole, _ = await campaign(tmp_path / "whole", 4, config.changed(first_pass=False), passing)
    assert [whole[f"t/{number}"] for number in range(4)] == [4, 4, 8, 8]
