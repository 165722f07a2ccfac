"""The problems of the side by side: one evaluator's text for all searches, its instances, and a program to begin with.

Where a known rule is near (best fit, the nearest town) the program to begin with is a poor one, so that there is
something to find.

Every score is above 0 and greater is better, so that 0 can stand for a program without one, which is what the peers'
examples do. The evaluators are written as a `score` test wants them: `evaluate(candidate, instance)`.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["PROBLEMS", "Problem"]

_BEGIN, _END = "# EVOLVE-BLOCK-START", "# EVOLVE-BLOCK-END"


class Problem(NamedTuple):
    """One problem; `rules` are those of `gristmill.graph.models.mutate`, by which the endpoint answers everybody."""

    name: str
    entry_point: str
    asked: str
    evaluator: str
    instances: list[Any]
    start: str
    rules: dict[str, Any]

    def task(self) -> dict[str, Any]:
        """As a task of ours. The program to begin with stands in the prompt, as the peers' stands in theirs."""
        test = {
            "type": "score",
            "entry_point": self.entry_point,
            "code": self.evaluator,
            "instances": self.instances,
            "direction": "maximize",
        }
        prompt = f"{self.asked}\n\nThe program to begin with:\n\n```python\n{self.start}```"
        return {"id": self.name, "kind": "code", "prompt": prompt, "tests": [test], "reference": self.start}

    def write(self, folder: Path) -> None:
        """What the peers are given: evaluator, instances, program; `plain.py` beside it reads them."""
        (folder / "problem.json").write_text(
            json.dumps({"evaluator": self.evaluator, "instances": self.instances, "entry_point": self.entry_point})
        )
        (folder / "initial.py").write_text(self.start)
        (folder / "task.jsonl").write_text(json.dumps(self.task()) + "\n")


def _start(changing: str, kept: str = "") -> str:
    return f"import math\n\n{_BEGIN}\n{changing}{_END}\n{kept}"


def _sizes(seed: int, count: int) -> list[int]:
    chance = random.Random(f"packing {seed}")
    return [max(1, min(100, round(chance.weibullvariate(45, 3)))) for _ in range(count)]


_PACKING = '''
def one(candidate, instance):
    """Items come one by one, and each goes at once into the open bin of the greatest priority that it fits into. The
    score is the least number of bins that could do, by the sum of sizes, over the number that was opened."""
    capacity, items = 100, instance
    rows = candidate.map(sorted(set(items)), [list(range(size, capacity + 1)) for size in sorted(set(items))])
    table = dict(zip(sorted(set(items)), rows))
    for size, row in table.items():
        if not isinstance(row, list) or len(row) != capacity + 1 - size:
            candidate.reject("priority must return a number for each bin")
        if not all(type(each) in (int, float) and each == each for each in row):
            candidate.reject("a priority is no number")
    left = {capacity: len(items)}
    opened = 0
    for size in items:
        best = max((room for room in left if room >= size), key=lambda room: (table[size][room - size], -room))
        opened += best == capacity
        left[best] -= 1
        if not left[best]:
            del left[best]
        left[best - size] = left.get(best - size, 0) + 1
    return (-(-sum(items) // capacity)) / opened


def evaluate(candidate, instances):
    return sum(one(candidate, each) for each in instances) / len(instances)
'''

_CIRCLES = '''
def evaluate(candidate, instance):
    """Points in the unit square; each becomes the centre of a circle that reaches to the border or half the way to
    the nearest other point, whichever is nearer. The score is the sum of all radii."""
    points = candidate()
    if not isinstance(points, list) or len(points) != instance:
        candidate.reject(f"{instance} points are wanted")
    for point in points:
        if not isinstance(point, (list, tuple)) or len(point) != 2 or not all(type(v) in (int, float) for v in point):
            candidate.reject("a point is two numbers")
        if not all(0 <= v <= 1 for v in point):
            candidate.reject("a point lies outside of the square")
    total = 0.0
    for at, (x, y) in enumerate(points):
        others = (((x - u) ** 2 + (y - v) ** 2) ** 0.5 / 2 for n, (u, v) in enumerate(points) if n != at)
        total += min(x, y, 1 - x, 1 - y, *others)
    return total
'''

_CURVE = '''
def evaluate(candidate, instance):
    """How near the returned numbers come to the wanted ones: 1 over 1 and their mean distance."""
    got = candidate.map(instance["x"])
    if not all(type(each) in (int, float) and abs(each) < 1e9 for each in got):
        candidate.reject("numbers are wanted")
    return 1 / (1 + sum(abs(one - other) for one, other in zip(got, instance["y"])) / len(got))
'''

_TOUR = '''
def one(candidate, instance):
    """A tour that goes next to the town of the greatest `worth`, which is told its distance from here, from the first
    town, and the mean distance to all that are left. The score is a known tour's length over this one's."""
    towns, known = instance["towns"], instance["known"]
    apart = lambda a, b: ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5
    here, left, length = towns[0], list(towns[1:]), 0.0
    while left:
        here_to = [apart(here, each) for each in left]
        home = [apart(towns[0], each) for each in left]
        mean = [sum(apart(each, other) for other in left) / len(left) for each in left]
        worth = candidate(here_to, home, mean)
        if not isinstance(worth, list) or len(worth) != len(left):
            candidate.reject("a number for each town is wanted")
        if not all(type(each) in (int, float) and each == each for each in worth):
            candidate.reject("a worth is no number")
        best = max(range(len(left)), key=lambda at: (worth[at], -at))
        length += here_to[best]
        here = left.pop(best)
    return known / (length + apart(here, towns[0]))


def evaluate(candidate, instances):
    return sum(one(candidate, each) for each in instances) / len(instances)
'''


_SLOW = """
import time


def evaluate(candidate, instance):
    \"\"\"How near the returned numbers come to the wanted ones, after half a second.\"\"\"
    time.sleep(0.5)
    got = candidate.map(instance["x"])
    return 1 / (1 + sum(abs(one - other) for one, other in zip(got, instance["y"])) / len(got))
"""


def _towns(seed: int, count: int = 30) -> dict[str, Any]:
    """Random towns with the length of a tour that 2-opt has made."""
    chance = random.Random(f"tour {seed}")
    towns = [[round(chance.random(), 3), round(chance.random(), 3)] for _ in range(count)]
    order = list(range(count))

    def length(tour: list[int]) -> float:
        ends = zip(tour, tour[1:] + tour[:1], strict=True)
        return sum(float(((towns[a][0] - towns[b][0]) ** 2 + (towns[a][1] - towns[b][1]) ** 2) ** 0.5) for a, b in ends)

    better = True
    while better:
        better = False
        for one in range(count - 1):
            for other in range(one + 2, count + 1):
                turned = order[:one] + order[one:other][::-1] + order[other:]
                if length(turned) < length(order) - 1e-12:
                    order, better = turned, True
    return {"towns": towns, "known": round(length(order), 6)}


def _grid(count: int) -> str:
    rows = [((each % 6 + 0.5) / 6, (each // 6 + 0.5) / 5) for each in range(count)]
    inside = "".join(f"        ({x:.3f}, {y:.3f}),\n" for x, y in rows)
    return f"def points():\n    return [\n{inside}    ]\n"


_XS = [round(-1 + each / 10 + 0.05, 3) for each in range(20)]
_CURVED = {"x": _XS, "y": [x**4 + x**3 + x**2 + x for x in _XS]}
_LITERALS = "def curve(x):\n    return 0.5 * x + 0.25 * x * x + 0.125 * x ** 3 + 0.01\n"

PROBLEMS: dict[str, Problem] = {
    each.name: each
    for each in (
        Problem(
            "packing",
            "priority",
            "Write priority(item, bins): for an item's size and the room that bins have left, a priority for each.",
            _PACKING,
            [[_sizes(seed, 400) for seed in range(5)]],
            _start(
                "def worth(item, room):\n    return room - item\n",
                "\n\ndef priority(item, bins):\n    return [worth(item, room) for room in bins]\n",
            ),
            {"functions": {"abs": 1, "min": 2, "max": 2}, "operators": ["+", "-", "*", "/"], "entry_points": ["worth"]},
        ),
        Problem(
            "circles",
            "points",
            "Write points(): 26 points of the unit square such that circles around them can be large.",
            _CIRCLES,
            [26],
            _start(_grid(26)),
            {"literals_only": True, "entry_points": ["points"]},
        ),
        Problem(
            "curve",
            "curve",
            "Write curve(x), a formula for numbers that you do not see.",
            _CURVE,
            [_CURVED],
            _start("def curve(x):\n    return x\n"),
            {
                "functions": {"math.sin": 1, "math.cos": 1},
                "operators": ["+", "-", "*", "/"],
                "entry_points": ["curve"],
            },
        ),
        Problem("slow", "curve", "Write curve(x).", _SLOW, [_CURVED], _start(_LITERALS), {"literals_only": True}),
        Problem(
            "tour",
            "worths",
            "Write worths(here, home, mean): what each town that is left is worth as the next one of a tour.",
            _TOUR,
            [[_towns(seed) for seed in range(3)]],
            _start(
                "def worth(here, home, mean):\n    return 1 - home\n",
                "\n\ndef worths(here, home, mean):\n    return [worth(*each) for each in zip(here, home, mean)]\n",
            ),
            {"functions": {"abs": 1, "min": 2, "max": 2}, "operators": ["+", "-", "*", "/"], "entry_points": ["worth"]},
        ),
    )
}
