"""What a program bred without a model costs: processor time of `mutate` and `cross`, by the size of the parent.

python benchmarks/breeding.py [--count 200]
"""

from __future__ import annotations

import argparse
import ast
import time

from gristmill.graph.models.mutate import NothingToChangeError, Rules, cross, mutate
from gristmill.graph.models.mutate.places import size

START = "def priority(item, room):\n    left = room - item\n    return -left\n"


def grown(nodes: int, seed: int) -> str:
    """A program of about so many nodes, by mutation."""
    source = START
    rules = Rules(entry_points=("priority",), most_nodes=nodes)
    for step in range(2000):
        try:
            child = mutate(source, rules, seed + step, steps=2).source
        except NothingToChangeError:
            continue
        if size(ast.parse(child)) > size(ast.parse(source)):
            source = child
        if size(ast.parse(source)) > 0.95 * nodes:
            break
    return source


def main() -> None:
    """Measure, and print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    count = parser.parse_args().count
    print("nodes of the parent: ms of the processor for a mutation, for a crossing")
    for nodes in (30, 100, 400):
        one, two = grown(nodes, 1), grown(nodes, 10_000)
        rules, took = Rules(entry_points=("priority",)), []
        for crossing in (False, True):
            begun = time.process_time()
            for seed in range(count):
                if crossing:
                    cross(one, two, rules, seed)
                else:
                    mutate(one, rules, seed)
            took.append(1e3 * (time.process_time() - begun) / count)
        print(f"{size(ast.parse(one))}: {took[0]:.1f}, {took[1]:.1f}")


if __name__ == "__main__":
    main()
