"""The one reader of what a candidate's process sends: whatever the bytes are, it gives an answer of an agreed form."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.records import Ending, Limits, Report
from gristmill.sandbox.wire.answers import MESSAGE_CHARACTERS, encode_answer
from gristmill.sandbox.wire.values import Bounds, encode
from gristmill.verifiers.calling import (
    Answer,
    LoadError,
    Malformed,
    Missing,
    Raised,
    Unencodable,
    Value,
    answers,
    beside,
    decode_answer,
    error_text,
    outcome_of,
    over_limits,
    statements,
)
from gristmill.verifiers.records import Outcome

BOUNDS = Bounds(nodes=10_000, size=1 << 20)
HUGE = 10**5000  # more digits than Python writes
KEYS = ("value", "raised", "load_error", "missing", "unencodable", "malformed", "type", "message", "line", "loaded")

atoms = st.one_of(
    *(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(5000, 5001).map(lambda power: 10**power),
        st.floats(),
        st.binary(max_size=8),
    ),
    *(st.text(max_size=8), st.sampled_from(KEYS), st.just("x" * 10_000), st.just("\ud800")),
)
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)
errors = st.fixed_dictionaries({"type": atoms, "message": atoms, "line": atoms})
messages = values | st.sampled_from(KEYS).flatmap(lambda key: st.fixed_dictionaries({key: values | errors | atoms}))


def is_bounded(answer: Answer) -> bool:
    """Whether every part of an answer that is no value has its exact type, and a size that can be shown."""
    texts: tuple[str, ...]
    numbers: list[int] = []
    match answer:
        case Value():
            return True
        case Raised(kind, message, line) | LoadError(kind, message, line):
            texts, numbers = (kind, message), [] if line is None else [line]
        case Missing(text) | Unencodable(text) | Malformed(text):
            texts = (text,)
    return all(type(text) is str and len(text) <= MESSAGE_CHARACTERS for text in texts) and all(
        type(number) is int and 0 < number < 1_000_000 for number in numbers
    )


@given(messages)
def test_any_value_as_a_message_is_read_as_one_bounded_answer(said: Any) -> None:
    answer = decode_answer(encode(said), BOUNDS)
    assert is_bounded(answer)
    assert isinstance(answer, Value) is (type(said) is dict and list(said) == ["value"])
    if isinstance(answer, Raised):
        assert isinstance(error_text(answer), str)


@given(st.binary(max_size=200))
def test_any_bytes_as_a_message_are_read_as_one_bounded_answer(message: bytes) -> None:
    assert is_bounded(decode_answer(message, BOUNDS))


@given(messages)
def test_an_answer_that_a_judge_passes_on_stays_what_it_was(said: Any) -> None:
    answer = decode_answer(encode(said), BOUNDS)
    if not isinstance(answer, Value):
        assert decode_answer(encode_answer(answer), BOUNDS) == answer


@pytest.mark.parametrize(
    "answer",
    [
        Value((1, {2})),
        Raised("KeyError", "'two'", 3),
        LoadError("SyntaxError", "never closed", None),
        Missing("f"),
        Unencodable("a generator"),
        Malformed("a message of another form"),
    ],
)
def test_what_is_written_is_read(answer: Answer) -> None:
    again = decode_answer(encode_answer(answer), BOUNDS)
    assert (type(again), again) == (type(answer), answer)


@pytest.mark.parametrize(
    "said",
    [
        {"value": 1, "raised": {"type": "E", "message": "", "line": 1}},
        {"raised": {"type": "ValueError", "message": HUGE, "line": 1}},
        {"raised": {"type": "ValueError", "message": "m", "line": True}},
        {"raised": {"type": "ValueError", "message": "m"}},
        {"load_error": "ImportError"},
        {"missing": HUGE},
        {"unencodable": ["reason"]},
        {"loaded": True},
        [1, 2],
        "value",
        {},
        {1: 2},
    ],
    ids=range(12),
)
def test_a_form_that_is_not_agreed_is_no_answer(said: Any) -> None:
    assert isinstance(decode_answer(encode(said), BOUNDS), Malformed)


@pytest.mark.parametrize("line", [0, -1, 1_000_000, HUGE], ids=["zero", "negative", "many", "huge"])
def test_a_line_that_no_source_has_is_none(line: int) -> None:
    said = {"raised": {"type": "ValueError", "message": "m", "line": line}}
    assert decode_answer(encode(said), BOUNDS) == Raised("ValueError", "m", None)


def test_a_value_beyond_the_bounds_is_no_answer() -> None:
    assert isinstance(decode_answer(encode({"value": [0] * 100}), Bounds(nodes=50)), Malformed)
    assert isinstance(decode_answer(encode({"value": HUGE}), Bounds(digits=4000)), Malformed)


@pytest.mark.parametrize("ending", Ending)
def test_every_ending_has_an_outcome_that_is_no_pass(ending: Ending) -> None:
    report = Report(ending=ending, seconds=1.0)
    outcome, words = outcome_of(report)
    assert outcome in (Outcome.ERROR, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY)
    assert outcome_of(report, Limits())[1].startswith(words)
    assert (over_limits(report) is None) is (outcome is Outcome.ERROR)


def test_words_of_an_ending_name_the_limit_that_was_met() -> None:
    limits = Limits(memory_mb=64)
    assert outcome_of(Report(ending=Ending.OUT_OF_MEMORY, seconds=1.0), limits) == (
        Outcome.OUT_OF_MEMORY,
        "ran out of memory: its limit is 64 MiB (`limits.memory_mb`)",
    )


def test_messages_are_read_in_order_and_what_cannot_be_read_keeps_its_place() -> None:
    report = Report(ending=Ending.FINISHED, messages=(encode({"value": 1}), b"\xff"), seconds=1.0)
    first, second = answers(report, BOUNDS)
    assert first == Value(1)
    assert isinstance(second, Malformed)
    assert statements(report) == [{"value": 1}, None]


async def test_what_takes_long_to_read_holds_up_no_other_candidate() -> None:
    where = []
    for size in (10, 1 << 20):
        report = Report(ending=Ending.FINISHED, messages=(encode_answer(Value("x" * size)),), seconds=0.0)
        where.append(await beside(report, threading.get_ident) == threading.get_ident())
    assert where == [True, False]
