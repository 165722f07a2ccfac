from __future__ import annotations

import datetime
import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.wire.values import decode, encode
from gristmill.verifiers.code.compare import Rule, equal
from gristmill.verifiers.code.feedback import short

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
keys = st.booleans() | st.integers() | st.text(max_size=3) | st.tuples(st.integers(), st.text(max_size=2))
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(keys, max_size=4)
    ),
    max_leaves=12,
)
# Beyond what Python writes out: `repr` of these raises.
huge = st.tuples(st.sampled_from([1, -1]), st.sampled_from([5000, 4300, 0])).map(lambda each: each[0] * 10 ** each[1])
Pair: Any = namedtuple("Pair", "left right")  # made as a candidate's are
Other: Any = namedtuple("Pair", "left wrong")  # type: ignore[name-match]  # another type of that name
unwritable = st.one_of(
    huge,
    st.builds(Fraction, huge, st.just(3)),
    st.builds(range, huge, huge, huge),
    st.builds(slice, huge, huge, st.none()),
    st.decimals(allow_nan=True, places=3, min_value=-10, max_value=10),
    st.sampled_from([Decimal("1e5000"), Decimal("-0"), Decimal("sNaN"), Decimal("Infinity")]),
    st.datetimes() | st.dates() | st.times() | st.timedeltas(),
    st.sampled_from([int, dict, ..., "\ud800", "\x00", b"\xff", -0.0, math.inf, math.nan, complex(math.nan, -0.0)]),
)
holders: st.SearchStrategy[Any] = st.recursive(
    unwritable,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.builds(deque, st.lists(inner, max_size=3), st.none() | st.just(9))
        | st.builds(Pair, inner, inner)
        | st.dictionaries(huge | st.builds(Fraction, huge, st.just(3)), inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), st.integers(0, 3), max_size=3).map(Counter)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3).map(OrderedDict)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3).map(lambda each: defaultdict(list, each))
        | st.sets(huge | st.builds(range, huge) | st.builds(Fraction, huge, st.just(3)), max_size=3)
    ),
    max_leaves=8,
)
rules: list[Rule] = ["exact", "tolerance", "multiset", "unordered"]


@given(values, st.sampled_from(rules))
def test_every_value_equals_its_own_copy_under_every_rule(value: Any, rule: Rule) -> None:
    assert equal(value, decode(encode(value)), rule)


@given(holders, st.sampled_from(rules))
def test_values_that_cannot_be_written_out_are_compared_all_the_same(value: Any, rule: Rule) -> None:
    assert equal(value, decode(encode(value)), rule)
    assert equal([value, 1], [value, 1], rule)
    assert not equal([value, 1], [value, 2], rule)


@given(holders, holders, st.sampled_from(rules))
def test_no_two_values_that_cross_make_the_comparison_raise(one: Any, other: Any, rule: Rule) -> None:
    assert equal(one, other, rule) == equal(other, one, rule)
    assert len(short(one)) <= 600
    assert equal({"a": [one]}, {"a": [other]}, rule) <= (type(one).__name__ == type(other).__name__)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Fraction(10**5000, 3), Fraction(10**5000, 7)),
        (range(0, 10**5000, 2), range(0, 10**5000, 3)),
        (deque([1, 2]), deque([2, 1])),
        (deque([1]), [1]),
        (deque([True]), deque([1])),
        (Pair(1, 2), Pair(2, 1)),
        (Pair(1, 2), Other(1, 2)),
        (Pair(1, 2), (1, 2)),
        (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
        (Counter(a=1), Counter(a=2)),
        (defaultdict(int, a=1), {"a": 1}),
        (slice(1, 2), slice(1, 2, 1)),
        (Decimal("1.0"), Decimal("1.1")),
        (datetime.timedelta(1), datetime.timedelta(0, 1)),
        (int, bool),
        (..., None),
        (object(), object()),
    ],
)
@pytest.mark.parametrize("rule", rules)
def test_other_values_of_the_standard_library_differ(one: Any, other: Any, rule: Rule) -> None:
    assert not equal(one, other, rule)
    assert not equal([one], [other], rule)
    assert not equal({1: one}, {1: other}, rule)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (range(0, 5, 2), range(0, 6, 2)),
        (range(0), range(5, 1)),
        (Counter(a=1, b=0), Counter(a=1)),
        (defaultdict(int, a=1), defaultdict(None, a=1)),
        (deque([1], 1), deque([1])),
        (Decimal("1.0"), Decimal("1.00")),
        (OrderedDict(a=-0.0), OrderedDict(a=-0.0)),
    ],
)
@pytest.mark.parametrize("rule", rules)
def test_what_python_calls_equal_within_one_such_type_is_equal(one: Any, other: Any, rule: Rule) -> None:
    assert equal(one, other, rule)
    assert equal([{7: one}], [{7: other}], rule)


@given(values, values)
def test_exact_equality_is_symmetric_and_implies_every_other_rule(one: Any, other: Any) -> None:
    assert equal(one, other) == equal(other, one)
    if equal(one, other):
        assert all(equal(one, other, rule) for rule in rules)


@given(values, values)
def test_exact_equality_implies_the_same_type_and_the_same_text(one: Any, other: Any) -> None:
    if equal(one, other) and not isinstance(one, dict | set):
        assert type(one) is type(other)
        if isinstance(one, list | tuple | int | str | bytes):
            assert len(repr(one)) == len(repr(other)) or "{" in repr(one)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, True),
        (1, 1.0),
        (0, False),
        (0.0, -0.0),
        ([1], (1,)),
        ("a", b"a"),
        ({1}, frozenset({1})),
        (None, False),
        ({1: "a"}, {True: "a"}),
        ({1: "a"}, {1.0: "a"}),
        ([1, 2, 3], [1, 2]),
        ([1, 2], [1, 2, 3]),
        ([], None),
        ({}, []),
        ({"a": 1}, {"a": 1, "b": 2}),
        (math.nan, 0.0),
        (math.inf, -math.inf),
        (1, np.int64(1)),
        ([1], np.array([1])),
        ({1: 2}, Counter({1: 2})),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.zeros((2, 1)), np.zeros((1, 2))),
        ({1, 2}, {1, True + 2}),
        ("", None),
        (b"", bytearray()),
        ([[]], [()]),
        (1 + 0j, 1.0),
    ],
)
def test_exact_tells_apart_what_only_looks_alike(expected: Any, actual: Any) -> None:
    assert not equal(expected, actual)
    assert equal(expected, expected)


def test_nan_equals_nan_wherever_it_stands() -> None:
    other = float("nan")
    for make in (list, tuple):
        assert equal(make([math.nan]), make([other]))
    assert equal({"a": math.nan}, {"a": other})
    assert equal({math.nan}, {other})
    assert equal(np.array([math.nan, 1.0]), np.array([-other, 1.0]))
    assert equal([math.nan, 1], [1, other], "multiset")


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (1.0, 1 + 1e-10, True),
        (1.0, 1 + 1e-8, False),
        (1e12, 1e12 + 1, True),
        (0.0, 1e-10, True),
        (0.0, -0.0, True),
        (1, 1.0, True),
        (1.0, 1, True),
        (10**12, 10**12 + 1, False),
        (1.0, True, False),
        (math.inf, 1e308, False),
        (math.inf, math.inf, True),
        (math.nan, math.nan, True),
        (1.0, math.nan, False),
        (0.0, math.inf, False),
        (1.0, "1.0", False),
        ([1.0, [2.0]], [1.0, [2.0 + 1e-12]], True),
        ({"a": 1.0}, {"a": 1.0 + 1e-12}, True),
        (1.0, 10**400, False),
        (np.array([1.0]), np.array([1 + 1e-12]), True),
        (1 + 1j, 1 + 1e-12 + 1j, True),
        (1.0, 1.0 + 0j, False),
    ],
)
def test_tolerance_is_for_numbers_only(expected: Any, actual: Any, same: bool) -> None:
    assert equal(expected, actual, "tolerance", 1e-9) is same


def test_multiset_frees_the_outer_order_and_unordered_all_of_them() -> None:
    assert equal([[1, 2], [3]], [[3], [1, 2]], "multiset")
    assert not equal([[1, 2], [3]], [[3], [2, 1]], "multiset")
    assert equal([[1, 2], [3]], [[3], [2, 1]], "unordered")
    assert equal({"a": [1, 2]}, {"a": [2, 1]}, "unordered")
    for rule in ("multiset", "unordered"):
        assert not equal([1, 1, 2], [1, 2, 2], rule)
        assert not equal([1, 2], [2, True], rule)
        assert not equal([1, 2], (2, 1), rule)
        assert not equal([1, 2], [1, 2, 2], rule)


@given(st.lists(values, max_size=5), st.randoms(use_true_random=False))
def test_any_shuffle_is_the_same_multiset(items: list[Any], random: Any) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    assert equal(items, shuffled, "multiset")
    assert equal(items, shuffled, "unordered")


def test_deep_values_are_unequal_rather_than_a_crash() -> None:
    deep: Any = []
    for _ in range(20_000):
        deep = [deep]
    assert not equal([], deep)
    for rule in rules:
        assert not equal(deep, deep, rule)


def test_values_that_collide_in_hashing_cost_a_sort_only() -> None:
    # All these integers have one hash: in a set or a dict they take quadratic time, which no machine has for so many.
    colliding = [number * (2**61 - 1) for number in range(300_000)]
    assert equal(colliding, colliding[::-1], "multiset")


def test_a_prefix_is_never_enough() -> None:
    for rule in rules:
        assert not equal([1, 2, 3], [1, 2], rule)
        assert not equal((1, 2, 3), (1, 2), rule)
        assert not equal("abc", "ab", rule)
        assert not equal({"a": 1, "b": 2}, {"a": 1}, rule)
