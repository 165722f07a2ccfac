"""What a crossing costs where a score is computed: calls with an int and 200 floats, through `verify`.

    python benchmarks/crossing.py [--calls 25000] [--rounds 5] [--backend bubblewrap]

The figure is the slope: the time of a verdict on an instance of `calls` calls less that of one with none but the
first, by the calls; by the clock, and of the processor, which a busy machine leaves alone. Beside it a bare echo of
the same bytes over a socket pair, on one core and on two, and `map`. Processor time is that of all processes
below this one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gristmill.sandbox import Limits, Pool
from gristmill.verifiers.records import Outcome, Task
from gristmill.verifiers.registry import Verifiers

Pair = tuple[float, float]
BYTES = 1840
EVALUATE = """
def evaluate(candidate, instance):
    values = [number / 7 for number in range(200)]
    if instance["form"] == "array":
        import numpy
        values = numpy.array(values)
    calls, many = instance["calls"], instance["many"]
    if many == 1:
        return sum(candidate(number, values) for number in range(calls))
    rows = [[number / 7 + each for number in range(200)] for each in range(many)]
    return sum(sum(candidate.map(range(many), rows)) for _ in range(calls // many))
"""
SOLUTION = "def f(number, values):\n    return 1.0\n"


def processor_seconds() -> float:
    """Of this process and all below it, those that have ended included."""
    rows: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            rows[int(entry.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    below = found = {os.getpid()}
    while found:
        found = {pid for pid, (parent, _) in rows.items() if parent in below} - below
        below = below | found
    return sum(rows[pid][1] for pid in below) / os.sysconf("SC_CLK_TCK")


def echo(calls: int, cores: tuple[int, int]) -> Pair:
    """(seconds, processor seconds) a round trip of the same bytes, answered by ten."""
    ours, theirs = socket.socketpair()
    before = os.sched_getaffinity(0)
    pid = os.fork()
    if pid == 0:
        os.sched_setaffinity(0, {cores[1]})
        ours.close()
        while theirs.recv(1 << 16):
            theirs.sendall(b"0123456789")
        os._exit(0)
    theirs.close()
    os.sched_setaffinity(0, {cores[0]})
    data = bytes(BYTES)
    begun, worked = time.perf_counter(), processor_seconds()
    for _ in range(calls):
        ours.sendall(data)
        ours.recv(1 << 16)
    took = time.perf_counter() - begun
    ours.close()
    os.waitpid(pid, 0)
    os.sched_setaffinity(0, before)
    return took / calls, (processor_seconds() - worked) / calls


def task(calls: int, form: str, many: int) -> Task:
    """One instance of that many calls."""
    test = {
        "type": "score",
        "entry_point": "f",
        "code": EVALUATE,
        "instances": [{"calls": calls, "form": form, "many": many}],
        "direction": "maximize",
    }
    limits = Limits(wall_seconds=60, cpu_seconds=60)
    return Task.model_validate({"id": "t", "kind": "code", "prompt": "p", "tests": [test], "limits": limits})


async def verdict_seconds(judge: Verifiers, asked: Task) -> Pair:
    """(seconds, processor seconds) of one verdict."""
    begun, worked = time.perf_counter(), processor_seconds()
    verdict = await judge.verify(asked, SOLUTION)
    if verdict.outcome is not Outcome.PASSED:
        raise SystemExit(f"not judged: {verdict.outcome} {verdict.feedback} {verdict.sandbox}")
    return time.perf_counter() - begun, processor_seconds() - worked


async def slope(judge: Verifiers, few: Task, many: Task, calls: int) -> Pair:
    """What each of so many calls more takes."""
    short, long = await verdict_seconds(judge, few), await verdict_seconds(judge, many)
    return (long[0] - short[0]) / calls, (long[1] - short[1]) / calls


async def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=25_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backend", default="bubblewrap")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    rows = {
        "an echo, one core": [echo(options.calls, (cores[0], cores[0])) for _ in range(options.rounds)],
        "an echo, two cores": [echo(options.calls, (cores[0], cores[-1])) for _ in range(options.rounds)],
    }
    async with Pool.open(options.backend, 1) as pool:
        judge = Verifiers(pool, confirm=False)
        for name, form, many in (
            ("a call, a list", "list", 1),
            ("a call, an array", "array", 1),
            ("one of 64 of a map", "list", 64),
        ):
            few, calls = max(1, many), options.calls // many * many
            await verdict_seconds(judge, task(few, form, many))
            pair = task(few, form, many), task(calls, form, many)
            rows[name] = [await slope(judge, *pair, calls - few) for _ in range(options.rounds)]
    table = Table(
        "what", "µs, median", "µs of the processor", f"the same for {options.calls:,}, s", "to an echo, one core"
    )
    base = statistics.median(worked for _, worked in rows["an echo, one core"])
    for name, pairs in rows.items():
        clock, worked = (statistics.median(column) for column in zip(*pairs, strict=True))
        numbers = (clock * 1e6, worked * 1e6, worked * options.calls, worked / base)
        table.add_row(name, *(f"{number:.2f}" for number in numbers))
    Console().print(table)


if __name__ == "__main__":
    asyncio.run(main())
