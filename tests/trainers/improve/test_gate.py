"""The gate: only what is better beyond noise passes it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.trainers.improve.gate import decide
from gristmill.trainers.measure.evaluation import TaskResult, share_of
from gristmill.verifiers.records import Strength

Passed = bool | None


def results(passed: Sequence[Passed]) -> list[TaskResult]:
    return [TaskResult(task_id=str(place), replies=("",), passed=(value,)) for place, value in enumerate(passed)]


pairs = st.lists(st.tuples(st.sampled_from([True, False, None]), st.sampled_from([True, False, None])), max_size=80)


@given(pairs)
def test_a_kept_adapter_is_better_and_its_numbers_agree(pairs: list[tuple[Passed, Passed]]) -> None:
    decision = decide(results([old for old, _ in pairs]), results([new for _, new in pairs]))
    scored = [(old, new) for old, new in pairs if old is not None and new is not None]
    wins = sum(bool(new) and not old for old, new in scored)
    losses = sum(bool(old) and not new for old, new in scored)
    assert decision.delta == pytest.approx((wins - losses) / len(scored) if scored else 0)
    assert decision.interval[0] <= decision.delta + 1e-9
    assert decision.delta <= decision.interval[1] + 1e-9
    if decision.kept:
        assert wins > losses
        assert decision.p_value <= 0.05


@given(pairs)
def test_swapping_the_two_never_keeps_both(pairs: list[tuple[Passed, Passed]]) -> None:
    before, after = results([old for old, _ in pairs]), results([new for _, new in pairs])
    assert not (decide(before, after).kept and decide(after, before).kept)


def test_a_lucky_step_is_noise() -> None:
    decision = decide(results([False] * 4 + [True] * 20), results([True] * 4 + [True] * 20))
    assert not decision.kept
    assert "noise" in decision.reason


def test_a_clear_step_is_kept() -> None:
    assert decide(results([False] * 12 + [True] * 8), results([True] * 20)).kept


def test_the_decision_says_what_strength_it_rests_on() -> None:
    def of(strengths: Sequence[Strength | None]) -> list[TaskResult]:
        return [
            TaskResult(task_id=str(place), replies=("",), passed=(each is not None,), strengths=(each,))
            for place, each in enumerate(strengths)
        ]

    none = [None] * 6
    decision = decide(of([Strength.TESTED, *none]), of([Strength.TESTED, *[Strength.TOGETHER] * 6]), accept="together")
    assert decision.kept
    assert decision.strengths == (("tested", 1, 1), ("together", 0, 6))
    assert decision.accept == "together"
    assert "6 `together` (0 before), which prove less than `tested`" in decision.reason
    tested = decide(of([Strength.TESTED, *none]), of([Strength.TESTED] * 7))
    assert tested.strengths == (("tested", 1, 7),)
    assert "`" not in tested.reason


def test_the_same_model_is_not_kept() -> None:
    same = results([True, False] * 30)
    decision = decide(same, same)
    assert not decision.kept
    assert decision.p_value == 1.0


def test_other_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="same tasks"):
        decide(results([True]), results([True, False]))


def test_unscored_is_not_wrong() -> None:
    share = share_of(results([True, None, None, False]))
    assert (share.passed, share.total, share.unscored) == (1, 2, 2)


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_the_interval_holds_the_share(passed: list[bool]) -> None:
    share = share_of(results(list(passed)))
    assert 0 <= share.low <= share.rate <= share.high <= 1


@given(st.integers(1, 12), st.data())
def test_pass_at_k_is_the_chance_that_k_drawn_samples_hold_a_pass(samples: int, data: st.DataObject) -> None:
    from itertools import combinations

    passed = tuple(data.draw(st.lists(st.booleans(), min_size=samples, max_size=samples)))
    k = data.draw(st.integers(1, samples))
    result = TaskResult(task_id="t", replies=("",) * samples, passed=passed)
    drawn = [any(chosen) for chosen in combinations(passed, k)]
    assert share_of([result], k).passed == pytest.approx(sum(drawn) / len(drawn))
