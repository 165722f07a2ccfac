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

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.wire.values import decode, encode
from gristmill.verifiers import Outcome, Task
from gristmill.verifiers.code.compare import Rule, equal
from gristmill.verifiers.code.feedback import short
from gristmill.verifiers.registry import Verifiers

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
    assert equal({"a": [one]}, {"a": [one]}, rule)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Fraction(10**5000, 3), Fraction(10**5000, 7)),
        (range(0, 10**5000, 2), range(0, 10**5000, 3)),
        (deque([1, 2]), deque([2, 1])),
        (deque([1]), [1]),
        (Pair(1, 2), Pair(2, 1)),
        (Counter(a=1), Counter(a=2)),
        (defaultdict(int, a=1), {"a": 2}),
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
        (OrderedDict(a=-0.0), OrderedDict(a=0.0)),
        (Pair(1, 2), Other(1, 2)),
        (deque([True]), deque([1])),
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
def test_exact_is_what_python_calls_equal(one: Any, other: Any) -> None:
    if "nan" not in repr((one, other)):
        assert equal(one, other) is (one == other)


# (what a solution returns, what is expected, whether that counts), as source: judged in `cases`, in a program of
# literals, in one that a judge process runs, and by plain Python, all with one answer.
PAIRS = [
    ("6", "6", True),
    ("6.0", "6", True),
    ("6", "6.0", True),
    ("np.int64(6)", "6", True),
    ("np.float64(6)", "6", True),
    ("np.float32(0.1)", "0.1", True),
    ("np.bool_(True)", "True", True),
    ("Fraction(6)", "6", True),
    ("Decimal(6)", "6", True),
    ("6 + 0j", "6", True),
    ("7", "6", False),
    ("6.000001", "6", False),
    ("Decimal('0.1')", "0.1", False),
    ("2**53 + 1", "2.0**53", False),
    ("True", "1", True),
    ("1", "True", True),
    ("0", "False", True),
    ("None", "False", False),
    ("''", "None", False),
    ("-0.0", "0.0", True),
    ("'6'", "6", False),
    ("6", "'6'", False),
    ("b'a'", "'a'", False),
    ("bytearray(b'a')", "b'a'", True),
    ("[1, 2]", "[1, 2]", True),
    ("[1.0, True]", "[1, 1]", True),
    ("(1, 2)", "[1, 2]", False),
    ("[1, 2]", "(1, 2)", False),
    ("[(1, 2)]", "[[1, 2]]", False),
    ("range(2)", "[0, 1]", False),
    ("deque([1])", "[1]", False),
    ("[1, 2, 3]", "[1, 2]", False),
    ("[]", "[1]", False),
    ("Pair(1, 2)", "(1, 2)", True),
    ("{1, 2}", "frozenset((2, 1))", True),
    ("{1, 2}", "[1, 2]", False),
    ("{'a': 1.0}", "{'a': 1}", True),
    ("{1: 'a'}", "{True: 'a'}", True),
    ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", True),
    ("{'a': 1}", "{'a': 1, 'b': 2}", False),
    ("defaultdict(int, {'a': 1})", "{'a': 1}", True),
    ("Counter('aab')", "{'a': 2, 'b': 1}", True),
    ("OrderedDict(b=2, a=1)", "{'a': 1, 'b': 2}", True),
    ("np.array([6])", "6", True),
    ("np.array([6])", "[6]", True),
    ("[np.int64(6), np.float64(0.5)]", "[6, 0.5]", True),
    ("np.array([6, 7])", "[6, 7]", False),
    ("float('inf')", "10**400", False),
    ("slice(1, 2)", "slice(1, 2, None)", True),
    ("int", "int", True),
    ("int", "bool", False),
]
IMPORTS = (
    "import numpy as np\nfrom collections import Counter, OrderedDict, defaultdict, deque, namedtuple\n"
    "from decimal import Decimal\nfrom fractions import Fraction\nPair = namedtuple('Pair', 'left right')\n"
)


def named() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(IMPORTS, names)
    return names


@pytest.mark.parametrize(("returned", "expected", "same"), PAIRS)
def test_exact_says_what_plain_python_says(returned: str, expected: str, same: bool) -> None:
    actual, wanted = eval(returned, named()), eval(expected, named())
    try:
        plainly = bool(actual == wanted)
    except ValueError:  # an array of several items has no truth: the assertion ends in an error
        plainly = False
    assert plainly is same
    assert equal(decode(encode(wanted)), decode(encode(actual))) is same
    assert equal([wanted], [actual], "multiset") is same or _is_numpy(actual)
    assert equal(wanted, actual, "tolerance") >= same


def _is_numpy(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic)


@pytest.mark.parametrize("backend", ["docker", "bubblewrap"])
async def test_cases_and_programs_say_the_same_of_every_pair(request: pytest.FixtureRequest, backend: str) -> None:
    request.getfixturevalue("docker_engine" if backend == "docker" else "bubblewrap")
    source = f"{IMPORTS}VALUES = [{', '.join(returned for returned, _, _ in PAIRS)}]\ndef f(i):\n    return VALUES[i]\n"
    wanted = [eval(expected, named()) for _, expected, _ in PAIRS]
    cases = [{"args": [place], "expected": each} for place, each in enumerate(wanted)]
    asserts = [f"assert f({place}) == {expected}" for place, (_, expected, _) in enumerate(PAIRS)]
    literal = [
        line for line, (returned, _, _) in zip(asserts, PAIRS, strict=True) if "(" not in line[9:].split(")", 1)[1]
    ]
    tests: list[dict[str, Any]] = [
        {"type": "cases", "entry_point": "f", "cases": cases},
        {"type": "python", "entry_point": "f", "code": "\n".join(asserts), "setup": "x = len('run, not read')"},
        {"type": "python", "entry_point": "f", "code": "\n".join(literal)},
    ]
    async with Pool.open(backend, size=1) as pool:
        verifiers = Verifiers(pool)
        passed = [
            [check.outcome is Outcome.PASSED for check in (await verifiers.verify(_task(test), source)).checks]
            for test in tests
        ]
    same = [row[2] for row in PAIRS]
    assert passed[0] == same
    assert passed[1] == same
    assert passed[2] == [each for line, each in zip(asserts, same, strict=True) if line in literal]
    assert len(passed[2]) > 20


def _task(test: dict[str, Any]) -> Task:
    return Task(id="t", kind="code", prompt="p", tests=(test,))


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
        (1.0, True, True),
        (1.0, False, False),
        (0.3, np.float64(0.1) + np.float64(0.2), True),
        (1, np.int64(2), False),
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
        (1.0, 1.0 + 0j, True),
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
        assert equal([1, 2], [2, True], rule)
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
