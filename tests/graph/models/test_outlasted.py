"""What further tries have outlasted is counted in the run's events, whatever a server said meanwhile, and shown."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from gristmill.graph.campaign import run_campaign
from gristmill.graph.commands.viewing.lines import shortly
from gristmill.graph.config import RunConfig
from gristmill.graph.events import Event, ServerTrouble
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.replay.server import Call, Failure, ReplayServer
from gristmill.graph.models.resolve import resolve
from gristmill.graph.models.silence import Outlasted
from gristmill.graph.storage import schema
from gristmill.graph.storage.store import Store
from gristmill.graph.view.own import VIEWS
from gristmill.graph.view.own.run import run_page
from gristmill.graph.view.registry import Asked, registered
from gristmill.graph.view.rendering import Pages
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

SECRET = "sk-no-model-shall-leak-it"
TASKS = [
    Task(
        id=f"t{number}",
        kind="code",
        prompt=f"{number}: f(x)",
        tests=(CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]}),),
    )
    for number in range(4)
]


async def judge(task: Task, solution: str) -> Verdict:
    return Verdict(outcome=Outcome.PASSED, score=1.0, strength=Strength.TESTED, verifier="yes/1")


def said(call: Call) -> str:
    return f"```python\ndef f(x):\n    return {call.number}\n```"


@given(st.lists(st.sampled_from(["status 429", "status 500", "ReadTimeout"]), max_size=300))
def test_all_is_told_in_few_events(noted: list[str]) -> None:
    told: list[Event] = []
    outlasted = Outlasted(told.append)
    for reason in noted:
        outlasted.note("m", reason)
    outlasted.close()
    counts: Counter[str] = Counter()
    for event in told:
        assert isinstance(event, ServerTrouble)
        counts[event.detail] += event.times
    assert counts == Counter(noted)
    assert len(told) <= 3 * (max(counts.values(), default=0).bit_length() + 1)


def test_names_without_end_are_bounded() -> None:
    told: list[Event] = []
    outlasted = Outlasted(told.append)
    for number in range(1000):
        outlasted.note("m", f"error {number} {'x' * 1000}")
    outlasted.close()
    named = {event.detail for event in told if isinstance(event, ServerTrouble)}
    assert len(named) == 51
    assert max(map(len, named)) == 100
    assert sum(event.times for event in told if isinstance(event, ServerTrouble)) == 1000


async def test_what_a_bad_server_did_is_on_the_machines_page_and_nothing_that_it_said(tmp_path: Path) -> None:
    kinds = [Failure(kind="status", status=429, message=SECRET)] * 20
    kinds += [Failure(kind="status", status=503, message=SECRET)] * 3
    kinds += [Failure.parse("drop"), Failure.parse("hang:9"), Failure.parse("malformed")]
    config = RunConfig.of(hypotheses=1, rounds=1, profile="chat", concurrency=1)
    options = ModelOptions.of(config.calls, wait_seconds=0.001).model_copy(
        update={"timeout_seconds": 1.0, "attempts": 40}
    )
    failures = itertools.chain(kinds, itertools.repeat(None))
    with ReplayServer(said, failures=failures) as server, Store.open(tmp_path) as store:
        async with resolve(f"openai:replay@{server.url}", options=options) as proposer:
            await run_campaign(
                TASKS, config, name="night", store=store, proposer=proposer, verifiers=ScriptedJudge(judge)
            )
        with store._reading() as connection:
            told = list(connection.scalars(select(schema.events.c.record)))
        events = [json.loads(each) for each in told if json.loads(each)["kind"] == "server_trouble"]
        counts = store.glances.machine.outlasted("night")
        assert (counts["status 429"], counts["status 503"]) == (20, 3)
        assert counts.total() == len(kinds)
        assert len(events) <= 12
        assert SECRET not in "".join(told)
        views, pages = registered(VIEWS), Pages(registered(VIEWS))
        page = pages.page("machine.html", views["machine"].page(store, Asked("machine", "night")))
        assert f"{len(kinds)} further tries of calls" in page
        assert "tried again" in page
        assert "status 429" in page
        assert SECRET not in page
        run = pages.page("run.html", views["run"].page(store, Asked("run", "night")))
        assert f"4 calls took {len(kinds)} further tries, 20 of them for: status 429" in run
        watched = run_page(store, Asked("run", "night"))
        assert watched is not None
        assert f"took {len(kinds)} further tries" in shortly(watched)
