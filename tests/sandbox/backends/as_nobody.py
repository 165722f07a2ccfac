"""Run by test_bubblewrap.py in a process without root: jobs in namespaces of their own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / ".dev"))

from gristmill.sandbox.backends.bubblewrap import BubblewrapSandbox
from gristmill.sandbox.records import Job, Limits, Profile

LOOK = """
import os
seen = [path for path in ("/proc/1", "/proc/self", "/proc/meminfo") if os.path.exists(path)]
print(os.getpid(), os.getuid(), seen, os.listdir("."))
open("mark", "w").close()
"""
BOMB = """
import os, time
while True:
    try:
        os.fork()
    except OSError as error:
        print(type(error).__name__, flush=True)
        time.sleep(9)
"""
DAEMON = """
import os, signal, time
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
"""
FILES = """
open("one", "wb").write(bytes(1 << 19))
open("two", "wb").write(bytes(1 << 20))
"""


def job(source: str, **limits: Any) -> Job:
    program = "gristmill.sandbox.guest.candidate:script"
    return Job(program=program, request={"source": source}, limits=Limits(**{"wall_seconds": 5, **limits}))


async def main() -> None:
    assert os.getuid() == 65534
    async with BubblewrapSandbox(Profile(name="test")) as sandbox:
        print(sandbox.info.covers)
        for _ in range(2):
            report = await sandbox.run(job(LOOK))
            assert report.stdout == b"2 1000 [] []\n", report
        report = await sandbox.run(job(BOMB, wall_seconds=1, processes=8))
        assert report.ending == "timeout", report
        assert b"BlockingIOError" in report.stdout, report
        report = await sandbox.run(job(DAEMON))
        assert report.ending == "finished", report
        for disk, full in ((1, True), (1, True), (16, False), (16, False), (1, True)):
            report = await sandbox.run(job(FILES, disk_mb=disk))
            assert (b"No space left" in report.stderr) == full, (disk, report)
        report = await sandbox.run(job("x = bytearray(300 << 20)", memory_mb=128))
        assert report.ending == "out_of_memory", report
        report = await sandbox.run(job("while True: pass", cpu_seconds=1))
        assert report.ending == "timeout", report
        report = await sandbox.run(job("import sys; sys.exit(5)"))
        assert report.exit_status == 5, report
    print("ALL WELL")


asyncio.run(main())
