"""Constraints that contradict one another are named before anything is spent on them; IFEval's others are not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from gristmill.verifiers.instructions.contradictions import contradictions
from gristmill.verifiers.records import Task
from gristmill.verifiers.registry import warnings

REPEAT = "combination:repeat_prompt"
WORDS = "length_constraints:number_words"
Pair = tuple[tuple[str, dict[str, Any]], tuple[str, dict[str, Any]]]

CONTRADICT: list[Pair] = [
    ((REPEAT, {"prompt_to_repeat": "Write, please."}), ("punctuation:no_comma", {})),
    ((REPEAT, {"prompt_to_repeat": "Tell of the sea."}), ("keywords:forbidden_words", {"forbidden_words": ["Sea"]})),
    ((REPEAT, {"prompt_to_repeat": "Tell of the sea."}), ("startend:quotation", {})),
    ((REPEAT, {"prompt_to_repeat": "Tell of the sea."}), ("detectable_format:json_format", {})),
    ((REPEAT, {"prompt_to_repeat": "Tell of the sea."}), (WORDS, {"num_words": 4, "relation": "less than"})),
    (("keywords:existence", {"keywords": ["sea"]}), ("keywords:forbidden_words", {"forbidden_words": ["sea"]})),
    (("startend:end_checker", {"end_phrase": "Yes, sir."}), ("punctuation:no_comma", {})),
    (("change_case:english_lowercase", {}), ("change_case:english_capital", {})),
    (("change_case:english_lowercase", {}), ("detectable_format:constrained_response", {})),
    (("change_case:english_capital", {}), ("language:response_language", {"language": "de"})),
    ((WORDS, {"num_words": 50, "relation": "at least"}), (WORDS, {"num_words": 50, "relation": "less than"})),
    (
        ("detectable_format:number_bullet_lists", {"num_bullets": 2}),
        ("detectable_format:number_bullet_lists", {"num_bullets": 3}),
    ),
]
AGREE: list[Pair] = [
    ((REPEAT, {"prompt_to_repeat": "Write a text."}), ("punctuation:no_comma", {})),
    ((REPEAT, {"prompt_to_repeat": "Tell of the seat."}), ("keywords:forbidden_words", {"forbidden_words": ["sea"]})),
    ((REPEAT, {"prompt_to_repeat": "Tell of it."}), ("change_case:english_lowercase", {})),
    ((WORDS, {"num_words": 50, "relation": "at least"}), (WORDS, {"num_words": 51, "relation": "less than"})),
    (("startend:quotation", {}), ("detectable_format:json_format", {})),
    (("change_case:english_lowercase", {}), ("punctuation:no_comma", {})),
]


def sentences(pair: Pair) -> list[str]:
    return contradictions([{"id": name, "kwargs": kwargs} for name, kwargs in pair])


@pytest.mark.parametrize("pair", CONTRADICT)
def test_a_contradiction_is_named_in_either_order(pair: Pair) -> None:
    assert len(sentences(pair)) == 1
    assert len(sentences((pair[1], pair[0]))) == 1
    assert "contradict each other" in sentences(pair)[0]


@pytest.mark.parametrize("pair", AGREE)
def test_constraints_that_can_be_followed_together_are_left_alone(pair: Pair) -> None:
    assert sentences(pair) == []


def test_ifeval_has_five_tasks_that_nobody_can_solve(shared_data: Path) -> None:
    with gzip.open(shared_data / "ifeval" / "ifeval.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    wrong = {}
    for row in rows:
        pairs = zip(row["instruction_id_list"], row["kwargs"], strict=True)
        constraints = tuple({"id": name, "kwargs": kwargs} for name, kwargs in pairs)
        task = Task(id=f"ifeval/{row['key']}", kind="instruction", prompt=row["prompt"], constraints=constraints)
        if said := warnings(task):
            wrong[task.id] = said
    assert set(wrong) == {f"ifeval/{key}" for key in (1627, 3369, 3371, 3718, 374)}
    assert "comma" in wrong["ifeval/1627"][0]
