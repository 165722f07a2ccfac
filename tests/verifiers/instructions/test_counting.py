"""What a reply is told of itself: how often it holds what an instruction counts, and where first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.verifiers.instructions.constraints import INSTRUCTIONS
from gristmill.verifiers.instructions.guest.counting import _SAYS, seen

TEXT = "The cat, which sat there, ate a slice of cake.\n\nIt was content, and it slept."
ROWS: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "keywords:letter_frequency",
        {"letter": "c", "let_frequency": 3, "let_relation": "less than"},
        TEXT,
        "c: 5 times, first in 'The cat, which'",
    ),
    ("punctuation:no_comma", {}, TEXT, "commas: 3 times, first in 'The cat, which sat'"),
    ("keywords:existence", {"keywords": ["cat", "dog", "owl"]}, TEXT, "missing: dog, owl"),
    (
        "keywords:forbidden_words",
        {"forbidden_words": ["cake", "eat"]},
        TEXT,
        "cake: once, first in 'a slice of cake. It was'",
    ),
    (
        "keywords:frequency",
        {"keyword": "it", "frequency": 1, "relation": "less than"},
        TEXT,
        "it: twice, first in 'of cake. It was'",
    ),
    ("length_constraints:number_words", {"num_words": 90, "relation": "at least"}, TEXT, "16 words"),
    ("length_constraints:number_sentences", {"num_sentences": 9, "relation": "at least"}, TEXT, "2 sentences"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, TEXT, "1 paragraph, parted by ***"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "so"},
        TEXT,
        "2 paragraphs, parted by an empty line; paragraph 2 begins with 'It'",
    ),
    ("change_case:english_lowercase", {}, TEXT, "capital letters: twice, first in 'The cat,'"),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        "NO way",
        "1 word in capitals",
    ),
    ("detectable_format:number_bullet_lists", {"num_bullets": 3}, "* a\n- b", "bullet points: twice, first in '* a"),
    ("detectable_format:json_format", {}, "{'a': 1}", "it is no JSON: Expecting property name"),
    ("startend:end_checker", {"end_phrase": "Amen."}, TEXT, "it ends with"),
    ("startend:quotation", {}, TEXT, "it begins with 'The cat, w' and ends with ' it slept.'"),
]


@pytest.mark.parametrize(("name", "kwargs", "reply", "words"), ROWS, ids=[row[0] for row in ROWS])
def test_feedback_counts_and_points(name: str, kwargs: dict[str, Any], reply: str, words: str) -> None:
    # How many words, sentences and words in capitals there are is the library's to say.
    counts = {"words": 16, "sentences": 2, "capitals": 1}
    assert seen(reply, {"id": name, "kwargs": kwargs}, counts.__getitem__).startswith(words)


def test_each_that_counts_is_one_of_ifeval_s() -> None:
    assert set(_SAYS) <= set(INSTRUCTIONS)


KWARGS = {name: kwargs for name, kwargs, _, _ in ROWS} | {
    "detectable_format:multiple_sections": {"section_spliter": "Part", "num_sections": 2},
}


@given(st.text(st.sampled_from(list("[]<>*-,\"'{}Aa c\n1\ud800\x00")), max_size=300), st.integers(1, 200))
def test_whatever_a_reply_holds_what_is_said_of_it_is_short(text: str, times: int) -> None:
    reply = (text * times)[:50_000]
    for name in _SAYS:
        if KWARGS.get(name) is not None or not INSTRUCTIONS[name]:
            assert len(seen(reply, {"id": name, "kwargs": KWARGS.get(name, {})}, lambda what: 1)) <= 240
