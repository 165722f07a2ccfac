"""Reading a hostile reply takes work in proportion to its length: each of these took minutes or hours before."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from gristmill.verifiers import profiles
from gristmill.verifiers.code import feedback
from gristmill.verifiers.extraction import source
from gristmill.verifiers.extraction.edits import apply, find_edits, why_unapplied, without_edits
from gristmill.verifiers.extraction.fences import blocks, indented
from gristmill.verifiers.extraction.forms.cleaning import clean_reply, readable, with_plain_blanks
from gristmill.verifiers.extraction.forms.structured import codes_in
from gristmill.verifiers.extraction.replies import extract, without_reasoning
from gristmill.verifiers.mathematics.boxes import boxed_answers
from gristmill.verifiers.mathematics.extraction import final_answers
from gristmill.verifiers.mathematics.programs import program_in
from gristmill.verifiers.records import Case, CasesTest, Task

CODE = Task(
    id="t",
    kind="code",
    prompt="?",
    tests=(CasesTest(entry_point="f", cases=(Case(args=(1,), expected=1),)),),
    settings={"prefix": "def f(x):\n    '''Say x.'''\n", "template": "def f(x):\n    return {answer}"},
)
MANY = 150_000
PIECES = [
    *(
        "\n",
        " ",
        "\t",
        " \n",
        "`",
        "```\n",
        "```python\n",
        "~",
        "$",
        "$$",
        "{",
        "}",
        "\\",
        "\\[",
        "\\boxed{",
        "\\boxed{1} ",
        "1",
        "1,",
    ),
    *(
        "123,",
        ".",
        "#### ",
        "####\n",
        "answer",
        "answer is ",
        "answer is\n",
        "is ",
        "<think>",
        "</think>",
        "<think></think>",
        "<answer>",
    ),
    *(
        "@@\n",
        "@@ -1 +1 @@\n",
        "-\n",
        "+\n",
        "<<<<<<< SEARCH\n",
        "=======\n",
        ">>>>>>> REPLACE\n",
        "import ",
        "from\n",
        "def ",
        "Done\n",
    ),
    *(
        "(",
        "[",
        '"',
        "'",
        "#",
        "a",
        "a\n",
        "\\text{",
        "\u0300\u0327",
        "I hope it is",
        "$1$ ",
        "x = 1\n",
        "if 1:\n",
        "@",
        '{"',
        '{"code": "',
        "[{",
        '\\"',
        "<code>",
        "<code></code>",
        ">>> ",
        ">>> x\n... y\n",
        "    x\n\n",
        "1 | x\n",
        "&lt;",
        "\xa0",
        "<< 'EOF'\n",
        "> ```\n",
    ),
]
PREFIXES = [
    "",
    "answer is",
    "\\boxed{1}\\text{",
    "#### 5",
    "import",
    "```python\ndef f(x):\n",
    "@@ -1 +1 @@\n",
    "$",
    "\\boxed{",
    "5. ",
]


def read(text: str) -> None:
    """All that reads a reply, as the host does it."""
    final_answers(text)
    boxed_answers(text + "\\boxed{2}")
    program_in(text)
    profiles.libraries(text)
    blocks(text)
    without_reasoning(text)
    without_edits(text)
    apply("x = 1\n", find_edits(text))
    why_unapplied(text[:50_000], find_edits(text + "\n<<<<<<< SEARCH\nx = 2\n=======\n>>>>>>> REPLACE"))
    codes_in(text, blocks(text))
    indented(text)
    readable(clean_reply(text)[:100_000])
    with_plain_blanks("\xa0" + text)
    feedback.check_text({"lines": [[1, "a"]] * 2000, "calls": [["f()", "raised"]] * 2000}, text[:100_000])


def test_text_of_repeated_pieces_is_read_whatever_they_are() -> None:
    for prefix in PREFIXES:
        for piece in PIECES:
            read(prefix + piece * (200 // len(piece)) + "\x00")


@pytest.mark.parametrize(
    "text",
    [
        "\n" * MANY,
        "answer is" + "\n" * MANY,
        "#### 5" + " " * MANY + "x",
        "\\boxed{1}\\text{" + " " * MANY + "x",
        "@@ -1 +1 @@\n-a\n+b\n" + " \n" * MANY,
        "<think></think>" * (MANY // 4),
        "\\boxed" + " " * MANY,
        "\\boxed{" + "\u0300\u0327" * MANY + "}",
        '{"code": "' + "\\d" * MANY,
        "<code>" * MANY,
        "```python\n" + '\xa0"""\\' * (MANY // 8),
        "```\nabc\n```\nA common mistake in\n" * (MANY // 32),
        "def f(x):\n    if x:\n    Here" + " word" * MANY + "=",
    ],
    ids=[
        *("blank lines", "answer", "hashes", "text", "hunk", "think", "box", "marks"),
        *("escapes", "tags", "strings", "mistakes", "talk"),
    ],
)
def test_what_took_hours_is_read_in_one_pass(text: str) -> None:
    read(text)
    extract(CODE, text)


class Steps:
    """Lines of our own code that are run."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.count += event == "line"
        return self


def steps(piece: str, count: int) -> int:
    counted = Steps()
    before = sys.gettrace()
    sys.settrace(counted)
    try:
        extract(CODE, piece * count)
    finally:
        sys.settrace(before)
    return counted.count


@pytest.mark.parametrize(
    "piece", ["Done\n", "<think></think>", "@@ -1 +1 @@\n-a\n+b\n\n\n", "```python\nx = 1\n```\n", "x = Done\n"]
)
def test_twice_the_reply_takes_about_twice_the_steps(piece: str) -> None:
    small, large = steps(piece, 200), steps(piece, 400)
    assert large < 2.6 * small + 2000


@pytest.mark.parametrize(
    "reply",
    [
        "```python\ndef f(x):\n    return (\n```\n" * 3000,
        "```python\nx = 1\n```\n" * 5000,
        "def f(x):\n    return x\nNo, wait.\n" * 3000,
        "Done\n" * 20_000,
        "```python\n" + "def g(x): return h(x)\n" * 4000 + "```\n",
        "def f(:\n" * 12_000,
        '{"code": "' + "def f(x):\\n  return (\\n" * 4000 + '"}',
    ],
    ids=["broken blocks", "blocks", "prose between", "words", "long block", "errors", "json"],
)
def test_what_is_parsed_of_one_reply_is_bounded(reply: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    real = source._tree_or_complaint

    def counting(text: str) -> Any:
        parsed.append(len(text))
        return real(text)

    monkeypatch.setattr(source, "_tree_or_complaint", counting)
    extraction = extract(CODE, reply)
    assert sum(parsed) <= source._BUDGET
    assert extraction == extract(CODE, reply)  # whatever was looked at before


def test_a_reply_that_breaks_its_reader_is_invalid_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> Any:
        raise KeyError("a bug of ours")

    monkeypatch.setattr(source, "_tree_or_complaint", broken)
    extraction = extract(CODE, "def f(x): return x")
    assert extraction.solution is None
    assert "KeyError" in extraction.note


def test_half_a_surrogate_pair_that_json_escapes_is_replaced() -> None:
    extraction = extract(CODE, '{"code": "def f(x):\\n    return \'\\ud800\'"}')
    assert extraction.solution is not None
    extraction.solution.encode()
