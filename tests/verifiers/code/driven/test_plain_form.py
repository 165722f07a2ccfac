"""What `drive` returns leaves in a plain form, read by the builtin classes' own methods."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import sqlite3
import sys
import types
import uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.sandbox.wire.values import decode, encode
from gristmill.verifiers.code.guest.candidate.plain_form import NotPlainError, plain

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
PLAIN = st.recursive(
    LEAVES | st.decimals(allow_nan=False, places=3) | st.datetimes() | st.frozensets(st.integers()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=12,
)


@settings(max_examples=30)
@given(PLAIN)
def test_what_is_plain_already_stays_what_it_is(value: Any) -> None:
    made = plain(value)
    assert made == value
    assert type(made) is type(value)
    assert decode(encode(made)) == value


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Point:
    x: int
    tags: set[str]


class Funds(Exception):
    pass


Pair = namedtuple("Pair", "left right")


def row() -> Any:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute("select 1 as a, 'b' as b").fetchone()
    finally:
        connection.close()


def mocked() -> Any:
    client = Mock()
    client.get("/a", page=2)
    return client.get.call_args_list


def slotted() -> Any:
    made = types.SimpleNamespace(name="x", __attrs_attrs__=None)
    kind = type("Slotted", (), {"__attrs_attrs__": (types.SimpleNamespace(name="size"),), "size": 4})
    del made
    return kind()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Point(1, {"a"}), {"x": 1, "tags": {"a"}}),
        ([Funds("too little"), KeyError("k")], [("Funds", "too little"), ("KeyError", "'k'")]),
        (Path("a/b"), "a/b"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (row(), (1, "b")),
        (mocked(), [(("/a",), {"page": 2})]),
        (Pair(1, Path("x")), (1, "x")),
        (defaultdict(list, {"a": [Level.HIGH]}), {"a": [3]}),
        (Counter("aab"), Counter("aab")),
        (OrderedDict(a=1), OrderedDict(a=1)),
        (deque([Path("x")], maxlen=2), deque(["x"])),
        ({Colour.RED: 1}, {"red": 1}),
        (Decimal("1.50"), Decimal("1.5")),
        (slotted(), {"size": 4}),
        (np.array([np.datetime64("2026-01-02")]), [datetime.date(2026, 1, 2)]),
        (np.array(["a", None], dtype=object), ["a", None]),
        (np.array([[True]]), np.array([[True]])),
        (np.float32(1.5), 1.5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_has_this_plain_form(value: Any, wanted: Any) -> None:
    crossed = decode(encode(plain(value)))
    assert crossed == wanted
    assert not type(crossed).__module__.startswith("tests")


def test_a_time_with_a_zone_is_the_same_moment() -> None:
    told = datetime.datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Paris"))
    crossed = decode(encode(plain(told)))
    assert crossed == told
    assert crossed.utcoffset() == datetime.timedelta(hours=2)


def lying(base: type) -> Any:
    """A class that claims to be something else by every method that a reader may call."""

    def lie(*_: Any) -> Any:
        raise AssertionError("a method of the candidate's was called")

    names = "__eq__ __ne__ __hash__ __iter__ __len__ __getitem__ __str__ __repr__ __int__ __index__ __float__ __bool__ "
    names += "__bytes__ __reduce__ __reduce_ex__ __getattribute__ __contains__ items keys values"
    return type("Lying", (base,), dict.fromkeys(names.split(), lie))


@pytest.mark.parametrize("value", ["text", 7, 1.5, b"by", [1, 2], (1, 2)], ids=lambda value: type(value).__name__)
def test_a_subclass_that_lies_leaves_as_what_it_holds(value: Any) -> None:
    made = plain(lying(type(value))(value))
    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [object()]}, "`values['a'][0]` is of type object"),
        ({"client": Mock()}, "`values['client']` is of type Mock"),
        (iter([]), "`values` is of type list_iterator"),
        ([lambda: 0], "`values[0]` is of type function"),
        (sys, "`values` is of type module"),
    ],
    ids=["object", "mock", "iterator", "function", "module"],
)
def test_what_has_no_plain_form_is_named_by_its_place(value: Any, words: str) -> None:
    with pytest.raises(NotPlainError) as caught:
        plain(value)
    assert words in str(caught.value)


def test_a_value_that_contains_itself_is_named() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotPlainError, match="contains itself"):
        plain(value)


def test_frames_cross_as_columns_index_and_rows() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"when": [pandas.Timestamp("2026-01-02"), pandas.NaT], "n": [1, 2], "x": [0.5, float("nan")]}, index=["a", "b"]
    )
    told = decode(encode(plain({"frame": frame, "column": frame["n"]})))
    assert told["frame"]["columns"] == ["when", "n", "x"]
    assert told["frame"]["index"] == ["a", "b"]
    assert told["frame"]["rows"][0] == [datetime.datetime(2026, 1, 2), 1, 0.5]
    assert told["frame"]["rows"][1][:2] == [None, 2]
    assert told["column"] == {"name": "n", "index": ["a", "b"], "dtype": "int64", "values": [1, 2]}
