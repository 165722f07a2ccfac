"""Framed messages over a stream socket: four bytes of length, big-endian, then as many bytes.

Blocking; made for children in a sandbox and for threads. Staged into sandboxes: imports the standard library only.
"""

from __future__ import annotations

import socket
from typing import Final

__all__ = ["DEFAULT_LIMIT", "ChannelError", "receive", "send"]

DEFAULT_LIMIT: Final = 64 << 20
_AT_ONCE: Final = 64 << 10


class ChannelError(OSError):
    """The other side broke the framing, hung up within a message, or sent more than it may."""


def send(sock: socket.socket, data: bytes) -> None:
    """Send one message whole.

    Raises:
        ChannelError: it is longer than four bytes can say.
        OSError: the other side is gone, or the socket's timeout has passed.
    """
    if len(data) >= 1 << 32:
        raise ChannelError("a message is longer than 4 GiB")
    header = len(data).to_bytes(4, "big")
    if len(data) > _AT_ONCE:
        # Copying that much costs more than a second call.
        sock.sendall(header)
        sock.sendall(data)
    else:
        sock.sendall(header + data)


def receive(sock: socket.socket, limit: int = DEFAULT_LIMIT) -> bytes | None:
    """The next message, or None if the other side has hung up between messages.

    Raises:
        ChannelError: the message is longer than `limit` bytes (nothing of it is read), or broken off.
        OSError: the socket failed, or its timeout has passed.
    """
    header = sock.recv(4)
    if not header:
        return None
    while len(header) < 4:
        header += _some(sock, 4 - len(header))
    length = int.from_bytes(header, "big")
    if length > limit:
        raise ChannelError(f"a message of {length} bytes, more than the {limit} that are allowed")
    data = sock.recv(min(length, _AT_ONCE)) if length else b""
    if len(data) == length:
        return data
    if not data:
        raise ChannelError("the other side hung up within a message")
    # Grows as bytes arrive: a length that is only claimed costs nothing.
    parts, missing = [data], length - len(data)
    while missing:
        parts.append(_some(sock, min(missing, 1 << 20)))
        missing -= len(parts[-1])
    return b"".join(parts)


def _some(sock: socket.socket, most: int) -> bytes:
    data = sock.recv(most)
    if not data:
        raise ChannelError("the other side hung up within a message")
    return data
