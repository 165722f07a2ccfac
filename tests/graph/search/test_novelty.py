"""Copies under other names are known before they are evaluated; other programs are not taken for copies."""

from __future__ import annotations

import pytest

from gristmill.graph.search.novelty import Novelty
from gristmill.graph.search.rows import Place
from gristmill.verifiers.extraction.canonical import canonical

PROGRAM = '''
import numpy as np
from math import sqrt as root

LIMIT = 10

def helper(x: int, *rest, k=1) -> int:
    """What it does."""
    total: int = 0
    for i in range(x):
        total += i * k
    return [total for each in rest if each] or (lambda z: z + total)(3)

def solve(n):
    seen = {}
    try:
        return helper(n, k=LIMIT) + np.sum([root(j) for j in range(n)])
    except ValueError as error:
        seen[n] = error
        raise
'''
COPY = """
import numpy
from math import sqrt
BOUND = 1_0
def aid(m, *others, factor=1):
    acc = 0
    for at in range(m):  # add up
        acc += at * factor
    return [acc for one in others if one] or (lambda y: y + acc)(3)
def solve(count):
    known = {}
    try:
        return (aid(count, factor=BOUND)
                + numpy.sum([sqrt(value) for value in range(count)]))
    except ValueError as problem:
        known[count] = problem
        raise
"""


def test_a_renamed_copy_is_the_same_and_holds_no_name_but_those_that_are_kept() -> None:
    text = canonical(PROGRAM, ["solve"])
    assert text == canonical(COPY, ["solve"])
    assert text is not None
    assert " solve " in text
    assert " helper " not in text
    assert "What it does" not in text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(a, b):\n    return a - b", "def f(a, b):\n    return b - a"),
        ("def f(a):\n    return a + 1", "def f(a):\n    return a + 2"),
        ("def f(a):\n    return len(a)", "def f(a):\n    return sum(a)"),
        ("def f(a):\n    return a.x", "def f(a):\n    return a.y"),
        ("def f(a):\n    return f'{a=}'", "def f(b):\n    return f'{b=}'"),
        ("def f(a):\n    return 'a'", "def f(b):\n    return 'b'"),
        ("x = 1\ndef f():\n    x = 2\n    return x", "x = 1\ndef f():\n    y = 2\n    return x"),
        ("def f():\n    global n\n    n = 1", "def f():\n    n = 1"),
        ("def g(): return 1\ndef h(): return 2\nf = g", "def g(): return 1\ndef h(): return 2\nf = h"),
        ("class A:\n    x: int = 1", "class A:\n    x = 1"),
        ("def f(a, b):\n    return [b for a in b]", "def f(a, b):\n    return [a for a in b]"),
        ("import math as m\nf = m.sin", "import cmath as m\nf = m.sin"),
        ("def f(a, k=1): return a\ng = f(1, k=2)", "def f(a, k=1): return a\ng = f(1, a=2)"),
    ],
)
def test_what_may_differ_in_what_it_does_is_another(one: str, other: str) -> None:
    assert canonical(one, ["f"]) != canonical(other, ["f"])


@pytest.mark.parametrize("text", ["def f(:", "x = '\ud800'", "a" * 300_000, "\0", "(" * 5000])
def test_what_is_no_program_has_no_canonical_text(text: str) -> None:
    assert canonical(text) in (None, text)
    index = Novelty()
    index.add("a", Place(0, 0, 1), text)
    assert index.neighbour(text, Place(1, 0, 1)) is not None


def test_only_earlier_places_count_and_what_was_deleted_is_known() -> None:
    index = Novelty(keep=["solve"])
    index.add("task/1/0", Place(1, 0, 2), PROGRAM)
    assert index.neighbour(COPY, Place(1, 0, 2)) is None
    found = index.neighbour(COPY, Place(2, 0, 2))
    assert found is not None
    assert found.id == "task/1/0"
    index.add("task/0/1", Place(0, 1, 2), COPY)
    found = index.neighbour(PROGRAM, Place(2, 0, 2))
    assert found is not None
    assert found.id == "task/0/1", "whoever was first, in whatever order they came"


def test_near_copies_are_known_where_less_than_the_whole_counts() -> None:
    pytest.importorskip("rensa")
    lines = "\n".join(f"    step{number} = step{number - 1} * {number}" for number in range(1, 80))
    program = f"def solve(step0):\n{lines}\n    return step79\n"
    near = program.replace("    return", "    print(1)\n    return")
    strict, loose = Novelty(1.0, ["solve"]), Novelty(0.9, ["solve"])
    for index in (strict, loose):
        index.add("first", Place(0, 0, 1), program)
    assert strict.neighbour(near, Place(1, 0, 1)) is None
    found = loose.neighbour(near, Place(1, 0, 1))
    assert found is not None
    assert found.id == "first"
    assert 0.9 <= found.likeness < 1
    assert loose.neighbour("def solve(x):\n    return x\n", Place(1, 0, 1)) is None


def _one(body: str) -> str | None:
    return canonical("def solve(n):\n" + body, ["solve"])


@pytest.mark.parametrize(
    ("dead", "plain"),
    [
        ("    return n\n    return n + 1\n", "    return n\n"),
        ("    raise ValueError\n    print(n)\n", "    raise ValueError\n"),
        (
            "    for i in range(n):\n        continue\n        print(i)\n    else:\n        return 1\n        n()\n",
            "    for i in range(n):\n        continue\n    else:\n        return 1\n",
        ),
        (
            "    try:\n        return n\n        n()\n    except ValueError:\n        return 0\n        n()\n",
            "    try:\n        return n\n    except ValueError:\n        return 0\n",
        ),
    ],
)
def test_what_is_never_reached_makes_no_new_program(dead: str, plain: str) -> None:
    assert _one(dead) == _one(plain)


@pytest.mark.parametrize(
    "rest", ["yield n", "n = 2", "m = 2", "import math as m", "print((m := 3))", "[(m := i) for i in range(n)]"]
)
def test_what_changes_a_function_though_never_reached_is_told_apart(rest: str) -> None:
    assert _one(f"    return m\n    {rest}\n") != _one("    return m\n")
