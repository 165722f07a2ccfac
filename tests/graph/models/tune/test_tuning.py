"""Numbers fitted by asking and telling: the optimiser's state is what was judged, and nothing else."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.graph.models.mutate.rules import Domain, Rules
from gristmill.graph.models.tune.simplex import Point, next_point
from gristmill.graph.models.tune.skeleton import differ_in_numbers_only, skeleton

SOURCE = """
def f(x):
    # a bowl
    y = [3, 4][1]
    for i in range(10):
        y += 2.5 * x[0] - 7
    return y * -0.5 if True else 'text'
"""


def test_numbers_are_found_and_put_back_and_places_of_lists_are_none() -> None:
    form = skeleton(SOURCE, Rules())
    assert form is not None
    assert form.values == (3, 4, 2.5, 7, -0.5)
    other = form.filled(form.rounded((3.4, 4.6, -1.25, 7.5, 0.5)))
    assert "y = [3, 5][1]" in other
    assert "y += -1.25 * x[0] - 8" in other
    assert differ_in_numbers_only(SOURCE, other, Rules())
    assert not differ_in_numbers_only(SOURCE, other.replace("y * ", "y + "), Rules())
    again = skeleton(other, Rules())
    assert again is not None
    assert again.values == (3, 5, -1.25, 8, 0.5)
    assert again.filled(form.values)
    assert ast.dump(ast.parse(again.filled(form.values))) == ast.dump(ast.parse(SOURCE))


@pytest.mark.parametrize("source", ["x = 'a'", "def f(:", "x = True", "", "x = " + str([*range(80)])])
def test_a_program_without_numbers_to_fit_has_no_form(source: str) -> None:
    assert skeleton(source, Rules()) is None


def told(best: tuple[float, ...], points: dict[Point, float]) -> dict[Point, int]:
    order = sorted(set(points.values()))
    return {point: order.index(value) for point, value in points.items()}


def bowl(point: Point, best: tuple[float, ...]) -> float:
    return sum((one - two) ** 2 for one, two in zip(point, best, strict=True))


@given(best=st.tuples(st.floats(-5, 5), st.floats(-5, 5)), start=st.tuples(st.floats(-5, 5), st.floats(-5, 5)))
@settings(max_examples=4)
def test_a_bowl_is_descended_and_each_point_asked_once(best: tuple[float, ...], start: tuple[float, ...]) -> None:
    judged: dict[Point, float] = {}
    for _ in range(80):
        point = next_point(start, (0.5, 0.5), told(best, judged), lambda values: tuple(map(float, values)))
        if point is None:
            break
        assert point not in judged
        judged[point] = bowl(point, best)
    assert min(judged.values()) < max(0.01, 0.01 * bowl(start, best))


def test_the_same_history_asks_for_the_same_whatever_its_scores_scale() -> None:
    judged: dict[Point, float] = {}
    asked = []
    for _ in range(30):
        point = next_point((1.0, 2.0), (0.25, 0.5), told((0, 0), judged), lambda values: tuple(map(float, values)))
        assert point is not None
        asked.append(point)
        judged[point] = bowl(point, (0.3, -0.4))
        # A resumed run reads the same rows; and only their order counts.
        scaled = {each: 1e6 + 1e-3 * value for each, value in judged.items()}
        assert told((0, 0), scaled) == told((0, 0), judged)
    assert len(set(asked)) == 30


def test_points_asked_at_once_differ() -> None:
    rounded = lambda values: tuple(map(float, values))  # noqa: E731
    points = [next_point((1.0, 2.0), (0.25, 0.5), {}, rounded, ahead=ahead) for ahead in range(6)]
    assert points[0] == (1.0, 2.0)
    assert len(set(points)) == 6


def test_whole_numbers_settle_and_stay_whole() -> None:
    form = skeleton("k = 3\nx = 0.5\n", Rules(domains={"k": Domain(low=0, high=9)}))
    assert form is not None
    judged: dict[Point, float] = {}
    while (point := next_point((3, 0.5), (1.8, 0.1), told((), judged), form.rounded)) is not None and len(judged) < 200:
        assert isinstance(point[0], int)
        assert 0 <= point[0] <= 9
        judged[point] = abs(point[0] - 7) + abs(point[1] - 0.25)
    assert min(judged, key=lambda each: judged[each])[0] == 7
