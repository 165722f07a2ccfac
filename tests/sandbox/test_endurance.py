"""Ten thousand jobs in a row, honest and hostile ones mixed: nothing grows, nothing is left, nobody is confused.

On Docker a third of them, with GRISTMILL_TEST_WHOLE=1 all.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import time
from pathlib import Path

import pytest

from gristmill.sandbox import Ending, Job, Limits, Pool, Report, candidate_profile
from gristmill.sandbox.wire.values import decode

pytestmark = [pytest.mark.slow, pytest.mark.docker, pytest.mark.bubblewrap]

PROFILE = candidate_profile(guest=("gristmill.sandbox.guest.probe",))
JOBS = int(os.environ.get("GRISTMILL_ENDURANCE_JOBS", "10000"))
LIMITS = Limits(wall_seconds=20, cpu_seconds=5, memory_mb=128, processes=8, output_kb=64, disk_mb=2)

HOSTILE = {
    "import os; os._exit(7)": {Ending.FAILED},
    "import ctypes; ctypes.string_at(0)": {Ending.FAILED},
    "import sys\nwhile True: sys.stdout.write('x' * 65536)": {Ending.OUTPUT_LIMIT},
    "import os\nfor _ in range(4):\n    if os.fork() == 0:\n        os.setsid()\n        while True: pass": {
        Ending.FINISHED
    },
    "import os; os.closerange(0, 256)": {Ending.FINISHED, Ending.FAILED},
    "open('f', 'w').write('x' * 100000)": {Ending.FINISHED},
}


def honest(number: int) -> Job:
    return Job(program="gristmill.sandbox.guest.probe:run", request=f"context.send({number})", limits=LIMITS)


def hostile(text: str) -> Job:
    return Job(program="gristmill.sandbox.guest.probe:run", request=text, limits=LIMITS)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / (1 << 20)


async def test_ten_thousand_jobs_leave_this_process_as_it_was(backend: str, every: int) -> None:
    jobs = JOBS if backend == "bubblewrap" else JOBS // every
    async with Pool.open(backend, size=2) as pool:
        await asyncio.gather(*(pool.run(honest(number), PROFILE) for number in range(200)))
        gc.collect()
        files, memory, begun = descriptors(), memory_mb(), time.monotonic()
        wrong: list[tuple[int | str, Report]] = []
        texts = list(HOSTILE)

        async def one(number: int) -> None:
            if number % 25 == 24:
                text = texts[number // 25 % len(texts)]
                report = await pool.run(hostile(text), PROFILE)
                if report.ending not in HOSTILE[text]:
                    wrong.append((text, report))
            else:
                report = await pool.run(honest(number), PROFILE)
                if report.ending is not Ending.FINISHED or [decode(each) for each in report.messages] != [number]:
                    wrong.append((number, report))

        for start in range(0, jobs, 500):
            await asyncio.gather(*(one(number) for number in range(start, min(start + 500, jobs))))
        gc.collect()
        print(
            f"{backend}: {jobs} jobs in {time.monotonic() - begun:.0f} s; descriptors {files} → {descriptors()}, "
            f"memory {memory:.1f} → {memory_mb():.1f} MB, workers {len(pool._workers)}"
        )
        assert not wrong, wrong[:3]
        assert descriptors() <= files + 12  # a worker that is just being replaced has some
        assert memory_mb() < memory + 20
        assert len(pool._workers) <= 3 * pool.size


async def test_cancelled_runs_by_the_hundred_leave_a_working_pool(backend: str) -> None:
    async with Pool.open(backend, size=2) as pool:
        for number in range(100):
            running = asyncio.create_task(pool.run(hostile("import time; time.sleep(60)"), PROFILE))
            await asyncio.sleep(0.001 * (number % 20))
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        reports: list[Report] = await asyncio.gather(*(pool.run(honest(number), PROFILE) for number in range(20)))
    assert [decode(report.messages[0]) for report in reports] == list(range(20))
