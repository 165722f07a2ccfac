"""A task with an evaluator of its own, as an author would write one: a knapsack, whose best is known."""

from __future__ import annotations

from typing import Any

from gristmill.verifiers.records import Task

EVALUATE = '''
def evaluate(candidate, instance):
    """The worth of the chosen items, as a share of the best that is possible."""
    weights, worths = list(instance["weights"]), list(instance["worths"])
    chosen = candidate(instance["weights"], instance["worths"], instance["room"])
    if type(chosen) is not list or not all(type(each) is int and 0 <= each < len(weights) for each in chosen):
        candidate.reject("choose places of items, as a list of integers")
    if len(set(chosen)) < len(chosen) or sum(weights[each] for each in chosen) > instance["room"]:
        candidate.reject("an item twice, or too much for the room")
    worth = sum(instance["worths"][each] for each in chosen)
    return {"share": worth / instance["best"], "items": len(chosen)}
'''
BEST = """
from itertools import combinations
def choose(weights, worths, room):
    every = [each for n in range(len(weights) + 1) for each in combinations(range(len(weights)), n)]
    fits = [each for each in every if sum(weights[i] for i in each) <= room]
    return list(max(fits, key=lambda each: sum(worths[i] for i in each)))
"""
GREEDY = """
def choose(weights, worths, room):
    chosen = []
    for place in sorted(range(len(weights)), key=lambda i: -worths[i]):
        if weights[place] <= room:
            chosen.append(place)
            room -= weights[place]
    return chosen
"""
INSTANCES: list[dict[str, Any]] = [
    {"name": "small", "weights": [5, 4, 3], "worths": [10, 8, 6], "room": 7, "best": 14},
    {"weights": [6, 5, 5], "worths": [7, 6, 6], "room": 10, "best": 12},
]
HELD_OUT: list[dict[str, Any]] = [{"weights": [9, 4, 4], "worths": [10, 6, 6], "room": 9, "best": 12}]


def task(*, reference: str | None = BEST, **changes: Any) -> Task:
    """The task, with another score test where something is changed."""
    test = {
        "type": "score",
        "entry_point": "choose",
        "code": EVALUATE,
        "instances": INSTANCES,
        "held_out": HELD_OUT,
        "direction": "maximize",
        "main": "share",
        "public": [0],
        **changes,
    }
    limits = {"wall_seconds": 5, "cpu_seconds": 5}
    row = {"id": "knapsack", "kind": "code", "prompt": "Fill it.", "tests": [test], "limits": limits}
    return Task.model_validate(row | {"reference": reference})
