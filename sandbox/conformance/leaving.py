"""Checks of what one job can leave for a later one, or tell one that runs beside it: nothing.

A sender does much or little of something, a receiver looks at whatever might count it. Where a count is fresh for
every job, receivers see the same however much was done; where it cannot be fresh, the calls that move or show it are
refused. What only time shows is measured by ``benchmarks/covert.py``.
"""

from __future__ import annotations

from typing import Any

from gristmill.sandbox.conformance.bench import Bench, Check
from gristmill.sandbox.conformance.isolation import CALL

__all__ = ["LEAVING"]

TRIALS = 3


async def processes_leave_no_count(bench: Bench) -> None:
    """However many processes and threads a job makes, the numbers of a later job's are the same."""
    send = """
        import os, threading
        for _ in range({number}):
            if (pid := os.fork()) == 0:
                os._exit(0)
            os.waitpid(pid, 0)
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
        context.send(None)
    """
    receive = """
        import os, threading
        if (pid := os.fork()) == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        context.send([os.getpid(), pid, os.getpgid(0), os.getsid(0), os.getppid(), threading.get_native_id()])
    """
    await _require_the_same(bench, send, receive, "the numbers of its processes")


async def files_leave_no_count(bench: Bench) -> None:
    """However many files a job makes, those of a later job get the same numbers, in a folder as empty."""
    send = """
        import os
        for number in range({number} * 5):
            open(f"file-{{number % 50}}", "w").close()
            os.remove(f"file-{{number % 50}}")
        context.send(None)
    """
    receive = """
        import os
        open("own", "w").close()
        os.mkdir("folder")
        states = [os.stat(path) for path in (".", "own", "folder")]
        context.send([[each.st_ino, each.st_nlink, each.st_size] for each in states] + sorted(os.listdir(".")))
    """
    await _require_the_same(bench, send, receive, "the numbers of its files")


async def pipes_and_sockets_are_counted_out(bench: Bench) -> None:
    """A job takes no numbers of the kernel's count of pipes and sockets: its pipes are files of its own."""
    text = (
        CALL
        + """
import os, socket
counted = set()
own = os.stat(".").st_dev
for _ in range(100):
    for make in (os.pipe, lambda: os.pipe2(0), lambda: [each.detach() for each in socket.socketpair()]):
        try:
            ends = make()
        except OSError:
            continue
        for each in ends:
            if os.fstat(each).st_dev != own:
                counted.add(os.fstat(each).st_ino)
            os.close(each)
refused = {
    "pipe2": call((293, 59), 0, 0), "pipe": call((22, 59), 0, 0),
    "socketpair": call((53, 199), 1, 1, 0, 0), "socket": call((41, 198), 1, 1, 0),
    "memfd_create": call((319, 279), 0, 0), "inotify_init1": call((294, 26), 0), "pidfd_open": call((434, 434), 1, 0),
    "clone with a pidfd": call((56, 220), 0x1000 | 17, 0, 0, 0, 0), "accept": call((43, 202), 0, 0, 0),
}
context.send([len(counted), refused])
"""
    )
    count, refused = await bench.ask(text)
    bench.require(count <= 20, f"a job made {count} pipes and sockets")
    through = {name: answer for name, answer in refused.items() if answer not in ("EPERM", "ENOSYS", "EACCES")}
    bench.require(not through, f"these calls were let through: {through}")


async def loops_wake_each_time(bench: Bench) -> None:
    """Event loops, one after another, pipes to a child and pairs with an end work, as far as they are given."""
    text = """
        import asyncio, os, socket
        async def answer(number):
            await asyncio.sleep(0)
            return await asyncio.get_running_loop().run_in_executor(None, lambda: number + 1)
        answers = [asyncio.run(answer(number)) for number in range(20)]
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.write(writing, b"from a child")
            os._exit(0)
        os.close(writing)
        answers.append(os.read(reading, 100) + os.read(reading, 100))
        near, far = socket.socketpair()
        near.sendall(b"to the end")
        near.close()
        answers.append(far.recv(100) + far.recv(100))
        context.send(answers)
    """
    answers = await bench.ask(text, processes=16)
    bench.require(answers == [*range(1, 21), b"from a child", b"to the end"], f"it found {answers}")


async def the_page_cache_is_not_asked_or_emptied(bench: Bench) -> None:
    """No call says which pages of the image are in memory, or takes them out."""
    text = (
        CALL
        + """
import os
file = os.open(os.__file__, os.O_RDONLY)
size = os.fstat(file).st_size
libc.mmap.restype = ctypes.c_void_p
place = libc.mmap(None, ctypes.c_size_t(size), 1, 2, file, ctypes.c_long(0))
room = ctypes.create_string_buffer(4096)
vector = (ctypes.c_size_t * 2)(ctypes.addressof(room), 4096)
range_ = (ctypes.c_uint64 * 2)(0, size)
asked = {f"fadvise {advice}": call((221, 223), file, 0, 0, advice) for advice in range(6)}
asked |= {f"madvise {advice}": call((28, 233), place, 4096, advice) for advice in (9, 20, 21, 22)}
asked |= {f"preadv2 {flags}": call((327, 286), file, ctypes.addressof(vector), 1, 0, 0, flags) for flags in (1, 8, 128)}
asked |= {
    "mincore": call((27, 232), place, 4096, ctypes.addressof(room)), "readahead": call((187, 213), file, 0, 4096),
    "cachestat": call((451, 451), file, ctypes.addressof(range_), ctypes.addressof(room), 0),
    "process_madvise": call((440, 440), -1, 0, 0, 21, 0), "sync_file_range": call((277, 84), file, 0, 0, 1),
    "drop_caches": "done" if os.access("/proc/sys/vm/drop_caches", os.W_OK) else "EACCES",
}
context.send({name: answer for name, answer in asked.items() if answer == "done"})
"""
    )
    done = await bench.ask(text)
    bench.require(not done, f"a job could ask for or empty the page cache: {sorted(done)}")


async def what_the_machine_counts_is_not_told(bench: Bench) -> None:
    """Free memory and space, load, processes, identity and clocks of others are hidden."""
    text = (
        CALL
        + """
import os
room = ctypes.create_string_buffer(4096)
answers = {
    "sysinfo": call((99, 179), ctypes.addressof(room)), "statfs": call((137, 43), ctypes.addressof(room), 0),
    "fstatfs": call((138, 44), 0, ctypes.addressof(room)), "ustat": call((136, 1000), 0, ctypes.addressof(room)),
    "another's clock": call((228, 113), ~1 << 3 | 2, ctypes.addressof(room)),
    "get_mempolicy": call((239, 236), 0, 0, 0, 0, 0), "getsockopt of a cookie": call((55, 209), 3, 1, 57, 0, 0),
    "getsockopt of a pidfd": call((55, 209), 3, 1, 77, 0, 0), "quotactl": call((179, 60), 0, 0, 0, 0),
    "ioprio_get": call((252, 31), 1, 0), "syslog": call((103, 116), 3, 0, 0), "kcmp": call((312, 272), 1, 1, 0, 0, 0),
    "request_key": call((249, 218), 0, 0, 0, 0), "semget": call((64, 190), 0, 1, 0),
}
through = [name for name, answer in answers.items() if answer not in ("EPERM", "ENOSYS", "EACCES", "EINVAL")]
for path in ("/proc/loadavg", "/proc/stat", "/proc/uptime", "/proc/meminfo", "/proc/vmstat", "/proc/self/stat",
             "/proc/sys/kernel/random/boot_id", "/proc/sys/kernel/random/uuid", "/proc/sys/fs/file-nr",
             "/proc/sys/fs/inode-nr", "/proc/sys/fs/dentry-state", "/proc/sysvipc/shm", "/proc/locks",
             "/proc/pressure/cpu", "/proc/self/mountinfo", "/proc/self/fdinfo/0", "/proc/self/cgroup",
             "/proc/sys/kernel/ns_last_pid",
             "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/memory/memory.usage_in_bytes",
             "/sys/kernel/mm/ksm/pages_shared", "/dev/pts", "/dev/ptmx", "/dev/mqueue"):
    try:
        if os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1):
            through.append(path)
    except OSError:
        pass
context.send(through)
"""
    )
    visible = await bench.ask(text)
    bench.require(not visible, f"a job is told {visible}")


async def the_image_is_no_meeting_place(bench: Bench) -> None:
    """Locks, leases, wake-ups and times of a file that all jobs have open are refused, or unchanged."""
    text = (
        CALL
        + """
import os
file = os.open(os.__file__, os.O_RDONLY)
libc.mmap.restype = ctypes.c_void_p
place = libc.mmap(None, ctypes.c_size_t(4096), 1, 1, file, ctypes.c_long(0))
lock = ctypes.create_string_buffer(64)
met = {f"fcntl {command}": call((72, 25), file, command, ctypes.addressof(lock))
       for command in (5, 36, 1024, 1025, 1026, 1031, 8, 10)}
lock[0] = 1  # to write: the kind of lock that others notice
met |= {f"fcntl {command} to write": call((72, 25), file, command, ctypes.addressof(lock))
        for command in (6, 7, 37, 38)}
second = os.open(os.__file__, os.O_RDONLY)
if call((73, 32), file, 2 | 4) == "done" != call((73, 32), second, 2 | 4):
    met["flock"] = "it excludes"
met |= {f"futex {operation}": call((202, 98), place, operation, 1, 0, place, 0) for operation in (1, 3, 10)}
context.send([name for name, answer in met.items() if answer not in ("EPERM", "ENOSYS", "EACCES", "EBADF")])
"""
    )
    met = await bench.ask(text)
    bench.require(not met, f"jobs can meet at a file of the image by {met}")
    times = (
        "import os; s = os.stat(os.__file__); context.send([s.st_atime_ns, s.st_mtime_ns, s.st_ctime_ns, s.st_nlink])"
    )
    before = await bench.ask(times)
    await bench.ask("import os; open(os.__file__).read(); context.send(None)")
    bench.require(await bench.ask(times) == before, "reading a file of the image changed its times")


async def _require_the_same(bench: Bench, send: str, receive: str, what: str) -> None:
    """A receiver sees the same after a sender that did nothing as after one that did much."""
    await bench.ask(receive)
    seen: list[list[Any]] = [[], []]
    for _ in range(TRIALS):
        for much, sightings in enumerate(seen):
            await bench.ask(send.format(number=much * 40))
            sightings.append(await bench.ask(receive))
    bench.require(seen[0] == seen[1], f"a job tells a later one something by {what}: {seen[0]}, {seen[1]}")


LEAVING: tuple[Check, ...] = (
    processes_leave_no_count,
    files_leave_no_count,
    pipes_and_sockets_are_counted_out,
    loops_wake_each_time,
    the_page_cache_is_not_asked_or_emptied,
    what_the_machine_counts_is_not_told,
    the_image_is_no_meeting_place,
)
