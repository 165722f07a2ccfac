"""One end of the socket between a judge and a candidate: whole messages, and how long the other side was waited for.

Against a peer that sends what cannot be read, or nothing at all: what it sends is bounded and of known shape, and who
is waited for longer than `patience` is given up.
"""

from __future__ import annotations

import socket
import time
from typing import Any, Final

from gristmill.sandbox.wire.channel import ChannelError, send
from gristmill.sandbox.wire.values import Bounds, DecodeError, decode
from gristmill.verifiers.code.guest.wire import flat

__all__ = ["ANSWER", "ENDED", "RAISED", "REQUEST", "Line", "LineError"]

REQUEST, ANSWER, RAISED, ENDED = 0, 1, 2, 3
_AT_ONCE: Final = 64 << 10
# What of each answer's time counts as its way, and is left out: some twenty microseconds, and what a busy machine adds.
# Whoever computes as long as that in each of many calls meets the limit of processor time.
_CROSSING: Final = 1e-3
_STEPS: Final = 16


class LineError(Exception):
    """The other side is gone, or does not speak as agreed; the message goes on from "the solution …"."""


class Line:
    """A connected stream socket, blocking.

    Args:
        sock: the socket; nobody else reads from it.
        bounds: of one message that comes in.
        copies: ``asks`` or ``answers`` on a line whose arguments cross as copies: then short forms are spoken too.
        patience: seconds for which the other side is waited for in all, crossings left out; for ever if None.

    Attributes:
        waited: seconds for which it was.
        left_out: seconds of these that went into crossings.
        late: whether it was given up for that.
    """

    def __init__(self, sock: socket.socket, bounds: Bounds, copies: str = "", patience: float | None = None) -> None:
        self._sock = sock
        self._bounds = bounds
        self._asks, self._answers = copies == "asks", copies == "answers"
        self._patience = patience
        self._rest = b""
        self.waited = 0.0
        self.left_out = 0.0
        self._told = 0.0
        self.late = False
        if patience is not None:
            self._wait_at_most(patience)

    def send(self, data: bytes) -> None:
        """Send one message.

        Raises:
            LineError: the other side is gone, or does not read in time.
        """
        try:
            send(self._sock, data)
        except TimeoutError:
            self.late = True
            raise LineError("it did not take what it was asked in time") from None
        except OSError:
            raise LineError("it has ended") from None

    def receive(self) -> list[Any]:
        """The next message, decoded.

        Raises:
            LineError: there is none, or it cannot be read.
        """
        try:
            data = self._frame() if self._patience is None else self._timed()
            if data:
                first = data[0]
                if first == flat.ANSWER and self._asks:
                    return [ANSWER, flat.read_answer(data, self._bounds), [], False]
                if first == flat.QUESTION and self._answers:
                    return [REQUEST, *flat.read_question(data), {}, False]
            message = None if data is None else decode(data, self._bounds)
        except ChannelError as error:
            raise LineError(f"its message cannot be read: {error}{self._bounds.remedy}") from None
        except (DecodeError, MemoryError) as error:
            raise LineError(f"its message cannot be read: {error or 'it is too big for this process'}") from None
        except TimeoutError:
            self.late = True
            raise LineError("it did not answer in time") from None
        except OSError:
            raise LineError("it has ended") from None
        if message is None:
            raise LineError("it has ended")
        if type(message) is not list or not message or message[0] not in (REQUEST, ANSWER, RAISED, ENDED):
            raise LineError("its message is malformed")
        return message

    def _timed(self) -> bytes | None:
        begun = time.perf_counter()
        data = self._frame()
        took = time.perf_counter() - begun
        self.waited += took
        self.left_out += min(took, _CROSSING)
        charged = self.waited - self.left_out
        if self._patience is not None and charged - self._told > self._patience / _STEPS:
            self._told = charged
            if charged >= self._patience:
                raise TimeoutError
            self._wait_at_most(self._patience - charged)
        return data

    def _wait_at_most(self, seconds: float) -> None:
        """Set now and then: to do it before each wait would be a fifth of a crossing."""
        self._sock.settimeout(max(1e-3, seconds))

    def _frame(self) -> bytes | None:
        """The next message's bytes; mostly all of it comes at once."""
        data = self._rest or self._sock.recv(_AT_ONCE)
        if not data:
            return None
        while len(data) < 4:
            data += self._some(4 - len(data))
        length = int.from_bytes(data[:4], "big")
        most = self._bounds.size + 1024
        if length > most:
            raise ChannelError(f"a message of {length} bytes, more than the {most} that are allowed")
        missing = 4 + length - len(data)
        if missing <= 0:
            self._rest = data[4 + length :] if missing else b""
            return data[4 : 4 + length]
        self._rest = b""
        # Grows as bytes arrive: a length that is only claimed costs nothing.
        parts = [data[4:]]
        while missing:
            parts.append(self._some(min(missing, 1 << 20)))
            missing -= len(parts[-1])
        return b"".join(parts)

    def _some(self, most: int) -> bytes:
        data = self._sock.recv(most)
        if not data:
            raise ChannelError("the other side hung up within a message")
        return data
