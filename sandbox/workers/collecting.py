"""The host's ends of a job's pipes: what it says is read as it comes, and no more of it than it may say."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

__all__ = ["Collector", "Feeder", "Lines"]

_AT_ONCE = 1 << 16
# A short job is over before that, and what it said is read in one go: to listen costs more than to read.
_LISTEN_AFTER = 0.005


class Collector:
    """Reads a descriptor until its other side is closed, up to `most` bytes; then it calls `full` once."""

    def __init__(self, descriptor: int, most: int, full: Callable[[], None]) -> None:
        self.data = bytearray()
        self.over = False
        self.enough: Callable[[bytes], bool] | None = None
        self._passed_on = 0
        self._descriptor = descriptor
        self._most = most
        self._full = full
        self._open = True
        self._listening = False
        os.set_blocking(descriptor, False)

    def listen(self) -> None:
        """Read whenever there is something to read."""
        if self._open and not self._listening:
            self._listening = True
            asyncio.get_running_loop().add_reader(self._descriptor, self.read)

    def read(self) -> bool:
        """Take what is there now; whether there may be more."""
        if not self._open:
            return False
        try:
            part = os.read(self._descriptor, _AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            part = b""
        if not part:
            self.stop()
            return False
        self.data += part
        if len(self.data) > self._most:
            del self.data[self._most :]
            self.over = True
            self.stop()
            self._full()
        elif self.enough is not None:
            self._tell(self.enough)
        return self._open

    def finish(self) -> None:
        """Take what the job, which is gone, has left in the pipe. Its other side may be open still, somewhere."""
        while self.read():
            pass
        self.stop()

    def messages(self) -> tuple[bytes, ...]:
        """The whole frames of what was read."""
        frames, place = [], 0
        while (end := self._end(place)) is not None:
            frames.append(bytes(self.data[place + 4 : end]))
            place = end
        return tuple(frames)

    def _end(self, place: int) -> int | None:
        """Where the frame that begins at `place` ends; None if it is not whole."""
        if place + 4 > len(self.data):
            return None
        end = place + 4 + int.from_bytes(self.data[place : place + 4], "big")
        return end if end <= len(self.data) else None

    def _tell(self, enough: Callable[[bytes], bool]) -> None:
        """Pass on what is whole now; the first time that it is enough, the job is ended."""
        while (end := self._end(self._passed_on)) is not None:
            message, self._passed_on = bytes(self.data[self._passed_on + 4 : end]), end
            if enough(message):
                self.enough = None
                self._full()
                return

    def stop(self) -> None:
        """Read no more."""
        self._open = False
        if self._listening:
            self._listening = False
            asyncio.get_running_loop().remove_reader(self._descriptor)


class Feeder:
    """Writes bytes to a descriptor as fast as its other side takes them, which may be never."""

    def __init__(self, descriptor: int, data: bytes, done: Callable[[], None] | None = None) -> None:
        self._descriptor = descriptor
        self._rest = memoryview(data)
        self._done = done
        self._waiting = False
        os.set_blocking(descriptor, False)
        self._write()

    def _write(self) -> None:
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._descriptor, self._rest) :]
        except (BlockingIOError, InterruptedError):
            if not self._waiting:
                self._waiting = True
                asyncio.get_running_loop().add_writer(self._descriptor, self._write)
            return
        except OSError:
            # The job has closed it, as it may.
            self._rest = memoryview(b"")
        self.stop()

    def stop(self) -> None:
        """Write no more."""
        if self._waiting:
            self._waiting = False
            asyncio.get_running_loop().remove_writer(self._descriptor)
        done, self._done = self._done, None
        if done is not None:
            done()


class Lines:
    """The channel and the pipes of one job, the job's ends among them until they are `handed_over`.

    Args:
        most: bytes that the job may send over each of stdout, stderr and channel.
        full: called once for each of them that exceeds this.
    """

    def __init__(self, most: int, full: Callable[[], None]) -> None:
        self._open: set[int] = set()
        self._later: asyncio.TimerHandle | None = None
        self._feeders: list[Feeder] = []
        try:
            pair = socket.socketpair()
            self._channel, channel = (self._held(each.detach()) for each in pair)
            stdin, self._stdin = self._pipe()
            self._stdout, stdout = self._pipe()
            self._stderr, stderr = self._pipe()
            self.given = [channel, stdin, stdout, stderr]
            self.replies = Collector(self._channel, most, full)
            self.stdout = Collector(self._stdout, most, full)
            self.stderr = Collector(self._stderr, most, full)
        except OSError:
            self.close()
            raise

    def handed_over(self, request: bytes, stdin: bytes) -> None:
        """The job has its ends: let go of them here, and start to write."""
        for descriptor in self.given:
            self._close(descriptor)
        self._feeders.append(Feeder(self._channel, len(request).to_bytes(4, "big") + request))
        self._feeders.append(Feeder(self._stdin, stdin, lambda: self._close(self._stdin)))
        self._later = asyncio.get_running_loop().call_later(_LISTEN_AFTER, self._listen)

    def _listen(self) -> None:
        for each in (self.replies, self.stdout, self.stderr):
            each.listen()

    @property
    def over(self) -> bool:
        """Whether the job has said more than it may."""
        return self.replies.over or self.stdout.over or self.stderr.over

    def finish(self) -> None:
        """The job is gone: take what it has left, and close everything."""
        for each in (self.replies, self.stdout, self.stderr):
            each.finish()
        self.close()

    def close(self) -> None:
        """Stop reading and writing, and close every end that is still here. Idempotent."""
        if self._later is not None:
            self._later.cancel()
        for feeder in self._feeders:
            feeder.stop()
        for name in ("replies", "stdout", "stderr"):
            if hasattr(self, name):
                getattr(self, name).stop()
        for descriptor in list(self._open):
            self._close(descriptor)

    def _pipe(self) -> tuple[int, int]:
        reading, writing = os.pipe2(os.O_CLOEXEC)
        return self._held(reading), self._held(writing)

    def _held(self, descriptor: int) -> int:
        self._open.add(descriptor)
        return descriptor

    def _close(self, descriptor: int) -> None:
        # A number is closed once only: it may be another file's a moment later.
        if descriptor in self._open:
            self._open.discard(descriptor)
            os.close(descriptor)
