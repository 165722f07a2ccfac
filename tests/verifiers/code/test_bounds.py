"""What crosses between a solution and its tests is bounded: generously, in words, and whatever a candidate sends."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.sandbox.wire.channel import receive, send
from gristmill.sandbox.wire.room import Room
from gristmill.sandbox.wire.values import DEEP, Bounds, DecodeError, EncodeError, decode, encode
from gristmill.verifiers import Outcome, Task, Verifiers
from gristmill.verifiers.calling import message_bounds
from gristmill.verifiers.code.compare import Rule, equal
from gristmill.verifiers.code.guest.wire.sizes import check_bounds
from gristmill.verifiers.code.verifier import CodeVerifier
from tests.verifiers.code.line import judged, serve, wrong

SMALL = message_bounds(Limits(value_mb=1))


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


# Each passes in plain execution as well, with the recursion limit that Python begins with.
HONEST = {
    "calls that nest 400 deep": (
        "def traced(g):\n    return lambda n: g(n)\n",
        "traced",
        "@traced\ndef down(n):\n    return 0 if n == 0 else 1 + down(n - 1)\nassert down(400) == 400",
    ),
    "a generator in each of 30 nested calls": (
        "def each(g):\n    def inner(n):\n        yield from g(n)\n    return inner\n",
        "each",
        "@each\ndef down(n):\n    if n:\n        yield n\n        yield from down(n - 1)\n"
        "assert list(down(30)) == list(range(30, 0, -1))",
    ),
    "900 levels there and back": (
        "def wrap(x, n):\n    for _ in range(n):\n        x = [x]\n    return x\n",
        "wrap",
        "x = wrap([], 450)\ny = wrap(x, 450)\nn = 0\nwhile y:\n    y, n = y[0], n + 1\nassert n == 900",
    ),
    "levels of every kind, with an object in them": (
        "class P:\n    def __init__(self): self.x = 3\n"
        "def wrap(n):\n    x = P()\n    for _ in range(n):\n        x = {'k': ([x], {1: 2})}\n    return x\n",
        "wrap P",
        "x = wrap(50)\nfor _ in range(50):\n    x = x['k'][0][0]\nassert x.x == 3",
    ),
    "a number of 300,000 digits there and back": (
        "def f(x):\n    return x * x\n",
        "f",
        "assert f(10 ** 150_000) == 10 ** 300_000",
    ),
    "a list shared two thousand times": (
        "def f():\n    row = list(range(1000))\n    return [row] * 2000\n",
        "f",
        "assert sum(map(len, f())) == 2_000_000",
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_program_keeps_within_the_bounds(name: str) -> None:
    source, names, tests = HONEST[name]
    bounds = list(message_bounds(Limits()))
    assert wrong(judged(serve(source, names.split(), bounds=bounds), tests, names.split(), bounds=bounds)) == []


HIT = {
    "depth": ("x = []\n    for _ in range(10**5):\n        x = [x]\n    return x", "nested deeper than 1000 levels"),
    "a chain of objects": (
        "x = None\n    for _ in range(10**5):\n        x = {'next': x}\n    return x",
        "nested deeper than 1000 levels",
    ),
    "items": ("return [0] * 10**6", "holds more than 131,072 values, or contains itself (`limits.value_mb` raises"),
    "bytes": ("return 'x' * 10**7", "takes more than 1 MiB (`limits.value_mb` raises that)"),
    "digits": ("return 1 << 40_000_000", "an integer has more than 10,000,000 digits"),
    "many short numbers": ("return [10**9] * 120_000", "takes more than 1 MiB (`limits.value_mb` raises that)"),
    "calls": ("return 1 + g()", "calls between a function and its tests nest deeper than 500"),
}


@pytest.mark.parametrize("name", HIT)
def test_a_bound_that_is_hit_is_named_with_its_figure(name: str) -> None:
    body, words = HIT[name]
    tests = "def g():\n    return f(g)\nassert f(g) == 3"
    messages = judged(serve(f"def f(g):\n    {body}", ["f"], bounds=list(SMALL)), tests, ["f"], bounds=list(SMALL))
    (said,) = [each for each in wrong(messages) if each.startswith("assert 1")]
    assert words in said


def sends(frame: bytes) -> Callable[[socket.socket], None]:
    """A candidate that answers a call with these very bytes."""

    def side(sock: socket.socket) -> None:
        receive(sock)
        send(sock, encode([1, [{"name": "f", "kind": "function"}], [], False]))
        receive(sock)
        send(sock, frame)
        receive(sock)

    return side


BIG = "f" * 200_000
LINK = '{"$N":["GristmillRemote",["kind","number","flags","name"],["ref",%d,"",""]]}'
# The list around them has number 1, after the argument's 0, and each holds the one before it twice.
DOUBLING = ",".join(['["a","a"]', *(f"[{LINK % at},{LINK % at}]" for at in range(2, 60))])
FRAMES = {
    "ten million levels": b"[1," + b"[" * 10_000_000,
    "levels of tags": b"[1," + b'{"$t":[' * 100_000 + b"]}" * 100_000 + b",[],true]",
    "a million empty lists": b"[1,[" + b"[]," * 300_000 + b"0],[],false]",
    "a million empty tuples": b"[1,[" + b'{"$t":[]},' * 90_000 + b"0],[],false]",
    "a billion digits": b'[1,{"$i":"' + b"f" * (900 << 10) + b'"},[],false]',
    "digits as they are": b"[1," + b"9" * 900_000 + b",[],false]",
    "a range that divides slowly": f'[1,{{"$r":[0,{{"$i":"{BIG}"}},{{"$i":"{BIG[1::2]}"}}]}},[],false]'.encode(),
    "a fraction that shortens slowly": f'[1,{{"$F":[{{"$i":"{BIG}"}},{{"$i":"{BIG[:-1]}"}}]}},[],false]'.encode(),
    "quotes without an end": b'[1,"' + b'\\"' * 400_000 + b"," * 200_000,
    "laughs": f"[1,[{DOUBLING}],[],true]".encode(),
    "longer than it may be": b'[1,"' + b"x" * (2 << 20) + b'",[],false]',
}


@pytest.mark.parametrize("name", FRAMES)
def test_the_judge_outlives_whatever_is_sent(name: str) -> None:
    tests = "assert f([1]) == 3\nassert 1 == 1"
    messages = judged(sends(FRAMES[name]), tests, ["f"], bounds=list(SMALL), outline=[])
    assert next(each["outcome"] for each in messages if "check" in each) in ("lost", "failed", "error")
    assert [each["end"] for each in messages if "end" in each]


def test_a_chain_of_links_through_the_callers_own_lists_is_no_way_around_the_depth() -> None:
    lists: list[list[Any]] = [[] for _ in range(100_000)]
    for place, each in enumerate(lists[:-1]):
        each.append(lists[place + 1])
    with pytest.raises(DecodeError, match="nested deeper than 1000 levels"):
        check_bounds([None, *lists], SMALL)
    knot: list[Any] = []
    knot.append((knot,))
    with pytest.raises(DecodeError, match="contains itself"):
        check_bounds([knot], SMALL)


trees = st.recursive(st.just(0), lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner), max_leaves=12)


@given(trees, st.integers(1, 20), st.integers(1, 8))
def test_shared_parts_count_as_often_as_a_copy_of_them_would(tree: Any, nodes: int, depth: int) -> None:
    def size(value: Any) -> int:
        return 1 + sum(map(size, value)) if isinstance(value, list | tuple) else 1

    def deep(value: Any) -> int:
        return 1 + max(map(deep, value), default=0) if isinstance(value, list | tuple) else 0

    bounds = Bounds(nodes=nodes, depth=depth)
    values = [tree, tree, [tree]]
    refused = size(values) > nodes or deep(values) > depth + 1
    try:
        check_bounds(values, bounds)
    except DecodeError:
        assert refused
    else:
        assert not refused


@given(st.integers(1, 400), st.sampled_from(["list", "tuple", "dict", "keys"]))
def test_a_value_crosses_as_long_as_it_nests_no_deeper_than_the_bound(levels: int, kind: str) -> None:
    wrap: dict[str, Callable[[Any], Any]] = {
        "list": lambda value: [value],
        "tuple": lambda value: (value,),
        "dict": lambda value: {"a": value},
        "keys": lambda value: {1: value},
    }
    value: Any = 0
    for _ in range(levels):
        value = wrap[kind](value)
    bounds = Bounds(depth=200)
    if levels > 200:
        with pytest.raises(EncodeError, match="deeper than 200 levels"):
            encode(value, bounds)
        return
    crossed = decode(encode(value, bounds), bounds)
    for _ in range(levels):
        assert type(crossed) is type(value)
        crossed, value = (each[0 if type(each) in (list, tuple) else next(iter(each))] for each in (crossed, value))
    assert crossed == 0


def test_room_is_given_back_and_leaves_a_limit_that_was_set_meanwhile() -> None:
    before = sys.getrecursionlimit()
    try:
        with Room(500):
            assert sys.getrecursionlimit() == before + 500
            sys.setrecursionlimit(before + 7500)
        assert sys.getrecursionlimit() == before + 7000
    finally:
        sys.setrecursionlimit(before)


def test_deep_values_are_compared_by_every_rule_from_any_depth_of_the_stack() -> None:
    def from_depth(frames: int) -> bool:
        if frames:
            return from_depth(frames - 1)
        rules: tuple[Rule, ...] = ("exact", "tolerance", "multiset", "unordered")
        return all(equal(nested(190), nested(190), rule) for rule in rules) and not any(
            equal(nested(190), nested(189), rule) for rule in rules
        )

    assert from_depth(700)


pooled = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=1) as opened:
        yield opened


def asking(code: str, limits: dict[str, Any] | None = None) -> Task:
    test = {"type": "python", "entry_point": "f", "code": code}
    return Task(id="bounded", kind="code", prompt="Answer.", tests=(test,), limits=limits or {})


SEND = """
import gc, os, socket
def send(text):
    for each in gc.get_objects():
        if isinstance(each, socket.socket):
            try:
                each.sendall(len(text).to_bytes(4, "big") + text)
            except OSError:
                pass
def f(x):
    send(%s)
    os._exit(0)
"""


@pooled
@pytest.mark.parametrize(
    "attack",
    [
        SEND % "b'[1,' + b'[' * (60 << 20)",
        SEND % """b'[1,[' + b'{"$t":[]},' * (6 << 20) + b'0],[],true]'""",
        SEND % """b'[1,["' + chr(0x1f600).encode() + b'x' * (60 << 20) + b'"],[],true]'""",
        "import sys\ndef f(x):\n    sys.setrecursionlimit(10**7)\n    v = []\n"
        "    for _ in range(10**6):\n        v = [v]\n    return v",
        "def f(x):\n    return 1 << (10**9)",
    ],
    ids=["levels", "tuples", "wide text", "a deep value with a high recursion limit", "a number"],
)
async def test_a_hostile_value_harms_nobody_else(pool: Pool, attack: str) -> None:
    verifiers = Verifiers(pool, consistency=False)
    verdict = await verifiers.verify(asking("g = f\nassert g([3]) == 4"), attack)
    assert verdict.outcome in (Outcome.ERROR, Outcome.FAILED, Outcome.OUT_OF_MEMORY, Outcome.TIMEOUT)
    after = await verifiers.verify(asking("g = f\nassert g([3]) == 4"), "def f(x):\n    return 4")
    assert after.outcome is Outcome.PASSED


@pooled
async def test_a_task_raises_the_bound_and_its_owner_is_told_how(pool: Pool) -> None:
    code, solution = "assert len(f(200_000)) == 200_000", "def f(n):\n    return list(range(n))"
    verdict, evidence = await CodeVerifier(pool).explain(asking(code, {"value_mb": 1}), solution)
    assert verdict.outcome is Outcome.ERROR
    assert "`limits.value_mb` raises that" in evidence.checks[0].detail
    assert "value_mb" not in verdict.feedback
    assert (await Verifiers(pool).verify(asking(code, {"value_mb": 2}), solution)).verified


@pooled
async def test_replies_may_be_as_long_as_what_a_task_expects(pool: Pool) -> None:
    wanted = list(range(20_000))
    test = {"type": "cases", "entry_point": "f", "cases": [{"args": [20_000], "expected": wanted}]}
    task = Task(id="long", kind="code", prompt="Count.", tests=(test,), limits={"output_kb": 8})
    assert (await Verifiers(pool).verify(task, "def f(n):\n    return list(range(n))")).verified
    verdict, evidence = await CodeVerifier(pool).explain(task, "def f(n):\n    return list(range(n)) * 9")
    assert verdict.outcome is Outcome.ERROR
    assert "(`limits.output_kb`)" in evidence.checks[0].detail


def test_the_default_takes_1_5_million_items() -> None:
    value = list(range(1_500_000))
    bounds = message_bounds(Limits())
    assert len(decode(encode(value, bounds), bounds)) == len(value)
    assert DEEP.depth >= bounds.depth
