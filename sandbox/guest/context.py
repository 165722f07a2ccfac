"""What a program that runs in a sandbox is given: its request, its sockets, and a channel to the host.

It holds no key and nothing of another job: whoever takes the process over finds only what the job was asked.
What is sent here is an untrusted message to the host.
"""

from __future__ import annotations

import socket
from typing import Any

from gristmill.sandbox.wire.channel import receive, send
from gristmill.sandbox.wire.values import DEEP, decode, encode

__all__ = ["JobContext"]


class JobContext:
    """One job as its program sees it, already confined.

    Attributes:
        request: the job's request, decoded.
        sockets: the stream sockets that came with the job, in order.
        limits: the job's limits by name, as numbers; they are enforced elsewhere.
    """

    __slots__ = ("_channel", "limits", "request", "sockets")

    def __init__(self, channel: socket.socket, sockets: list[socket.socket], limits: dict[str, Any]) -> None:
        self._channel = channel
        self.sockets = sockets
        self.limits = limits
        frame = receive(channel)
        self.request: Any = None if frame is None else decode(frame, DEEP)

    def hang_up(self) -> None:
        """Close all lines of this process: whatever runs in it from here on can tell the host nothing.

        The other end of the channel stays with whom it has been forked from.
        """
        for line in (self._channel, *self.sockets):
            line.close()

    def send(self, value: object) -> None:
        """Send a value to the host, where it is an untrusted message of the report.

        Raises:
            EncodeError: the value may not cross.
        """
        self.send_bytes(encode(value))

    def send_bytes(self, data: bytes) -> None:
        """Send a message that is encoded already."""
        send(self._channel, data)
