"""Two processes behave as one would: the line between a judge and a candidate, without a sandbox around them."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.sandbox.wire.channel import receive, send
from gristmill.sandbox.wire.values import encode
from tests.verifiers.code.line import Section, judged, sections, serve, wrong

# (what it shows, the solution, its entry points, the tests); each also holds when all of it runs in one process.
ALIKE = sections(Path(__file__).with_name("alike.txt"))


@pytest.mark.parametrize(
    ("source", "names", "tests"), [pytest.param(row.source, row.names, row.tests, id=row.name) for row in ALIKE]
)
def test_apart_behaves_as_together(source: str, names: list[str], tests: str) -> None:
    together: dict[str, Any] = {}
    exec(source, together)
    exec(tests, together)
    assert wrong(judged(serve(source, names), tests, names)) == []


@pytest.mark.third
@pytest.mark.parametrize(
    ("source", "names", "tests"), [pytest.param(row.source, row.names, row.tests, id=row.name) for row in ALIKE]
)
def test_the_same_tests_reject_a_candidate_that_does_nothing(source: str, names: list[str], tests: str) -> None:
    idle = "\n".join(f"def {name}(*a, **k):\n    return None" for name in names)
    assert wrong(judged(serve(idle, names), tests, names)) != []


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(plain, min_size=1, max_size=3), st.integers(0, 10**6))
def test_any_change_in_place_arrives_as_if_made_here(args: list[Any], seed: int) -> None:
    source = textwrap.dedent("""
        import random
        def shake(args, seed):
            chance, found = random.Random(seed), []
            def walk(value):
                if isinstance(value, (list, dict)) and not any(value is each for each in found):
                    found.append(value)
                    for item in list(value.values() if isinstance(value, dict) else value):
                        walk(item)
            walk(args)
            for value in found:
                move = chance.randrange(4)
                if move == 0:
                    value.clear()
                elif move == 1 and isinstance(value, list):
                    value.append(seed)
                elif move == 2 and isinstance(value, dict):
                    value['new'] = [seed]
                elif move == 3 and isinstance(value, list):
                    value.reverse()
            return found
    """)
    tests = (
        f"{source}\nimport copy\n"
        f"there, here = {args!r}, {args!r}\n"
        f"mine = shake(here, {seed})\n"
        f"theirs = candidate(there, {seed})\n"
        "assert repr(there) == repr(here), (there, here)\n"
        "assert repr(theirs) == repr(mine) and theirs[0] is there\n"
    )
    assert wrong(judged(serve(source.replace("shake", "entry"), ["entry"]), tests, ["entry"])) == []


# What a solution may not do (DESIGN §3.3-5): the source, the tests, and what must be said.
REFUSED = sections(Path(__file__).with_name("refused.txt"))


@pytest.mark.parametrize(
    ("source", "tests", "words"), [pytest.param(row.source, row.tests, row.words, id=row.name) for row in REFUSED]
)
def test_what_no_function_may_do_is_not_a_pass(source: str, tests: str, words: str) -> None:
    said = wrong(judged(serve(source, ["f"]), tests, ["f"]))
    assert said
    assert any(words in each for each in said), said


ON_TESTS = sections(Path(__file__).with_name("attacks_on_tests.txt"))


@pytest.mark.third
@pytest.mark.slow
@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ON_TESTS])
def test_the_attack_on_a_test_program_does_not_pass_in_a_pytest_file_either(row: Section) -> None:
    setup, _, code = row.tests.partition("--- code\n")
    file = f"from solution import {', '.join(row.names)}\n{setup}\ndef test_it():\n{textwrap.indent(code, '    ')}\n"
    assert wrong(judged(serve(row.source, row.names), {"test_it.py": file}, row.names, public=False))


def test_helpers_that_are_not_declared_come_from_the_tests_only() -> None:
    source = "def encode(s):\n    return 'forged'\ndef decode(s):\n    return 'forged'\n"
    setup = "def encode(s):\n    return s[::-1]\n"
    assert wrong(judged(serve(source, ["decode"]), "assert decode(encode('ab')) == 'ab'", ["decode"], setup=setup))


def test_the_standard_library_is_the_judges_own() -> None:
    source = "import math, builtins\nmath.isclose = lambda *a, **k: True\nbuiltins.abs = lambda x: 0\n"
    source += "def f():\n    return 1.0\n"
    tests = "import math\nassert math.isclose(f(), 3.0)\nassert abs(f() - 3) < 1"
    messages = judged(serve(source, ["f"]), tests, ["f"])
    assert [each["outcome"] for each in messages if "check" in each] == ["failed", "failed"]


def test_a_stub_in_the_setup_does_not_hide_the_entry_point() -> None:
    setup = "import math\ndef f(x):\n    'doc'\n    pass\n"
    assert wrong(judged(serve("def f(x):\n    return x", ["f"]), "assert f(math.pi) > 3", ["f"], setup=setup)) == []


def test_modules_that_the_tests_use_without_importing_them_are_the_judges() -> None:
    source = "class sys:\n    maxsize = 1\ndef f():\n    return 1"
    assert wrong(judged(serve(source, ["f"]), "assert f() == 1 and sys.maxsize > 1", ["f"])) == []


def test_operators_and_comparisons_of_handles_are_counted() -> None:
    source = "class V:\n    def __add__(self, o):\n        return V()\n    def __eq__(self, o):\n        return True"
    (end,) = [
        m["end"] for m in judged(serve(source, ["V"]), "assert V() + V()\nassert V() == V()", ["V"]) if "end" in m
    ]
    assert end["operators"] == 1
    assert end["comparisons"] == 1


def test_each_assertion_is_a_check_and_later_ones_run_after_a_failure() -> None:
    messages = judged(
        serve("def f(x):\n    return x", ["f"]), "assert f(1) == 1\nassert f(2) == 3\nassert f(3) == 3", ["f"]
    )
    assert [each["outcome"] for each in messages if "check" in each] == ["passed", "failed", "passed"]
    (failed,) = [each for each in messages if each.get("outcome") == "failed"]
    assert failed["detail"]["statement"] == "assert f(2) == 3"
    assert ["f(2)", "returned 2"] in failed["detail"]["calls"]


def test_hidden_tests_log_no_calls() -> None:
    messages = judged(serve("def f(x):\n    return x", ["f"]), "assert f(2) == 3", ["f"], public=False)
    assert "calls" not in next(each for each in messages if "check" in each)["detail"]


def test_unittest_classes_and_test_functions_are_run() -> None:
    cases = "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(1), 1)\n"
    cases += "    def test_b(self):\n        self.assertEqual(f(1), 2)\n"
    messages = judged(serve("def f(x):\n    return x", ["f"]), cases, ["f"])
    assert sorted(each["outcome"] for each in messages if "check" in each) == ["failed", "passed"]
    functions = "def test_a():\n    assert f(1) == 1\ndef test_b():\n    assert f(1) == 2\n"
    messages = judged(serve("def f(x):\n    return x", ["f"]), functions, ["f"])
    assert [each["outcome"] for each in messages if "check" in each] == ["passed", "failed"]


PYTEST = """
import pytest, solution
from solution import f

def test_value():
    assert f(2) == 4

@pytest.mark.parametrize("x", [1, 2, 3])
def test_many(x):
    assert solution.f(x) == 2 * x

class TestClass:
    def test_error(self):
        with pytest.raises(TypeError):
            f(None)

@pytest.fixture
def three():
    return 3

def test_fixture(three, capsys):
    assert f(three) == 6
"""


def test_pytest_files_run_with_the_proxy_module() -> None:
    messages = judged(serve("def f(x):\n    return x * 2", ["f"]), {"test_f.py": PYTEST}, ["f"])
    assert wrong(messages) == []
    assert sum("check" in each for each in messages) == 6
    messages = judged(serve("def f(x):\n    return x + 2", ["f"]), {"test_f.py": PYTEST}, ["f"])
    assert sum(each.get("outcome") == "passed" for each in messages) == 3


@pytest.mark.parametrize(
    "test",
    [
        "import pytest\ndef test_f():\n    pytest.skip()",
        "import pytest\n@pytest.mark.xfail\ndef test_f():\n    assert solution.f(1) == 99",
        "import pytest\n@pytest.mark.xfail\ndef test_f():\n    assert solution.f(1) == 1",
        "def test_f(no_such_fixture):\n    pass",
        "assert False",
        "def helper():\n    pass",
        "def test_f():\n    pass",
        "import solution\ndef test_f():\n    assert solution.hidden() == 1",
    ],
)
def test_a_pytest_run_that_shows_nothing_is_not_a_pass(test: str) -> None:
    source = "def f(x):\n    return x\ndef hidden():\n    return 1"
    assert wrong(judged(serve(source, ["f"]), {"test_f.py": f"import solution\n{test}\n"}, ["f"]))


def test_a_candidate_cannot_reach_pytest_in_the_judge() -> None:
    source = "import sys, types\nsys.modules['_pytest'] = types.ModuleType('_pytest')\n"
    source += "def f(x):\n    return 0\nf.pytestmark = ['skip']\nf.__test__ = False\n"
    assert wrong(judged(serve(source, ["f"]), {"test_f.py": PYTEST}, ["f"]))


def hostile(*frames: bytes, wait: bool = True) -> Any:
    """A candidate that speaks the protocol by hand: these frames answer the judge's requests in turn."""

    def side(sock: socket.socket) -> None:
        for frame in frames:
            if wait and receive(sock) is None:
                return
            send(sock, frame)
        # Where it owes an answer both sides would wait for ever; a sandbox's wall clock ends that.
        sock.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while receive(sock) is not None:
                pass

    return side


LOADED = encode([1, [{"name": "f", "kind": "function"}], [], False])


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b"\x00\xff\xff\xff\xff",
        b"[" * 100_000,
        encode(3),
        encode([]),
        encode([9]),
        encode([1]),
        encode([1, 3, [[0, [1]]], False]),
        encode([1, 3, [[10**9, [1]]], True]),
        encode([1, 3, 5, False]),
        encode([2, 3]),
        encode([2, {}]),
        encode([2, {"type": "StopIteration", "args": []}]),
        encode([3, 1, False]),
        encode([2, {"type": "exec", "args": ["1/0"]}]),
        encode([2, {"type": "SystemExit", "args": [0]}]),
        encode([2, {"judge": 0, "type": "ValueError"}]),
        encode([2, {"judge": -1, "type": ["x"], "args": 4}]),
        encode([0, "call", 0, [], {}, False]),
        encode([0, "get", 0, ["__globals__"], {}, False]),
        encode([0, "call", "eval", ["1"], {}, False]),
        encode([0, 1, 2, 3, 4, 5]),
    ],
)
def test_nothing_that_a_candidate_sends_breaks_the_judge_or_passes(frame: bytes) -> None:
    messages = judged(hostile(LOADED, frame), "assert f([5]) == 'secret'", ["f"])
    assert wrong(messages)
    assert "end" in messages[-1]


def test_answers_sent_before_the_question_are_only_answers() -> None:
    frames = [LOADED, *[encode([1, 7, [], False])] * 5]
    assert wrong(judged(hostile(*frames, wait=False), "assert f(1) == 1\nassert f(7) == 8", ["f"]))


def test_links_to_objects_that_do_not_exist_lead_nowhere() -> None:
    from gristmill.verifiers.code.guest.wire.objects import Remote

    for link in (
        Remote("ref", 99, "", ""),
        Remote("yours", 5, "", ""),
        Remote("name", 0, "", "eval"),
        Remote("x", 0, "", ""),
    ):
        frame = encode([1, [link], [], True])
        said = wrong(judged(hostile(LOADED, frame), "assert f(1) == 3", ["f"]))
        assert any("cannot be used" in each for each in said), said


def test_random_frames_never_crash_the_judge() -> None:
    chance = random.Random(0)
    good = [
        encode([1, [1, {"a": (2,)}], [[0, [3]]], True]),
        encode([2, {"type": "KeyError", "args": ["k"], "judge": -1}]),
    ]
    for _ in range(40):
        frame = bytearray(chance.choice(good))
        for _ in range(chance.randrange(1, 4)):
            frame[chance.randrange(len(frame))] = chance.randrange(256)
        messages = judged(hostile(LOADED, bytes(frame)), "assert f([0]) == 'secret'", ["f"])
        assert wrong(messages)
        assert "end" in messages[-1], bytes(frame)


def test_a_candidate_that_ends_while_loading_is_told_so() -> None:
    (message,) = judged(lambda sock: os._exit(0), "assert f(1) == 1", ["f"])
    assert "ended" in message["lost"]


def test_a_solution_that_does_not_load_or_lacks_its_entry_point_runs_no_test() -> None:
    (message,) = judged(serve("x = (", ["f"]), "assert f(1) == 1", ["f"])
    assert message["load"]["type"] == "SyntaxError"
    assert message["load"]["lines"] == [[1, ""]]
    (message,) = judged(serve("def g():\n    pass", ["f", "g"]), "assert f(1) == 1", ["f", "g"])
    assert message == {"load": None, "missing": ["f"]}
