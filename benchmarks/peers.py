"""A checker of somebody else's, in a process that may end, hang, print rubbish or fill memory: it is `BrokenPeer` then.

It has a session of its own, so that a signal to its process group is none to ours, and is killed whole when closed.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["BOX", "BrokenPeer", "Peer"]

BOX = (
    *("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"),
    *("--unshare-all", "--die-with-parent", "--new-session"),
)
_MOST_SAID = 16 << 20
_LOOK_SECONDS = 0.05


class BrokenPeer(Exception):  # noqa: N818  # what a cell of the table is
    """Why a peer gave no answer, in a few words."""


class Peer:
    """A process that answers each line of JSON with one.

    Args:
        command: what is run.
        folders: where Python finds what it imports, in front of everything else.
        boxed: behind bubblewrap, for candidates that mean harm.
        memory_bytes: what it and all its processes may hold together.
    """

    def __init__(
        self, command: Sequence[str], folders: Sequence[Path], *, boxed: bool = False, memory_bytes: int = 8 << 30
    ) -> None:
        places = [str(folder.resolve()) for folder in folders]
        box = [*BOX, *(word for place in places for word in ("--ro-bind", place, place))] if boxed else []
        self._command = [*box, *command]
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}
        self._memory = memory_bytes
        self._asked = 0
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: Mapping[str, Any], limit: float = 3600) -> dict[str, Any]:
        """Its answer. A peer that broke is started anew by the next question.

        Raises:
            Broken: it gave none within `limit` seconds, or one that is not to this question.
        """
        self._asked += 1
        process = self._started()
        question = json.dumps({**request, "number": self._asked}).encode() + b"\n"
        try:
            return self._answer(self._exchange(process, question, limit))
        except BrokenPeer:
            self.close()
            raise

    def close(self) -> None:
        """End it and all that it has started in its session."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and _says_unasked(self._process):
            self.close()  # what an earlier candidate left behind goes on talking
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
                bufsize=0,
            )
        return self._process

    def _exchange(self, process: subprocess.Popen[bytes], question: bytes, limit: float) -> bytes:
        """The line that it says to this, within time and memory; it is fed as it reads, for it may not read at all."""
        said, end = bytearray(), time.monotonic() + limit
        with selectors.DefaultSelector() as ready:
            inlet, outlet = _unblocked(process.stdin), _unblocked(process.stdout)
            ready.register(inlet, selectors.EVENT_WRITE)
            ready.register(outlet, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                if time.monotonic() > end:
                    raise BrokenPeer(f"no answer within {limit:.0f} s")
                if held(process.pid) > self._memory:
                    raise BrokenPeer(f"more than {self._memory >> 20} MiB of memory")
                for key, _ in ready.select(_LOOK_SECONDS):
                    if key.fileobj is outlet:
                        part = os.read(outlet.fileno(), 1 << 16)
                        if not part:
                            raise BrokenPeer(_ending(process))
                        said += part
                        if len(said) > _MOST_SAID:
                            raise BrokenPeer(f"rubbish: more than {_MOST_SAID >> 20} MiB")
                    else:
                        try:
                            question = question[os.write(inlet.fileno(), question) :]
                        except OSError:
                            raise BrokenPeer(_ending(process)) from None
                        if not question:
                            ready.unregister(inlet)
        return bytes(said)

    def _answer(self, said: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(said)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or answer.get("number") != self._asked:
            raise BrokenPeer(f"rubbish: {said[:40].decode(errors='replace')!a}")
        return answer


def _unblocked(stream: Any) -> BinaryIO:
    assert stream is not None
    os.set_blocking(stream.fileno(), False)
    return stream  # type: ignore[no-any-return]


def _says_unasked(process: subprocess.Popen[bytes]) -> bool:
    with selectors.DefaultSelector() as ready:
        ready.register(_unblocked(process.stdout), selectors.EVENT_READ)
        return bool(ready.select(0))


def _ending(process: subprocess.Popen[bytes]) -> str:
    try:
        status = process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return "it closed its line"
    return f"killed by signal {-status}" if status < 0 else f"ended with status {status}"


def held(pid: int) -> int:
    """Bytes of memory that a process and all below it have resident."""
    total = 0
    try:
        total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        for listing in Path(f"/proc/{pid}/task").glob("*/children"):
            total += sum(held(int(child)) for child in listing.read_text().split())
    except (OSError, ValueError, IndexError):
        pass  # it has ended meanwhile
    return total
