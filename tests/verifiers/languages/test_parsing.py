"""Trees are built in turn: what a reply reads as never hangs on what other threads read."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gristmill.verifiers.languages.parsing import parse, parse_expression


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
