"""A run of 100 tasks on a server that spoils 30% of all calls ends as it does on one that spoils none."""

from __future__ import annotations

import hashlib
import itertools
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.replay.server import Call, Failure, ReplayServer
from gristmill.graph.models.resolve import resolve
from gristmill.graph.storage.store import Store
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

KINDS = [
    *("slow:0.02", "429", "429:0.02", "500", "503", "drop", "malformed", "garbage"),
    *("no_choices", "stream", "stream_only", "empty", "reasoning"),
]


def spoiled() -> Iterator[Failure | None]:
    """30% of all calls, in no order, each kind as often as another."""
    chance, kinds = random.Random(12), itertools.cycle(KINDS)
    while True:
        yield Failure.parse(next(kinds)) if chance.random() < 0.3 else None


def by_prompt(call: Call) -> str:
    """The reply to a prompt, whoever asks and whenever."""
    said = "\n".join(message.content for message in call.messages)
    number = hashlib.sha256(said.encode()).digest()[0] % 3
    return f"<think>Perhaps {number + 1}?</think>\n```python\ndef f(x):\n    return x + {number}\n```"


async def judge(task: Task, solution: str) -> Verdict:
    match = re.search(r"x \+ (\d+)", solution)
    right = match is not None and int(match[1]) == int(task.id.removeprefix("t/")) % 3
    outcome = Outcome.PASSED if right else Outcome.FAILED
    return Verdict(
        outcome=outcome, score=float(right), strength=Strength.TESTED, feedback="told", verifier="arithmetic/1"
    )


async def ended(folder: Path, failures: Iterator[Failure | None]) -> tuple[dict[str, Any], list[Call], int]:
    """(what became of every task, the calls at the server, the replies)."""
    test = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})
    tasks = [Task(id=f"t/{number}", kind="code", prompt=f"{number}: f(x)", tests=(test,)) for number in range(100)]
    config = RunConfig.of(hypotheses=1, rounds=2, profile="chat", concurrency=16)
    options = ModelOptions.of(config.calls, wait_seconds=0.001)
    with ReplayServer(by_prompt, failures=failures) as server, Store.open(folder) as store:
        async with resolve(f"openai:replay@{server.url}", options=options) as proposer:
            summary = await run_campaign(
                tasks, config, name="run", store=store, proposer=proposer, verifiers=ScriptedJudge(judge)
            )
        assert (summary.status, summary.ended, summary.unanswered) == ("finished", 100, 0)
        story = {
            trajectory.task.id: (
                trajectory.stop,
                trajectory.best,
                [
                    (step.hypothesis.id, step.hypothesis.solution, step.hypothesis.reasoning, step.verdict.outcome)
                    for step in trajectory.steps
                ],
            )
            for trajectory in store.trajectories("run")
        }
    return story, server.calls, summary.hypotheses


async def test_a_run_on_a_bad_server_ends_with_the_verdicts_of_a_good_one(tmp_path: Path) -> None:
    good, calls, replies = await ended(tmp_path / "good", itertools.repeat(None))
    assert len(calls) == replies
    bad, calls, again = await ended(tmp_path / "bad", spoiled())
    assert bad == good
    outcomes = Counter(step[3] for _, _, steps in good.values() for step in steps)
    assert set(outcomes) == {Outcome.PASSED, Outcome.FAILED}
    assert again == replies
    print(f"{len(calls)} calls for {replies} replies: {len(calls) / replies:.2f}")
    assert replies * 1.1 < len(calls) <= 1.6 * replies
