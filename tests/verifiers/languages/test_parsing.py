"""Trees are built in turn: what a reply reads as never hangs on what other threads read."""

from __future__ import annotations

import contextlib
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.verifiers.languages.parsing import begins_in_prose, parse, parse_expression


def test_many_threads_build_trees_of_many_depths() -> None:
    sources = ["x = " + "(" * depth + "1" + ")" * depth + "\n" + "y = [1, 2, 3]\n" * 40 for depth in range(2, 80, 2)]
    begin = threading.Barrier(4)
    threshold = gc.get_threshold()

    def build(first: int) -> int:
        begin.wait(30)
        return sum(len(parse(source).body) for source in sources[first:] + sources[:first])

    gc.set_threshold(20)  # collections are where threads change over in the middle of a tree
    try:
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(build, range(4))) == [41 * len(sources)] * 4
    finally:
        gc.set_threshold(*threshold)


@pytest.mark.parametrize("source", ["def f(:", "x = \x00", "(" * 3000])
def test_what_does_not_parse_is_said_as_ever(source: str) -> None:
    with pytest.raises((SyntaxError, ValueError, MemoryError, RecursionError)):
        parse(source)
    with pytest.raises((SyntaxError, ValueError, MemoryError, RecursionError)):
        parse_expression(source)


_WORDS = "a b not in is if else for lambda await async match case type _ print from import as global r f None".split()


@given(
    st.lists(st.sampled_from([*_WORDS, ".", ",", ":", "=", "(", ")", "\n", "\n    ", "'a'", "1"]), max_size=9).map(
        " ".join
    )
)
def test_what_begins_in_prose_never_parses(source: str) -> None:
    parsed = None
    with contextlib.suppress(SyntaxError):
        parsed = parse(source)
    assert parsed is None or not begins_in_prose(source)


def test_replies_begin_in_prose_and_programs_do_not() -> None:
    for reply in (
        "The function adds what is asked.\n",
        "Here is the corrected code:\n",
        "\n  To solve this, we sort.\n",
    ):
        assert begins_in_prose(reply)
    for source in (
        "x = 1\n",
        "import os\n",
        "match x:\n  case _: y\n",
        "a is b or c\n",
        "not x\n",
        "print\nx\n",
        "a\n",
    ):
        assert not begins_in_prose(source)
