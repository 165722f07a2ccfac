"""Checks of what a job can see and reach: nothing but itself."""

from __future__ import annotations

from gristmill.sandbox.conformance.bench import Bench, Check

__all__ = ["CALL", "ISOLATION"]

# Numbers differ between machines; a call that this kernel lacks is as good as one that is refused.
CALL = """
import ctypes, errno, platform
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
column = {"x86_64": 0, "aarch64": 1}[platform.machine()]
def call(numbers, *arguments):
    result = libc.syscall(ctypes.c_long(numbers[column]), *[ctypes.c_long(value) for value in arguments])
    return "done" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")
"""


async def there_is_no_network(bench: Bench) -> None:
    """No family of sockets that leads outside can be made."""
    text = """
        import socket
        families = []
        for family in (1, 2, 10, 16, 17, 38, 40, 44):
            for kind in (1, 2, 3):
                try:
                    socket.socket(family, kind).close()
                    families.append(family)
                except OSError:
                    pass
        context.send(sorted(set(families)))
    """
    families = await bench.ask(text)
    # A Unix socket of its own leads nowhere: other namespaces and Landlock see to that; see the next check.
    bench.require(set(families) <= {1}, f"sockets of the families {families} can be made")


async def no_socket_of_the_machine_is_in_reach(bench: Bench) -> None:
    """Neither the worker's control socket nor any other can be connected to, and no abstract name be bound."""
    text = """
        import os, socket
        reached = []
        names = ["\\0gristmill", "/gristmill/control/control.sock", "/var/run/docker.sock", "/run/systemd/notify"]
        for name in names:
            for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
                try:
                    with socket.socket(socket.AF_UNIX, kind) as mine:
                        mine.connect(name)
                    reached.append(name)
                except OSError:
                    pass
        context.send(reached)
    """
    reached = await bench.ask(text)
    bench.require(not reached, f"a job could connect to {reached}")


async def the_environment_is_empty(bench: Bench) -> None:
    """No variable of this process, and none that says anything, reaches a job."""
    text = """
        import os
        seen = dict(os.environ)
        try:
            raw = open("/proc/self/environ", "rb").read().decode(errors="replace").split("\\0")
        except OSError:
            raw = []
        context.send([seen, [entry for entry in raw if entry]])
    """
    seen, raw = await bench.ask(text)
    bench.require(not seen, f"a job sees the variables {sorted(seen)}")
    allowed = ("PATH=", "HOSTNAME=sandbox", "HOME=/", "PWD=/", "LC_CTYPE=")
    bench.require(
        all(entry.startswith(allowed) for entry in raw), f"/proc/self/environ holds {[e.split('=')[0] for e in raw]}"
    )


async def the_root_is_read_only(bench: Bench) -> None:
    """Nothing outside its own directory can be written, made, renamed or removed."""
    text = """
        import os, sys
        done = []
        def attempt(name, action):
            try:
                action()
                done.append(name)
            except OSError:
                pass
        for folder in ("/", "/python", "/python/bin", "/etc", "/gristmill", "/gristmill/lib", "/gristmill/control",
                       "/lib", "/proc", "/proc/sys/kernel", "/sys", "/dev", "/work", os.path.dirname(os.__file__)):
            attempt("write in " + folder, lambda: open(folder + "/intruder", "w").close())
            attempt("make in " + folder, lambda: os.mkdir(folder + "/intruder-folder"))
        attempt("change os.py", lambda: open(os.__file__, "a").close())
        attempt("change passwd", lambda: open("/etc/passwd", "a").close())
        attempt("remove passwd", lambda: os.remove("/etc/passwd"))
        attempt("chmod root", lambda: os.chmod("/", 0o777))
        context.send(done)
    """
    done = await bench.ask(text)
    bench.require(not done, f"a job could {', '.join(done)}")


async def nothing_of_the_machine_is_visible(bench: Bench) -> None:
    """No home, no mounted disk, no other user's file, nothing but the image."""
    text = """
        import os
        seen = []
        for path in ("/root", "/home", "/usr/bin", "/bin/sh", "/mnt", "/media", "/boot", "/var", "/opt", "/srv",
                     "/etc/shadow", "/etc/ssh", "/etc/machine-id", "/run/docker.sock", "/dev/sda", "/dev/vda",
                     "/dev/kvm", "/dev/mem", "/dev/fuse", "/dev/vsock", "/sys/kernel/security"):
            try:
                os.stat(path)
                os.listdir(path) if os.path.isdir(path) else open(path).close()
                seen.append(path)
            except OSError:
                pass
        context.send(seen)
    """
    seen = await bench.ask(text)
    bench.require(not seen, f"a job sees {seen}")


async def other_processes_are_out_of_reach(bench: Bench) -> None:
    """A job can neither read nor signal the zygote or any process but its own."""
    text = """
        import os, signal
        reached = []
        others = [1, os.getppid()] + [pid for pid in range(2, 200) if pid != os.getpid()]
        for pid in others:
            if pid <= 0 or pid == os.getpid():
                continue
            for sign in (0, signal.SIGCONT):
                try:
                    os.kill(pid, sign)
                    reached.append(("signal", pid))
                except OSError:
                    pass
            for name in ("environ", "mem", "maps", "cwd", "root", "fd", "cmdline", "syscall", "stack"):
                path = f"/proc/{pid}/{name}"
                try:
                    if name in ("cwd", "root"):
                        os.listdir(path)
                    elif name == "fd":
                        os.listdir(path)
                    else:
                        with open(path, "rb") as file:
                            file.read(1)
                    reached.append((name, pid))
                except OSError:
                    pass
        context.send([list(each) for each in reached[:20]])
    """
    reached = await bench.ask(text)
    bench.require(not reached, f"a job reached other processes: {reached}")


async def everybody_cannot_be_signalled(bench: Bench) -> None:
    """A signal to all processes hits nobody outside the job."""
    await bench.run("import os, signal\ntry: os.kill(-1, signal.SIGKILL)\nexcept OSError: pass\ncontext.send(1)")
    await bench.run("import os, signal\ntry: os.killpg(0, signal.SIGTERM)\nexcept OSError: pass\ncontext.send(1)")
    await bench.honest()


async def privileges_cannot_be_had(bench: Bench) -> None:
    """A job is not root, has no capability, and cannot become another user."""
    text = (
        CALL
        + """
import os
gained = []
for name, action in (
    ("setuid", lambda: os.setuid(0)), ("setresuid", lambda: os.setresuid(0, 0, 0)),
    ("setgid", lambda: os.setgid(0)), ("setgroups", lambda: os.setgroups([0])),
    ("seteuid", lambda: os.seteuid(1)), ("chroot", lambda: os.chroot("/")), ("nice", lambda: os.nice(-5)),
):
    try:
        action()
        gained.append(name)
    except OSError:
        pass
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
data = (ctypes.c_uint32 * 6)()
if libc.capget(header, data) == 0 and any(data[index] for index in (0, 1, 3, 4)):
    gained.append("capabilities")
context.send([os.getuid(), os.geteuid(), gained])
"""
    )
    uid, effective, gained = await bench.ask(text)
    bench.require(uid != 0 and effective != 0, "a job runs as root")
    bench.require(not gained, f"a job could {gained}")


async def dangerous_calls_are_refused(bench: Bench) -> None:
    """Tracing, namespaces, io_uring, System V IPC, keys, BPF and the like do not exist for a job."""
    text = (
        CALL
        + """
calls = {
    "ptrace": ((101, 117), 0, 0, 0, 0), "unshare": ((272, 97), 0x10000000), "setns": ((308, 268), 0, 0),
    "mount": ((165, 40), 0, 0, 0, 0, 0), "io_uring_setup": ((425, 425), 1, 0), "shmget": ((29, 194), 0, 4096, 0o1600),
    "semget": ((64, 190), 0, 1, 0o1600), "msgget": ((68, 186), 0, 0o1600), "keyctl": ((250, 219), 0, -3, 1),
    "add_key": ((248, 217), 0, 0, 0, 0, 0), "bpf": ((321, 280), 0, 0, 0),
    "perf_event_open": ((298, 241), 0, 0, 0, 0, 0),
    "userfaultfd": ((323, 282), 1), "process_vm_readv": ((310, 270), 1, 0, 0, 0, 0, 0),
    "name_to_handle_at": ((303, 264), 0, 0, 0, 0, 0), "open_by_handle_at": ((304, 265), 0, 0, 0),
    "kexec_load": ((246, 104), 0, 0, 0, 0), "init_module": ((175, 105), 0, 0, 0), "reboot": ((169, 142), 0, 0, 0),
    "swapon": ((167, 224), 0, 0), "sethostname": ((170, 161), 0, 0),
    "clone_newuser": ((56, 220), 0x10000000, 0, 0, 0, 0),
    "mq_open": ((240, 180), 0, 0, 0, 0), "fanotify_init": ((300, 262), 0, 0), "pivot_root": ((155, 41), 0, 0),
}
context.send({name: call(*arguments) for name, arguments in calls.items()})
"""
    )
    answers = await bench.ask(text)
    # EFAULT or EINVAL would mean that the kernel looked at the arguments: the call itself was let through.
    through = {name: answer for name, answer in answers.items() if answer not in ("EPERM", "ENOSYS", "EACCES")}
    bench.require(not through, f"these calls were let through: {through}")


async def no_program_can_be_brought_in(bench: Bench) -> None:
    """A file that a job wrote cannot be executed, from disk or from memory."""
    text = """
        import os
        ran = []
        with open("/proc/self/exe", "rb") if os.access("/proc/self/exe", os.R_OK) else open(
            "/python/bin/python", "rb"
        ) as source:
            program = source.read()
        def run(path):
            child = os.fork()
            if child == 0:
                try:
                    os.execv(path, ["python", "-I", "-S", "-c", "raise SystemExit(7)"])
                except OSError:
                    os._exit(1)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with open("brought", "wb") as file:
            file.write(program)
        os.chmod("brought", 0o755)
        if run(os.path.abspath("brought")) == 7:
            ran.append("from its directory")
        try:
            memory = os.memfd_create("brought", 0)
            os.write(memory, program)
            if run(f"/proc/self/fd/{memory}") == 7:
                ran.append("from memory")
        except OSError:
            pass
        context.send(ran)
    """
    ran = await bench.ask(text)
    bench.require(not ran, f"a job ran a program of its own {ran}")


async def descriptors_are_only_its_own(bench: Bench) -> None:
    """Beside the three streams, its channel, and the pipes and pairs made for it a job finds no open descriptor."""
    text = """
        import os, stat
        pipes = []
        for number in range(0, 1024):
            try:
                kind = os.fstat(number).st_mode
                pipes.append(stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind))
            except OSError:
                pass
        context.send(pipes)
    """
    pipes = await bench.ask(text)
    bench.require(len(pipes) <= 5 + 20 and all(pipes[5:]), f"a job has {len(pipes)} descriptors, pipes or not: {pipes}")


async def the_request_is_not_left_about(bench: Bench) -> None:
    """A job does not find the request of the job before it in memory that it inherited."""
    await bench.ask("secret = 'needle-' + 'in-a-haystack'; context.send(1)")
    text = """
        import gc
        needle = "needle-" + "in-a-" + "haystack"
        count = sum(1 for each in gc.get_objects() if isinstance(each, dict)
                    for value in list(each.values()) if isinstance(value, str) and needle == value)
        context.send(count - sum(1 for value in list(globals().values()) if value == needle))
    """
    bench.require(await bench.ask(text) <= 0, "a job found a string of the job before it")


ISOLATION: tuple[Check, ...] = (
    there_is_no_network,
    no_socket_of_the_machine_is_in_reach,
    the_environment_is_empty,
    the_root_is_read_only,
    nothing_of_the_machine_is_visible,
    other_processes_are_out_of_reach,
    everybody_cannot_be_signalled,
    privileges_cannot_be_had,
    dangerous_calls_are_refused,
    no_program_can_be_brought_in,
    descriptors_are_only_its_own,
    the_request_is_not_left_about,
)
