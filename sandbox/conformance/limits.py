"""Checks of every limit, each by a program that breaks it."""

from __future__ import annotations

from gristmill.sandbox.conformance.bench import Bench, Check, describe
from gristmill.sandbox.records import Ending

__all__ = ["LIMITS"]


async def the_wall_clock_ends_a_sleeper(bench: Bench) -> None:
    """A job that sleeps is killed at its wall clock and reported as TIMEOUT."""
    report = await bench.require_ending(Ending.TIMEOUT, "import time; time.sleep(60)", wall_seconds=0.5)
    bench.require(0.4 < report.seconds < 3, f"it ran for {report.seconds:.2f} s of 0.5")


async def the_wall_clock_ignores_signal_handlers(bench: Bench) -> None:
    """Ignoring signals and swallowing exceptions does not help."""
    text = """
        import signal
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True:
            try:
                signal.pause()
            except BaseException:
                pass
    """
    await bench.require_ending(Ending.TIMEOUT, text, wall_seconds=0.5)


async def processor_time_is_limited(bench: Bench) -> None:
    """A busy loop ends at its CPU limit, long before its wall clock."""
    report = await bench.require_ending(Ending.TIMEOUT, "while True: pass", cpu_seconds=1, wall_seconds=10)
    bench.require(report.seconds < 8, f"1 s of processor time took {report.seconds:.1f} s")


async def memory_is_limited(bench: Bench) -> None:
    """A job that allocates without end is OUT_OF_MEMORY, and its peak stays near the limit."""
    text = "hoard = []\nwhile True: hoard.append(bytearray(8 << 20))"
    report = await bench.require_ending(Ending.OUT_OF_MEMORY, text, memory_mb=128)
    bench.require(report.peak_memory_mb < 200, f"its peak was {report.peak_memory_mb:.0f} MB of 128")


async def one_huge_allocation_is_refused(bench: Bench) -> None:
    """A single huge request is a MemoryError that the program may catch."""
    text = """
        try:
            bytearray(8 << 30)
        except MemoryError:
            context.send("refused")
    """
    bench.require(await bench.ask(text, memory_mb=128) == "refused", "8 GiB were given to a job of 128 MB")


async def memory_is_limited_over_all_processes(bench: Bench) -> None:
    """Children do not multiply the limit, or at least not beyond the worker's cap, and the worker survives."""
    text = """
        import os, time
        reading, tell = os.pipe()
        for _ in range(6):
            if os.fork() == 0:
                hoard = [bytearray(b"x" * (1 << 20)) for _ in range(200)]
                os.write(tell, b"x")
                time.sleep(60)
                os._exit(0)
        os.set_blocking(reading, False)
        held = 0
        while held < 6:
            if os.waitpid(-1, os.WNOHANG) != (0, 0):
                raise MemoryError("a child was ended")
            try:
                held += len(os.read(reading, 6))
            except BlockingIOError:
                time.sleep(0.02)
        context.send("all of it")
    """
    report = await bench.run(text, memory_mb=256, wall_seconds=50)
    bench.require(
        report.ending in (Ending.OUT_OF_MEMORY, Ending.FAILED),
        f"six children held 1.2 GB of a limit of 256 MB: {describe(report)}",
    )


async def processes_are_limited(bench: Bench) -> None:
    """Processes beyond the limit cannot be started; the job itself counts."""
    text = """
        import os, time
        children = 0
        try:
            for _ in range(40):
                if os.fork() == 0:
                    time.sleep(30)
                    os._exit(0)
                children += 1
        except OSError:
            pass
        context.send(children)
    """
    started = await bench.ask(text, processes=8)
    bench.require(started <= 8, f"{started} children with a limit of 8 processes")
    bench.require(started >= 2, f"only {started} children with a limit of 8 processes")


async def threads_are_limited(bench: Bench) -> None:
    """Threads count as processes."""
    text = """
        import threading, time
        started = 0
        try:
            for _ in range(40):
                threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
                started += 1
        except RuntimeError:
            pass
        context.send(started)
    """
    started = await bench.ask(text, processes=8)
    bench.require(started <= 8, f"{started} threads with a limit of 8 processes")


async def a_fork_bomb_is_contained(bench: Bench) -> None:
    """A fork bomb ends at the wall clock, and the next honest job runs."""
    text = """
        import os
        while True:
            try:
                os.fork()
            except OSError:
                pass
    """
    await bench.require_ending(Ending.TIMEOUT, text, wall_seconds=1, cpu_seconds=5, processes=16)


async def output_is_limited(bench: Bench) -> None:
    """Output ends at its cap while it streams, on either stream; what came before is kept."""
    for stream in ("stdout", "stderr"):
        text = f"import sys\nwhile True: sys.{stream}.write('x' * 65536)"
        report = await bench.require_ending(Ending.OUTPUT_LIMIT, text, output_kb=128)
        kept = len(getattr(report, stream))
        bench.require(0 < kept <= 128 * 1024, f"{kept} bytes of {stream} were kept of 128 KiB")


async def replies_are_limited(bench: Bench) -> None:
    """So do messages, one huge or many small ones."""
    many = "while True: context.send('x' * 4096)"
    report = await bench.require_ending(Ending.OUTPUT_LIMIT, many, output_kb=128)
    kept = sum(map(len, report.messages))
    bench.require(kept <= 160 * 1024, f"{kept} bytes of messages were kept of 128 KiB")
    await bench.require_ending(Ending.OUTPUT_LIMIT, "context.send('x' * (4 << 20))", output_kb=128)


async def one_file_is_limited(bench: Bench) -> None:
    """A file cannot grow beyond the disk limit."""
    text = """
        import os, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            with open("big", "wb") as file:
                for _ in range(64):
                    file.write(b"x" * (1 << 20))
                    file.flush()
        except OSError:
            pass
        context.send(os.path.getsize("big"))
    """
    report = await bench.run(text, disk_mb=4)
    if report.ending is Ending.FINISHED:
        size = bench.value(report)
        bench.require(size <= 5 << 20, f"a file of {size >> 20} MB with a limit of 4 MB")


async def many_files_are_limited(bench: Bench) -> None:
    """Nor can many files together: they fail to be written, or the job is ended."""
    text = """
        import time
        total = 0
        try:
            for number in range(64):
                with open(str(number), "wb") as file:
                    file.write(b"x" * (1 << 20))
                total += 1
                time.sleep(0.02)
        except OSError:
            pass
        context.send(total)
    """
    report = await bench.run(text, disk_mb=4)
    if report.ending is Ending.FINISHED:
        total = bench.value(report)
        bench.require(total <= 8, f"{total} MB in many files with a limit of 4 MB")


LIMITS: tuple[Check, ...] = (
    the_wall_clock_ends_a_sleeper,
    the_wall_clock_ignores_signal_handlers,
    processor_time_is_limited,
    memory_is_limited,
    one_huge_allocation_is_refused,
    memory_is_limited_over_all_processes,
    processes_are_limited,
    threads_are_limited,
    a_fork_bomb_is_contained,
    output_is_limited,
    replies_are_limited,
    one_file_is_limited,
    many_files_are_limited,
)
