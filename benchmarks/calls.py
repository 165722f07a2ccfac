"""What a call across the wall costs: a test program of many calls, beside a bare JSON echo over a socket pair.

    python benchmarks/calls.py [--calls 10000] [--rounds 5] [--backends docker bubblewrap]

Both sides of the echo are plain processes that read a length, read JSON and write it back. Ours is a whole verdict
without confirmation: judge and candidate sandboxed, values in the canonical encoding, asserts counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import struct
import time

from rich.console import Console
from rich.table import Table

from gristmill.sandbox import Limits, Pool
from gristmill.verifiers.records import PythonTest, Task
from gristmill.verifiers.registry import Verifiers


def _send(line: socket.socket, value: object) -> None:
    data = json.dumps(value).encode()
    line.sendall(struct.pack("!I", len(data)) + data)


def _receive(line: socket.socket) -> object:
    size = struct.unpack("!I", line.recv(4, socket.MSG_WAITALL))[0]
    return json.loads(line.recv(size, socket.MSG_WAITALL))


def echo(calls: int) -> float:
    """Seconds for so many calls to a process that echoes JSON."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        for _ in range(calls):
            _send(theirs, _receive(theirs))
        os._exit(0)
    begun = time.perf_counter()
    for number in range(calls):
        _send(ours, {"args": [number], "kwargs": {}})
        _receive(ours)
    took = time.perf_counter() - begun
    os.waitpid(pid, 0)
    ours.close()
    theirs.close()
    return took


async def judged(verifiers: Verifiers, calls: int) -> float:
    """Seconds for the verdict on a test program of so many calls."""
    code = f"for number in range({calls}):\n    assert candidate(number) == number + 1\n"
    limits = Limits(wall_seconds=120, cpu_seconds=120)
    task = Task(id="t", kind="code", prompt="?", tests=(PythonTest(entry_point="f", code=code),), limits=limits)
    begun = time.perf_counter()
    verdict = await verifiers.verify(task, "def f(x):\n    return x + 1\n")
    if not verdict.passed or verdict.metrics["calls"] != calls:
        raise RuntimeError(f"a right candidate did not pass: {verdict}")
    return time.perf_counter() - begun


async def measure(calls: int, rounds: int, backends: list[str]) -> dict[str, float]:
    """Median seconds by kind; all take turns in every round."""
    seconds: dict[str, list[float]] = {"echo": []}
    for backend in backends:
        async with Pool.open(backend, size=1) as pool:
            verifiers = Verifiers(pool, confirm=False)
            await judged(verifiers, 100)
            for _ in range(rounds):
                seconds["echo"].append(echo(calls))
                seconds.setdefault(backend, []).append(await judged(verifiers, calls))
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backends", nargs="+", default=["docker", "bubblewrap"])
    arguments = parser.parse_args()
    medians = asyncio.run(measure(arguments.calls, arguments.rounds, arguments.backends))
    table = Table(title=f"{arguments.calls} calls, medians of one run")
    for column in ("kind", "seconds", "µs a call", "× echo"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for name, seconds in medians.items():
        each = 1e6 * seconds / arguments.calls
        table.add_row(name, f"{seconds:.2f}", f"{each:.1f}", f"{seconds / medians['echo']:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
