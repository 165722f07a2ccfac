"""The laws of totals: who is stopped ranks below who gets further, and order and seeds are no part of a total."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.verifiers.code.scored.problems import score_problems
from gristmill.verifiers.code.scored.running import Evaluation
from gristmill.verifiers.code.scored.totals import Row, better, deviation, metrics_of, replicates_of, stages, total_of
from gristmill.verifiers.records import Direction, Outcome, ScoreTest, Seeds, Task

CODE = "def evaluate(candidate, instance, seed):\n    return candidate(instance)\n"
BASE: dict[str, Any] = {"entry_point": "f", "code": CODE, "direction": "maximize"}


def _test(**changes: Any) -> ScoreTest:
    return ScoreTest.model_validate(BASE | {"instances": [0, 1, 2, 3]} | changes)


def _row(place: int, score: float, replicate: int = 0) -> Row:
    return Row(place, replicate, Evaluation(Outcome.PASSED, numbers={"": score}))


def _run(test: ScoreTest, scores: list[int]) -> tuple[float, int]:
    """(total, how many stages were passed) of a candidate that has those scores."""
    rows: list[Row] = []
    passed = 0
    for places, threshold in stages(test):
        rows += [_row(place, float(scores[place])) for place in places]
        so_far = total_of(test, rows)
        if threshold is not None and better(test.direction, threshold, so_far):
            break
        passed += 1
    total = total_of(test, rows, len(scores) - len(rows))
    assert total is not None
    return total, passed


@given(
    scores=st.lists(st.lists(st.integers(-9, 9), min_size=6, max_size=6), min_size=2, max_size=2),
    thresholds=st.lists(st.integers(-9, 9), min_size=2, max_size=2),
    cut=st.integers(1, 3),
    floor=st.integers(-12, 0),
    maximize=st.booleans(),
    how=st.sampled_from(["mean", "sum", "worst"]),
)
def test_who_is_stopped_ranks_below_who_gets_further(
    scores: list[list[int]], thresholds: list[int], cut: int, floor: int, maximize: bool, how: str
) -> None:
    sign = 1 if maximize else -1
    test = _test(
        instances=list(range(6)),
        direction="maximize" if maximize else "minimize",
        total=how,
        floor=sign * floor,
        cascade=[
            {"instances": list(range(cut)), "threshold": sign * thresholds[0]},
            {"instances": list(range(cut, cut + 2)), "threshold": sign * thresholds[1]},
        ],
    )
    (one, far), (other, near) = [_run(test, each) for each in scores]
    if far > near:
        assert not better(test.direction, other, one)
        if how != "worst" and not math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12):
            assert better(test.direction, one, other)


def test_among_the_stopped_who_is_nearer_is_better() -> None:
    test = _test(floor=0.0, cascade=[{"instances": [0, 1], "threshold": 5.0}])
    (low, _), (high, _), (through, stage) = [_run(test, each) for each in ([1, 2, 9, 9], [4, 5, 9, 9], [5, 5, 0, 0])]
    assert (low, high, through, stage) == (0.75, 2.25, 2.5, 2)


def test_stages_run_public_instances_first_and_the_rest_last() -> None:
    test = _test(public=[3, 2], floor=0.0, cascade=[{"instances": [0, 3], "threshold": 1.0}])
    assert list(stages(test)) == [([3, 0], 1.0), ([2, 1], None)]
    assert list(stages(_test(public=[2]))) == [([2, 0, 1, 3], None)]


@given(st.permutations([(place, replicate) for place in range(3) for replicate in range(4)]))
def test_order_is_no_part_of_totals(order: list[tuple[int, int]]) -> None:
    test = _test(instances=[0, 1, 2], repeats=4)
    rows = [_row(place, math.sin(place + 10 * replicate), replicate) for place, replicate in order]
    ordered = sorted(rows, key=lambda row: (row.place, row.replicate))
    assert total_of(test, rows) == total_of(test, ordered)
    assert replicates_of(test, rows) == replicates_of(test, ordered)
    total, replicates = total_of(test, rows), replicates_of(test, rows)
    assert total is not None
    assert math.isclose(total, math.fsum(replicates) / 4)
    assert metrics_of(test, rows, 0) == {"spread": deviation(replicates), "repeats": 4.0}


def test_the_worst_instance_has_replicates_of_its_own() -> None:
    test = _test(instances=[0, 1], total="worst", repeats=2)
    rows = [_row(0, 1.0), _row(0, 3.0, 1), _row(1, 0.0), _row(1, 9.0, 1)]
    assert (total_of(test, rows), replicates_of(test, rows)) == (2.0, (1.0, 3.0))


def test_one_draw_has_the_same_seeds_for_all_and_another_has_others() -> None:
    test = _test(repeats=3)
    search = test.seeds(Seeds())
    assert len(set(search)) == 3
    assert all(0 <= seed < 2**32 for seed in search)
    assert test.seeds(Seeds(first=1, count=4))[:2] == search[1:]
    assert not set(search) & set(test.seeds(Seeds(draw="re-score")))
    assert search != _test(repeats=3, held_out=[9]).seeds(Seeds())
    stated = _test(repeats=3, seed=1).seeds(Seeds())
    assert stated == _test(repeats=3, seed=1, held_out=[9]).seeds(Seeds()) != search


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"code": "def evaluate(c, i):\n    return c(i)", "repeats": 2},
            "repeats: `evaluate` (code: line 1) must take",
        ),
        ({"cascade": [{"instances": [0], "threshold": 1}]}, "cascade: needs `floor`"),
        ({"floor": 1.0}, "floor: means nothing without a `cascade`"),
        ({"floor": 0, "cascade": [{"instances": [4], "threshold": 1}]}, "cascade[0].instances[0]: there is no"),
        (
            {"floor": 0, "cascade": [{"instances": [1], "threshold": 1}, {"instances": [2, 1], "threshold": 1}]},
            "cascade[1].instances[1]: instances[1] stands in cascade[0] already",
        ),
        ({"floor": 0, "cascade": [{"instances": [0, 1, 2, 3], "threshold": 1}]}, "cascade: its stages hold all"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:30],
)
def test_what_is_wrong_with_repeats_and_stages_is_said(changes: dict[str, Any], words: str) -> None:
    task = Task(id="t", kind="code", prompt="p", tests=(_test(**changes),))
    assert any(words in problem for problem in score_problems(task))
    assert task.direction is Direction.MAXIMIZE
