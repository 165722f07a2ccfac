"""A store as a run on real sandboxes leaves it, with what a model may write to harm who reads it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.judging.baselines import Baseline
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Request
from gristmill.graph.storage.entries import document
from gristmill.graph.storage.store import Store
from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Task, Verifiers
from gristmill.verifiers.records import Check, Direction, Outcome, Strength, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

HOSTILE = (
    "<script>document.title = 'owned'; window.owned = true</script>"
    '"><img src="x" onerror="window.owned = true"><svg onload="window.owned = true">'
    "</pre></main></script><!-- {{ 7 * 7 }} javascript:alert(1) \x1b[31mred\x1b[0m \u202efdp.exe\u202c"
)
HOSTILE_ID = "x\"'><script>window.owned = true</script>/../&id=1#f"


def cases(*pairs: tuple[Any, Any]) -> dict[str, Any]:
    rows = [{"args": [given], "expected": wanted} for given, wanted in pairs]
    return {"type": "cases", "entry_point": "f", "cases": rows}


def python(code: str) -> dict[str, Any]:
    return {"type": "python", "entry_point": "f", "code": code}


TASKS = [
    Task.model_validate(row)
    for row in (
        {"id": "double", "kind": "code", "prompt": "Double a number.", "tests": [cases((3, 6), (5, 10))]},
        {"id": "torn", "kind": "code", "prompt": "Be one.", "tests": [python("assert f(1) == 1\nassert f(1) == 2")]},
        {"id": HOSTILE_ID, "kind": "code", "prompt": f"Ask {HOSTILE}", "tests": [cases((1, HOSTILE))]},
    )
]


KEPT = Task.model_validate(
    {
        "id": "kept",
        "kind": "code",
        "prompt": "Give the same list always.",
        "tests": [python("first = f()\nassert f() is first")],
    }
)
"""Of a task whose tests ask for identity, which is lost where the judge runs apart from the candidate."""


def answer(request: Request) -> str:
    """Wrong at first, right in the second round; to the hostile task, what it may be answered with."""
    if request.task_id == "kept":
        return "```python\nkept = [1]\n\n\ndef f():\n    return kept\n```"
    if request.task_id == HOSTILE_ID:
        return f"{HOSTILE}\n```python\ndef f(n):\n    return {HOSTILE!r} * n * 2\n```\n" + "y" * 1_000_000
    factor = 1 + request.round
    return f"```python\ndef f(n):\n    # the {request.sample}th try\n    return {factor} * n\n```"


async def campaign(store: Store, name: str, tasks: list[Task], rounds: int = 2, resume: bool = False) -> None:
    config = RunConfig.of(model="scripted", hypotheses=2, rounds=rounds, sandbox="bubblewrap", patience=9, same=9)
    async with Pool.open("bubblewrap", 1) as pool:
        asked, judges = ScriptedProposer(answer), Verifiers(pool)
        await run_campaign(tasks, config, name=name, store=store, proposer=asked, verifiers=judges, resume=resume)


HILL = Task(id="top", kind="program", prompt="Go up.", problem="no", direction=Direction.MAXIMIZE, target=1000.0)


def height(task: Task, solution: str) -> Verdict:
    """The number that a program begins with."""
    value, even = int(solution.split()[2]), Check(name="even", outcome=Outcome.PASSED)
    way, strength = Direction.MAXIMIZE, Strength.EXACT
    found = {"score": float(value), "direction": way, "strength": strength, "checks": (even,)}
    return Verdict(outcome=Outcome.FAILED, metrics={"best_known": 900.0}, verifier="v/1", **found)


async def climb(store: Store) -> None:
    """The search `hill`, with islands, an archive and a baseline."""
    config = RunConfig.of(
        hypotheses=4, rounds=8, strategy="evolve", population=3, islands=2, features=("length=0:400:4",), patience=99
    )
    asked = ScriptedProposer(
        lambda request: (
            f"```python\nx = {request.round * 31 % 101 + request.sample}  # {'.' * 90 * request.sample}\n```"
        )
    )
    await run_campaign([HILL], config, name="hill", store=store, proposer=asked, verifiers=ScriptedJudge(height))
    store.save([document("baseline", "hill", "top\nby hand", Baseline(name="by hand", search=20.0, final=(19.0,)))])


def fill(folder: Path) -> None:
    """The runs `night`, `first`, which ended a round before, `kept` and `hill` in a workspace.

    From a thread of its own, as a browser's loop may run in this one.
    """

    def work() -> None:
        with Store.open(folder) as store:
            asyncio.run(climb(store))
            asyncio.run(campaign(store, "kept", [KEPT], rounds=1))
            asyncio.run(campaign(store, "first", TASKS, rounds=1))
            asyncio.run(campaign(store, "night", TASKS))

    with ThreadPoolExecutor(1) as threads:
        threads.submit(work).result()
