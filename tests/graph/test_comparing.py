"""The one paired test: what it says of passes and scores, and what it says beforehand of so many tasks."""

from __future__ import annotations

import itertools
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.graph.comparing import compare, detectable, power, tasks_needed

bits = st.lists(st.tuples(st.sampled_from([True, False, None]), st.sampled_from([True, False, None])), max_size=60)


@settings(max_examples=50)
@given(bits)
def test_the_other_way_round_is_the_mirror_image(pairs: list[tuple[bool | None, bool | None]]) -> None:
    olds, news = [old for old, _ in pairs], [new for _, new in pairs]
    there, back = compare(olds, news), compare(news, olds)
    assert (there.wins, there.losses, there.ties, there.left_out) == (back.losses, back.wins, back.ties, back.left_out)
    assert there.difference == pytest.approx(-back.difference)
    assert there.p_different == pytest.approx(back.p_different)
    assert there.interval[0] - 1e-9 <= there.difference <= there.interval[1] + 1e-9
    assert there == compare(olds, news)


def test_mcnemar_is_the_sum_over_all_ways_the_coins_can_fall() -> None:
    for wins, losses in itertools.product(range(6), repeat=2):
        found = compare([False] * wins + [True] * losses + [True], [True] * wins + [False] * losses + [True])
        falls = [sum(each) for each in itertools.product((0, 1), repeat=wins + losses)]
        assert found.p_better == pytest.approx(sum(fall >= wins for fall in falls) / len(falls))
        assert found.test == "McNemar, exact"


def test_several_replies_of_one_task_are_not_as_many_tasks() -> None:
    alone = compare([False] * 40, [True] * 30 + [False] * 10)
    of_four = compare([False] * 40, [True] * 30 + [False] * 10, tasks=[str(place // 10) for place in range(40)])
    assert (of_four.n, of_four.tasks, of_four.test) == (40, 4, "Wilcoxon signed-rank")
    assert alone.p_better < 1e-8 < 0.05 < of_four.p_better
    assert of_four.interval[0] < alone.interval[0]


def test_scores_are_ranked() -> None:
    better = compare([float(place) for place in range(20)], [place + 0.1 * place for place in range(20)])
    assert better.test == "Wilcoxon signed-rank"
    assert better.p_better < 0.001
    assert better.ties == 1
    assert better.difference == pytest.approx(0.95)
    with pytest.raises(ValueError, match="not finite"):
        compare([1.0], [float("nan")])
    with pytest.raises(ValueError, match="cannot be paired"):
        compare([True], [])


def test_nothing_to_compare_says_nothing() -> None:
    found = compare([None, True], [True, None])
    assert (found.n, found.left_out, found.p_better, found.interval) == (0, 2, 1.0, (-1.0, 1.0))


def test_power_is_what_all_outcomes_together_say() -> None:
    n, gain, discordance, alpha = 9, 0.3, 0.5, 0.05
    win, loss = (discordance + gain) / 2, (discordance - gain) / 2
    found = 0.0
    for wins, losses in itertools.product(range(n + 1), repeat=2):
        if wins + losses <= n:
            ways = comb(n, wins) * comb(n - wins, losses)
            after = [True] * wins + [False] * losses
            if compare([not value for value in after], after).p_better <= alpha:
                found += ways * win**wins * loss**losses * (1 - discordance) ** (n - wins - losses)
    assert power(n, gain, discordance, alpha) == pytest.approx(found)


def test_gate_sizes_are_those_of_the_field_notes() -> None:
    assert power(96, 0.07, 0.17) == pytest.approx(0.43, abs=0.005)
    assert power(240, 0.07, 0.17) > 0.8
    assert power(320, 0.07, 0.17, 0.05 / 3) > 0.8
    assert tasks_needed(0.07, 0.17, 0.05 / 3) == 319
    assert tasks_needed(0, 0.2) is None


@settings(max_examples=25)
@given(st.integers(5, 400), st.floats(0, 1))
def test_what_is_detectable_is_found_and_what_is_less_is_not(n: int, discordance: float) -> None:
    least = detectable(n, discordance)
    assert least is not None
    assert power(n, least, max(least, discordance)) >= 0.8
    assert power(n, 0.98 * least, max(0.98 * least, discordance)) < 0.8
    assert detectable(4, discordance) is None


def test_a_gain_that_too_few_differing_tasks_cannot_make_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a discordance"):
        power(100, 0.2, 0.1)
