"""Rows by stratum: what must hold of them whatever they are."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.sandbox.errors import UserError
from gristmill.trainers.data.curation.balance import balance, strata_of

LIMITS = st.none() | st.integers(1, 6)


def made(plan: list[tuple[int, int, bool]]) -> list[dict[str, Any]]:
    """A row for each (stratum, task of it, whether it has a second stratum)."""
    return [
        {
            "task": f"{stratum}/{task}",
            "hypothesis": str(at),
            "tags": ["family:lists", f"stratum:{stratum}", *(["stratum:every"] if second else [])],
        }
        for at, (stratum, task, second) in enumerate(plan)
    ]


PLANS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), max_size=40)


@settings(deadline=None, max_examples=80)
@given(PLANS, LIMITS, st.none() | st.floats(1, 3), st.none() | st.integers(1, 30), st.integers(0, 3))
def test_bounds_hold_whatever_the_order_and_a_second_time_changes_nothing(
    plan: list[tuple[int, int, bool]], per_stratum: int | None, outweigh: float | None, size: int | None, seed: int
) -> None:
    rows = made(plan)
    how: dict[str, Any] = {"per_stratum": per_stratum, "outweigh": outweigh, "size": size, "seed": seed}
    first = balance(rows, **how)
    assert len(first.rows) + sum(first.dropped.values()) == len(rows)
    assert size is None or len(first.rows) <= size
    counts = Counter(name for row in first.rows for name in strata_of(row))
    assert counts == first.strata
    if per_stratum is not None:
        # Only what a row has beside the stratum that had room for it may be over its bound.
        assert all(count <= per_stratum for name, count in counts.items() if name != "stratum:every")
    if size is None or per_stratum is None:
        assert not (per_stratum is None and outweigh is None and size is None) or len(first.rows) == len(rows)
    if size is None:
        assert set(counts) == {name for row in rows for name in strata_of(row)}, "no stratum loses its last row"
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    names = {row["hypothesis"] for row in first.rows}
    assert {row["hypothesis"] for row in balance(shuffled, **how).rows} == names
    assert [row["hypothesis"] for row in first.rows] == sorted(names, key=int), "in the order given"
    if not any(second for _, _, second in plan):
        assert balance(first.rows, **how).rows == first.rows


def test_a_size_is_shared_out_evenly_and_over_different_tasks_first() -> None:
    rows = made([(0, task % 4, False) for task in range(20)] + [(1, 0, False), (1, 1, False), (2, 0, False)])
    even = balance(rows, size=7)
    assert even.strata == {"stratum:0": 4, "stratum:1": 2, "stratum:2": 1}
    assert even.dropped == {"over the size asked for": 16}
    assert len({row["task"] for row in even.rows if row["task"].startswith("0/")}) == 4
    assert {row["hypothesis"] for row in even.rows} != {row["hypothesis"] for row in balance(rows, size=7, seed=1).rows}
    assert balance(rows, outweigh=2).strata == {"stratum:0": 4, "stratum:1": 2, "stratum:2": 1}
    assert balance(rows, outweigh=2).dropped == {"over the bound of its stratum": 16}


def test_a_rare_stratum_does_not_lose_its_row_to_the_bound_of_a_common_one() -> None:
    rows = made([(0, 0, True), (0, 1, True), (0, 2, True), (1, 0, True)])
    kept = balance(rows, per_stratum=1)
    assert {name for name in kept.strata if kept.strata[name]} == {"stratum:0", "stratum:1", "stratum:every"}


def test_without_strata_siblings_are_one_and_all_else_is_by_task() -> None:
    assert strata_of({"task": "a", "tags": ["x", "family:lists", "combo:even/sum"]}) == ("combo:even/sum",)
    assert strata_of({"task": "a", "tags": ["family:lists"]}) == ("family:lists",)
    assert strata_of({"task": "a"}) == ("task:a",)
    with pytest.raises(UserError, match="per_stratum: must be at least 1"):
        balance([], per_stratum=0)
