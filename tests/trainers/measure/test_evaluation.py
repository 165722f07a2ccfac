"""Held-out tasks are asked, judged and counted."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gristmill.graph.commands import progress
from gristmill.graph.commands.progress import Display
from gristmill.graph.config import RunConfig
from gristmill.graph.events import Event, RunStarted
from gristmill.graph.models.errors import ModelError
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.prompts.messages import messages_for
from gristmill.graph.records import Message, Request, Sampling, Tokens
from gristmill.graph.storage.store import Store
from gristmill.sandbox.pool import Pool
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.context import Mill
from gristmill.trainers.improve.splits import Splits
from gristmill.trainers.measure.evaluation import Evaluation, evaluate, evaluation_of, greedy
from gristmill.verifiers.records import Case, CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge


def script(replies: dict[str, str]) -> ScriptedProposer:
    return ScriptedProposer(lambda request: replies[request.task_id], Tokens(prompt=3, completion=2))


def key(task: Task, solution: str) -> Verdict:
    """Passes the right answer, cannot score "broken", fails the rest."""
    outcome = Outcome.UNSCORED if solution == "broken" else Outcome.FAILED
    if solution == task.answer:
        outcome = Outcome.PASSED
    score = None if outcome is Outcome.UNSCORED else float(outcome is Outcome.PASSED)
    return Verdict(outcome=outcome, score=score, strength=Strength.PROVED, verifier="key/1")


def tasks(*ids: str) -> list[Task]:
    return [Task(id=id, kind="math", prompt=f"{id}?", answer="4", tags=("combo:x",)) for id in ids]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


GREEDY = greedy(RunConfig.of(model="script"), None)


async def measured(
    store: Store,
    asked: list[Task],
    proposer: ScriptedProposer,
    judge: Callable[[Task, str], Verdict] = key,
    config: RunConfig = GREEDY,
    **more: Any,
) -> Evaluation:
    return await evaluate(
        asked, config, name="measured", store=store, proposer=proposer, verifiers=ScriptedJudge(judge), **more
    )


async def test_unscored_replies_are_neither_right_nor_wrong(store: Store) -> None:
    proposer = script({"a": "4", "b": "5", "c": "broken", "d": ""})
    evaluation = await measured(store, tasks("a", "b", "c", "d"), proposer)
    assert [result.passed for result in evaluation.results] == [(True,), (False,), (None,), (False,)]
    share = evaluation.pass_at[1]
    assert (share.passed, share.total, share.unscored) == (1, 3, 1)
    assert evaluation.tokens == 20


async def test_what_a_candidates_own_operators_decided_does_not_count_for_a_model(store: Store) -> None:
    def lenient(task: Task, solution: str) -> Verdict:
        weak = {"a": Strength.FORWARDED, "b": Strength.NUMERIC, "c": Strength.SELF_ASSESSED}
        return key(task, solution).model_copy(update={"strength": weak[task.id]})

    evaluation = await measured(store, tasks("a", "b", "c"), script(dict.fromkeys("abc", "4")), lenient)
    assert [result.passed for result in evaluation.results] == [(False,), (True,), (False,)]
    assert evaluation.undecided == 2


@pytest.mark.parametrize("accept", ["verified", "together"])
async def test_what_is_refused_counts_as_not_passed_unless_the_owner_takes_it(store: Store, accept: str) -> None:
    def find(task: Task, solution: str) -> Verdict:
        together = {"outcome": Outcome.PASSED, "strength": Strength.TOGETHER}
        refused = {"outcome": Outcome.REFUSED}
        return key(task, solution).model_copy(update=together if accept == "together" else refused)

    config = GREEDY.changed(accept=accept)
    evaluation = await measured(store, tasks("a", "b"), script(dict.fromkeys("ab", "4")), find, config=config)
    assert [result.passed for result in evaluation.results] == [(accept == "together",)] * 2
    assert evaluation.pass_at[1].total == 2
    assert evaluation.pass_at[1].unscored == evaluation.undecided == 0
    assert [result.strengths for result in evaluation.results] == [
        (Strength.TOGETHER if accept == "together" else None,)
    ] * 2
    assert greedy(config, None).accept == accept


async def test_a_model_is_asked_as_it_was_before_evaluations_were_campaigns(store: Store) -> None:
    """Nothing of a search, such as its seeds and its stop texts, is in the requests: older figures compare."""
    searched = RunConfig.of(model="script", profile="chat", stop=("###",), seed=5, max_tokens=77, temperature=0.8)
    proposer = script({"a": "4", "b": "5"})
    await measured(store, tasks("a", "b"), proposer, config=greedy(searched, None))
    # What a search knows is for proposers that work without a prompt, and is sent to no server.
    asked = [request.model_copy(update={"ground": None, "tries": None}) for request in proposer.requests]
    assert sorted(asked, key=lambda request: request.task_id) == [
        Request(
            task_id=task.id,
            round=0,
            sample=0,
            messages=messages_for(task, profile="chat", round=0),
            sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=77, seed=None),
        )
        for task in tasks("a", "b")
    ]


async def test_a_bare_prompt_is_sent_alone(store: Store) -> None:
    proposer = script({"a": "4"})
    await measured(store, tasks("a"), proposer, bare=True)
    assert [request.messages for request in proposer.requests] == [(Message(role="user", content="a?"),)]


async def test_samples_differ_in_their_seed_and_all_are_drawn_whatever_passes(store: Store) -> None:
    proposer, heard = script({"a": "4", "b": "5"}), list[Event]()
    evaluation = await measured(
        store,
        tasks("a", "b"),
        proposer,
        config=RunConfig.of(model="script", hypotheses=3, temperature=1.0, seed=7),
        on_event=heard.append,
    )
    assert {request.sampling.seed for request in proposer.requests} == {7, 8, 9}
    assert [result.passed for result in evaluation.results] == [(True,) * 3, (False,) * 3]
    assert sorted(evaluation.pass_at) == [1, 2, 3]
    assert sum(event.kind == "judged" for event in heard) == 6


async def test_an_evaluation_is_stored_and_a_finished_one_buys_nothing_again(store: Store) -> None:
    first, second = script({"a": "4", "b": "5"}), script({})
    evaluation = await measured(store, tasks("a", "b"), first)
    assert await measured(store, tasks("a", "b"), second, resume=True) == evaluation == evaluation_of(store, "measured")
    assert second.requests == []
    assert [each.purpose for each in store.runs()] == ["evaluation"]


async def test_a_lost_model_is_a_model_error_and_the_evaluation_goes_on(store: Store) -> None:
    async def answer(request: Request) -> str:
        if request.task_id == "b":
            # Only when a's verdict is stored, so that what is kept is known.
            await judged.wait()
            raise ModelError("the server has gone")
        return "4"

    def hear(event: Event) -> None:
        if event.kind == "judged":
            judged.set()

    judged = asyncio.Event()
    replies = {"a": "4", "b": "4"}
    with pytest.raises(ModelError, match="1 of 2 replies did not come"):
        await measured(store, tasks("a", "b"), ScriptedProposer(answer), on_event=hear)
    again, heard = script(replies), list[Event]()
    evaluation = await measured(store, tasks("a", "b"), again, resume=True, on_event=heard.append)
    assert [request.task_id for request in again.requests] == ["b"]
    (began,) = (event for event in heard if isinstance(event, RunStarted))
    assert (began.resumed, began.tasks, began.ended, began.solved, began.replies) == (True, 2, 2, 1, 1)
    assert sum(event.kind == "judged" for event in heard) == 1
    assert evaluation.pass_at[1].passed == 2


async def test_what_a_budget_left_out_is_unscored(store: Store) -> None:
    proposer = script(dict.fromkeys("abc", "4"))
    evaluation = await measured(store, tasks("a", "b", "c"), proposer, config=GREEDY.changed(calls=2))
    assert len(proposer.requests) == 2
    assert (evaluation.pass_at[1].passed, evaluation.pass_at[1].total, evaluation.pass_at[1].unscored) == (2, 2, 1)
    whole = await measured(store, tasks("a", "b", "c"), proposer, config=GREEDY, resume=True)
    assert len(proposer.requests) == 3
    assert whole.pass_at[1].passed == 3


class Told(io.StringIO):
    """Says when something was written."""

    wrote: Callable[[], None]

    def write(self, text: str) -> int:
        count = super().write(text)
        self.wrote()
        return count


@pytest.mark.bubblewrap
async def test_an_improvements_evaluation_that_was_cut_off_goes_on(
    store: Store, tmp_path: Path, bubblewrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    enough, screen = asyncio.Event(), Told()
    screen.wrote = lambda: enough.set() if screen.getvalue().count("1 calls in flight") == 3 else None
    test = CasesTest(entry_point="f", cases=(Case(args=(1,), expected=2),))
    asked = [Task(id=name, kind="code", prompt="f(x)", tests=(test,), split="gate") for name in "ab"]
    replies = dict.fromkeys("ab", "def f(x):\n    return 2 * x")
    config = ImproveConfig(run=RunConfig.of(model="script", concurrency=1, seed=3))

    async with Pool.open("bubblewrap", 1) as pool:

        def mill(proposer: ScriptedProposer) -> Mill:
            return Mill(
                name="night",
                config=config,
                splits=Splits(train=(), gate=tuple(asked), test=()),
                home=tmp_path,
                store=store,
                pool=pool,
                proposer=lambda adapter: proposer,
                base=tmp_path,
                progress=Display(Console(file=screen, force_terminal=False), unit="tasks"),
            )

        def answer(request: Request) -> str:
            if request.task_id != "a":
                raise ModelError("the server has gone")
            return replies["a"]

        with pytest.raises(ModelError):
            await mill(ScriptedProposer(answer)).evaluation("gate-before", "", asked, None)
        kept = store.summary("night-gate-before").hypotheses

        async def slowly(request: Request) -> str:
            """Only when it was seen twice that a call is waited for."""
            await enough.wait()
            return replies[request.task_id]

        screen.truncate(screen.seek(0))
        enough.clear()
        again = ScriptedProposer(slowly)
        evaluation = await mill(again).evaluation("gate-before", "", asked, None)
        assert len(again.requests) == 2 - kept
        assert evaluation.pass_at[1].passed == 2
        lines = screen.getvalue().splitlines()
        there = f", {kept} replies there" if kept else ""
        assert f"resuming run night-gate-before: 2 tasks, 2 ended{there}, model" in lines[1]
        assert f"spent {4 - kept} calls" in lines[-2], "what was cut off is counted"
        assert lines[-2].strip().startswith("2 of 2 tasks, 2 solved, 2 replies, 2 verdicts, 2 passed")
        assert "pass@1 2/2" in lines[-1]
        trained = script(replies)
        await mill(trained).evaluation("round-1/gate-after", "", asked, str(tmp_path / "night-round-1"))
        assert len(trained.requests) == 2
    assert [run.name for run in store.runs()] == ["night-gate-before", "night-round-1-gate-after"]
