"""What the model may label: scales, statuses, filters with reasons, and the refusal to go on."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.trainers.recipes.ser.config import SerConfig, Status
from gristmill.trainers.recipes.ser.labelling import Labelling, Rewards, Scale, calibrate, label_pool, misses

SEEN = {f"c{number}": number % 2 for number in range(40)}


def rewards_of(seen: dict[str, int], gap: float, centre: float = 7.0, wrong: int = 0) -> dict[str, Rewards]:
    """A model that is right about all but the first `wrong`."""
    found: dict[str, Rewards] = {}
    for number, (id_, better) in enumerate(seen.items()):
        first = better if number < wrong else 1 - better
        found[id_] = (centre + gap * (first - 0.5), centre - gap * (first - 0.5))
    return found


def labelling(pool: dict[str, Rewards], **more: Any) -> Labelling:
    given_: dict[str, Any] = {
        "pool": list(pool),
        "seen": SEEN,
        "before": {},
        "truth": {},
        "config": SerConfig(),
        "factor": None,
    }
    return label_pool(0, pool | rewards_of(SEEN, 2.0, wrong=4), **(given_ | more))


def test_a_scale_finds_the_centre_and_how_sure_the_model_may_be() -> None:
    pairs = rewards_of(SEEN, 2.0, centre=7.0, wrong=10)
    scale = calibrate(list(pairs.values()), list(SEEN.values()))
    assert scale.centre == pytest.approx(7.0)
    # 30 of 40 right, and one of each added: the most likely confidence is 31 of 42.
    assert 1 / (1 + math.exp(-scale.factor * 2.0)) == pytest.approx(31 / 42)
    assert calibrate(list(rewards_of(SEEN, 2.0, wrong=30).values()), list(SEEN.values())).factor == 0.0
    assert calibrate([(1.0, 1.0)] * 3, [0, 1, 0]).factor == 0.0


@given(st.floats(-50, 50), st.floats(0.1, 20))
def test_a_shift_and_a_stretch_of_all_rewards_change_no_score(shift: float, stretch: float) -> None:
    pairs = [*rewards_of(SEEN, 2.0, wrong=7).values(), (3.0, 9.0)]
    right = [*SEEN.values(), 1]
    other = [(stretch * one + shift, stretch * two + shift) for one, two in pairs]
    for pair, moved in zip(pairs, other, strict=True):
        was, now = calibrate(pairs, right).scores(pair), calibrate(other, right).scores(moved)
        assert now == pytest.approx(was, abs=1e-6)


@pytest.mark.parametrize(
    ("scores", "one", "two"),
    [
        ((0.56, 0.44), None, "further apart"),
        ((0.45, 0.9), "not below 0.45", None),
        ((0.55, 0.2), "not above 0.55", None),
        ((0.2, 0.1), "not above", "further apart"),
        ((0.5, 0.5), "not above", "further apart"),
    ],
)
def test_the_rules_are_the_published_ones_and_say_why_not(scores: Rewards, one: str | None, two: str | None) -> None:
    for status, reason in ((1, one), (2, two)):
        said = misses(scores, Status(), status)
        assert said is None if reason is None else reason in str(said)


def test_status_one_yields_plain_pairs_then_status_two_the_rest_then_none() -> None:
    plain = {f"p{number}": (8.0, 6.0) for number in range(6)}
    both_good = {f"g{number}": (10.0, 7.2) for number in range(6)}  # both above the centre: no matter for status 1
    close = {"close": (7.01, 7.0)}
    pool = plain | both_good | close
    first = labelling(pool)
    assert first.status == 1
    assert set(first.labels) == set(plain)
    assert first.rejected == {
        "the better one's score is not above 0.55": 1,
        "the worse one's score is not below 0.45": 6,
    }
    second = labelling(pool, before=first.labels)
    assert second.status == 2
    assert set(second.labels) == {*plain, *both_good}
    assert (second.added, second.swapped, second.returned) == (6, 0, 0)
    third = labelling(pool, before=second.labels)
    assert third.status is None
    assert third.labels == second.labels


def test_a_pair_that_is_ranked_the_other_way_is_swapped_and_one_in_doubt_goes_back() -> None:
    pool = {f"p{number}": (8.0, 6.0) for number in range(6)} | {"doubt": (7.01, 7.0)}
    found = labelling(pool, before={"p0": 1, "p1": 1, "p2": 1, "p3": 1, "p4": 0, "doubt": 0})
    assert (found.status, found.swapped, found.added, found.returned) == (1, 4, 1, 1)
    assert found.labels == {f"p{number}": 0 for number in range(6)}


def test_a_model_that_knows_nothing_labels_nothing() -> None:
    pool = {f"p{number}": (8.0, 6.0) for number in range(50)}
    found = label_pool(
        0,
        pool | rewards_of(SEEN, 2.0, wrong=20),
        pool=list(pool),
        seen=SEEN,
        before={},
        truth={},
        config=SerConfig(),
        factor=None,
    )
    assert found.status is None
    assert not found.labels
    assert found.scale == Scale(centre=7.0, factor=0.0)


def test_the_filter_keeps_better_pairs_than_it_rejects_and_than_a_random_one() -> None:
    chance = random.Random(0)
    truth = {f"p{number:03d}": chance.randrange(2) for number in range(400)}
    pool = {}
    for id_, better in truth.items():
        gap = chance.gauss(1.0, 1.5) * (1 if better == 0 else -1)
        pool[id_] = (7 + gap / 2, 7 - gap / 2)
    config = SerConfig()
    mine = labelling(pool, truth=truth)
    drawn = labelling(pool, truth=truth, config=config.model_copy(update={"filter": "random"}))
    every = labelling(pool, truth=truth, config=config.model_copy(update={"filter": "none"}))
    assert 0 < len(mine.labels) == len(drawn.labels) < len(every.labels) == 400
    assert sum(mine.rejected.values()) == 400 - len(mine.labels) > 0
    sure, any_ = mine.precision["all"].share, every.precision["all"].share
    assert sure is not None
    assert any_ is not None
    assert sure > any_ + 0.05
    assert sure > (drawn.precision["all"].share or 1.0)


@given(st.permutations([f"p{number}" for number in range(20)]), st.sampled_from(["confident", "random", "none"]))
def test_the_order_of_the_pool_does_not_matter(order: list[str], filter_: str) -> None:
    pool = {f"p{number}": (7 + number / 5, 7 - number / 9) for number in range(20)}
    config = SerConfig.model_validate({"filter": filter_})
    shuffled = {id_: pool[id_] for id_ in order}
    before = {"p3": 1, "p19": 1}
    assert labelling(shuffled, before=before, config=config) == labelling(pool, before=before, config=config)
