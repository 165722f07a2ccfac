"""A campaign in a process of its own that kills itself (SIGKILL) at a named point; run by test_resume.py.

    python killable.py WORKSPACE URL RESUME POINT COUNT [STRATEGY AHEAD]

With STRATEGY it is three tasks that are searched for eight rounds of three, AHEAD of which are asked for before earlier
ones are judged; STRATEGY+two asks two models, of which the bandit or a draw chooses. With `ranked` it is the tasks of a
run without STRATEGY, each round of which is judged one hypothesis after another in a ranker's order. POINT is a node of
the graph, the kind of an event (`call_started`, `replied`, `judged`, `settled`), `settling` (the midst of a task's
consistency run), or `never`; the process dies in the COUNT-th of them. The model is a real OpenAI-compatible client on
URL; the judge is plain arithmetic, so that equality of runs is about the loop and not about a sandbox.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import re
import signal
import sys
from typing import Any

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.roster.proposer import proposer_of
from gristmill.graph.storage.store import Store
from gristmill.verifiers.records import CasesTest, Outcome, ScoreTest, Strength, Task, Verdict
from gristmill.verifiers.scripted import SettlingJudge

NAME = "night"
RANGE = 9
WIDE = 997
WORKERS = asyncio.Semaphore(2)


def tasks(count: int = 24) -> list[Task]:
    test = CasesTest.model_validate({"entry_point": "shift", "cases": [{"args": [0], "expected": 0}]})
    return [
        Task(id=f"shift/{number}", kind="code", prompt=f"Task {number}: write shift(x).", tests=(test,))
        for number in range(count)
    ]


def searched() -> list[Task]:
    """Tasks whose score only ever becomes better; all but the first begin with programs."""
    code = "def evaluate(candidate, instance):\n    return candidate(instance)"
    test = ScoreTest.model_validate(
        {"entry_point": "shift", "code": code, "instances": [1, 2], "direction": "maximize"}
    )
    return [
        Task(
            id=f"search/{number}",
            kind="code",
            prompt=f"Task {number}: write shift(x).",
            tests=(test,),
            settings={"start": [f"def shift(x):\n    return x + {each}\n" for each in (3, 11)[:number]]}
            if number
            else {},
        )
        for number in range(3)
    ]


def search_config(model: str, strategy: str, ahead: int) -> RunConfig:
    name, _, two = strategy.partition("+")
    pair = [
        {"model": model, "name": "one", "weight": 2.0, "limits": {"concurrency": 2}},
        {"model": model, "name": "two", "temperature": 0.5, "price": {"input": 1, "output": 8}},
    ]
    return RunConfig.of(
        model=model,
        models=pair if two else (),
        strategy=name,
        ahead=ahead,
        hypotheses=3,
        rounds=8,
        patience=8,
        concurrency=6,
        profile="chat",
        seed=5,
        population=3,
    )


def config(model: str) -> RunConfig:
    return RunConfig.of(model=model, hypotheses=4, rounds=3, patience=3, concurrency=6, profile="chat", seed=5)


def wanted(task: Task) -> int:
    return hashlib.sha256(task.id.encode()).digest()[0] % RANGE


async def arithmetic(task: Task, solution: str) -> Verdict:
    """Passes the solution that adds the task's number; the nearer the better."""
    await asyncio.sleep(0.002)
    match = re.search(r"x \+ (\d+)", solution)
    distance = RANGE if match is None else abs(int(match[1]) - wanted(task))
    return Verdict(
        outcome=Outcome.FAILED if distance else Outcome.PASSED,
        score=1 - distance / RANGE,
        strength=Strength.TESTED,
        feedback=f"off by {distance}" if distance else "",
        verifier="arithmetic/1",
    )


async def graded(task: Task, solution: str) -> Verdict:
    """A score for each of two instances; two at a time, and not in the order of arrival."""
    match = re.search(r"x \+ (\d+)", solution)
    number = int(match[1]) if match else 0
    async with WORKERS:
        await asyncio.sleep(number % 7 / 1000)
    if number % 11 == 0:
        return Verdict(outcome=Outcome.ERROR, score=-math.inf, strength=Strength.TESTED, verifier="graded/1")
    scores = {"1": float(number * 31 % 101), "2": float(number * 57 % 89)}
    return Verdict(
        outcome=Outcome.PASSED,
        score=sum(scores.values()) / 2,
        scores=scores,
        strength=Strength.TESTED,
        verifier="graded/1",
    )


def reply(seed: int | None, range_: int = RANGE) -> str:
    """What the model answers, by the seed alone."""
    return f"```python\ndef shift(x):\n    return x + {(seed or 0) % range_}\n```"


class ByNumber:
    """The greater number first: an order that is neither that of places nor of arrival."""

    name = "by number"

    def rewards(self, task: Task, prompt: Any, hypotheses: Any) -> list[float]:
        return [float(each.solution.rsplit("+", 1)[1]) for each in hypotheses]


async def main(
    workspace: str, url: str, resume: bool, point: str, count: int, strategy: str | None = None, ahead: int = 0
) -> None:
    seen = 0

    def reach(*points: Any) -> None:
        nonlocal seen
        if point in points:
            seen += 1
            if seen == count:
                print(f"killed at {point} {count}", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

    def hear(event: Any) -> None:
        reach(event.kind, getattr(event, "node", None))

    def together(task: Task, solution: str) -> bool:
        reach("settling")
        return hashlib.sha256(f"{task.id} {solution}".encode()).digest()[0] % 3 == 0

    model = f"openai:replay@{url}"
    ranked = strategy == "ranked"
    strategy = None if ranked else strategy
    asked = config(model) if strategy is None else search_config(model, strategy, ahead)
    if ranked:
        asked = asked.changed(rank="number:any", judge_first=1)
    with Store.open(workspace) as store:
        async with proposer_of(asked.members) as proposer:
            summary = await run_campaign(
                tasks() if strategy is None else searched(),
                asked,
                name=NAME,
                store=store,
                proposer=proposer,
                verifiers=SettlingJudge(arithmetic if strategy is None else graded, together),
                resume=resume,
                on_event=hear,
                ranker=ByNumber() if ranked else None,
            )
    print(summary.model_dump_json())


def command() -> None:
    """The whole program."""
    workspace, url, how, point, count, *search = sys.argv[1:]
    strategy, ahead = (search[0], int(search[1])) if search else (None, 0)
    asyncio.run(main(workspace, url, how == "resume", point, int(count), strategy, ahead))


if __name__ == "__main__":
    command()
