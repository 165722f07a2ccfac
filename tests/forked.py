"""Processes that start with everything imported: forked, one for each call, from one that has imported it.

A start of `gristmill` spends two seconds on imports, and the suite has hundreds of them. `Forker` writes an executable
that stands for a program: whoever runs it gets a process of its own with the caller's arguments, folder, environment
and streams, and its exit status. It is no stand-in where a test kills or signals the process, or looks below it: the
process is the child of another one than the caller's.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import marshal
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

# Of built-in modules only: it starts in a hundredth of a second.
CLIENT = """#!{python} -IS
import _socket, marshal, posix, sys
server = _socket.socket(_socket.AF_UNIX)
server.connect({address!r})
asked = marshal.dumps((sys.argv[1:], posix.getcwd(), posix.environ))
streams = b"".join(each.to_bytes(4, sys.byteorder) for each in range(3))
server.sendmsg([len(asked).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
server.sendall(asked)
status = server.recv(4)
code = int.from_bytes(status, "big", signed=True) if status else 70
if code < 0:
    import signal
    if code != -signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    posix.kill(posix.getpid(), -code)
posix._exit(code)
"""


class Forker:
    """`command` is the path of the executable; `main` is what each process runs, as `module:function`."""

    def __init__(self, main: str, *imports: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="forked-")
        self._address = f"{self._folder.name}/socket"
        self.command = f"{self._folder.name}/{main.partition('.')[0]}"
        Path(self.command).write_text(CLIENT.format(python=sys.executable, address=self._address))
        Path(self.command).chmod(0o755)
        program = [sys.executable, "-P", str(Path(__file__)), self._address, main, *imports]
        # It ends when its standard input does, so with this process however that ends.
        self._server = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == b"ready\n"

    def __enter__(self) -> Forker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.communicate()
        self._folder.cleanup()


def serve(address: str) -> list[str]:
    """Fork for each connection; returns in the children only, with the arguments."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    print("ready", flush=True)
    gc.collect()
    gc.freeze()
    poll = select.poll()
    callers: dict[int, tuple[socket.socket, int]] = {}
    running: dict[int, int] = {}
    for descriptor in (0, listener.fileno()):
        poll.register(descriptor, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == 0:
                for pid in running.values():
                    os.kill(pid, signal.SIGKILL)
                os._exit(0)
            elif descriptor == listener.fileno():
                caller = listener.accept()[0]
                asked, streams = _asked(caller)
                pid = os.fork()
                if pid == 0:
                    for each in (listener, caller, *(other for other, _ in callers.values())):
                        each.close()
                    for other in running:
                        os.close(other)
                    return _become(asked, streams)
                for stream in streams:
                    os.close(stream)
                watched = os.pidfd_open(pid)
                running[watched] = pid
                callers[caller.fileno()] = (caller, watched)
                poll.register(watched, select.POLLIN)
                poll.register(caller, select.POLLIN)
            elif descriptor in running:
                status = os.waitstatus_to_exitcode(os.waitpid(running.pop(descriptor), 0)[1])
                poll.unregister(descriptor)
                (caller,) = (each for each, watched in callers.values() if watched == descriptor)
                del callers[caller.fileno()]
                os.close(descriptor)
                with contextlib.suppress(KeyError):
                    poll.unregister(caller)
                with contextlib.suppress(OSError):  # the caller was killed
                    caller.sendall(status.to_bytes(4, "big", signed=True))
                caller.close()
            elif descriptor in callers:
                # It hung up, so the caller was killed.
                poll.unregister(descriptor)
                os.kill(running[callers[descriptor][1]], signal.SIGKILL)


def _asked(caller: socket.socket) -> tuple[tuple[list[str], str, dict[bytes, bytes]], list[int]]:
    head, streams, _, _ = socket.recv_fds(caller, 8, 3)
    wanted, got = int.from_bytes(head, "big"), b""
    while len(got) < wanted:
        got += caller.recv(wanted - len(got))
    return marshal.loads(got), streams


def _become(asked: tuple[list[str], str, dict[bytes, bytes]], streams: list[int]) -> list[str]:
    arguments, folder, environment = asked
    for place, descriptor in enumerate(streams):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environb.update(environment)
    sys.path[0:0] = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    encoding = sys.stdout.encoding
    for place, name in enumerate(("stdin", "stdout", "stderr")):
        lines = 1 if os.isatty(place) or name == "stderr" else -1
        errors = "backslashreplace" if name == "stderr" else "strict"
        stream = open(place, "w" if place else "r", lines, encoding, errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    tempfile.tempdir = None
    return arguments


if __name__ == "__main__":
    address, named, *imported = sys.argv[1:]
    module, _, function = named.partition(":")
    root = str(Path(__file__).resolve().parents[1])
    sys.path.insert(0, root)
    main: Any = getattr(importlib.import_module(module), function)
    # With the root on the path the rooms' folders could be imported under their bare names.
    sys.path.remove(root)
    for name in imported:
        importlib.import_module(name)
    sys.argv[1:] = serve(address)
    sys.argv[0] = module.partition(".")[0]
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    # What an interpreter does at its end, but for taking a hundred megabytes of modules apart.
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
    os._exit(code)
