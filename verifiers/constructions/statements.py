"""The texts and numbers of the open problems; `catalogue` makes problems of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gristmill.verifiers.records import Direction

__all__ = ["FAMILIES", "ProblemFamily"]

_AE1 = "AlphaEvolve 2025, google-deepmind/alphaevolve_results"
_AE2 = "AlphaEvolve 2025, google-deepmind/alphaevolve_repository_of_problems"
_CODE = "CodeEvolve, inter-co/science-codeevolve"
_TTT = "TTT-Discover, test-time-training/discover"
_SEVERAL = "AlphaEvolve 2025, after the radii were shrunk by 3.2e-18 to make it exactly valid"


@dataclass(frozen=True)
class ProblemFamily:
    """Problems that share an evaluator. `members` maps a problem's name to what fills the texts and the options.

    `seconds` of processor time are the evaluator's for one construction.
    """

    title: str
    statement: str
    direction: Direction
    evaluator: str
    options: tuple[str, ...]
    members: dict[str, dict[str, Any]]
    seconds: float = 60.0


MAXIMIZE, MINIMIZE = Direction.MAXIMIZE, Direction.MINIMIZE

_STEPS = "heights of a step function f with equal steps on [-1/4, 1/4]"

FAMILIES: Final = (
    ProblemFamily(
        "Circle packing in the unit square, n={count}",
        "Pack {count} circles into the unit square [0,1] x [0,1] so that the sum of their radii is as large as "
        "possible. Write `construct()`: it returns a list of {count} rows (x, y, r). The circles' interiors must be "
        "disjoint and every circle must lie in the square. Rule: where a packing breaks this, all radii are made "
        "smaller by the one least amount that makes it valid; it is refused if the smallest circle would vanish. The "
        "score is the sum of radii after that.",
        MAXIMIZE,
        "circles:in_square",
        ("count",),
        {
            "circles_26": {"count": 26, "best": "2.6359830849176", "source": _SEVERAL},
            "circles_32": {"count": 32, "best": "2.9395727712063", "source": _SEVERAL.replace("3.2e-18", "1.4e-17")},
        },
    ),
    ProblemFamily(
        "Circle packing in a rectangle of perimeter 4, n={count}",
        "Pack {count} circles into some rectangle of perimeter 4 with sides parallel to the axes, so that the sum of "
        "their radii is as large as possible. Write `construct()`: it returns a list of {count} rows (x, y, r). The "
        "circles' interiors must be disjoint; the rectangle is the smallest box around all circles. Rule: where a "
        "packing overlaps or its box's perimeter exceeds 4, all radii are made smaller by the one least amount that "
        "makes it valid; it is refused if the smallest circle would vanish. The score is the sum of radii after that.",
        MAXIMIZE,
        "circles:in_rectangle",
        ("count",),
        {"circles_rectangle_21": {"count": 21, "best": "2.3658323759108", "source": _AE2}},
    ),
    ProblemFamily(
        "Heilbronn problem in a triangle, n={count}",
        "Place {count} points in the equilateral triangle with corners (0,0), (1,0), (1/2, sqrt(3)/2) so that the "
        "smallest area of a triangle formed by three of them is as large as possible. Write `construct()`: it returns "
        "a list of {count} rows (x, y). Rule: if a point lies outside, all points are drawn towards "
        "(1/2, sqrt(3)/6) by the factor 1 - 2^-k with the largest k <= 60 that brings all inside; below k = 20 the "
        "construction is refused. The score is the smallest area divided by the big triangle's.",
        MAXIMIZE,
        "heilbronn:in_triangle",
        ("count",),
        {
            "heilbronn_triangle_11": {
                "count": 11,
                "best": "0.0365298898800301",
                "source": "AlphaEvolve 2025, after the points were contracted by 1e-16 to make it exactly valid",
            }
        },
    ),
    ProblemFamily(
        "Heilbronn problem in a convex region, n={count}",
        "Place {count} points in the plane so that the smallest area of a triangle formed by three of them, divided by "
        "the area of the convex hull of all of them, is as large as possible. Write `construct()`: it returns a list "
        "of {count} rows (x, y). The score is that quotient. Points that all lie on one line are refused.",
        MAXIMIZE,
        "heilbronn:in_convex",
        ("count",),
        {
            "heilbronn_convex_13": {"count": 13, "best": "0.0309368890348956", "source": _AE1},
            "heilbronn_convex_14": {"count": 14, "best": "0.0278355714584821", "source": _AE1},
        },
    ),
    ProblemFamily(
        "Smallest ratio of maximum to minimum distance, {count} points in dimension {dimension}",
        "Place {count} points in dimension {dimension} so that the ratio of the largest to the smallest distance "
        "between two of them is as small as possible. Write `construct()`: it returns a list of {count} rows of "
        "{dimension} coordinates. The score is the SQUARE of the ratio. Points that coincide are refused.",
        MINIMIZE,
        "distances:ratio",
        ("count", "dimension"),
        {
            "minmax_distance_16_2d": {
                "count": 16,
                "dimension": 2,
                "best": "12.889237914647687",
                "source": _CODE,
            },
            "minmax_distance_14_3d": {
                "count": 14,
                "dimension": 3,
                "best": "4.165788439124644",
                "source": _CODE,
            },
        },
    ),
    ProblemFamily(
        "Erdos minimum overlap",
        "Erdos' minimum overlap problem: find a step function h on [0, 2] with values in [0, 1] and integral 1 whose "
        "largest overlap, the maximum over k of the integral of h(x) (1 - h(x+k)), where both are defined, is as "
        "small as possible. Write `construct()`: it returns the list of the heights of n equal steps, 2 <= n <= "
        "{most}, which must sum to n/2. Rule: if the sum is too small, every 1 - h is multiplied by the rational "
        "that makes it right; if it is too large, every h is. Heights outside [0, 1] are refused. The "
        "score is the largest overlap.",
        MINIMIZE,
        "stepfunctions:overlap",
        ("most",),
        {"erdos_overlap": {"most": 5000, "best": "0.3808753232177188", "source": _TTT}},
    ),
    ProblemFamily(
        "First autocorrelation inequality",
        "Find the " + _STEPS + ", none of them negative, for which max(f*f) / (integral of f)^2 is as small as "
        "possible; f*f is the convolution of f with itself. Write `construct()`: it returns the list of heights, at "
        "most {most}. The score is that quotient. A negative height is refused.",
        MINIMIZE,
        "stepfunctions:autocorrelation_1",
        ("most",),
        {"autocorrelation_1": {"most": 60_000, "best": "1.5028628982558267", "source": _TTT}},
    ),
    ProblemFamily(
        "Second autocorrelation inequality",
        "Find the " + _STEPS + ", none of them negative, for which ||f*f||_2^2 / (||f*f||_1 ||f*f||_inf) is as "
        "large as possible; f*f is the convolution of f with itself. Write `construct()`: it returns the list of "
        "heights, at most {most}. The score is that quotient. A negative height is refused.",
        MAXIMIZE,
        "stepfunctions:autocorrelation_2",
        ("most",),
        {"autocorrelation_2": {"most": 60_000, "best": "0.9610210777840", "source": _AE2}},
    ),
    ProblemFamily(
        "Third autocorrelation inequality",
        "Find the " + _STEPS + ", which may be negative, for which {what} / (integral of f)^2 is as small as possible; "
        "f*f is the convolution of f with itself. Write `construct()`: it returns the list of heights, at most "
        "{most}. The score is that quotient. An integral of zero is refused.",
        MINIMIZE,
        "stepfunctions:autocorrelation_3",
        ("most", "absolute"),
        {
            "autocorrelation_3": {
                "most": 60_000,
                "absolute": False,
                "what": "|max(f*f)|",
                "best": "1.4556427953745406",
                "source": _AE1,
            },
            "autocorrelation_3_variant": {
                "most": 60_000,
                "absolute": True,
                "what": "max |f*f|",
                "best": "1.4687620697410219",
                "source": _AE1,
            },
        },
    ),
    ProblemFamily(
        "Sums and differences of finite sets",
        "Find a finite set U of integers >= 0 that holds 0, for which 1 + log(|U-U| / |U+U|) / log(2 max(U) + 1) is as "
        "large as possible. Write `construct()`: it returns the list of the different integers of U, at most {most} of "
        "them and none above {largest}. The score is that number; repeated or negative numbers are refused.",
        MAXIMIZE,
        "sets:sums_differences",
        ("most", "largest"),
        {
            "sums_differences": {
                "most": 60_000,
                "largest": 1_000_000_000,
                "best": "1.158417281556896",
                "source": _AE2 + "; larger values are known of sets too large to be counted here",
            }
        },
        600.0,
    ),
    ProblemFamily(
        "Sums against differences of a finite set",
        "Find a finite set A of integers for which log(|A+A| / |A|) / log(|A-A| / |A|) is as large as possible. Write "
        "`construct()`: it returns the list of A's integers, at most {most} of them, which may differ by at most "
        "{largest}; repeated ones count once. The score is that number.",
        MAXIMIZE,
        "sets:sums_differences_ratio",
        ("most", "largest"),
        {
            "sums_differences_ratio": {
                "most": 20_000,
                "largest": 100_000_000,
                "best": "1.121935737486044",
                "source": _AE2,
            }
        },
        600.0,
    ),
    ProblemFamily(
        "Kissing number in dimension {dimension}",
        "How many unit spheres can touch one unit sphere in dimension {dimension}? Find as many nonzero vectors as you "
        "can such that the smallest distance between two of them is at least the largest of their lengths. Write "
        "`construct()`: it returns the list of vectors, each of {dimension} numbers; large integers keep it exact. The "
        "score is the number of vectors. A single pair too close, and all of it is refused.",
        MAXIMIZE,
        "distances:kissing",
        ("dimension", "most"),
        {"kissing_11": {"dimension": 11, "most": 868, "best": "593", "source": _AE1}},
    ),
    ProblemFamily(
        "{count} unit hexagons in the smallest hexagon",
        "Pack {count} regular hexagons of side 1 into the smallest regular hexagon. Write `construct()`: it returns a "
        "pair: the list of {count} rows (x, y, angle) and the outer hexagon (x, y, side, angle); angles are in "
        "degrees, and at angle 0 a corner points along the x-axis. The small hexagons' interiors must be disjoint, "
        "which is decided by interval arithmetic: a pair that is not certainly disjoint is refused. Rule: if a corner "
        "sticks out, the outer side grows until none does. The score is the outer side after that.",
        MINIMIZE,
        "hexagons:in_hexagon",
        ("count",),
        {
            "hexagons_11": {"count": 11, "best": "3.9300920001", "source": _AE1},
            "hexagons_12": {"count": 12, "best": "3.9419123", "source": _AE1},
        },
    ),
    ProblemFamily(
        "Rank of the matrix multiplication tensor <{n},{m},{p}>",
        "Find an algorithm that multiplies an {n} x {m} matrix by an {m} x {p} matrix with as few multiplications as "
        "possible. Write `construct()`: it returns three factor matrices as lists of rows, of sizes ({n}*{m}) x R, "
        "({m}*{p}) x R and ({p}*{n}) x R, whose entries are integers, Fractions, floats or complex numbers; the sum "
        "over columns of their outer products must be exactly the tensor whose entry (i*{m}+j, j*{p}+k, k*{n}+i) is 1 "
        "for 0 <= i < {n}, 0 <= j < {m}, 0 <= k < {p} and whose other entries are 0. The score is R. A single wrong "
        "entry, and all of it is refused.",
        MINIMIZE,
        "tensors:multiplication",
        ("n", "m", "p", "most"),
        {
            f"matmul_{n}{m}{p}": {"n": n, "m": m, "p": p, "most": n * m * p, "best": best, "source": source}
            for n, m, p, best, source in (
                (2, 2, 2, 7, "Strassen 1969, optimal"),
                (2, 4, 5, 32, _AE1),
                (2, 4, 7, 45, _AE1),
                (2, 4, 8, 51, _AE1),
                (2, 5, 6, 47, _AE1),
                (3, 3, 3, 23, "Laderman 1976"),
                (3, 4, 6, 54, _AE1),
                (3, 4, 7, 63, _AE1),
                (3, 4, 8, 74, _AE1),
                (3, 5, 6, 68, _AE1),
                (3, 5, 7, 80, _AE1),
                (4, 4, 4, 48, _AE1 + ", complex"),
                (4, 4, 5, 61, _AE1),
                (4, 4, 7, 85, _AE1),
                (4, 5, 6, 90, _AE1),
                (5, 5, 5, 93, _AE1),
            )
        },
    ),
    ProblemFamily(
        "Cap set in dimension {dimension}",
        "Find as large a set of vectors in {{0, 1, 2}}^{dimension} as you can in which no three different ones sum to "
        "the zero vector modulo 3. Write `construct()`: it returns the list of vectors, each a list of {dimension} "
        "integers 0, 1 or 2. The score is their number. A single line or a repeated vector, and all of it is refused.",
        MAXIMIZE,
        "sets:cap_set",
        ("dimension", "most"),
        {
            "cap_set_8": {
                "dimension": 8,
                "most": 1500,
                "best": "512",
                "source": "FunSearch 2023, google-deepmind/funsearch",
            }
        },
    ),
)
