"""Where our IFEval checkers and others differ: the rules decide, and every kept decision is well formed."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


def loaded(name: str) -> ModuleType:
    """A module of benchmarks/, which is no package; they import one another by name."""
    place = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    sys.modules[name] = module
    place.loader.exec_module(module)
    return module


second = loaded("ifeval_second")
decisions = loaded("ifeval_decisions")
foreign = loaded("ifeval_independent")


def difference(instruction: str, given: dict[str, Any], reply: str, *, ours: bool, reading: str = "strict") -> Any:
    return decisions.Difference("ifeval/1", instruction, 0, reading, "allenai", ours, not ours, reply, given)


WORDS = "length_constraints:number_words"
LETTERS = "keywords:letter_frequency"
PARAGRAPHS = "length_constraints:number_paragraphs"


@pytest.mark.parametrize(
    ("instruction", "given", "reply", "follows"),
    [
        (WORDS, {"num_words": 4, "relation": "less than"}, "It's a well-known song - *", False),
        (WORDS, {"num_words": 5, "relation": "less than"}, "It's a well-known song - *", True),
        (WORDS, {"num_words": 5, "relation": "at least"}, "It's a well-known song - *", False),
        ("keywords:forbidden_words", {"forbidden_words": ["no", "Die"]}, "Now the audience knows.", True),
        ("keywords:forbidden_words", {"forbidden_words": ["no", "Die"]}, "The die is cast.", False),
        ("keywords:forbidden_words", {"forbidden_words": ["no"]}, "There is no-one here.", False),
        (LETTERS, {"letter": "c", "let_frequency": 1, "let_relation": "less than"}, "Call it a day.", False),
        (LETTERS, {"letter": "!", "let_frequency": 2, "let_relation": "at least"}, "Oh! No!", True),
        (PARAGRAPHS, {"num_paragraphs": 2}, "A\n***\nB", True),
        (PARAGRAPHS, {"num_paragraphs": 2}, "***\nA\n***\nB", True),
        (PARAGRAPHS, {"num_paragraphs": 2}, "A\n***\n***\nB", False),
        (PARAGRAPHS, {"num_paragraphs": 3}, "A\n***\nB", False),
        ("combination:two_responses", {}, "A\n******\nB", True),
        ("combination:two_responses", {}, "A\n******\nA", False),
        ("combination:two_responses", {}, "******\nA", False),
    ],
)
def test_a_rule_decides_by_what_stands_in_the_pair(
    instruction: str, given: dict[str, Any], reply: str, follows: bool
) -> None:
    if letter := given.get("letter"):
        assert letter in reply.lower()
    for ours in (True, False):
        row = decisions.decide(difference(instruction, given, reply, ours=ours))
        assert row["right"] == ("ours" if ours == follows else "theirs")
        assert row["reason"]
        assert tuple(row) == decisions.FIELDS


def test_the_loose_reading_needs_one_of_the_eight_readings() -> None:
    given, reply = {"num_paragraphs": 2}, "Sure!\n***\nA\n***\nB"
    strict = decisions.decide(difference(PARAGRAPHS, given, reply, ours=True))
    loose = decisions.decide(difference(PARAGRAPHS, given, reply, ours=True, reading="loose"))
    assert (strict["right"], loose["right"]) == ("theirs", "ours")
    assert loose["reason"].startswith("reading 2 of 8: 2 paragraphs")
    assert len(second.readings(reply)) == 8


def test_what_no_rule_decides_is_left_to_a_reader() -> None:
    assert decisions.decide(difference("change_case:english_capital", {}, "PARIS", ours=True)) is None


def test_every_kept_decision_is_well_formed_and_gives_its_reason() -> None:
    kept = decisions.load()
    assert len(kept) > 100
    assert {row["rule"] for row in kept.values()} == {
        decisions.BY_HAND,
        *(f.__name__ for f in decisions.RULES.values()),
    }
    # One truth for one reading of one reply, whoever was compared.
    truths: dict[tuple[Any, ...], bool] = {}
    for where, row in kept.items():
        follows = row["ours"] if row["right"] == "ours" else row["theirs"]
        assert truths.setdefault(where[:-1], follows) is follows


def test_a_difference_without_a_decision_that_holds_is_a_problem() -> None:
    one = difference(PARAGRAPHS, {"num_paragraphs": 2}, "A\n***\nB", ours=True)
    row = decisions.decide(one)
    assert decisions.check([one], {one.where: row}) == []
    assert "no decision about ifeval/1" in decisions.check([one], {})[0]
    assert "another reply" in decisions.check([one._replace(reply="A")], {one.where: row})[0]
    assert "no longer says" in decisions.check([one], {one.where: row | {"right": "theirs"}})[0]
    by_hand = one.row("theirs", decisions.BY_HAND, "read")
    assert decisions.check([one], {one.where: by_hand}) == []


@pytest.mark.parametrize(
    "change", [{"reason": " "}, {"right": "both"}, {"rule": "words"}, {"ours": False}, {"more": 1}, {"twice": None}]
)
def test_a_malformed_decision_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    row = difference(PARAGRAPHS, {"num_paragraphs": 2}, "A\n***\nB", ours=True).row("ours", "paragraphs", "counted")
    file = tmp_path / "decisions.jsonl"
    lines = [row, row] if "twice" in change else [row | change]
    file.write_text("".join(json.dumps(each) + "\n" for each in lines))
    with pytest.raises(ValueError, match=r"decisions\.jsonl:[12]: "):
        decisions.load(file)


def test_a_file_that_is_not_the_independent_implementation_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("langdetect")
    file = tmp_path / "if_functions.py"
    file.write_text("def validate_no_commas(text): return ',' not in text\n")
    with pytest.raises(AttributeError, match="validate_"):
        foreign.independent(file)
    with pytest.raises(OSError, match=r"if_functions\.py"):
        foreign.independent(tmp_path / "nothing" / "if_functions.py")
