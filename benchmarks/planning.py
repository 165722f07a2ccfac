"""What a plan costs as a history grows: processor ms at 1,000 and 10,000 hypotheses; see docs/benchmarks.md.

python benchmarks/planning.py [--sizes 1000 10000] [--strategies NAME…]

A sphere of ten dimensions is searched in this process by the real strategy, four hypotheses a round. The rows that this
gives are then told to a new history, round by round, as a run does it, and each place is planned: what is measured is
to fold the rows of a round and to plan its places, by the place, over the last 100 rounds before a size.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from searching import Found, Solution, search
from strategies import Sphere

from gristmill.graph.search.base import draw, folds_of
from gristmill.graph.search.history import History
from gristmill.graph.search.registry import strategy
from gristmill.graph.search.rows import Place, Row, Scores

WIDTH, LOOKED_AT = 4, 100
_NAMES = tuple(f"x{at}" for at in range(5))


class Instances(Sphere):
    """The same sphere, each of five coordinates an instance of its own, so that there is a front."""

    def evaluate(self, solution: Solution) -> Found:
        """Its score, and those of the instances."""
        scores = Scores(_NAMES, tuple(-value * value for value in solution[: len(_NAMES)]))
        return super().evaluate(solution)._replace(scores=scores)


def planned(name: str, sizes: Sequence[int]) -> list[float]:
    """Processor ms a place before each size."""
    rows: list[Row] = []
    problem = Instances()
    search(strategy(name), problem, 1, max(sizes), width=WIDTH, novelty=False, heard=lambda _, row: rows.append(row))
    chosen = strategy(name)
    history, spent = History(folds_of(chosen)), []
    for first in range(0, len(rows), WIDTH):
        begun = time.process_time()
        past = history.upto(Place(first // WIDTH, 0, WIDTH))
        for sample in range(WIDTH):
            place = Place(first // WIDTH, sample, WIDTH)
            chosen.plan(past, place, draw(1, "task", place))
        spent.append(1000 * (time.process_time() - begun) / WIDTH)
        for row in rows[first : first + WIDTH]:
            history.add(row)
    ends = [size // WIDTH for size in sizes]
    return [sum(spent[end - LOOKED_AT : end]) / LOOKED_AT for end in ends]


def main() -> None:
    """A row for each strategy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, default=[1000, 10_000])
    known = ["best_of", "reflect", "tree", "evolve", "pareto", "auto"]
    parser.add_argument("--strategies", nargs="+", choices=known, default=known)
    given = parser.parse_args()
    for name in given.strategies:
        ms = planned(name, given.sizes)
        said = " | ".join(f"{each:.3f}" for each in ms)
        print(f"| `{name}` | {said} | {ms[-1] / ms[0]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
