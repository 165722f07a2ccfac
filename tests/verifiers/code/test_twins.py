"""What crosses as a twin behaves as the candidate's own, and decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.sandbox.wire.values import decode, encode
from gristmill.verifiers.code.guest.candidate.outline import rows
from tests.verifiers.code.line import judged, sections, serve, wrong

ALIKE = [
    row
    for file in ("twins.txt", "said.txt", "asked.txt", "later.txt")
    for row in sections(Path(__file__).with_name(file))
]
ATTACKS = [
    row
    for file in ("twin_attacks.txt", "said_attacks.txt", "asked_attacks.txt", "later_attacks.txt")
    for row in sections(Path(__file__).with_name(file))
]
CAPTURED = """
from solution import say

def test_captured(capsys):
    assert say("a") == 1
    assert capsys.readouterr().out == "a\\n"
"""


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ALIKE])
def test_apart_behaves_as_together(row: Any) -> None:
    names = row.names if "," not in "".join(row.names) else [each.strip(",") for each in row.names]
    together: dict[str, Any] = {"__name__": "together"}
    exec(compile(row.source, "<solution>", "exec", dont_inherit=True), together)
    exec(row.tests, together)
    assert wrong(judged(serve(row.source, names), row.tests, names)) == []


@pytest.mark.third
@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ATTACKS])
def test_no_twin_decides_what_it_is_equal_to(row: Any) -> None:
    assert wrong(judged(serve(row.source, row.names), row.tests, row.names)) != []


def test_what_is_printed_is_captured_by_pytest() -> None:
    source = "def say(text):\n    print(text)\n    return 1\n"
    assert wrong(judged(serve(source, ["say"]), {"test_say.py": CAPTURED}, ["say"])) == []
    assert wrong(judged(serve(source.replace("print", "str"), ["say"]), {"test_say.py": CAPTURED}, ["say"])) != []


def ended(source: str, tests: str, names: list[str]) -> dict[str, Any]:
    messages = judged(serve(source, names), tests, names)
    return next(dict(each["end"]) for each in messages if "end" in each)


TWO = "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(x):\n    return P(x)\n"


def test_a_comparison_of_two_objects_that_the_candidate_holds_is_its_own() -> None:
    assert ended(TWO, "assert f(1) == f(1)", ["P", "f"])["decisions"] == 1
    assert ended(TWO, "assert f(1) == P(1)", ["P", "f"])["decisions"] == 0
    after = TWO.replace("    x: int\n", "    x: int\n    def __post_init__(self):\n        pass\n")
    assert ended(after, "assert f(1) == P(1)", ["P", "f"])["decisions"] == 1


def test_what_is_changed_in_a_container_of_an_earlier_call_counts_as_its_own() -> None:
    source = "class Keeps:\n    def __init__(self, items):\n        self.items, self.own = items, []\n"
    source += (
        "    def add(self, n):\n        self.items.append(n)\n    def note(self, n):\n        self.own.append(n)\n"
    )
    later = "items = []\nkept = Keeps(items)\nkept.add(1)\nassert items == [1]"
    assert ended(source, later, ["Keeps"])["decisions"] == 1
    own = "kept = Keeps([])\nown = kept.own\nkept.note(1)\nassert own == [1] and kept.own is own"
    assert ended(source, own, ["Keeps"])["decisions"] == 0


def test_a_value_that_its_own_class_makes_is_its_own() -> None:
    source = "class T(tuple):\n    def __new__(cls, *parts):\n        return super().__new__(cls, parts)\n"
    source += "def f():\n    return T(1)\n"
    assert ended(source, "assert f() == (1,)", ["T", "f"])["decisions"] == 0
    assert ended(source, "assert f() == T(1)", ["T", "f"])["decisions"] == 1


def test_a_wanted_object_is_not_told_to_the_candidate() -> None:
    source = TWO.replace(
        "def f", "told = []\nP.__init__ = lambda self, x: self.__dict__.update(x=(told.append(x), x)[1])\ndef f"
    )
    source += "def g():\n    return 31 in told\n"
    assert wrong(judged(serve(source, ["P", "f", "g"]), "assert f(31) == P(31)\nassert g()", ["P", "f", "g"])) == []
    assert wrong(judged(serve(source, ["P", "f", "g"]), "assert f(3) != P(31)\nassert not g()", ["P", "f", "g"])) == []


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"name": "P"},
        {"name": "P", "kind": "enum", "base": "object", "mixin": "", "members": [], "methods": [], "own": []},
        {
            "name": "P",
            "kind": "enum",
            "base": "Enum",
            "mixin": "",
            "members": [["mro", "is", 1]],
            "methods": [],
            "own": [],
        },
        {
            "name": "P",
            "kind": "enum",
            "base": "Enum",
            "mixin": "",
            "members": [["A", "is", []]],
            "methods": [],
            "own": [],
        },
        {"name": "P", "kind": "tuple", "fields": [["x y", 1]], "methods": [], "own": []},
        {"name": "P", "kind": "value", "base": "type", "methods": [], "own": []},
        {"name": "P", "kind": "value", "base": "int", "methods": [["__eq__", "call"]], "own": []},
        {"name": "P", "kind": "dataclass", "fields": [], "methods": [], "own": []},
        {"name": "P", "kind": "dataclass", "fields": [["x", 1, 2, 3, 4]], "frozen": 1, "methods": [], "own": []},
        {"name": "P", "kind": "contents", "base": "object", "methods": [], "own": ["__eq__", 3]},
        {"name": "P.__class__", "kind": "contents", "base": "list", "own": []},
        {"name": "P", "kind": "contents", "base": "list", "own": None},
    ],
)
def test_rows_that_no_text_has_are_left_out(row: dict[str, Any]) -> None:
    source = "class P:\n    def __eq__(self, other):\n        return True\ndef f():\n    return P()\n"
    assert wrong(judged(serve(source, ["f", "P"]), "assert f() == 1", ["f", "P"], outline=[row, 3])) != []
    assert wrong(judged(serve(source, ["f", "P"]), "assert f() != 1", ["f", "P"], outline=[row, 3])) == []


@pytest.mark.parametrize(
    "source",
    [
        "(" * 10_000,
        "class A:\n  x: " + "a." * 30_000 + "a",
        "-" * 100_000,
        "class A(" + "[" * 150 + "]" * 150 + "): pass",
        "\0",
    ],
)
def test_a_text_that_breaks_a_parser_has_no_rows(source: str) -> None:
    assert rows(source) == []


LINES = st.sampled_from(
    """
    from dataclasses import dataclass, field|import enum|from enum import *|from typing import NamedTuple|@dataclass
    @dataclass(order=True)|class A:|class B(A):|class C(enum.Enum):|class D(NamedTuple):|class E(str):|class F(list):
    -x: int|-y: int = field(default=2)|-z: str = "a" + "b"|-RED = 1|-BLUE = RED|-def __eq__(self, o): return 1
    -def m(self): pass|A = 1|G = namedtuple("G", "a b")|-__slots__ = ()|-pass|del A|-x: ClassVar[int] = 3
    """.replace("\n", "|").split("|")
)


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=12))
def test_rows_are_plain_whatever_the_text_is(lines: list[str]) -> None:
    text = "\n".join(
        line.strip().replace("-", "    ", 1) if line.strip().startswith("-") else line.strip() for line in lines
    )
    outline = rows(text)
    assert decode(encode(outline)) == outline
    assert all("__eq__" not in row["own"] for row in outline)
