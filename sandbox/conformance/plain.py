"""Checks that a job behaves as in plain execution where walls stand close: signals, orphans, pipes, locks, space."""

from __future__ import annotations

from gristmill.sandbox.conformance.bench import Bench, Check, describe
from gristmill.sandbox.records import Ending

__all__ = ["PLAIN"]

# source → how plain execution ends: minus the signal
_ENDED_BY: dict[str, int] = {
    "os.kill(os.getpid(), signal.SIGTERM)": -15,
    "os.kill(os.getpid(), signal.SIGKILL)": -9,
    "signal.setitimer(signal.ITIMER_REAL, 0.01)": -14,
    "os.abort()": -6,
    "import ctypes; ctypes.string_at(0)": -11,
    "os.kill(0, signal.SIGUSR1)": -10,
    "os.killpg(os.getpgid(0), signal.SIGKILL)": -9,
    "signal.pthread_kill(threading.main_thread().ident, signal.SIGHUP)": -1,
    "if not os.fork(): os.kill(os.getppid(), signal.SIGTERM)": -15,
}


async def signals_end_a_job(bench: Bench) -> None:
    """A signal without a handler ends a job, whoever sends it, and is reported; a job cannot go on after it."""
    for source, status in _ENDED_BY.items():
        report = await bench.run(f"import os, signal, threading, time\n{source}\ntime.sleep(5)\ncontext.send(1)")
        held = report.ending is Ending.FAILED and report.exit_status == status and not report.messages
        bench.require(held, f"{source}: expected {status}, but: {describe(report)}")


async def signals_do_what_a_job_says(bench: Bench) -> None:
    """Handlers run, blocked signals wait, children end by signals of their own, an interrupt is an exception."""
    text = """
        import os, signal, time
        arrived = []
        signal.signal(signal.SIGTERM, lambda number, frame: arrived.append(number))
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        signal.raise_signal(signal.SIGUSR2)
        arrived.append(int(signal.sigwait([signal.SIGUSR2])))
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            arrived.append("interrupted")
        for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGABRT):
            if (pid := os.fork()) == 0:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
                os._exit(0)
            arrived.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        if (pid := os.fork()) == 0:
            time.sleep(60)
        os.kill(pid, signal.SIGKILL)
        arrived.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        context.send(arrived)
    """
    arrived = await bench.ask(text)
    bench.require(arrived == [15, 12, "interrupted", -15, -14, -6, -9], f"it found {arrived}")


async def orphans_are_collected(bench: Bench) -> None:
    """A process whose parent has ended is cleared away when it ends, and no signal of a job changes that."""
    text = """
        import os, signal, time
        reading, writing = os.pipe()
        numbers = []
        for stays in (False, True):
            if (pid := os.fork()) == 0:
                if os.fork() == 0:
                    while os.getppid() == pid:
                        time.sleep(0.001)
                    os.write(writing, b"%d." % os.getpid())
                    time.sleep(60 * stays)
                os._exit(0)
            os.waitpid(pid, 0)
            while not numbers or not numbers[-1].endswith("."):
                numbers.append(os.read(reading, 100).decode())
            orphan = int(numbers.pop()[:-1])
            if not stays:
                while True:
                    try:
                        os.kill(orphan, 0)
                    except ProcessLookupError:
                        break
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGCHLD, signal.SIGINT, signal.SIGSTOP):
            try:
                os.kill(1, number)
            except OSError:
                pass
        time.sleep(0.05)
        os.kill(orphan, 0)
        context.send("still there")
    """
    bench.require(await bench.ask(text) == "still there", "signals to process 1 ended something")


async def pipes_and_fifos_are_plain(bench: Bench) -> None:
    """Many pipes, to children that end too; other flags; FIFOs by name; what no end is open for says so."""
    text = """
        import os, select, subprocess
        answers = []
        ends = [os.pipe() for _ in range(40)]
        for number, (_, writing) in enumerate(ends):
            os.write(writing, b"%d" % number)
            os.close(writing)
        read = [os.read(reading, 9) + os.read(reading, 9) for reading, _ in ends]
        answers.append(read == [b"%d" % number for number in range(40)])
        for reading, _ in ends:
            os.close(reading)
        for _ in range(5):
            reading, writing = os.pipe()
            if os.fork() == 0:
                os.write(writing, b"x" * 100_000)
                os._exit(0)
            os.close(writing)
            with os.fdopen(reading, "rb") as file:
                answers.append(len(file.read()))
            os.wait()
        reading, writing = os.pipe2(os.O_NONBLOCK)
        try:
            os.read(reading, 1)
        except BlockingIOError:
            answers.append("empty")
        os.close(reading)
        try:
            os.write(writing, b"x")
        except BrokenPipeError:
            answers.append("broken")
        os.mkfifo("named")
        reading = os.open("named", os.O_RDONLY | os.O_NONBLOCK)
        with open("named", "wb") as file:
            file.write(b"by name")
        answers.append(os.read(reading, 9))
        os.remove("named")
        answers.append(os.listdir())
        try:
            subprocess.run(["true"], capture_output=True)
        except PermissionError:
            answers.append("no programs")
        context.send(answers)
    """
    answers = await bench.ask(text)
    right = [True, *[100_000] * 5, "empty", "broken", b"by name", [], "no programs"]
    bench.require(answers == right, f"it found {answers}")


async def loops_run_in_children_and_threads(bench: Bench) -> None:
    """Event loops in several threads and processes of a job at once wake by themselves; pairs end where they end."""
    text = """
        import asyncio, os, socket, threading
        async def count(number):
            loop = asyncio.get_running_loop()
            for _ in range(5):
                number = await loop.run_in_executor(None, lambda: number + 1)
            return number
        answers = []
        run = lambda number: answers.append(asyncio.run(count(number)))
        threads = [threading.Thread(target=run, args=[number]) for number in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        children = []
        near, far = socket.socketpair()
        for number in range(3):
            if (pid := os.fork()) == 0:
                os._exit(asyncio.run(count(number)))
            children.append(pid)
        answers.append(asyncio.run(count(100)))
        answers += [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        kept, other = socket.socketpair()
        if (pid := os.fork()) == 0:
            for each in (near, far, kept, other): each.close()
            mine, other = socket.socketpair()
            other.sendall(b"mine")
            os._exit(mine.recv(9) != b"mine")
        answers.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        other.close()
        answers.append(kept.recv(1))
        context.send(sorted(answers[:4]) + answers[4:])
    """
    answers = await bench.ask(text, processes=64, memory_mb=512)
    bench.require(answers == [5, 6, 7, 8, 105, 5, 6, 7, 0, b""], f"it found {answers}")


async def locks_hold_within_a_job(bench: Bench) -> None:
    """`flock` and `lockf` exclude another of the job's, are given back, and go with the file."""
    text = """
        import fcntl, os
        outcomes = []
        def tries(file, how):
            try:
                fcntl.flock(file, how | fcntl.LOCK_NB)
                return "had"
            except BlockingIOError:
                return "waits"
        open("own", "w").close()
        for mode in ("r+", "r"):
            with open("own", mode) as one, open("own", mode) as two:
                outcomes.append(tries(one, fcntl.LOCK_EX))
                outcomes.append(tries(two, fcntl.LOCK_EX))
                fcntl.flock(one, fcntl.LOCK_UN)
                outcomes.append(tries(two.fileno(), fcntl.LOCK_EX))
                outcomes.append(tries(one, fcntl.LOCK_EX))
                two.close()
                outcomes.append(tries(one, fcntl.LOCK_EX))
        with open("own") as one, open("own") as two:
            outcomes += [tries(one, fcntl.LOCK_SH), tries(two, fcntl.LOCK_SH)]
        with open("own", "a") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            if (pid := os.fork()) == 0:
                try:
                    with open("own", "a") as other:
                        fcntl.lockf(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    os._exit(7)
                os._exit(0)
            outcomes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        context.send(outcomes)
    """
    outcomes = await bench.ask(text)
    bench.require(outcomes == [*["had", "waits", "had", "waits", "had"] * 2, "had", "had", 7], f"it found {outcomes}")


async def free_space_is_the_jobs_own(bench: Bench) -> None:
    """`statvfs` and `disk_usage` tell what the job may write, wherever they look, and less of it when it has."""
    text = """
        import os, shutil
        before = [shutil.disk_usage(path) for path in (".", "/", os.__file__)]
        with open("large", "wb") as file:
            file.write(bytes(1 << 20))
            after = os.fstatvfs(file.fileno())
        try:
            os.statvfs("missing")
        except FileNotFoundError:
            context.send([[*map(tuple, before)], after.f_bavail * after.f_frsize])
    """
    before, after = await bench.ask(text, disk_mb=4)
    whole = 4 << 20
    bench.require([row[0] for row in before] == [whole] * 3, f"it is told of {before}")
    bench.require(before[0] == before[1] == before[2], f"it is told of {before}")
    bench.require(before[0][2] > whole - (1 << 16) and after == before[0][2] - (1 << 20), f"{before}, then {after}")


PLAIN: tuple[Check, ...] = (
    signals_end_a_job,
    signals_do_what_a_job_says,
    orphans_are_collected,
    pipes_and_fifos_are_plain,
    loops_run_in_children_and_threads,
    locks_hold_within_a_job,
    free_space_is_the_jobs_own,
)
