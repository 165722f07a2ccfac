"""Which tries go to strata that lack rows, and what becomes a row."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.trainers.data.curate import CurateConfig
from gristmill.trainers.improve.coverage.rows import rows_of
from gristmill.trainers.improve.coverage.strata import plan_wave
from tests.trainers.data.test_export import FIXED

COUNTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 8), max_size=30)


@given(COUNTS, st.integers(1, 6), st.integers(0, 400), st.integers(1, 20))
def test_a_wave_keeps_to_its_budget_and_lets_no_stratum_starve(
    rows: dict[str, int], goal: int, budget: int, tries: int
) -> None:
    plan = plan_wave(rows, goal=goal, budget=budget, tries=tries)
    lacking = {name: goal - count for name, count in rows.items() if count < goal}
    if plan is None:
        assert not lacking or not budget
        return
    assert plan.hypotheses <= budget
    assert 1 <= plan.tries <= tries
    assert set(plan.wanted) <= set(lacking), "a stratum that has its rows gets nothing"
    assert all(0 < count <= lacking[name] for name, count in plan.wanted.items())
    # Whoever could take more has as much as any other, but for the one task by which a turn stands.
    most = max(plan.wanted.values())
    assert all(plan.wanted.get(name, 0) >= min(most - 1, need) for name, need in lacking.items())
    # None is left out while the budget lasts, and what is left out is not emptier than what is not.
    if budget >= len(lacking):
        assert set(plan.wanted) == set(lacking)
    else:
        assert max(rows[name] for name in plan.wanted) <= min(rows[name] for name in lacking if name not in plan.wanted)
    # Nothing is left over that somebody could take.
    assert plan.hypotheses + plan.tries > budget or plan.wanted == lacking
    assert plan_wave(dict(reversed(rows.items())), goal=goal, budget=budget, tries=tries) == plan


@pytest.mark.parametrize("profile", ["chat", "small"])
def test_what_was_right_after_a_wrong_answer_is_a_row_of_several_turns_besides(
    profile: Literal["chat", "small"],
) -> None:
    found = [
        rows_of(
            [FIXED], held_out={}, config=CurateConfig(), accept="verified", profile=profile, reflections=reflections
        )
        for reflections in (False, True)
    ]
    plain, both = ([row["prompt"] for row in each.rows] for each in found)
    assert both[0] == plain[0]
    assert len(both) == len(plain) + 1 == 2
    assert both[1][: len(plain[0])] == plain[0], "it goes on where the bare prompt ends"
    wrong, told = both[1][len(plain[0]) :]
    assert (wrong["role"], told["role"]) == ("assistant", "user")
    assert "wrong" in wrong["content"]
    assert [row["completion"] for row in found[1].rows] == [[{"role": "assistant", "content": "right"}]] * 2
