"""The tables of `benchmarks/programs.py`, from its rows."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Sequence
from typing import Any

from problems import packing
from problems.programs import loaded
from searching import interval

__all__ = ["at", "show"]

Row = dict[str, Any]
BASE = "(1+1) without repeats"


def at(row: Row, evaluations: int) -> tuple[float, str]:
    """The best score by so many evaluations, and its program."""
    found = [(score, source) for count, score, source in row["best"] if count <= evaluations]
    return found[-1]


def show(rows: Sequence[Row]) -> None:
    """Print what the rows say."""
    by: dict[str, dict[str, dict[int, Row]]] = {}
    for row in rows:
        by.setdefault(row["problem"], {}).setdefault(row["arm"], {})[row["seed"]] = row
    for problem, arms in by.items():
        print(f"\n{problem}")
        if problem == "packing":
            _packing(arms)
            continue
        for arm, seeds in arms.items():
            solved = [row["evaluations"] for row in seeds.values() if row["solved"]]
            took = statistics.median(solved) if solved else None
            best = statistics.median(row["best"][-1][1] for row in seeds.values())
            print(
                f"  {arm:24} solved {len(solved)} of {len(seeds)}, median of those {took} evaluations, best {best:.4g}",
                _apart(seeds, arms.get("evolve", {})) if arm != "evolve" else "",
            )


def _apart(others: dict[int, Row], ours: dict[int, Row]) -> str:
    """How much more often, and with fewer evaluations, `evolve` solved it, paired by seeds."""
    both = sorted(set(others) & set(ours))
    if not both:
        return ""
    solved = interval([ours[seed]["solved"] for seed in both], [others[seed]["solved"] for seed in both])
    best = interval([ours[seed]["best"][-1][1] for seed in both], [others[seed]["best"][-1][1] for seed in both])
    return (
        f"evolve less this: solved {solved[0]:+.2f} [{solved[1]:+.2f}, {solved[2]:+.2f}], "
        f"best {best[0]:+.3g} [{best[1]:+.3g}, {best[2]:+.3g}]"
    )


@functools.cache
def _excess(source: str, kind: str, seed: int) -> float:
    return 100 * packing.excess(loaded(source, "priority"), packing.instances(kind, seed))


def _packing(arms: dict[str, dict[int, Row]]) -> None:
    first, *others = packing.CLASSES
    print("  training, held out,", ", ".join(others), "(excess in %)")
    for name, priority in (("best fit", packing.best_fit), ("the rule, 2 and 34", packing.rule(2, 34))):
        figures = [100 * packing.excess(priority, packing.instances(kind, seed)) for kind, seed in _places()]
        print(f"  {name:24} " + ", ".join(f"{each:.2f}" for each in figures))
    for arm, seeds in arms.items():
        print(f"  {arm}, {len(seeds)} seeds")
        for evaluations in (1000, 2000, 5000, 10_000):
            ended = [row for row in seeds.values() if row["evaluations"] >= evaluations]
            if not ended:
                continue
            sources = [at(row, evaluations)[1] for row in ended]
            training, held_out, *shifted = ([_excess(each, *place) for each in sources] for place in _places())
            good = sum(one <= 0.95 and two <= 1.15 for one, two in zip(training, held_out, strict=True))
            said = ", ".join(f"{statistics.median(each):.2f}" for each in (training, held_out, *shifted))
            low, high = min(training), max(training)
            print(
                f"    by {evaluations:6}: medians {said}; training {low:.2f} to {high:.2f}; "
                f"{good} of {len(ended)} meet .95 and 1.15"
            )
        base = arms.get(BASE, {})
        both = sorted(set(base) & set(seeds))
        if arm == BASE or not both:
            continue
        for evaluations in (5000, 10_000):
            ours, theirs = ([_excess(at(of[seed], evaluations)[1], first, 1) for seed in both] for of in (seeds, base))
            mean, low, high = interval(ours, theirs)
            print(
                f"    held out less {BASE} by {evaluations}: {mean:+.2f} [{low:+.2f}, {high:+.2f}], {len(both)} pairs"
            )


def _places() -> list[tuple[str, int]]:
    first, *others = packing.CLASSES
    return [(first, 0), (first, 1), *((kind, 1) for kind in others)]
