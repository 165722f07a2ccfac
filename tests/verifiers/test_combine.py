"""Laws of combinations: all of, any of, weighted behind gates."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.combine import merge_all, merge_any, merge_weighted, weighted
from gristmill.verifiers.records import Apart, Direction, Outcome, Strength, Verdict
from gristmill.verifiers.settling import SETTLED

SHARES = st.floats(0, 1)


def failed(score: float) -> Verdict:
    return Verdict(outcome=Outcome.FAILED, score=score, strength=Strength.TESTED, verifier="a/1")


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    outcome = draw(st.sampled_from(Outcome))
    score = None if outcome is Outcome.UNSCORED else 1.0 if outcome is Outcome.PASSED else draw(st.floats(0, 0.99))
    strength = draw(st.sampled_from(Strength))
    return Verdict(outcome=outcome, score=score, strength=strength, verifier=draw(st.sampled_from(["a/1", "b/2"])))


SOME = st.lists(verdicts(), min_size=1, max_size=5)


@given(SOME)
def test_all_of_passes_exactly_when_all_pass_and_is_as_weak_as_the_weakest(verdicts: list[Verdict]) -> None:
    merged = merge_all(verdicts)
    assert merged.passed == all(each.passed for each in verdicts)
    order = list(Strength)
    assert order.index(merged.strength) == max(order.index(each.strength) for each in verdicts)


@given(SOME)
def test_any_of_passes_exactly_when_one_passes_and_never_more_strongly_than_that_one(verdicts: list[Verdict]) -> None:
    merged = merge_any(verdicts)
    assert merged.passed == any(each.passed for each in verdicts)
    if merged.passed:
        assert merged.strength in {each.strength for each in verdicts if each.passed}


def waiting(verdicts: list[Verdict]) -> list[Verdict]:
    """The same, every second one still to be run together with its tests."""
    return [
        each.model_copy(update={"apart": Apart(outcome=each.outcome, score=each.score, strength=each.strength)})
        if place % 2 and each.outcome in SETTLED
        else each
        for place, each in enumerate(verdicts)
    ]


@given(SOME)
def test_a_combination_waits_only_where_what_decides_it_waits(verdicts: list[Verdict]) -> None:
    parts = waiting(verdicts)
    every, some = merge_all(parts), merge_any(parts)
    for merged, before in ((every, merge_all(verdicts)), (some, merge_any(verdicts))):
        assert merged.model_copy(update={"apart": None}) == before
        assert merged.unsettled == merged
    wrong = [each for each in parts if not each.passed and each.outcome is not Outcome.UNSCORED]
    if every.passed:
        assert every.pending == any(each.pending for each in parts)
    elif every.pending:
        assert all(each.pending for each in wrong)
    if some.passed:
        assert some.pending == all(each.pending for each in parts if each.passed)
        apart = some.apart
        assert apart is None or apart.strength is some.strength


@given(SOME, st.randoms())
def test_the_order_of_parts_changes_neither_pass_nor_score(verdicts: list[Verdict], chance: Any) -> None:
    shuffled = list(verdicts)
    chance.shuffle(shuffled)
    for merge in (merge_all, merge_any):
        assert merge(verdicts).passed == merge(shuffled).passed
        assert merge(verdicts).score == merge(shuffled).score


@given(SOME)
def test_a_combination_is_unscored_only_if_nothing_known_decides(verdicts: list[Verdict]) -> None:
    lost = any(each.outcome is Outcome.UNSCORED for each in verdicts)
    failed = any(not each.passed and each.outcome is not Outcome.UNSCORED for each in verdicts)
    passed = any(each.passed for each in verdicts)
    assert (merge_all(verdicts).outcome is Outcome.UNSCORED) == (lost and not failed)
    assert (merge_any(verdicts).outcome is Outcome.UNSCORED) == (lost and not passed)
    for merged in (merge_all(verdicts), merge_any(verdicts)):
        assert (merged.score is None) == (merged.outcome is Outcome.UNSCORED)


@given(verdicts())
def test_one_part_alone_decides_as_it_does_by_itself(one: Verdict) -> None:
    for merged in (merge_all([one]), merge_any([one])):
        assert (merged.outcome, merged.score, merged.strength) == (one.outcome, one.score, one.strength)


@given(SOME, SOME, st.data())
def test_a_weighted_mean_counts_only_behind_gates_that_all_passed(
    gates: list[Verdict], parts: list[Verdict], data: st.DataObject
) -> None:
    weights = data.draw(st.lists(st.floats(0.01, 100), min_size=len(parts), max_size=len(parts)))
    merged = merge_weighted(gates, parts, weights, 1.0)
    if not all(gate.passed for gate in gates):
        assert not merged.passed
        assert merged.score in (0.0, None)
    elif all(part.score is not None for part in parts):
        scores = [part.score or 0.0 for part in parts]
        assert merged.score is not None
        assert min(scores) <= merged.score <= max(scores)
        assert merged.passed == all(part.passed for part in parts)
    else:
        assert merged.outcome is Outcome.UNSCORED


@given(st.lists(SHARES, min_size=1, max_size=4), st.data())
def test_a_better_part_never_lowers_the_weighted_score(scores: list[float], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.floats(0.01, 100), min_size=len(scores), max_size=len(scores)))
    place = data.draw(st.integers(0, len(scores) - 1))
    better = [*scores[:place], data.draw(st.floats(scores[place], 1)), *scores[place + 1 :]]
    worse, best = (merge_weighted([], [failed(one) for one in row], weights, 1.0).score for row in (scores, better))
    assert worse is not None
    assert best is not None
    assert best >= worse - 1e-12


@pytest.mark.parametrize(
    "fields",
    [{"direction": Direction.MINIMIZE, "score": 0.5}, {"score": 1.5}, {"score": -0.1}, {"score": float("inf")}],
)
def test_scores_that_are_no_shares_are_not_mixed(fields: dict[str, Any]) -> None:
    odd = Verdict(outcome=Outcome.FAILED, strength=Strength.EXACT, verifier="program/1", **fields)
    for merge in (merge_all, merge_any):
        with pytest.raises(UserError, match="program/1"):
            merge([odd])
    with pytest.raises(UserError, match="at least one"):
        merge_all([])
    with pytest.raises(UserError, match="weight"):
        weighted({})
