"""What the zygote and the programs for candidates do, end to end behind bubblewrap."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import pytest_asyncio

from gristmill.sandbox.backends.bubblewrap import BubblewrapFactory, BubblewrapSandbox
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report
from gristmill.sandbox.wire.channel import receive, send
from gristmill.sandbox.wire.values import decode, encode

pytestmark = [pytest.mark.bubblewrap, pytest.mark.asyncio(loop_scope="module")]

CASES = "gristmill.sandbox.guest.candidate:cases"
SCRIPT = "gristmill.sandbox.guest.candidate:script"
CALLS = "gristmill.sandbox.guest.candidate:calls"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(bubblewrap: str) -> AsyncIterator[BubblewrapSandbox]:
    async with BubblewrapFactory().create(Profile(name="test", preload=("numpy",))) as sandbox:
        yield sandbox


async def run_cases(
    worker: BubblewrapSandbox, source: str, *args: list[Any], entry: str = "f", **limits: Any
) -> Report:
    request = {"source": source, "entry_point": entry, "cases": [{"args": each, "kwargs": {}} for each in args]}
    return await worker.run(Job(program=CASES, request=request, limits=Limits(**limits)))


async def run_script(worker: BubblewrapSandbox, source: str, stdin: bytes = b"", **limits: Any) -> Report:
    return await worker.run(Job(program=SCRIPT, request={"source": source}, stdin=stdin, limits=Limits(**limits)))


def decoded(report: Report) -> list[Any]:
    return [decode(message) for message in report.messages]


async def test_each_case_gives_one_message_as_it_ends(worker: BubblewrapSandbox) -> None:
    source = """
def f(x):
    if x == 2: raise KeyError("two")
    if x == 3: return (n for n in ())
    if x == 4: raise SystemExit(0)
    if x == 5:
        class Odd(ValueError): pass
        raise Odd("five" * 1000)
    return (x, {x})
"""
    report = await run_cases(worker, source, [1], [2], [3], [4], [5], [6])
    assert report.ending is Ending.FINISHED
    first, second, third, fourth, fifth, sixth = decoded(report)
    assert first == {"value": (1, {1})}
    assert second == {"raised": {"type": "KeyError", "message": "'two'", "line": 3}}
    assert "generator" in third["unencodable"]
    assert fourth["raised"]["type"] == "SystemExit"
    assert fifth["raised"] == {"type": "ValueError", "message": ("five" * 1000)[:500], "line": 8}
    assert sixth == {"value": (6, {6})}


@pytest.mark.parametrize(
    ("source", "entry", "answer"),
    [
        ("def g(): pass", "f", {"missing": "f"}),
        ("f = 3", "f", {"missing": "f"}),
        (
            "x = (",
            "f",
            {"load_error": {"type": "SyntaxError", "message": "'(' was never closed (<solution>, line 1)", "line": 1}},
        ),
        ("\n\nraise SystemExit(0)", "f", {"load_error": {"type": "SystemExit", "message": "0", "line": 3}}),
        (
            "import nothing_like_it",
            "f",
            {"load_error": {"type": "ModuleNotFoundError", "message": "No module named 'nothing_like_it'", "line": 1}},
        ),
        ("class Solution:\n def f(self, x): return x", "Solution.f", {"value": 1}),
        (
            "class E(Exception):\n def __str__(self): raise E\nraise E",
            "f",
            {"load_error": {"type": "Exception", "message": "", "line": 3}},
        ),
    ],
)
async def test_loading(worker: BubblewrapSandbox, source: str, entry: str, answer: Any) -> None:
    assert decoded(await run_cases(worker, source, [1], entry=entry)) == [answer]


async def test_arrays_go_in_and_out(worker: BubblewrapSandbox) -> None:
    report = await run_cases(worker, "def f(x): x += 1; return x * 2", [numpy.arange(5.0)])
    (message,) = decoded(report)
    assert message["value"].tolist() == [2, 4, 6, 8, 10]


async def test_a_request_larger_than_every_buffer_arrives(worker: BubblewrapSandbox) -> None:
    report = await run_cases(worker, "def f(x): return len(x)", [b"x" * (8 << 20)])
    assert decoded(report) == [{"value": 8 << 20}]


async def test_a_script_has_stdin_and_its_real_exit_status(worker: BubblewrapSandbox) -> None:
    source = "import sys, atexit\natexit.register(print, 'bye')\nprint(sys.stdin.read().upper(), __name__)\nsys.exit(3)"
    report = await run_script(worker, source, stdin="grüße".encode() * 20_000)
    assert (report.ending, report.exit_status) == (Ending.FAILED, 3)
    assert report.stdout.decode() == "GRÜSSE" * 20_000 + " __main__\nbye\n"


async def test_a_script_waits_for_its_threads(worker: BubblewrapSandbox) -> None:
    source = "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.2), print('late'))).start()"
    report = await run_script(worker, source)
    assert (report.ending, report.stdout) == (Ending.FINISHED, b"late\n")


async def test_a_scripts_traceback_shows_its_own_lines_only(worker: BubblewrapSandbox) -> None:
    report = await run_script(worker, "def f():\n    return 1 / 0\nf()")
    text = report.stderr.decode()
    assert report.exit_status == 1
    assert "return 1 / 0" in text
    assert "ZeroDivisionError" in text
    assert "candidate.py" not in text


async def test_stdin_may_be_left_unread(worker: BubblewrapSandbox) -> None:
    report = await run_script(worker, "print(1)", stdin=b"x" * (4 << 20))
    assert (report.ending, report.stdout) == (Ending.FINISHED, b"1\n")


async def serve(worker: BubblewrapSandbox, source: str, talk: Any, entry: str = "f", wrapper: str | None = None) -> Any:
    ours, theirs = socket.socketpair()
    ours.settimeout(120)
    request = {"source": source, "entry_point": entry, "wrapper": wrapper}
    running = asyncio.create_task(worker.run(Job(program=CALLS, request=request), [theirs]))
    try:
        answers = await asyncio.to_thread(talk, ours)
    finally:
        ours.close()
    return await running, answers


async def test_calls_are_served_over_the_jobs_own_socket(worker: BubblewrapSandbox) -> None:
    def talk(line: socket.socket) -> list[Any]:
        answers = []
        for argument in (numpy.arange(3.0), "no", [1]):
            send(line, encode({"args": [argument], "kwargs": {"y": 2}}))
            frame = receive(line)
            assert frame is not None
            answers.append(decode(frame))
        return answers

    source = "def f(x, y):\n    if isinstance(x, list): return lambda: 1\n    return x / y"
    report, (first, second, third) = await serve(worker, source, talk)
    assert report.ending is Ending.FINISHED
    assert decoded(report) == [{"loaded": True}]
    assert first["value"].tolist() == [0.0, 0.5, 1.0]
    assert second["raised"]["type"] == "TypeError"
    assert "function" in third["unencodable"]


async def test_a_function_that_cannot_be_loaded_is_not_served(worker: BubblewrapSandbox) -> None:
    report, answer = await serve(worker, "raise OSError('x')", lambda line: receive(line))
    assert answer is None
    assert decoded(report) == [{"load_error": {"type": "OSError", "message": "x", "line": 1}}]


async def test_a_job_inherits_nothing_from_the_one_before(worker: BubblewrapSandbox) -> None:
    source = """
import builtins, sys, os
def f():
    seen = hasattr(builtins, "mark"), "numpy.mark" in sys.modules, os.listdir("."), os.getuid()
    builtins.mark = 1; sys.modules["numpy.mark"] = sys; open("mark", "w").close()
    return seen
"""
    first, second = [decoded(await run_cases(worker, source, []))[0]["value"] for _ in range(2)]
    assert first[:3] == second[:3] == (False, False, [])
    if worker.info.covers and any("user of its own" in each for each in worker.info.covers):
        assert first[3] != second[3]


async def test_a_jobs_process_is_killed_before_all_others_when_memory_runs_out(worker: BubblewrapSandbox) -> None:
    running = asyncio.create_task(run_script(worker, "import time\ntime.sleep(30)"))
    for _ in range(600):
        await asyncio.sleep(0.1)
        risks = [risk for risk in map(risk_of, below(os.getpid())) if risk is not None]
        if 1000 in risks:
            break
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    own = risk_of(os.getpid())
    # The walls and the zygote stand as this process does; the job's process goes first.
    assert set(risks) == {own, 1000}
    assert risks.count(1000) == 1


def below(pid: int) -> list[int]:
    """The processes that come from one, near and far."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    pids = [pid]
    for each in pids:
        pids += parents.get(each, [])
    return pids[1:]


def risk_of(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())
    except OSError:
        return None


async def test_a_job_unlike_the_last_one_gets_what_it_needs(worker: BubblewrapSandbox) -> None:
    """The child that waits was made for a job like the last one."""
    source = "open('file', 'wb').write(bytes(8 << 20))"
    for disk, ending in ((16, "finished"), (16, "finished"), (4, "failed"), (4, "failed"), (16, "finished")):
        report = await run_script(worker, source, disk_mb=disk)
        assert report.ending == ending, (disk, report)
    for disk, ending in ((4, "failed"), (16, "finished")):
        assert decoded(await run_cases(worker, "def f(x): return -x", [disk]))[0] == {"value": -disk}
        assert (await run_script(worker, source, disk_mb=disk)).ending == ending


async def test_a_child_that_is_killed_while_it_waits_is_replaced(worker: BubblewrapSandbox) -> None:
    for pause in (0.0, 0.05, 0.2):
        assert (await run_script(worker, "print(1)")).stdout == b"1\n"
        assert (await run_script(worker, "print(2)")).stdout == b"2\n"
        await asyncio.sleep(0.3)
        assert worker.pid is not None
        for _ in range(600):
            waiting = below(worker.pid)[-1]
            if risk_of(waiting) == 1000:
                break
            await asyncio.sleep(0.1)
        assert risk_of(waiting) == 1000
        os.kill(waiting, signal.SIGKILL)
        await asyncio.sleep(0.05 + pause)
        assert (await run_script(worker, "print(3)")).stdout == b"3\n"


async def test_what_a_child_rehearses_leaves_nothing(worker: BubblewrapSandbox) -> None:
    source = """
import gc, linecache, os, sys, threading
def f():
    mine = [name for name in sys.modules if "solution" in name]
    descriptors = [number for number in range(64) if exists(number)]
    return mine, list(linecache.cache), gc.isenabled(), threading.active_count(), descriptors
def exists(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
"""
    for pause in (0, 0.2):  # handed its job before and after it rehearsed
        await asyncio.sleep(pause)
        mine, cached, collecting, threads, descriptors = decoded(await run_cases(worker, source, []))[0]["value"]
        assert (mine, cached, collecting, threads) == (["solution"], ["<solution>"], True, 1)
        # Three streams, the channel, and ten pipes and pairs that are made for every job.
        assert len(descriptors) == 4 + 20


async def test_cancelling_kills_the_job_and_leaves_the_worker_well(worker: BubblewrapSandbox) -> None:
    for _ in range(5):
        running = asyncio.create_task(run_script(worker, "import os\nos.fork()\nos.fork()\nwhile True: pass"))
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await run_script(worker, "print(1)")).stdout == b"1\n"


async def test_a_folder_made_hard_to_remove_is_removed(worker: BubblewrapSandbox) -> None:
    deep = "import os\nfor number in range(1000): os.mkdir('d'); os.chdir('d')\nopen('deep', 'w').close()"
    shut = """
import os
os.makedirs("a/b/c"); open("a/b/c/file", "w").close(); os.symlink("/etc", "a/link")
for name in ("a/b/c", "a/b", "a"): os.chmod(name, 0)
"""
    for source in (deep, shut):
        assert (await run_script(worker, source)).ending is Ending.FINISHED
    assert (await run_script(worker, "import os; print(os.listdir('.'))")).stdout == b"[]\n"


async def test_a_message_that_is_announced_but_not_sent_is_no_message(worker: BubblewrapSandbox) -> None:
    source = """
import gc, socket
def f():
    line = next(each for each in gc.get_objects() if type(each) is socket.socket and each.fileno() > 2)
    line.sendall(b"\\0\\0\\0\\2ok\\xff\\xff\\xff\\xffrest")
    import os; os._exit(0)
"""
    report = await run_cases(worker, source, [])
    assert report.messages == (b"ok",)
    assert report.ending is Ending.FINISHED


async def test_a_flood_of_replies_ends_the_job(worker: BubblewrapSandbox) -> None:
    report = await run_cases(worker, "def f(): return 'x' * 100_000", *[[]] * 100, output_kb=256)
    assert report.ending is Ending.OUTPUT_LIMIT
    assert sum(map(len, report.messages)) <= 256 * 1024
    assert (await run_script(worker, "print(1)")).stdout == b"1\n"


async def test_an_unknown_program_is_the_hosts_error() -> None:
    async with BubblewrapFactory().create(Profile(name="test")) as sandbox:
        with pytest.raises(SandboxError, match="nothing_here"):
            await sandbox.run(Job(program="gristmill.nothing_here:f", request=None))


async def test_a_profile_that_cannot_be_imported_says_why(bubblewrap: str) -> None:
    with pytest.raises(SandboxError, match="no_such_library"):
        async with BubblewrapFactory().create(Profile(name="test", preload=("no_such_library",))):
            pass


async def test_two_jobs_at_a_time_are_refused(worker: BubblewrapSandbox) -> None:
    first = asyncio.create_task(run_script(worker, "import time; time.sleep(.3)"))
    await asyncio.sleep(0)
    near, far = socket.socketpair()
    with near, pytest.raises(SandboxError, match="busy"):
        await worker.run(Job(program=SCRIPT, request={"source": ""}), [far])
    assert far.fileno() == -1
    assert (await first).ending is Ending.FINISHED


async def test_descriptors_and_threads_stay_flat(worker: BubblewrapSandbox) -> None:
    await run_script(worker, "")
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(200):
        await run_script(worker, "")
    # Threads that stand by are made as they are needed; what each job left would be 200.
    for now, then in zip((len(os.listdir("/proc/self/fd")), threading.active_count()), before, strict=True):
        assert now < then + 50
