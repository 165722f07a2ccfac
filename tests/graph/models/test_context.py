"""What models say of their contexts bounds what they are told of earlier attempts."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.base import Proposer, context_of
from gristmill.graph.models.openai import OpenAIProposer
from gristmill.graph.models.replay.proposer import RecordingProposer, ReplayProposer
from gristmill.graph.models.replay.recording import Recorded, Recording
from gristmill.graph.models.replay.server import Call, ReplayServer
from gristmill.graph.models.roster.proposer import RosterProposer
from gristmill.graph.prompts.tokens import tokens
from gristmill.graph.records import CONTEXT_WINDOW, ContextWindow
from gristmill.graph.roster import Member
from gristmill.graph.storage.store import Store
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

CASES = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})
TASK = Task(id="t", kind="code", prompt="Write f(x).", tests=(CASES,))


def reply(call: Call) -> str:
    number = f"{call.seed}"
    return f"I take {number}, as it may be what was meant here.\n\n```python\ndef f(x):\n    return x + {number}\n```"


async def wrong(task: Task, solution: str) -> Verdict:
    return Verdict(
        outcome=Outcome.FAILED, score=0.0, strength=Strength.TESTED, feedback="0 of 1 tests passed", verifier="no/1"
    )


async def prompts(
    proposer: Proposer, store: Store, name: str, *, rounds: int = 6, resume: bool = False, context: int | None = None
) -> list[str]:
    """The prompts of a search in which nothing is right, in the order of places."""
    config = RunConfig.of(model="m", hypotheses=2, rounds=rounds, patience=50, context=context)
    async with AsyncExitStack() as stack:
        await run_campaign(
            [TASK],
            config,
            name=name,
            store=store,
            proposer=await stack.enter_async_context(proposer),
            verifiers=ScriptedJudge(wrong),
            resume=resume,
        )
    (story,) = store.trajectories(name)
    shas = [step.hypothesis.prompt_sha for step in story.steps]
    return ["\n".join(message.content for message in story.prompts[sha]) for sha in shas]


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store.open(str(tmp_path)) as opened:
        yield opened


async def test_a_quarter_of_what_a_server_says_bounds_the_ledger_and_a_resume_keeps_to_it(store: Store) -> None:
    with ReplayServer(reply, context=600) as small, ReplayServer(reply, context=32_768) as large:
        told = await prompts(OpenAIProposer("replay", small.url), store, "small")
        all_told = await prompts(OpenAIProposer("replay", large.url), store, "large")
        given = await prompts(OpenAIProposer("replay", small.url), store, "given", context=32_768)
        # Begun with a small context, gone on with on a server that has a larger one.
        await prompts(OpenAIProposer("replay", small.url), store, "resumed", rounds=3)
        resumed = await prompts(OpenAIProposer("replay", large.url), store, "resumed", resume=True)
    assert [len(each) for each in (told, all_told, given, resumed)] == [12] * 4
    assert told[0] == all_told[0]
    assert tokens(told[-1]) + 100 < tokens(all_told[-1])
    assert max(map(tokens, told[2:])) - min(map(tokens, told[2:])) <= 150
    # Seeds are of the run, so numbers differ: the same length but for these says that the same was told.
    assert abs(tokens(given[-1]) - tokens(all_told[-1])) <= 60
    assert abs(tokens(resumed[-1]) - tokens(told[-1])) <= 60
    window = store.documents.get(CONTEXT_WINDOW, "resumed", "", ContextWindow)
    assert window == ContextWindow(tokens=600)


@pytest.mark.parametrize("said", ["4096", -5, 0, True, 12.5, {"tokens": 3}, [], None])
async def test_what_is_no_number_of_tokens_is_not_taken_for_one(said: object, store: Store) -> None:
    with ReplayServer(reply, context=said) as server:
        async with OpenAIProposer("replay", server.url) as proposer:
            assert proposer.context is None
            assert context_of(proposer) is None


@pytest.mark.parametrize("said", [1, 10**30])
async def test_a_senseless_context_ends_no_run(said: int, store: Store) -> None:
    with ReplayServer(reply, context=said) as server:
        assert len(await prompts(OpenAIProposer("replay", server.url), store, "odd", rounds=2)) == 4


async def test_a_recording_is_replayed_by_the_context_that_it_was_made_with(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    with ReplayServer(reply, context=600) as server:
        made = await prompts(RecordingProposer(OpenAIProposer("replay", server.url), path), store, "made")
    with Store.open(str(tmp_path / "elsewhere")) as other:
        assert await prompts(ReplayProposer(path), other, "made") == made
        window = other.documents.get(CONTEXT_WINDOW, "made", "", ContextWindow)
        assert window == ContextWindow(tokens=600)
        # As `show --recording` writes it: of the stored run.
        (story,) = store.trajectories("made")
        rows = [Recorded.of(step.hypothesis, 600) for step in story.steps]
        path.write_text("".join(row.line() + "\n" for row in rows), "utf-8")
    with Store.open(str(tmp_path / "third")) as other:
        assert await prompts(ReplayProposer(path), other, "made") == made


async def test_of_several_models_the_smallest_context_holds() -> None:
    def known(context: int | None) -> ReplayProposer:
        return ReplayProposer(Recording([Recorded(text="x", context=context)]))

    members = [Member(name=name, model="replay:x") for name in "abc"]
    proposers: dict[str, Proposer] = {"a": known(8192), "b": known(2048), "c": known(None)}
    assert RosterProposer(members, proposers=proposers).context == 2048
    assert RosterProposer(members, proposers=proposers, left_out=["b"]).context == 8192
    assert RosterProposer(members[2:], proposers={"c": known(None)}).context is None
