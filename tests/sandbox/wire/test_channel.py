"""Frames arrive whole, in order, within their limit, or not at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.sandbox.wire.channel import ChannelError, receive, send

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


@given(st.lists(st.binary(max_size=300), max_size=20))
@settings(deadline=None)
def test_messages_arrive_whole_and_in_order(messages: list[bytes]) -> None:
    near, far = socket.socketpair()
    with near, far:
        for message in messages:
            send(near, message)
        near.close()
        assert [receive(far) for _ in messages] == messages
        assert receive(far) is None


def test_a_message_larger_than_the_sockets_buffer_arrives(pair: Pair) -> None:
    near, far = pair
    message = bytes(range(256)) * 20_000
    thread = threading.Thread(target=send, args=(near, message))
    thread.start()
    assert receive(far) == message
    thread.join()


def test_a_message_above_the_limit_is_refused_unread(pair: Pair) -> None:
    near, far = pair
    near.sendall((1 << 31).to_bytes(4, "big") + b"x")
    with pytest.raises(ChannelError, match="allowed"):
        receive(far, limit=1000)


@pytest.mark.parametrize("start", [b"\0", b"\0\0\0\5", b"\0\0\0\5abc", b"\0\x10\0\0" + b"x" * 70_000])
def test_hanging_up_within_a_message_is_an_error(pair: Pair, start: bytes) -> None:
    near, far = pair
    near.sendall(start)
    near.close()
    with pytest.raises(ChannelError, match="hung up"):
        receive(far)


def test_a_claimed_length_costs_no_memory(pair: Pair) -> None:
    import tracemalloc

    near, far = pair
    near.sendall((60 << 20).to_bytes(4, "big") + b"x")
    near.close()
    tracemalloc.start()
    try:
        with pytest.raises(ChannelError):
            receive(far)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
