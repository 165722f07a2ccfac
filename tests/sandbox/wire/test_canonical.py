"""The laws of the value encoding: what crosses comes back exactly, and bytes are never more than data."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import json
import math
import struct
from contextlib import suppress
from typing import Any

import numpy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from gristmill.sandbox.wire.values import Bounds, DecodeError, EncodeError, decode, encode

Point = collections.namedtuple("Point", "x y")

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(10**1500), max_value=10**1500),
    st.floats(),
    st.text(st.characters(), max_size=20),
    st.text(st.characters(categories=["Cs"]), max_size=4),
    st.sampled_from(["$", "$t", "\0", '"$t"', "\ud83d\ude00", "\u2028"]),
    st.binary(max_size=80),
    st.complex_numbers(),
    st.just(...),
    st.sampled_from([int, str, type(None), ValueError, collections.Counter, object]),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.datetimes(timezones=st.none() | st.just(datetime.UTC)),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.builds(range, st.integers(-9, 9), st.integers(), st.integers(1, 9)),
)
keys = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), st.binary(max_size=5)
).flatmap(lambda key: st.just(key) | st.just((key, 1)) | st.just(frozenset([key])))


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(st.text(max_size=5), inner, max_size=5),
        st.dictionaries(keys, inner, max_size=5),
        st.sets(keys, max_size=5),
        st.frozensets(keys, max_size=5),
        st.dictionaries(keys, inner, max_size=3).map(collections.OrderedDict),
        st.dictionaries(keys, inner, max_size=3).map(lambda held: collections.defaultdict(list, held)),
        st.lists(keys, max_size=5).map(collections.Counter),
        st.lists(inner, max_size=5).map(lambda held: collections.deque(held, 3)),
        st.tuples(inner, inner).map(lambda held: Point(*held)),
        st.builds(slice, inner, inner, inner),
        st.binary(max_size=50).map(bytearray),
    )


values = st.recursive(scalars, containers, max_leaves=25)


def shape(value: Any) -> Any:
    """A value in a form in which == means the same types, the same order and the same bits."""
    kind = type(value)
    if kind is float:
        return ("float", "nan" if math.isnan(value) else struct.pack(">d", value))
    if kind is complex:
        return ("complex", shape(value.real), shape(value.imag))
    if kind is slice:
        return ("slice", shape(value.start), shape(value.stop), shape(value.step))
    if isinstance(value, (set, frozenset)):
        return (kind.__name__, frozenset(map(shape, value)))
    if isinstance(value, dict):
        extra = getattr(value, "default_factory", None)
        return (kind.__name__, extra, tuple((shape(key), shape(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple, collections.deque)):
        extra = getattr(value, "_fields", None) or getattr(value, "maxlen", None)
        return (kind.__name__, extra, tuple(map(shape, value)))
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        return (kind.__name__, value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, (datetime.datetime, datetime.time)):
        return (kind.__name__, value.isoformat(), value.fold)
    return (kind.__name__, bytes(value) if kind is bytearray else value)


@given(values)
@settings(max_examples=300, deadline=None)
@example([-0.0, 0.0, float("nan"), float("inf"), 2**53 + 1, True, 1, 1.0])
@example(10**5000)
@example(-(10**3000))
@example({"$t": [1], "a": {"$d": 1}})
@example([["a"] * 3, ["\ud800"], {"\udfff": "\ud800"}])
def test_what_crosses_comes_back_with_its_exact_types(value: Any) -> None:
    assert shape(decode(encode(value))) == shape(value)


ARRAY_TYPES = ["|b1", "|i1", "|u1", "<i2", "<i4", ">i4", "<i8", "<u8", "<f2", "<f4", ">f8", "<f8", "<c8", "<c16"]
shapes = st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@given(st_numpy.arrays(st.sampled_from(ARRAY_TYPES), shapes))
@settings(deadline=None)
def test_arrays_come_back_equal_writable_and_alone(array: Any) -> None:
    back = decode(encode([array, 1]))[0]
    native = array.astype(array.dtype.newbyteorder("<"))
    assert shape(numpy.asarray(back)) == shape(numpy.ascontiguousarray(native).reshape(array.shape))
    assert type(back) is numpy.ndarray
    assert back.flags.writeable
    assert back.size == 0 or not numpy.shares_memory(back, array)


@pytest.mark.parametrize("value", [numpy.float64(2.5), numpy.int8(-3), numpy.bool_(True), numpy.complex64(1j)])
def test_numpy_scalars_keep_their_type(value: Any) -> None:
    assert shape(decode(encode((value,)))[0]) == shape(value)


@given(st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_random_bytes_decode_or_are_refused(data: bytes) -> None:
    with suppress(DecodeError):
        decode(data)


tags = st.sampled_from(["$" + letter for letter in "tsfdiubBcrleTCODqNmFxyanz"] + ["a"])
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["int", "<f8"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(tags, inner, max_size=2),
    max_leaves=20,
)


@given(trees, st.binary(max_size=40), st.booleans())
@settings(max_examples=1000, deadline=None)
def test_tags_around_anything_decode_or_are_refused(tree: Any, blob: bytes, binary: bool) -> None:
    text = json.dumps(tree).encode()
    try:
        value = decode(b"\0" + len(text).to_bytes(4, "big") + text + blob if binary else text)
    except DecodeError:
        return
    # Whatever is let in can be sent on: both sides mean the same values.
    decode(encode(value))


@given(values, st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_encodings_decode_or_are_refused(value: Any, data: Any) -> None:
    damaged = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DecodeError):
        decode(bytes(damaged))


class EvilInt(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class EvilList(list[Any]):
    def __iter__(self) -> Any:
        raise AssertionError("a method of the value ran")


class EvilMeta(type):
    def __getattribute__(cls, name: str) -> Any:
        raise AssertionError("a method of the value's class ran")


class EvilClass(metaclass=EvilMeta):
    pass


class OddTuple(tuple[int, ...]):
    _fields = ("x", "x")


@pytest.mark.parametrize(
    "value",
    [
        EvilInt(3),
        EvilList([1]),
        OddTuple((1, 2)),
        object(),
        lambda: 1,
        (n for n in range(0)),
        iter([]),
        print,
        Exception(),
        EvilInt,
        json,
        numpy.array([object()], dtype=object),
        numpy.array(["a"]),
        numpy.ma.array([1]),
        numpy.array([1], dtype="<M8[s]"),
        collections.defaultdict(lambda: 1),
        type("C", (dict,), {})(),
        memoryview(b""),
        [[[EvilInt(3)]]],
        {EvilInt(3): 1},
        {"a": EvilList()},
        {frozenset([EvilInt(3)])},
        collections.ChainMap(),
    ],
    ids=lambda value: type.__getattribute__(type(value), "__name__"),
)
def test_other_types_are_refused(value: Any) -> None:
    with pytest.raises(EncodeError):
        encode(value)


def test_a_hostile_metaclass_is_not_asked_anything_by_the_decoder_and_does_not_cross() -> None:
    with pytest.raises((EncodeError, AssertionError)):
        encode(EvilClass())


def test_an_attribute_on_an_instance_does_not_redirect_the_reader() -> None:
    held = collections.OrderedDict(a=1)
    held.items = lambda: [("b", 2)]  # type: ignore[method-assign, assignment, return-value]  # hostile
    assert decode(encode(held)) == {"a": 1}


def test_cycles_are_refused() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    with pytest.raises(EncodeError, match="itself"):
        encode(ring)
    knot: dict[str, Any] = {}
    knot["a"] = (knot,)
    with pytest.raises(EncodeError, match="itself"):
        encode(knot)


def test_shared_references_count_every_time() -> None:
    value: Any = [0] * 10
    for _ in range(12):
        value = [value] * 10
    # 10¹³ nodes would take days: the bound is met long before.
    with pytest.raises(EncodeError, match="holds more than 2,000,000 values"):
        encode(value, Bounds())
    text = "x" * (1 << 20)
    with pytest.raises(EncodeError, match="takes more than"):
        encode([text] * 1000)
    with pytest.raises(EncodeError, match="takes more than"):
        encode([numpy.zeros(1 << 17)] * 1000)


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        ([0] * 100, Bounds(nodes=50)),
        ([[[[1]]]], Bounds(depth=3)),
        ("x" * 100, Bounds(size=50)),
        (b"x" * 100, Bounds(size=50)),
        ({"x" * 100: 1}, Bounds(size=50)),
        (numpy.zeros(100), Bounds(size=50)),
        (1 << 40_000, Bounds(digits=10_000)),
    ],
    ids=["nodes", "depth", "text", "bytes", "keys", "array", "digits"],
)
def test_both_directions_keep_to_the_bounds(value: Any, bounds: Bounds) -> None:
    with pytest.raises(EncodeError):
        encode(value, bounds)
    with pytest.raises(DecodeError):
        decode(encode(value), bounds)


def test_text_that_nests_without_end_is_refused() -> None:
    for deep in (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 50_000, b'{"$t":[' * 300 + b"]}" * 300):
        with pytest.raises(DecodeError):
            decode(deep)


def test_keys_that_collide_are_refused_before_they_cost_anything() -> None:
    modulus = 2**61 - 1
    # So many that no machine would ever finish a set of them.
    colliding = [modulus * number for number in range(1, 200_000)]
    for text in ({"$s": colliding}, {"$d": [colliding, colliding]}, {"$C": [colliding, colliding]}):
        with pytest.raises(DecodeError, match="hash"):
            decode(json.dumps(text).encode())


def test_one_blob_cannot_be_used_over_and_over() -> None:
    text = json.dumps([{"$a": ["|u1", [1000], [0, 1000]]}] * 50).encode()
    with pytest.raises(DecodeError, match="binary"):
        decode(b"\0" + len(text).to_bytes(4, "big") + text + bytes(1000))


def test_truth_arrays_hold_only_truths() -> None:
    text = json.dumps({"$a": ["|b1", [2], [0, 2]]}).encode()
    back = decode(b"\0" + len(text).to_bytes(4, "big") + text + b"\x02\x00")
    assert back.view("u1").tolist() == [1, 0]


def test_named_tuples_with_names_that_are_code_are_refused() -> None:
    hostile = (["P", ["x=print(1)"]], ["P(object)", ["x"]], ["P", ["_x"]], ["P", ["class"]], ["P", ["x", "x"]])
    for name, fields in hostile:
        with pytest.raises(DecodeError):
            decode(json.dumps({"$N": [name, fields, [1] * len(fields)]}).encode())
    many = [{"$N": [f"P{number}", ["x"], [1]]} for number in range(500)]
    with pytest.raises(DecodeError, match="named tuples"):
        decode(json.dumps(many).encode())


def test_equal_sets_give_equal_bytes() -> None:
    assert encode({"b", "a", "c"}) == encode({"c", "b", "a"})
    assert encode({3, 1, 2**40}) == encode({2**40, 3, 1})


def test_plain_values_are_plain_json() -> None:
    value = {"args": [1, "a", None, 2.5, [True]], "kwargs": {}}
    assert encode(value) == json.dumps(value, separators=(",", ":")).encode()


def test_big_fractions_and_decimals_are_bounded() -> None:
    with pytest.raises(EncodeError):
        encode(decimal.Decimal("1e999999"))
    with pytest.raises(DecodeError):
        decode(b'{"$m":"1e999999"}')
    with pytest.raises(DecodeError):
        decode(b'{"$F":[1,0]}')
    assert decode(encode(fractions.Fraction(10**2000, 3))) == fractions.Fraction(10**2000, 3)
