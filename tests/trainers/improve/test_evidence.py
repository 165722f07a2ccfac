"""What evidence a promotion takes: e-values, the Ladder, and levels that add up to no more than was declared."""

from __future__ import annotations

from itertools import product
from math import comb, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial

from gristmill.graph.comparing import compare
from gristmill.trainers.improve.gate import GateDecision, decide, level
from gristmill.trainers.improve.gating.config import GateConfig, Mode
from gristmill.trainers.improve.gating.evidence import (
    declared_level,
    e_threshold,
    e_value,
    gamma,
    ladder_level,
    ladder_score,
)
from gristmill.trainers.improve.gating.open_ended import (
    fewest,
    open_detectable,
    open_power,
    open_round,
    open_tasks_needed,
)
from gristmill.trainers.measure.evaluation import TaskResult


def results(wins: int, losses: int, both: int, *, after: bool, tags: tuple[str, ...] = ()) -> list[TaskResult]:
    passed = [after] * wins + [not after] * losses + [True] * both
    return [TaskResult(task_id=str(n), replies=("x" * 9,), passed=(bit,), tags=tags) for n, bit in enumerate(passed)]


def decided(wins: int, losses: int, both: int, **settings: object) -> GateDecision:
    old, new = (results(wins, losses, both, after=after) for after in (False, True))
    return decide(old, new, **settings)  # type: ignore[arg-type]  # what a test names


def test_e_values_are_those_of_the_field_notes() -> None:
    assert e_value(5, 0) == pytest.approx(10.5)
    assert e_value(10, 2) == pytest.approx(9.4, abs=0.05)
    assert e_threshold(0.05, 1, 1) == pytest.approx(66, abs=0.5)
    assert e_value(100_000, 0) > 1e300  # and no overflow


def test_e_values_are_a_martingale_of_the_fair_coin_and_fall_for_worse_ones() -> None:
    for wins, losses in product(range(12), repeat=2):
        up, down = e_value(wins + 1, losses), e_value(wins, losses + 1)
        assert (up + down) / 2 == pytest.approx(e_value(wins, losses))
        assert down < up
        assert 0.4 * up + 0.6 * down <= e_value(wins, losses)


def test_whenever_one_stops_a_fair_coin_seldom_looks_like_evidence() -> None:
    # All 2^n courses at once, by the counts that have not crossed yet: Ville's bound, exactly.
    alive, crossed, needed = {(0, 0): 1.0}, 0.0, 20.0
    for _ in range(90):
        further: dict[tuple[int, int], float] = {}
        for (wins, losses), chance in alive.items():
            for there in ((wins + 1, losses), (wins, losses + 1)):
                if e_value(*there) >= needed:
                    crossed += chance / 2
                else:
                    further[there] = further.get(there, 0.0) + chance / 2
        alive = further
    assert 0.002 < crossed <= 1 / needed


@given(st.integers(0, 60), st.integers(0, 60))
def test_a_win_more_is_never_less_evidence(wins: int, losses: int) -> None:
    assert e_value(wins + 1, losses) > e_value(wins, losses) > e_value(wins, losses + 1)


@settings(max_examples=60)
@given(
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(0, 20),
    st.sampled_from(["rounds", "open", "fixed"]),
    st.integers(1, 10),
)
def test_what_loses_as_much_as_it_wins_is_never_kept(
    wins: int, losses: int, both: int, mode: Mode, rounds: int
) -> None:
    decision = decided(wins, losses, both, config=GateConfig(gate=mode), rounds=rounds, alpha=0.99)
    assert not (decision.kept and wins <= losses)
    assert not (decision.kept and decision.undecided)


@settings(max_examples=20)
@given(st.integers(1, 12), st.floats(0.001, 0.5))
def test_declared_rounds_spend_what_was_declared(rounds: int, alpha: float) -> None:
    earlier: list[GateDecision] = []
    for _ in range(rounds):
        earlier.append(decided(1, 0, 3, rounds=rounds, alpha=alpha, earlier=earlier))
    assert sum(each.level or 0 for each in earlier) == pytest.approx(alpha)
    assert sum(gamma(round_) for round_ in range(10_000)) < 1
    assert declared_level(alpha, rounds) * rounds == pytest.approx(alpha)


def test_rounds_that_are_added_are_declared_anew_and_the_reason_says_so() -> None:
    first = decided(3, 0, 3, rounds=1)
    assert first.level == 0.05
    assert level(0.05, 3, [first]) == 0.025
    second = decided(3, 0, 3, rounds=3, earlier=[first])
    assert "declared apart" in second.reason
    assert level(0.05, 3, [first, second]) == 0.025


def test_a_ladder_shares_its_level_over_all_that_it_can_have_said() -> None:
    alpha, step, spent = 0.05, 0.1, 0.0
    for queries in range(40):
        for told in range(queries + 1):
            # Every course of answers is an adapter that can be asked about.
            spent += comb(queries, told) * 11**told * ladder_level(alpha, queries, told, step)
    assert 0.8 * alpha < spent <= alpha


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_a_fixed_set_tells_nothing_but_steps(wins: int, losses: int, both: int) -> None:
    config = GateConfig(gate="fixed", gate_step=0.05)
    decision = decided(wins, losses, both, config=config)
    for share in (decision.before, decision.after):
        assert share.rate == pytest.approx(ladder_score(share.rate, 0.05))
    if not decision.kept:
        assert decision.before == decision.after
        assert (decision.delta, decision.p_value, decision.interval) == (0, 1, (-1, 1))
    elif wins + losses + both:
        assert wins - losses > 0.05 * (wins + losses + both)


def test_a_set_that_was_asked_often_is_warned_of_and_takes_more() -> None:
    config = GateConfig(gate="fixed")
    earlier = [decided(1, 0, 60, config=config)] * 12
    once, often = decided(8, 0, 60, config=config), decided(8, 0, 60, config=config, earlier=earlier)
    assert once.kept
    assert not often.kept
    assert (once.queries, often.queries) == (0, 12)
    assert "asked 12 times before" in often.reason


def test_an_open_gate_draws_until_it_knows() -> None:
    config = GateConfig(gate="open", gate_most=200)
    assert decided(2, 1, 60, config=config).undecided
    assert decided(12, 1, 60, config=config).kept
    assert not decided(2, 20, 60, config=config).undecided
    ended = decided(2, 1, 197, config=config)
    assert not ended.undecided
    assert "after all tasks" in ended.reason
    later = decided(9, 1, 60, config=config, earlier=[ended] * 9)
    assert later.undecided
    assert later.e_needed == pytest.approx(e_threshold(0.05, 9, 0))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=4),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_what_is_simulated_of_an_open_gate_is_what_it_decides(
    batches: list[tuple[int, int]], round_: int, kept: int
) -> None:
    config = GateConfig(gate="open", gate_batch=20, gate_most=80)
    no, yes = (decided(1, 0, 0, config=config, alpha=alpha) for alpha in (0.05, 0.999))
    earlier = [yes] * min(kept, round_) + [no] * (round_ - min(kept, round_))
    wins = losses = asked = 0
    for won, lost in batches:
        wins, losses, asked = wins + won, losses + lost, asked + 20
        found = decided(wins, losses, asked - wins - losses, config=config, earlier=earlier)
        if not found.undecided:
            break
    coming = iter(batches)

    def draw(_: int) -> tuple[np.ndarray, np.ndarray]:
        won, lost = next(coming)
        return np.array([won]), np.array([lost])

    needed = log(e_threshold(0.05, round_, min(kept, round_)))
    keeps, worse = fewest(80, needed), fewest(80, log(20))
    ended, took = open_round(draw, config, keeps=keeps[None], which=np.array([0]), worse=worse)
    assert (bool(ended[0]), int(took[0])) == (found.kept, asked)


def test_the_power_of_an_open_gate_is_that_of_its_e_values_and_grows_with_what_it_may_draw() -> None:
    one = GateConfig(gate="open", gate_batch=60, gate_most=60)
    enough, exact = e_threshold(0.05, 0, 0), 0.0
    for wins, losses in product(range(61), repeat=2):
        if wins + losses <= 60 and wins > losses and e_value(wins, losses) >= enough:
            exact += float(multinomial.pmf([wins, losses, 60 - wins - losses], 60, [0.25, 0.05, 0.7]))
    assert open_power(0.2, 0.3, one, 0.05).found == pytest.approx(exact, abs=0.025)  # three standard errors

    powers = [open_power(0.05, 0.17, GateConfig(gate_most=most), 0.05) for most in (320, 800, 1600)]
    assert powers[0].found < powers[1].found < powers[2].found
    assert powers[2].tasks < 1600, "what is found early draws no more"
    assert open_power(0.0, 0.17, GateConfig(), 0.05).found < 0.05 * gamma(0) + 0.01
    assert open_power(0.05, 0.17, GateConfig(), 0.05, round_=9).found < powers[2].found
    least = open_detectable(0.17, GateConfig(), 0.05)
    assert least
    assert (
        open_power(least, 0.17, GateConfig(), 0.05).found
        >= 0.8
        > open_power(least - 0.01, 0.17, GateConfig(), 0.05).found
    )
    needed = open_tasks_needed(0.1, 0.17, GateConfig(gate_batch=40), 0.05)
    assert needed
    assert open_detectable(0.17, GateConfig(gate_batch=40, gate_most=needed), 0.05) == pytest.approx(0.1, abs=0.01)
    assert open_detectable(0.17, GateConfig(gate_most=7), 0.05) is None, "seven wins are an e-value of 31.9"


def test_a_family_that_is_lost_refuses_what_is_better_in_the_whole() -> None:
    old = results(40, 0, 100, after=False, tags=("family:lists",)) + [
        TaskResult(task_id=f"t{n}", replies=("x" * 9,), passed=(True,), tags=("family:strings",)) for n in range(80)
    ]
    new = results(40, 0, 100, after=True, tags=("family:lists",)) + [
        TaskResult(task_id=f"t{n}", replies=("x" * 9,), passed=(n >= 12,), tags=("family:strings",)) for n in range(80)
    ]
    decision = decide(old, new)
    assert decision.refused
    assert not decision.kept
    assert "family:strings: -15.0 points" in decision.reason
    assert [guard.ok for guard in decision.guards] == [True, False, True]
    few = decide(old, new, config=GateConfig(gate="rounds", family_tasks=100))
    assert few.kept
    assert "too few tasks" in few.guards[1].words


def test_mcnemar_of_the_gate_is_the_one_paired_test() -> None:
    assert decided(9, 2, 40).p_value == compare([False] * 9 + [True] * 2, [True] * 9 + [False] * 2).p_better
