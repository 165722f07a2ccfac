"""One end of the socket between a judge and a candidate: whole messages, and how long the other side was waited for.

Against a peer that sends what cannot be read, or nothing at all: what it sends is bounded and of known shape, and who
is waited for longer than `patience` is given up.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any, Final

from gristmill.sandbox.wire.channel import ChannelError, send
from gristmill.sandbox.wire.values import Bounds, DecodeError, decode
from gristmill.verifiers.code.guest.wire import flat

__all__ = ["ANSWER", "ENDED", "RAISED", "REQUEST", "Line", "LineError"]

REQUEST, ANSWER, RAISED, ENDED = 0, 1, 2, 3
_AT_ONCE: Final = 16 << 10
# What of each answer's time counts as its way, and is left out: tens of microseconds, and what a busy machine adds.
# Whoever computes as long as that in each of many calls meets the limit of processor time.
_CROSSING: Final = 1e-3
_LOOK: Final = 0.1


class LineError(Exception):
    """The other side is gone, or does not speak as agreed; the message goes on from "the solution …"."""


class _HungUpError(ChannelError):
    """The other side is gone, and had begun a message."""


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
        broken: whether it has sent what cannot be read, and was not merely cut off.
    """

    def __init__(self, sock: socket.socket, bounds: Bounds, copies: str = "", patience: float | None = None) -> None:
        self._sock = sock
        self._bounds = bounds
        self._asks, self._answers = copies == "asks", copies == "answers"
        self._patience = patience
        self._rest = b""
        self.waited = 0.0
        self.left_out = 0.0
        self.late = self.broken = False
        self._since = 0.0
        if patience is not None:
            threading.Thread(target=self._watch, daemon=True).start()

    def send(self, data: bytes) -> None:
        """Send one message.

        Raises:
            LineError: the other side is gone, or does not read in time.
        """
        try:
            send(self._sock, data)
        except OSError:
            raise LineError(self._ended()) from None

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
            self.broken = not isinstance(error, _HungUpError) and not self.late
            reason = f"its message cannot be read: {error}{self._bounds.remedy}"
            raise LineError(self._ended() if self.late else reason) from None
        except (DecodeError, MemoryError) as error:
            self.broken = isinstance(error, DecodeError)
            raise LineError(f"its message cannot be read: {error or 'it is too big for this process'}") from None
        except OSError:
            raise LineError(self._ended()) from None
        if message is None:
            raise LineError(self._ended())
        if type(message) is not list or not message or message[0] not in (REQUEST, ANSWER, RAISED, ENDED):
            self.broken = True
            raise LineError("its message is malformed")
        return message

    def _timed(self) -> bytes | None:
        self._since = begun = time.perf_counter()
        try:
            return self._frame()
        finally:
            took = time.perf_counter() - begun
            self._since = 0.0
            self.left_out += min(took, _CROSSING)
            self.waited += took

    def _watch(self) -> None:
        """End the line when patience is at its end: beside it, as a time limit of the socket would be a call to the
        kernel more for each one that is made."""
        patience = self._patience or 0.0
        while not self.late:
            time.sleep(min(_LOOK, patience / 4))
            # In this order: a wait that ends meanwhile counts less for once, and never twice.
            charged = self.waited - self.left_out
            since = self._since
            now = time.perf_counter() - since if since else 0.0
            if charged + max(0.0, now - _CROSSING) >= patience:
                self.late = True
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _ended(self) -> str:
        return "it did not answer in time" if self.late else "it has ended"

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
            raise _HungUpError("the other side hung up within a message")
        return data
