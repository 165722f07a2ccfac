"""Pairs of SER: what is wrong with one is told, and nothing depends on their order or on which response comes first."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.errors import UserError
from gristmill.trainers.recipes.ser.config import SerConfig
from gristmill.trainers.recipes.ser.pairs import Pair, pair_of, part, read_pairs, unique

GOOD = {"prompt": "Say yes.", "chosen": "yes", "rejected": "no"}


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"prompt": f"Say {number // 2}.", "chosen": f"{number}", "rejected": f"not {number}", **more}


def pairs(count: int) -> list[Pair]:
    return [pair_of(row(number), str(number)) for number in range(count)]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("{", "this is no JSON"),
        ("[]", "a pair is an object"),
        (GOOD | {"prompt": 3}, "`prompt` must be text"),
        (GOOD | {"chosen": " "}, "`chosen` must be text that is not empty"),
        (GOOD | {"rejected": [{"role": "assistant"}]}, "`rejected` must be text"),
        (GOOD | {"chosen": "no"}, "the two responses are the same"),
        (GOOD | {"responses": ["a", "b"]}, "not both"),
        ({"prompt": "a", "responses": ["a"]}, "`responses` must be a list of two"),
        (GOOD | {"source": 1}, "`source` must be text"),
    ],
)
def test_a_bad_pair_is_told_by_file_line_and_field(tmp_path: Path, bad: Any, problem: str) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps(GOOD) + "\n\n" + (bad if isinstance(bad, str) else json.dumps(bad)) + "\n")
    with pytest.raises(UserError) as told:
        read_pairs(file)
    assert f"{file}: line 3: " in str(told.value)
    assert problem in str(told.value)


@given(st.permutations(range(60)), st.lists(st.booleans(), min_size=60, max_size=60), st.floats(0, 0.5))
def test_the_order_of_pairs_and_of_responses_does_not_matter(
    order: list[int], turned: list[bool], noise: float
) -> None:
    config = SerConfig(share=0.4, noise=noise)
    rows = [row(number) for number in range(60)]
    other = [
        {"prompt": rows[at]["prompt"], "responses": [rows[at]["chosen"], rows[at]["rejected"]][:: -1 if flip else 1]}
        for at, flip in zip(order, turned, strict=True)
    ]
    assert {pair_of(each, "").id for each in other} == {pair_of(each, "").id for each in rows}
    shuffled = unique(pair_of(rows[at], "") for at in order)[0]
    assert part(shuffled, config) == part(unique(pairs(60))[0], config)


def test_parts_share_no_pair_and_no_prompt_is_trained_on_and_measured() -> None:
    every = unique(pairs(80))[0]
    parts = part(every, SerConfig(share=0.5, noise=0.25))
    named = [*parts.trained, *parts.calibrating, *parts.pool, *parts.held_out]
    assert sorted(named) == sorted(pair.id for pair in every)
    group = {pair.id: pair.group for pair in every}
    assert not {group[id_] for id_ in parts.held_out} & {group[id_] for id_ in named if id_ not in parts.held_out}
    assert not {group[id_] for id_ in parts.calibrating} & {group[id_] for id_ in parts.trained}
    truth = {pair.id: pair.better for pair in every}
    assert sum(truth[id_] != label for id_, label in parts.labels.items()) == parts.turned
    assert parts.turned == round(0.25 * len(parts.labels)) > 0
    assert not set(parts.labels) & {*parts.pool, *parts.held_out}


def test_which_response_comes_first_says_nothing_about_which_is_better() -> None:
    firsts = sum(pair.better or 0 for pair in pairs(400))
    assert 150 < firsts < 250


def test_doubles_and_contradictions_are_left_out_and_counted() -> None:
    unlabelled = {"prompt": "Say yes.", "responses": ["no", "yes"]}
    kept, left_out = unique([pair_of(each, "") for each in (GOOD, unlabelled, row(0), row(1))])
    assert left_out == {"doubles": 1}
    assert [pair.better is None for pair in kept] == [False] * 3
    turned = GOOD | {"chosen": "no", "rejected": "yes"}
    kept, left_out = unique([pair_of(each, "") for each in (GOOD, turned, row(0))])
    assert left_out == {"labels contradict each other": 2}
    assert len(kept) == 1


def test_the_command_names_what_is_wrong(workspace: Path, forked_gristmill: str) -> None:
    (workspace / "p.jsonl").write_text("".join(json.dumps(row(number)) + "\n" for number in range(6)))
    for arguments, problem in (
        (["p.jsonl"], "labelled pairs of 3 prompts leave"),
        (["none.jsonl"], "none.jsonl cannot be read"),
        (["p.jsonl", "--share", "2"], "--share"),
    ):
        done = subprocess.run(
            [forked_gristmill, "recipe", "ser", *arguments], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 2, done.stdout
        assert problem in " ".join(done.stderr.split())
