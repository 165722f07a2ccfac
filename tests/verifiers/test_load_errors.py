"""Why a solution does not load is told from its source; of what its process says, a model reads type and line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.verifiers.calling import without_addresses
from gristmill.verifiers.load_errors import builtin_error, load_error_text


@pytest.mark.parametrize(
    ("source", "kind", "line", "words"),
    [
        ("import collectionz\n", "ModuleNotFoundError", 1, "ModuleNotFoundError: the import of collectionz"),
        ("import os\nfrom os import nopath\n", "ImportError", 2, "ImportError: the import of os.nopath"),
        (
            "def f(a: List[int]) -> int:\n    return 1\n",
            "NameError",
            1,
            "NameError: the source gives no meaning to List",
        ),
        ("def f(:\n", "SyntaxError", 1, "SyntaxError: line 1: invalid syntax"),
        ("  x = 1\n", "IndentationError", 1, "IndentationError: line 1: unexpected indent"),
        ("x = 1 / 0\n", "ZeroDivisionError", 1, "ZeroDivisionError"),
        # What the source does not bear out is not told.
        ("raise SyntaxError('32222')\n", "SyntaxError", 1, "SyntaxError"),
        ("raise NameError('32222')\n", "NameError", 1, "NameError"),
        ("class E32222(Exception): pass\nraise E32222\n", "E32222", 2, "Exception"),
        ("raise ImportError('32222')\n", "ImportError", 10**30, "ImportError"),
    ],
)
def test_a_load_error_is_told_by_its_type_and_by_its_source(source: str, kind: str, line: int, words: str) -> None:
    assert load_error_text(source, kind, line) == words


@given(kind=st.text() | st.none() | st.integers(), line=st.none() | st.integers() | st.text())
def test_whatever_a_process_reports_chooses_among_builtin_types_and_lines_only(kind: object, line: object) -> None:
    source = "import numpi\nprint(undefined)\n"
    words = load_error_text(source, kind, line)
    assert words.partition(":")[0] == builtin_error(kind)
    assert words.partition(": ")[2] in ("", "the import of numpi", "the source gives no meaning to undefined")


def test_addresses_are_taken_out_of_texts() -> None:
    text = without_addresses(f"returned {object()!r}, {test_addresses_are_taken_out_of_texts!r}, 0x10 and at 0xbeef")
    assert text.endswith("at 0x…>, 0x10 and at 0x…")
    assert hex(id(test_addresses_are_taken_out_of_texts)) not in text
