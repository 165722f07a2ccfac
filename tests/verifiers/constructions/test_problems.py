"""Open problems are scored exactly: hand-made constructions, the published ones, and whatever breaks a constraint."""

from __future__ import annotations

import gzip
import json
import math
from collections import namedtuple
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.verifiers.constructions.catalogue import problem, problem_names
from gristmill.verifiers.constructions.guest.score import evaluate
from gristmill.verifiers.constructions.guest.stepfunctions import product
from gristmill.verifiers.constructions.guest.values import root_above, root_below
from gristmill.verifiers.records import Direction

TINY = Fraction(1, 10**9)
STRASSEN = [
    [[1, 0, 1, 0, 1, -1, 0], [0, 0, 0, 0, 1, 0, 1], [0, 1, 0, 0, 0, 1, 0], [1, 1, 0, 1, 0, 0, -1]],
    [[1, 1, 0, -1, 0, 1, 0], [0, 0, 1, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0, 1], [1, 0, -1, 0, 1, 0, 1]],
    [[1, 0, 0, 1, -1, 0, 1], [0, 1, 0, 1, 0, 0, 0], [0, 0, 1, 0, 1, 0, 0], [1, -1, 1, 0, 0, 1, 0]],
]
GRID = [(Fraction(2 * i + 1, 12), Fraction(2 * j + 1, 12), Fraction(1, 12)) for i in range(6) for j in range(6)]
BOX = [(i, j, Fraction(1, 22)) for i in range(3) for j in range(7)]
LINES = [(float(i), float(i * i)) for i in range(13)]


def judged(name: str, value: Any) -> dict[str, Any]:
    asked = problem(name)
    return evaluate(value, asked.evaluator, asked.options)


def score(name: str, value: Any) -> Fraction:
    scored = judged(name, value)
    low: Fraction
    high: Fraction
    low, high = scored["score"]
    assert low == high
    return low


def refusal(name: str, value: Any) -> str:
    scored = judged(name, value)
    assert set(scored) == {"refused"}, scored
    return str(scored["refused"])


# What follows is worth, on paper, exactly what is asserted.


def test_touching_circles_of_a_grid_are_valid_as_they_are() -> None:
    scored = judged("circles_26", GRID[:26])
    assert scored["score"] == [Fraction(26, 12)] * 2
    assert scored["repair"] == ""


def test_overlapping_circles_are_shrunk_by_the_least_amount() -> None:
    wide = [(x, y, r + TINY) for x, y, r in GRID[:26]]
    scored = judged("circles_26", wide)
    assert "made smaller" in scored["repair"]
    assert 0 <= Fraction(26, 12) - scored["score"][0] < Fraction(1, 2**100)


def test_a_circle_far_outside_is_refused_not_repaired_below_nothing() -> None:
    assert "vanish" in refusal("circles_26", [*GRID[:25], (Fraction(3), Fraction(3), Fraction(1, 100))])
    assert "negative" in refusal("circles_26", [*GRID[:25], (Fraction(1, 2), Fraction(1, 2), -TINY)])


def test_a_box_that_is_too_big_shrinks_the_circles_until_it_is_not() -> None:
    rows = [(Fraction(i, 11), Fraction(j, 11), Fraction(1, 22)) for i in range(3) for j in range(7)]
    assert score("circles_rectangle_21", rows) == Fraction(21, 22)
    wide = [(x * 8 / 3, y * 8 / 3, r) for x, y, r in rows]  # the box's sides sum to 70/33, which is 4/33 too much
    assert score("circles_rectangle_21", wide) == 21 * (Fraction(1, 22) - Fraction(1, 33))


def test_heilbronn_in_the_convex_hull_of_a_parabola() -> None:
    # Neighbours on y = x² span 1; the hull of 13 of them is a sum of such triangles: (12³ - 12) / 6 = 286.
    assert score("heilbronn_convex_13", LINES) == Fraction(1, 286)
    assert "one line" in refusal("heilbronn_convex_13", [(i, i) for i in range(13)])


def test_heilbronn_in_the_triangle_divides_by_root_three() -> None:
    rows = [(Fraction(1, 2) + Fraction(i, 100), Fraction(1, 10) + Fraction(i * i, 1000)) for i in range(11)]
    scored = judged("heilbronn_triangle_11", rows)
    low, high = scored["score"]
    area = Fraction(1, 100_000)
    assert low < high
    assert low * low <= (4 * area) ** 2 / 3 <= high * high
    assert high - low < Fraction(1, 2**100)


def test_a_point_just_outside_the_triangle_is_drawn_in_and_one_far_outside_refused() -> None:
    rows = [(Fraction(1, 2) + Fraction(i, 100), Fraction(i * i, 1000)) for i in range(11)]
    assert judged("heilbronn_triangle_11", rows)["repair"] == ""
    rows[0] = (Fraction(1, 2), -TINY)
    assert "2^-2" in judged("heilbronn_triangle_11", rows)["repair"]
    rows[0] = (Fraction(1, 2), -1000 * TINY * 10)
    assert "outside" in refusal("heilbronn_triangle_11", rows)


def test_distances_are_compared_as_squares() -> None:
    square = [(i, j) for i in range(4) for j in range(4)]
    assert score("minmax_distance_16_2d", square) == 18
    assert "the same" in refusal("minmax_distance_16_2d", [*square[:15], square[0]])


def test_kissing_counts_only_if_no_two_vectors_are_too_near() -> None:
    root = [
        [s if place == i else t if place == j else 0 for place in range(11)]
        for i in range(11)
        for j in range(i)
        for s in (1, -1)
        for t in (1, -1)
    ]
    assert score("kissing_11", root) == 220
    assert "nearer" in refusal("kissing_11", [*root, [1 + TINY, 1, *[0] * 9]])
    assert "zero" in refusal("kissing_11", [*root, [0] * 11])


def test_overlap_and_autocorrelations_of_constant_functions() -> None:
    assert score("erdos_overlap", [0.5] * 8) == Fraction(1, 2)
    assert score("autocorrelation_1", [3] * 10) == 2
    assert score("autocorrelation_2", [3] * 10) == Fraction(2, 3)
    assert score("autocorrelation_3", [-2.5] * 7) == 2
    # f = (1, -1, 1) has f∗f = 1, -2, 3, -2, 1 at whole steps.
    assert score("autocorrelation_3", [1, -1, 1]) == 18
    assert score("autocorrelation_3_variant", [-1, 3]) == Fraction(2 * 2 * 9, 4)
    assert "negative" in refusal("autocorrelation_1", [1, -1e-9])
    assert "zero" in refusal("autocorrelation_3", [1, -1])


def test_the_integral_of_an_overlap_is_made_right_from_both_sides() -> None:
    for error in (TINY, -TINY):
        scored = judged("erdos_overlap", [Fraction(1, 2) + error, Fraction(1, 2)])
        assert "made right" in scored["repair"]
        assert abs(scored["score"][0] - Fraction(1, 2)) < 10 * TINY
    assert "outside" in refusal("erdos_overlap", [1 + TINY, 0])


def test_sets_are_counted() -> None:
    conway = [0, 2, 3, 4, 7, 11, 12, 14]
    scored = judged("sums_differences_ratio", conway)
    assert (scored["facts"]["sums"], scored["facts"]["differences"]) == (26, 25)
    assert float(scored["score"][0]) == pytest.approx(math.log(26 / 8) / math.log(25 / 8), abs=1e-15)
    assert judged("sums_differences_ratio", [*conway, 14, 14])["score"] == scored["score"]
    scored = judged("sums_differences", [0, 1, 3])
    assert float(scored["score"][0]) == pytest.approx(1 + math.log(7 / 6) / math.log(7), abs=1e-15)
    assert "twice" in refusal("sums_differences", [0, 1, 1])
    assert "must be 0" in refusal("sums_differences", [1, 2])
    assert "occurs twice" in refusal("cap_set_8", [[0] * 8, [0] * 8])
    assert "on a line" in refusal("cap_set_8", [[digit, *[0] * 7] for digit in range(3)])
    assert score("cap_set_8", [[i >> k & 1 for k in range(8)] for i in range(256)]) == 256


def test_large_sets_are_counted_window_by_window_as_small_ones_are() -> None:
    from gristmill.verifiers.constructions.guest import sets

    ordered = sorted({pow(7, k, 99_991) * 3001 for k in range(400)} | {0})
    sums = {a + b for a in ordered for b in ordered}
    differences = {a - b for a in ordered for b in ordered}
    assert (sets._marked(ordered, sums=True), 2 * sets._marked(ordered, sums=False) + 1) == (
        len(sums),
        len(differences),
    )


def test_hexagons_that_touch_too_closely_are_refused_and_the_outer_one_grows() -> None:
    apart = [(3 * i, 0, 0) for i in range(11)]
    scored = judged("hexagons_11", (apart, (15, 0, 1, 0)))
    assert Fraction(16) <= scored["score"][0] < 16 + TINY
    assert "made longer" in scored["repair"]
    scored = judged("hexagons_11", (apart, (15, 0, 17, 0)))
    assert (scored["score"][0], scored["repair"]) == (17, "")
    # At angle 0 edges face up and down: hexagons one above the other touch at a distance of √3.
    for change, fits in ((TINY, True), (-TINY, False)):
        stacked = [(0, i * (root_above(Fraction(3)) + change), 0) for i in range(11)]
        assert ("score" in judged("hexagons_11", (stacked, (0, 9, 20, 0)))) is fits


def test_strassen_multiplies_and_one_wrong_entry_does_not() -> None:
    assert score("matmul_222", STRASSEN) == 7
    assert score("matmul_222", [np.array(factor) for factor in STRASSEN]) == 7
    turned = [
        [[entry * turn for entry in row] for row in factor] for factor, turn in zip(STRASSEN, (1j, -1j, 1), strict=True)
    ]
    assert score("matmul_222", turned) == 7
    for nudge in (1, 1e-9, 1e-9j):
        wrong: list[list[list[complex]]] = [[list(row) for row in factor] for factor in STRASSEN]
        wrong[1][2][3] += nudge
        assert "wrong" in refusal("matmul_222", wrong)


# Hostile values.

Row = namedtuple("Row", "x y r")
SHAPES: list[Any] = [
    None,
    3,
    "0.1",
    b"x",
    {},
    set(),
    [],
    [[]],
    [None] * 26,
    ["1"] * 26,
    {"x": 1},
    [[0.1, 0.1]] * 26,
    [(True, 0.5, 0.1)] * 26,
    [(math.nan, 0.5, 0.1)] * 26,
    [(math.inf, 0.5, 0.1)] * 26,
    [(-math.inf, 0.5, 0.1)] * 26,
    [(10**1300, 0.5, 0.1)] * 26,
    [(Fraction(1, 10**1300), 0.5, 0.1)] * 26,
    [(1j, 0.5, 0.1)] * 26,
    GRID[:25],
    GRID[:27],
    [Row(0.1, 0.1, 0.1)] * 26,
    np.array([[True] * 3] * 26),
    np.array([["a"] * 3] * 26),
    np.full((26, 3), np.nan),
    np.array(["2026"] * 26, dtype="datetime64[Y]"),
    [range(3)] * 26,
    ((1, 2),) * 10**6,
]


class Flattering(float):
    def __le__(self, other: object) -> bool:
        return True


@pytest.mark.parametrize("name", problem_names())
@pytest.mark.parametrize("value", [*SHAPES, [(Flattering(0.1), 0.1, 0.1)] * 26], ids=lambda value: repr(value)[:30])
def test_whatever_is_no_construction_is_refused_with_a_reason(name: str, value: Any) -> None:
    assert len(refusal(name, value)) > 10


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
NESTED = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4), max_leaves=12)


@given(NESTED, st.sampled_from(problem_names()))
def test_no_plain_value_makes_an_evaluator_raise(value: Any, name: str) -> None:
    assert set(judged(name, value)) in ({"refused"}, {"score", "repair", "facts"})


# Arithmetic.


@given(st.lists(st.integers(-(10**30), 10**30), min_size=1, max_size=20), st.data())
def test_products_of_polynomials_are_exact(left: list[int], data: st.DataObject) -> None:
    right = data.draw(st.lists(st.integers(-(10**9), 10**9), min_size=len(left), max_size=len(left)))
    wanted = [0] * (2 * len(left) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            wanted[i + j] += a * b
    assert product(left, right) == wanted


@given(st.fractions(min_value=0, max_value=10**9))
def test_roots_are_enclosed(value: Fraction) -> None:
    low, high = root_below(value), root_above(value)
    assert low * low <= value <= high * high
    assert high - low <= Fraction(1, 2**119)


# The published constructions.

FILES = {
    "circles26": "circles_26",
    "circles32": "circles_32",
    "circles21": "circles_rectangle_21",
    "heilbronn_triangle_11": "heilbronn_triangle_11",
    "heilbronn_convex_13": "heilbronn_convex_13",
    "heilbronn_convex_14": "heilbronn_convex_14",
    "minmax_distance_16": "minmax_distance_16_2d",
    "minmax_distance_14": "minmax_distance_14_3d",
    "erdos": "erdos_overlap",
    "autocorr1": "autocorrelation_1",
    "autocorr2": "autocorrelation_2",
    "autocorr3_variant": "autocorrelation_3_variant",
    "autocorr3_a": "autocorrelation_3",
    "sums_differences_ratio": "sums_differences_ratio",
    "sums_differences_": "sums_differences",
    "kissing": "kissing_11",
    "hexagons_11": "hexagons_11",
    "hexagons_12": "hexagons_12",
    "capset": "cap_set_8",
    "matmul": "matmul",
}
# Names are listed here so that each file is a test of its own whether or not the folder is there.
PUBLISHED = """
autocorr1_alphaevolve_v1 autocorr1_alphaevolve_v2 autocorr1_human_208 autocorr1_thetaevolve autocorr1_thetaevolve_200
autocorr1_ttt_discover autocorr2_alphaevolve_v1 autocorr2_alphaevolve_v2 autocorr2_codeevolve autocorr2_thetaevolve
autocorr2_ttt_discover autocorr3_alphaevolve autocorr3_variant_alphaevolve autocorr3_variant_thetaevolve
capset_n8_512_funsearch circles21_rectangle_alphaevolve_v1 circles21_rectangle_alphaevolve_v2
circles21_rectangle_codeevolve circles26_alphaevolve_v1 circles26_alphaevolve_v2 circles26_codeevolve
circles26_shinkaevolve circles26_thetaevolve_formal circles26_thetaevolve_tolerance_1e-6 circles32_alphaevolve_v1
circles32_alphaevolve_v2 circles32_codeevolve erdos_overlap_alphaevolve erdos_overlap_haugland_2016
erdos_overlap_ttt_discover heilbronn_convex_13_alphaevolve heilbronn_convex_14_alphaevolve
heilbronn_triangle_11_alphaevolve hexagons_11_alphaevolve hexagons_12_alphaevolve kissing_11_593_alphaevolve
matmul_245_rank32_alphaevolve matmul_247_rank45_alphaevolve matmul_248_rank51_alphaevolve matmul_256_rank47_alphaevolve
matmul_333_rank23_alphaevolve matmul_346_rank54_alphaevolve matmul_347_rank63_alphaevolve matmul_348_rank74_alphaevolve
matmul_356_rank68_alphaevolve matmul_357_rank80_alphaevolve matmul_444_rank48_alphaevolve matmul_445_rank61_alphaevolve
matmul_447_rank85_alphaevolve matmul_456_rank90_alphaevolve matmul_555_rank93_alphaevolve
minmax_distance_14_3d_alphaevolve minmax_distance_14_3d_codeevolve minmax_distance_16_2d_alphaevolve
minmax_distance_16_2d_codeevolve sums_differences_2003_alphaevolve sums_differences_ratio_alphaevolve
""".split()
REPAIRED = {
    "circles21_rectangle_codeevolve": "2.3658323751355796",
    "circles26_alphaevolve_v2": "2.6359830849176067",
    "circles26_codeevolve": "2.6359822126377410",
    "circles26_thetaevolve_tolerance_1e-6": "2.6359815012408991",
    "circles32_alphaevolve_v2": "2.9395727712063225",
    "circles32_codeevolve": "2.9395726568332591",
    "erdos_overlap_alphaevolve": "0.3809230351084502",
    "erdos_overlap_haugland_2016": "0.3809268534330870",
    "erdos_overlap_ttt_discover": "0.3808753232177187",
    "heilbronn_triangle_11_alphaevolve": "0.0365298898800301216",
}


def published(folder: Path, stem: str) -> tuple[str, Any, dict[str, Any]]:
    """The problem of a file, its construction as a program would return it, and its exact check."""
    path = folder / "constructions" / f"{stem}.json"
    data = path.read_bytes() if path.exists() else gzip.decompress(path.with_suffix(".json.gz").read_bytes())
    row = json.loads(data)
    name = next(kind for start, kind in FILES.items() if stem.startswith(start))
    name = f"matmul_{stem.split('_')[1]}" if name == "matmul" else name
    return name, construction(row["data"]), row["exact_check"]


def construction(data: dict[str, Any]) -> Any:
    for key in ("circles_x_y_r", "points", "heights", "vectors", "set"):
        if key in data:
            return data[key]
    if "factors" in data:
        return [
            [
                [complex(re, im) / factor["denominator"] for re, im in zip(*rows, strict=True)]
                if "im" in factor
                else [Fraction(re, factor["denominator"]) for re in rows[0]]
                for rows in zip(factor["re"], factor.get("im", factor["re"]), strict=True)
            ]
            for factor in data["factors"]
        ]
    return data["inner_x_y_angle_degrees"], [*data["outer_center"], data["outer_side"], data["outer_angle_degrees"]]


@pytest.mark.parametrize("stem", PUBLISHED)
def test_published_constructions_score_their_exact_value_or_are_repaired(shared_data: Path, stem: str) -> None:
    agrees(*published(shared_data, stem), REPAIRED.get(stem))


@pytest.mark.slow
def test_a_set_of_54265_numbers_is_counted_exactly(shared_data: Path) -> None:
    agrees(*published(shared_data, "sums_differences_54265_alphaevolve"), None)


def agrees(name: str, value: Any, check: dict[str, Any], repaired: str | None) -> None:
    scored = judged(name, value)
    wanted = Fraction(repaired or check["value"])
    last_digit = Fraction(1, 10 ** len((repaired or check["value"]).partition(".")[2]))
    assert bool(scored["repair"]) is not check["valid"]
    if repaired and name.startswith("circles"):
        # The published repair rounds its amount up; the rule's least amount is a little better, never worse.
        assert -last_digit <= scored["score"][0] - wanted < Fraction(1, 10**6)
    elif repaired and name.startswith("heilbronn"):
        assert abs(scored["score"][0] - wanted) < Fraction(1, 10**15)
    else:
        assert all(abs(end - wanted) <= last_digit for end in scored["score"])
    for metric, fact in (("sums", "sumset_size"), ("differences", "difference_set_size")):
        if fact in check:
            assert scored["facts"][metric] == check[fact]


CONSTRAINED = [stem for stem in PUBLISHED if not stem.startswith(("minmax", "heilbronn_convex", "sums", "autocorr"))]
FREE = [stem for stem in PUBLISHED if stem.startswith(("minmax", "heilbronn_convex", "autocorr"))]


def nudged(name: str, value: Any) -> Any:
    """The construction with one coordinate pushed past its constraint by 1e-9."""
    if name.startswith("circles"):
        rows = [[Fraction(part) for part in row] for row in value]
        (x, y, _), *others = rows
        rows[0][2] = min(root_below((x - u) ** 2 + (y - v) ** 2) - s for u, v, s in others) + TINY
        return rows
    if name.startswith("heilbronn"):
        lowest = min(range(len(value)), key=lambda place: value[place][1])
        return [[x, -TINY if place == lowest else y] for place, (x, y) in enumerate(value)]
    if name == "erdos_overlap":
        return [-TINY, *value[1:]]
    if name == "kissing_11":
        return nearer(value)
    if name.startswith("hexagons"):
        inner, (x, y, _, angle) = value
        needed = judged(name, (inner, (x, y, 1, angle)))["score"][1]
        return inner, (x, y, needed - TINY, angle)
    if name.startswith("matmul"):
        first = [list(row) for row in value[0]]
        first[0][0] = first[0][0] + (1e-9 if isinstance(first[0][0], complex) else TINY)
        return [first, *value[1:]]
    return [[*value[0][:-1], value[0][-1] + 1e-9], *value[1:]]


def nearer(vectors: list[list[int]]) -> list[list[int]]:
    """Vectors whose nearest two were brought together, along one axis, by 1e-9 of their length."""
    places = np.array(vectors, dtype=np.float64)
    squares = (places**2).sum(1)
    gaps = squares[:, None] + squares[None, :] - 2 * places @ places.T + np.diag(np.full(len(places), np.inf))
    one, other = np.unravel_index(int(gaps.argmin()), gaps.shape)
    axis = int(np.abs(places[one] - places[other]).argmax())
    moved = [list(row) for row in vectors]
    way = 1 if moved[other][axis] > moved[one][axis] else -1
    moved[one][axis] += way * 10**5  # vectors are 10¹³ long, and this file's margin is 3e-13 of that
    return moved


@pytest.mark.parametrize("stem", CONSTRAINED)
def test_one_coordinate_past_its_constraint_is_refused_or_repaired(shared_data: Path, stem: str) -> None:
    name, value, _ = published(shared_data, stem)
    scored = judged(name, nudged(name, value))
    if "score" in scored:
        assert scored["repair"]
        if name.startswith("circles"):
            total = sum(Fraction(row[2]) for row in nudged(name, value))
            assert scored["score"][0] <= total - len(value) * TINY / 2


@pytest.mark.third
@pytest.mark.parametrize("stem", FREE)
def test_where_nothing_is_constrained_a_moved_coordinate_changes_the_score(shared_data: Path, stem: str) -> None:
    name, value, _ = published(shared_data, stem)
    moved: list[Any] = [list(row) if isinstance(row, list) else row for row in value]
    before = judged(name, value)["score"]
    if name.startswith("autocorrelation"):
        largest = max(range(len(moved)), key=lambda place: moved[place])
        moved[largest] = Fraction(moved[largest]) + TINY
        assert judged(name, moved)["score"] != before
        if name != "autocorrelation_3" and name != "autocorrelation_3_variant":
            smallest = min(range(len(moved)), key=lambda place: moved[place])
            moved[smallest] = -TINY
            assert "negative" in refusal(name, moved)
        return
    changed = []
    for place in range(len(moved)):
        moved[place][0] = Fraction(moved[place][0]) + TINY
        changed.append(judged(name, moved)["score"] != before)
        moved[place][0] -= TINY
    # Only points at an extreme distance, or at a corner of the smallest triangle, decide.
    assert any(changed)


def test_best_known_values_are_reached_by_the_published_constructions(shared_data: Path) -> None:
    reached = set()
    for stem in PUBLISHED:
        name, value, _ = published(shared_data, stem)
        scored, asked = judged(name, value), problem(name)
        low, high = scored["score"]
        if (low >= asked.best_known) if asked.direction is Direction.MAXIMIZE else (high <= asked.best_known):
            reached.add(name)
    assert set(problem_names()) - reached <= {"sums_differences", "matmul_222"}
