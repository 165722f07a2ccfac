"""Winners of packing before the real judge, and what the form with a call an item costs there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crossing import processor_seconds
from problems import packing
from problems.programs import loaded

from gristmill.graph.tasks.loading import load_tasks
from gristmill.sandbox import Pool
from gristmill.verifiers.records import Task
from gristmill.verifiers.registry import Verifiers

__all__ = ["called_task", "confirm", "packing_task"]

EXAMPLE = Path(__file__).parent.parent / "examples" / "tasks" / "packing.yaml"
CALLED = '''
import numpy

def evaluate(candidate, instance):
    """The same, but the priority of all open bins where an item fits is asked at every item: a message an item."""
    capacity, chance = 100, numpy.random.default_rng(instance["seed"])
    drawn = chance.weibull(instance["shape"], instance["count"]) * instance["scale"]
    items = [int(size) for size in numpy.clip(numpy.round(drawn), 1, capacity)]
    free, bins = [0] * (capacity + 1), 0
    for item in items:
        rooms = [room for room in range(item, capacity) if free[room]] + [capacity]
        priorities = candidate.map([item] * len(rooms), rooms)
        room = max(zip(priorities, [-room for room in rooms]))[1] * -1
        if room == capacity:
            bins += 1
        else:
            free[room] -= 1
        free[room - item] += 1
    return {"excess": 100 * (bins / -(-sum(items) // capacity) - 1), "bins": bins}
'''


def packing_task() -> Task:
    """The example."""
    (task,) = load_tasks(EXAMPLE)
    return task


def called_task(task: Task) -> Task:
    """The same task in the form with a call an item."""
    given = task.model_dump(mode="json")
    given["tests"][0]["code"] = CALLED
    given["limits"]["wall_seconds"] = given["limits"]["cpu_seconds"] = 60
    return Task.model_validate(given)


def confirm(rows: Sequence[dict[str, Any]]) -> None:
    """Judge the winners in sandboxes, and print what comes of it."""
    asyncio.run(_confirm(rows))


async def _confirm(rows: Sequence[dict[str, Any]]) -> None:
    task = packing_task()
    async with Pool.open("bubblewrap", 1) as pool:
        judge = Verifiers(pool)
        for row in rows:
            if row["kind"] != "packing":
                continue
            _, score, source = row["best"][-1]
            verdict, held_out = await judge.verify(task, source), await judge.held_out(task, source)
            found = None if held_out is None else held_out.score
            here = 100 * packing.excess(loaded(source, "priority"), packing.instances("Weibull(3)·45", 1))
            print(
                f"{row['arm']}, seed {row['seed']}: searched {-100 * score:.6f}, judged {verdict.score} "
                f"({verdict.outcome}, {verdict.strength}); held out {here:.6f}, judged {found}",
                flush=True,
            )
        judge = Verifiers(pool, confirm=False)
        for name, form in (("tabulated", task), ("a call an item", called_task(task))):
            await judge.verify(form, packing.START)
            worked = processor_seconds()
            verdict = await judge.verify(form, packing.START)
            print(f"{name}: {verdict.score}, five instances in {processor_seconds() - worked:.2f} s of the processor")
