"""The conformance kit: our strategies keep the contract, and it catches those that do not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.graph.search.base import Plan
from gristmill.graph.search.best_of import BestOf
from gristmill.graph.search.conformance import conformance, row
from gristmill.graph.search.history import Past, Place, Row
from gristmill.graph.search.reflect import Reflect
from gristmill.verifiers.records import Direction, Outcome


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    width, direction = draw(st.integers(1, 4)), draw(st.sampled_from(Direction))
    scores = st.floats(allow_nan=True, allow_infinity=True) | st.integers(0, 2).map(float)
    places = [Place(round, sample, width) for round in range(draw(st.integers(1, 4))) for sample in range(width)]
    return [
        row(
            place,
            draw(st.sampled_from(Outcome)),
            draw(scores),
            content=draw(st.sampled_from("abc")),
            direction=direction,
        )
        for place in places
        if draw(st.integers(0, 9))
    ]


@pytest.mark.parametrize("make", [BestOf, Reflect])
def test_our_strategies_keep_the_contract(make: type[BestOf | Reflect]) -> None:
    assert conformance(make) == []


@settings(deadline=None)
@given(histories())
def test_they_keep_it_over_any_history(rows: list[Row]) -> None:
    assert conformance(BestOf, [rows]) == conformance(Reflect, [rows]) == []


class Counts:
    """Takes the leaders in turn by a count of its own."""

    name = "counts"

    def __init__(self) -> None:
        self.asked = 0

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        self.asked += 1
        return Plan(parents=tuple(row.id for row in history.leaders(4)[self.asked % 2 :][:1]))


class Latest:
    """Builds on what arrived last of the earlier rounds."""

    name = "latest"

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        earlier = [row.id for at, row in history._rows.items() if at.round < place.round]
        return Plan(parents=tuple(earlier[-1:]))


class Ahead:
    """Builds on the best of all rows that are there, those of later rounds too."""

    name = "ahead"

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        best = min(history._rows.values(), key=lambda row: row.rank, default=None)
        return Plan(parents=(best.id,) if best else ())


class Hoards:
    """Keeps the best that it has ever been shown, whatever becomes of that verdict."""

    name = "hoards"

    def __init__(self) -> None:
        self.best: Row | None = None

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        if history.best and (self.best is None or history.best.rank < self.best.rank):
            self.best = history.best
        return Plan(parents=(self.best.id,) if self.best else ())


class Invents:
    """Names a parent that there is not."""

    name = "invents"

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        return Plan(parents=("task/99/0",))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (Counts, "asked again"),
        (Latest, "order in which rows arrived"),
        (Ahead, "later rounds"),
        (Hoards, "asked before"),
        (Invents, "no hypothesis of an earlier round"),
    ],
)
def test_the_kit_catches_bad_strategies(make: type[Counts | Latest | Ahead | Hoards | Invents], complaint: str) -> None:
    assert any(complaint in each for each in conformance(make))
