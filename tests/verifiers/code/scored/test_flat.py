"""The short form of calls and answers: it keeps every type, or leaves a value to the canonical form; none is run."""

from __future__ import annotations

import socket
import threading
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.wire.values import Bounds, DecodeError
from gristmill.verifiers.code.guest.wire import flat
from gristmill.verifiers.code.guest.wire.line import Line, LineError

BOUNDS = Bounds(nodes=1000, size=1 << 16)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ARRAYS = st.lists(st.floats(), max_size=5).map(numpy.array) | st.lists(st.integers(-9, 9), max_size=5).map(
    lambda rows: numpy.array(rows, dtype="int64")
)
FLAT = (
    SCALARS
    | st.lists(st.floats(), max_size=5)
    | st.lists(st.integers(), max_size=5)
    | st.lists(SCALARS, max_size=5)
    | st.lists(SCALARS, max_size=5).map(tuple)
    | ARRAYS
)


class Odd(float):
    """A number of another class."""


class Odder(list[Any]):
    """A list of another class."""


def alike(one: Any, other: Any) -> bool:
    """The same types and the same bits."""
    if isinstance(one, numpy.ndarray):
        same = type(other) is numpy.ndarray and one.dtype == other.dtype
        return same and one.tobytes() == other.tobytes() and other.flags.writeable
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(alike, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


@given(st.lists(FLAT, max_size=4))
def test_a_call_comes_as_what_it_was(args: list[Any]) -> None:
    data = flat.question("call", "f", args, BOUNDS)
    if data is None:  # () is () wherever it stands, so it is one value that is given twice
        assert len({id(each) for each in args if isinstance(each, tuple)}) < sum(
            isinstance(each, tuple) for each in args
        )
        return
    op, target, came = flat.read_question(data)
    assert (op, target) == ("call", "f")
    assert alike(args, came)


@given(FLAT)
def test_an_answer_comes_as_what_it_was_or_is_left_to_the_canonical_form(value: Any) -> None:
    data = flat.answer(value)
    if data is not None:
        assert alike(value, flat.read_answer(data, BOUNDS))
    numbers = type(value) in (list, tuple) and len({type(each) for each in value}) == 1 and type(value[0]) is float
    assert data is not None or not (numbers or type(value) in (float, bool, type(None), numpy.ndarray))


SHARED = [1.0]


@pytest.mark.parametrize(
    "args",
    [
        [[1.0, Odd(2.0)]],
        [[Odd(2.0), 1.0]],
        [[1.0, numpy.float32(2.0)]],
        [[1, numpy.int32(2)]],
        [[1.0, b"abcd"]],
        [[1.0, bytearray(b"abcd")]],
        [[1.0, [2.0]]],
        [Odder([1.0])],
        [Odd(1.0)],
        [{"a": 1}],
        [numpy.zeros((2, 2))],
        [numpy.zeros(2, dtype="float32")],
        [numpy.array([None])],
        [SHARED, SHARED],
        [object()],
        [[0.0] * 9000],
    ],
    ids=lambda args: repr(args)[:30].partition(" at 0x")[0],
)
def test_what_is_not_flat_goes_the_long_way(args: list[Any]) -> None:
    assert flat.question("call", "f", args, BOUNDS) is None
    assert flat.question("get", "f", args, BOUNDS) is None


def test_many_calls_are_one_question() -> None:
    rows = [(1, [2.0, 3.0]), (2, [4.0])]
    data = flat.question("map", "f", (rows,), BOUNDS)
    assert data is not None
    assert flat.read_question(data) == ("map", "f", [rows])
    assert flat.question("map", "f", ([(SHARED,), (SHARED,)],), BOUNDS) is None
    assert flat.question("map", "f", ([({},)],), BOUNDS) is None


@given(st.binary(max_size=40))
def test_whatever_comes_is_a_value_or_an_error(data: bytes) -> None:
    try:
        value = flat.read_answer(b"\x02" + data, BOUNDS)
    except DecodeError:
        return
    kinds = (float, int, bool, type(None), list, tuple, numpy.ndarray)
    assert type(value) in kinds


def test_an_answer_holds_no_more_than_is_allowed() -> None:
    with pytest.raises(DecodeError, match="1,000"):
        flat.read_answer(b"\x02d" + bytes(8 * 1001), BOUNDS)


def test_the_side_that_asks_reads_no_question() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        question = flat.question("call", "f", [1.0], BOUNDS)
        assert question is not None
        theirs.sendall(len(question).to_bytes(4, "big") + question)
        with pytest.raises(LineError, match="cannot be read"):
            Line(ours, BOUNDS, "asks").receive()


def test_who_does_not_answer_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        line = Line(ours, BOUNDS, "asks", patience=0.05)
        with pytest.raises(LineError, match="did not answer in time"):
            line.receive()
        assert line.late


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5), st.integers(1, 7))
def test_messages_are_whole_however_they_arrive(bodies: list[bytes], step: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        frames = [b"\x02d" + bytes(8) * len(body) for body in bodies]
        sent = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)

        def trickle() -> None:
            for place in range(0, len(sent), step):
                theirs.sendall(sent[place : place + step])

        sender = threading.Thread(target=trickle)
        sender.start()
        line = Line(ours, BOUNDS, "asks")
        came = [line.receive()[1] for _ in frames]
        sender.join()
        assert came == [[0.0] * len(body) for body in bodies]
