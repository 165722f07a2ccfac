"""What a job could still tell a later one through time alone, in bits a job; see docs/security.md.

    python benchmarks/covert.py [--sandbox bubblewrap|docker] [--bits 64] [--trials 8]

A sender job writes random bits, and a receiver job that runs after it on the same worker guesses them; what comes
through is the mutual information of what was sent and what was read. Three channels: whether a name was looked up that
does not exist (the kernel remembers), how many of its numbers for pipes were taken, how many processes were made. Only
the first is read off a clock; the other two are closed, and must show nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import textwrap
from typing import Any

from gristmill.sandbox.backends.choosing import choose_factory
from gristmill.sandbox.base import Sandbox
from gristmill.sandbox.records import Job, Limits, Profile
from gristmill.sandbox.wire.values import decode

PROFILE = Profile(name="covert", guest=("gristmill.sandbox.guest.probe",))
# Each bit by several names, since a look at one makes it known.
LOOKED_UP = (
    """
    import os, sysconfig
    folder = sysconfig.get_path("stdlib")
    for place, bit in enumerate({bits}):
        for copy in range(9):
            if bit:
                os.path.exists(f"{{folder}}/{salt}-{{place}}-{{copy}}")
    context.send(None)
    """,
    """
    import os, sysconfig, time
    folder, found = sysconfig.get_path("stdlib"), []
    for place in range({number}):
        took = []
        for copy in range(9):
            path = f"{{folder}}/{salt}-{{place}}-{{copy}}"
            begun = time.perf_counter_ns()
            os.path.exists(path)
            took.append(time.perf_counter_ns() - begun)
        found.append(sorted(took)[4])
    context.send(found)
    """,
)
COUNTED = {
    "numbers of pipes": (
        """
        import os
        for _ in range(2000 * {bits}[0]):
            try:
                for end in os.pipe(): os.close(end)
            except OSError:
                pass
        context.send(None)
        """,
        "import os; context.send([os.fstat(0).st_ino])",
    ),
    "numbers of processes": (
        """
        import os
        for _ in range(50 * {bits}[0]):
            if (pid := os.fork()) == 0: os._exit(0)
            os.waitpid(pid, 0)
        context.send(None)
        """,
        """
        import os
        if (pid := os.fork()) == 0: os._exit(0)
        os.waitpid(pid, 0)
        context.send([pid])
        """,
    ),
}


def information(pairs: list[tuple[int, int]]) -> float:
    """Bits that the second of each pair tells of the first, by their counts; a little is chance."""
    total, bits = len(pairs), 0.0
    for sent in (0, 1):
        for read in (0, 1):
            both = sum(pair == (sent, read) for pair in pairs) / total
            apart = sum(pair[0] == sent for pair in pairs) / total * (sum(pair[1] == read for pair in pairs) / total)
            bits += both * math.log2(both / apart) if both else 0.0
    return bits


async def ask(worker: Sandbox, text: str, **values: Any) -> Any:
    limits = Limits(wall_seconds=60, cpu_seconds=60, memory_mb=512, processes=16)
    request = textwrap.dedent(text).format(**values) if values else textwrap.dedent(text)
    report = await worker.run(Job(program="gristmill.sandbox.guest.probe:run", request=request, limits=limits))
    if len(report.messages) != 1:
        raise RuntimeError(f"a job went wrong: {report}")
    return decode(report.messages[0])


async def lookups(worker: Sandbox, number: int, trials: int) -> float:
    """Bits a job that the time of a look-up tells."""
    pairs = []
    for _ in range(trials):
        bits, salt = [random.randrange(2) for _ in range(number)], random.randbytes(6).hex()
        await ask(worker, LOOKED_UP[0], bits=bits, salt=salt)
        took = await ask(worker, LOOKED_UP[1], number=number, salt=salt)
        middle = sum(took) / len(took)
        pairs += [(bit, int(each < middle)) for bit, each in zip(bits, took, strict=True)]
    return information(pairs) * number


async def counts(worker: Sandbox, send: str, receive: str, trials: int) -> float:
    """Bits a job that a count tells, when read as the step from one receiver to the next."""
    rows = []
    await ask(worker, receive)
    for bit in random.sample([0, 1] * trials, 2 * trials):
        (before,) = await ask(worker, receive)
        await ask(worker, send, bits=[bit])
        (after,) = await ask(worker, receive)
        rows.append((bit, after - before))
    middle = sorted(step for _, step in rows)[len(rows) // 2]
    return information([(bit, int(step > middle)) for bit, step in rows])


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--trials", type=int, default=8)
    chosen = parser.parse_args()
    factory = await choose_factory(chosen.sandbox)
    async with factory.create(PROFILE) as worker:
        bits = await lookups(worker, chosen.bits, chosen.trials)
        print(f"time of look-ups: {bits:.1f} of {chosen.bits} bits a job")
        for name, (send, receive) in COUNTED.items():
            print(f"{name}: {await counts(worker, send, receive, 2 * chosen.trials):.2f} of 1 bit a job")


if __name__ == "__main__":
    asyncio.run(main())
