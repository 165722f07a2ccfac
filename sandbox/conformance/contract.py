"""Checks of `Sandbox.run` itself: what goes in, what comes out, and what is left."""

from __future__ import annotations

import asyncio
import os
import socket
import time

from gristmill.sandbox.conformance.bench import Bench, Check, describe
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Ending

__all__ = ["CONTRACT"]

# Holds the handed-over socket in processes that try to outlive everything; while one lives, there is no end of file.
OUTLIVE = """
    import os, signal, threading, time
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    def stay():
        while True:
            time.sleep(1)
    for _ in range(2):
        if os.fork() == 0:
            try:
                os.setsid()
            except OSError:
                pass
            if os.fork() == 0:
                threading.Thread(target=stay).start()
                stay()
            os._exit(0)
"""


async def a_job_reports(bench: Bench) -> None:
    """What a job sends comes back as frames, in order, and it finishes with exit status 0."""
    report = await bench.run("for number in range(3): context.send(number)")
    bench.require(report.ending is Ending.FINISHED and report.exit_status == 0, describe(report))
    bench.require(len(report.messages) == 3, f"{len(report.messages)} of 3 messages came")
    bench.require(0 < report.seconds < 10, f"it claims to have taken {report.seconds} s")


async def exit_statuses_are_told(bench: Bench) -> None:
    """A failure is FAILED with its exit status, a crash with minus the signal."""
    left = await bench.require_ending(Ending.FAILED, "import os; os._exit(3)")
    bench.require(left.exit_status == 3, describe(left))
    raised = await bench.require_ending(Ending.FAILED, "raise ValueError('boom')")
    bench.require(raised.exit_status not in (0, None), describe(raised))
    crashed = await bench.require_ending(Ending.FAILED, "import ctypes; ctypes.string_at(0)")
    bench.require(crashed.exit_status == -11, describe(crashed))


async def streams_are_kept_apart(bench: Bench) -> None:
    """Standard input is given; output and errors come back apart, bytes unchanged."""
    report = await bench.run(
        "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1]); sys.stderr.write('trouble')",
        stdin=b"\x00\xffabc",
    )
    bench.require(report.stdout == b"cba\xff\x00", f"stdout was {report.stdout!r}")
    bench.require(b"trouble" in report.stderr, f"stderr was {report.stderr!r}")
    empty = await bench.ask("import sys; context.send(sys.stdin.read())")
    bench.require(empty == "", f"without input a job read {empty!r}")


async def sockets_are_handed_over(bench: Bench) -> None:
    """A socket reaches the child as `context.sockets[0]`, and is closed on this side."""
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        talk = "peer = context.sockets[0]; peer.sendall(peer.recv(100)[::-1]); peer.close()"
        running = asyncio.create_task(bench.run(talk, sockets=[theirs]))
        await loop.sock_sendall(ours, b"abc")
        answer = await asyncio.wait_for(loop.sock_recv(ours, 100), 10)
        report = await running
        bench.require(answer == b"cba", f"the child answered {answer!r}; {describe(report)}")
        bench.require(theirs.fileno() == -1, "the handed-over socket is still open on this side")


async def nothing_outlives_a_job(bench: Bench) -> None:
    """When a job has ended, so has everything that it started, however it tried to hide."""
    ours, theirs = socket.socketpair()
    with ours:
        report = await bench.run(OUTLIVE, sockets=[theirs])
        bench.require(report.ending is Ending.FINISHED, describe(report))
        await _require_end_of_file(bench, ours, "a finished job")


async def nothing_outlives_the_wall_clock(bench: Bench) -> None:
    """The same when the wall clock ends a job."""
    ours, theirs = socket.socketpair()
    with ours:
        report = await bench.run(OUTLIVE + "    stay()\n", sockets=[theirs], wall_seconds=0.5)
        bench.require(report.ending is Ending.TIMEOUT, describe(report))
        await _require_end_of_file(bench, ours, "a timed-out job")


async def cancelling_kills_the_job(bench: Bench) -> None:
    """Cancelling `run` leaves nothing of the job, and the worker usable."""
    ours, theirs = socket.socketpair()
    with ours:
        text = OUTLIVE + "    context.sockets[0].sendall(b'.')\n    stay()\n"
        running = asyncio.create_task(bench.run(text, sockets=[theirs]))
        ours.setblocking(False)
        await asyncio.wait_for(asyncio.get_running_loop().sock_recv(ours, 1), 10)
        running.cancel()
        begun = time.monotonic()
        await asyncio.wait({running}, timeout=10)
        bench.require(running.cancelled(), "a cancelled run did not end as cancelled")
        bench.require(time.monotonic() - begun < 5, "cancelling took more than 5 s")
        await _require_end_of_file(bench, ours, "a cancelled job")


async def files_do_not_outlive_a_job(bench: Bench) -> None:
    """What one job writes, wherever it can, the next one does not find."""
    write = """
        import os
        written = []
        for folder in (os.getcwd(), "/tmp", "/var/tmp", "/dev/shm", "/work", "/run"):
            try:
                with open(folder + "/left-behind", "w") as file:
                    file.write("for the next job")
                written.append(folder)
            except OSError:
                pass
        context.send(written)
    """
    look = """
        import os
        left = []
        for start in (os.getcwd(), "/tmp", "/var/tmp", "/dev/shm", "/work", "/run"):
            for parent, folders, files in os.walk(start):
                left += [parent for name in files if name == "left-behind"]
        context.send(left)
    """
    bench.require(bool(await bench.ask(write)), "a job could not write into its own directory")
    left = await bench.ask(look)
    bench.require(not left, f"the next job found files in {left}")


async def state_does_not_outlive_a_job(bench: Bench) -> None:
    """Modules that one job changes are unchanged for the next."""
    await bench.ask("import builtins, os; builtins.left = os.left = 1; context.send(None)")
    changed = await bench.ask("import builtins, os; context.send(hasattr(builtins, 'left') or hasattr(os, 'left'))")
    bench.require(changed is False, "a change to a module outlived its job")


async def malformed_messages_harm_nobody(bench: Bench) -> None:
    """Garbage on the channel ends the job at worst; frames are never decoded on the way."""
    spray = """
        import os
        for number in range(3, 64):
            try:
                os.write(number, {data})
            except OSError:
                pass
    """
    for data in ("b'\\xff' * 64", "b'\\x00\\x00\\x00\\x05ab'", "os.urandom(4096)"):
        await bench.run(spray.format(data=data))
        await bench.honest()


async def a_closed_channel_harms_nobody(bench: Bench) -> None:
    """A job that closes all it has been given still ends, and is reported."""
    report = await bench.run("import os; os.closerange(0, 256)")
    bench.require(report.ending in (Ending.FINISHED, Ending.FAILED), describe(report))
    silent = await bench.run("import os, time; os.closerange(0, 256); time.sleep(60)", wall_seconds=0.5)
    bench.require(silent.ending is Ending.TIMEOUT, describe(silent))


async def a_lost_worker_is_an_error_never_a_report(bench: Bench) -> None:
    """If the worker goes while a job runs, `run` raises SandboxError, soon."""
    running = asyncio.create_task(bench.run("import time; time.sleep(60)"))
    await asyncio.sleep(0.3)
    await bench.sandbox.__aexit__(None, None, None)
    done, _ = await asyncio.wait({running}, timeout=10)
    trouble = running.exception() if done and not running.cancelled() else None
    running.cancel()
    await bench.restart()
    bench.require(isinstance(trouble, SandboxError), f"the lost worker's run ended with {trouble!r}")


async def leaving_twice_is_fine(bench: Bench) -> None:
    """Leaving is idempotent, and a worker that was left refuses jobs."""
    await bench.sandbox.__aexit__(None, None, None)
    await bench.sandbox.__aexit__(None, None, None)
    try:
        await bench.sandbox.run(bench.job("context.send(1)"))
    except SandboxError:
        refused = True
    else:
        refused = False
    await bench.restart()
    bench.require(refused, "a worker that was left still ran a job")


async def many_jobs_leak_nothing_here(bench: Bench) -> None:
    """Fifty jobs later this process has as many descriptors as before."""
    await bench.honest()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        await bench.honest()
    after = len(os.listdir("/proc/self/fd"))
    bench.require(after <= before, f"{after - before} descriptors more after 50 jobs")


async def _require_end_of_file(bench: Bench, ours: socket.socket, what: str) -> None:
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(3):
            while await loop.sock_recv(ours, 4096):
                pass
    except TimeoutError:
        bench.require(False, f"a process of {what} still holds its socket after 3 s")
    except ConnectionError:
        return  # also an end


CONTRACT: tuple[Check, ...] = (
    a_job_reports,
    exit_statuses_are_told,
    streams_are_kept_apart,
    sockets_are_handed_over,
    nothing_outlives_a_job,
    nothing_outlives_the_wall_clock,
    cancelling_kills_the_job,
    files_do_not_outlive_a_job,
    state_does_not_outlive_a_job,
    malformed_messages_harm_nobody,
    a_closed_channel_harms_nobody,
    a_lost_worker_is_an_error_never_a_report,
    leaving_twice_is_fine,
    many_jobs_leak_nothing_here,
)
