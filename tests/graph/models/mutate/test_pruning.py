"""What a change leaves behind that does nothing goes, and nothing else does."""

from __future__ import annotations

import ast
import math
import random
import textwrap
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.graph.models.mutate import Rules
from gristmill.graph.models.mutate.changes import CHANGES
from gristmill.graph.models.mutate.growing import Material
from gristmill.graph.models.mutate.places import parsed
from gristmill.graph.models.mutate.pruning import prune
from gristmill.graph.models.mutate.sites import sites_of


def pruned(body: str, bound: tuple[str, ...] = ()) -> str:
    source = "def f(x, y):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n"
    program = parsed(source)
    assert program is not None
    for slot in program.slots:
        for each in slot.originals:
            each.dump = "changed"
    prune(program, bound)
    body = ast.unparse(program.slots[0].statements[0])
    return textwrap.dedent(body.partition("\n")[2])


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("return x\nreturn y", "return x"),
        ("z = x\nreturn y", "return y"),
        ("z = x\nz = y\nreturn z", "z = y\nreturn z"),
        ("z = x\nz = z + y\nreturn z", "z = x\nz = z + y\nreturn z"),
        ("x = x\nreturn x", "return x"),
        ("return y if x < x else x", "return x"),
        ("return x if y else x", "return x"),
        ("if 2 < 1:\n    return x\nreturn y", "return y"),
        ("if x:\n    pass\nreturn y", "return y"),
        ("if x:\n    return y\nelse:\n    return y", "return y"),
        ("return abs(abs(x)) + 0", "return abs(x)"),
        ("return min(x, x) * 1 - -(-y)", "return x - y"),
        ("return 2 * 3 + x", "return 6 + x"),
        ("return y if x < y or False else x", "return y if x < y else x"),
        ("return y if x < y and 3 < 2 else x", "return x"),
    ],
)
def test_what_does_nothing_goes(body: str, left: str) -> None:
    assert pruned(body) == left


@pytest.mark.parametrize(
    "body",
    [
        "z = x\nif y:\n    z = y\nreturn z",
        "for z in x:\n    w = z\n    if w:\n        break\n    w = 0\nreturn w",
        "z = x\ng = lambda: z\nz = y\nreturn g()",
        "z = print(x)\nreturn y",
        "global z\nz = x\nreturn y",
        "try:\n    z = x\n    z = y[0]\nexcept IndexError:\n    return z",
        "z = x\nz += y\nreturn z",
        "return x == x",
        "return x + 0.0",
        "if print(x):\n    pass\nreturn y",
    ],
)
def test_what_does_something_stays(body: str) -> None:
    assert pruned(body) == ast.unparse(ast.parse(body))


def test_literals_with_a_domain_stay_where_they_are() -> None:
    assert pruned("scale = 2 * 3\nreturn x", ("scale",)) == "scale = 2 * 3\nreturn x"
    assert pruned("return dict(scale=1 + 1)['a'] or x", ("scale",)) == "return dict(scale=1 + 1)['a'] or x"


def _value(source: str, x: float, y: float) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)
    try:
        return names["f"](x, y)
    except (ArithmeticError, NameError):
        return "raises"


NUMBERS = st.sampled_from([-3, -1, 0, 1, 2, 7, 0.5])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), NUMBERS, NUMBERS)
def test_a_pruned_program_returns_what_it_did(seed: int, changes: int, x: float, y: float) -> None:
    source = "def f(x, y):\n    z = x - y\n    if z > 2:\n        z = abs(y)\n    return z + x\n"
    rules, chance = Rules(entry_points=("f",)), random.Random(seed)
    wild = parsed(source)
    assert wild is not None
    for _ in range(changes):
        change, _ = chance.choice(CHANGES)
        change(sites_of(wild, rules), Material(wild.tree, rules, chance))
    before = wild.text()
    prune(wild)
    after = wild.text()
    was, is_ = _value(before, x, y), _value(after, x, y)
    assert was == "raises" or is_ == was or (math.isnan(is_) and math.isnan(was))
    assert len(ast.dump(ast.parse(after))) <= len(ast.dump(ast.parse(before)))
