"""Replicates go where they decide who is the best: laws of the race, and what it finds under noise."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from gristmill.graph.judging.racing import interval, race

Values = dict[str, list[float]]


def raced(worth: dict[str, list[float]], most: int) -> tuple[list[str], Values]:
    """The order, and the values that were asked for."""
    found: Values = {each: [] for each in worth}
    wanted, order = race(list(worth), found, most)
    while wanted:
        for each in wanted:
            assert each.number == len(found[each.hypothesis])
            found[each.hypothesis].append(worth[each.hypothesis][each.number])
        wanted, order = race(list(worth), found, most)
    return order, found


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 120))
def test_a_race_orders_all_and_stays_within_its_bound(seed: int, count: int, most: int) -> None:
    chance = random.Random(seed)
    worth = {str(place): [chance.gauss(0, 1) for _ in range(400)] for place in range(count)}
    order, found = raced(worth, most)
    assert sorted(order) == sorted(worth)
    # One of each in every round is the least that a race can do.
    assert sum(map(len, found.values())) <= max(most, 3 * count)
    lengths = [len(found[each]) for each in order]
    assert lengths == sorted(lengths, reverse=True)


@given(st.integers(0, 2**32), st.integers(2, 9), st.data())
def test_a_race_goes_on_where_it_was_cut_off(seed: int, count: int, data: st.DataObject) -> None:
    chance = random.Random(seed)
    worth = {str(place): [chance.gauss(place / 4, 1) for _ in range(400)] for place in range(count)}
    order, found = raced(worth, 12 * count)
    kept = {each: values[: data.draw(st.integers(0, len(values)))] for each, values in found.items()}
    wanted, again = race(list(worth), kept, 12 * count)
    while wanted:
        for each in wanted:
            kept[each.hypothesis].append(worth[each.hypothesis][each.number])
        wanted, again = race(list(worth), kept, 12 * count)
    assert (again, kept) == (order, found)


@given(st.integers(0, 2**32), st.integers(-3, 3), st.integers(-1000, 1000))
def test_the_unit_of_a_score_plays_no_part(seed: int, scale: int, shift: int) -> None:
    chance = random.Random(seed)
    worth = {str(place): [float(chance.randrange(1000)) for _ in range(100)] for place in range(5)}
    moved = {each: [value * 2.0**scale + shift for value in values] for each, values in worth.items()}
    assert raced(worth, 60)[0] == raced(moved, 60)[0]


def test_what_has_no_score_by_some_seed_is_never_first() -> None:
    order, _ = raced({"breaks": [9.0, -math.inf] * 50, "stands": [1.0] * 100}, 24)
    assert order == ["stands", "breaks"]


def test_the_best_of_noisy_ones_wins_more_often_than_by_one_look() -> None:
    by_race = by_one = 0
    for seed in range(300):
        chance = random.Random(seed)
        truth = {str(place): place / 10 for place in range(8)}
        worth = {each: [mean + chance.gauss(0, 0.5) for _ in range(100)] for each, mean in truth.items()}
        by_race += raced(worth, 96)[0][0] in ("6", "7")
        by_one += max(worth, key=lambda each: worth[each][0]) in ("6", "7")
    assert by_race > by_one + 60


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(2000):
        chance = random.Random(seed)
        bounds = interval([chance.gauss(3, 2) for _ in range(2 + seed % 20)])
        assert bounds is not None
        held += bounds[0] <= 3 <= bounds[1]
    assert 0.93 < held / 2000 < 0.97


@given(st.lists(st.floats(allow_nan=False, width=64), max_size=6))
def test_an_interval_is_of_numbers_or_there_is_none(values: list[float]) -> None:
    bounds = interval(values)
    assert bounds is None or (math.isfinite(bounds[0]) and bounds[0] <= bounds[1])
