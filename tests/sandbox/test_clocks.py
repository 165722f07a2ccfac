"""The clock of a job: read outside of it, on a line that it has not, of all that it does."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Ending, Job, Profile
from gristmill.sandbox.wire.values import decode

PROBES = Profile(name="probe", guest=("gristmill.sandbox.guest.probe",))
# It says how many sockets it has and what it may start, then works at each byte that it gets.
WORKS = """
import os, threading
line = context.sockets[0]
said = [len(context.sockets)]
for start in (os.fork, lambda: threading.Thread(target=int).start()):
    try:
        if start() == 0:
            os._exit(0)
        said.append("started")
    except (OSError, RuntimeError):
        said.append("refused")
context.send(said)
while line.recv(1):
    sum(range(10**6))
    line.sendall(b".")
"""
ASKS = """
def read(clock):
    clock.sendall(b"?")
    data = b""
    while len(data) < 8:
        data += clock.recv(8 - len(data))
    return int.from_bytes(data, "little")
line, clock, other, beside = context.sockets
readings = [read(clock)]
for _ in range(3):
    line.sendall(b"+")
    line.recv(1)
    readings.append(read(clock))
import time
idle = read(beside)
time.sleep(0.2)
context.send([readings, idle, read(beside)])
"""


def _probe(text: str, *, clocked: bool = False) -> Job:
    return Job(program="gristmill.sandbox.guest.probe:run", request=text, clocked=clocked)


@pytest.mark.docker
@pytest.mark.bubblewrap
async def test_a_clock_tells_what_a_job_uses_and_the_job_can_start_nobody(backend: str) -> None:
    async with Pool.open(backend, size=1) as pool:
        for _ in range(2):
            works = _probe(WORKS, clocked=True)
            one, judge = await pool.pair(
                works, _probe(ASKS), profile=PROBES, judge_profile=PROBES, beside=(works, PROBES)
            )
            assert [decode(frame) for frame in one.messages] == [[1, "refused", "refused"]]
            assert judge.ending is Ending.FINISHED, judge.stderr
            ((readings, idle, later),) = [decode(frame) for frame in judge.messages]
            assert readings == sorted(set(readings))
            # Every round adds up a million numbers, and no processor does that in a tenth of a millisecond.
            assert all(after - before > 10**5 for before, after in pairwise(readings))
            assert 0 < idle <= later
            # Nothing is asked of the one beside, so it sleeps.
            assert later - idle < readings[-1] - readings[0]
        unclocked, _ = await pool.pair(
            _probe("import os\nif os.fork() == 0:\n    os._exit(0)\ncontext.send(len(context.sockets))"),
            _probe("context.sockets[0].recv(1)"),
            profile=PROBES,
            judge_profile=PROBES,
        )
        assert [decode(frame) for frame in unclocked.messages] == [1]
