"""Real programs found without a model: packing heuristics, cap sets, formulas; see docs/benchmarks.md.

python benchmarks/programs.py [--out FILE] [--only packing|caps|nguyen] [--parts ARM,…] [--seeds N] [--show] [--confirm]

The operators are those of `--model mutate` (and `tune`), the strategies, histories and novelty the real ones; our own
mutations of our own programs are evaluated in this process. --confirm judges the winners of packing by the sandboxed
score test of `examples/tasks/packing.yaml`, and tells what the form with a call an item costs there. Results go into a
JSONL file row by row; a second start does what is missing, and --show prints what is there. `gplearn` is run in an
environment of its own, which `benchmarks/gplearn.sh FOLDER` makes (--gplearn FOLDER).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from problems import nguyen, packing
from problems.caps import BEST, FORMS, forms, greedy, vectors
from problems.programs import Programs, loaded, written
from problems.tuning import Tuner
from program_tables import show
from searching import Found, one_plus_one, search

from gristmill.graph.models.mutate import Domain, Rules
from gristmill.graph.search.best_of import BestOf
from gristmill.graph.search.evolve import Evolve

Row = dict[str, Any]
HERE = Path(__file__).parent


class Part(NamedTuple):
    """One problem: what is begun with, what may be done, what a program is worth for a seed, and how long."""

    start: str
    rules: Rules
    judge: Callable[[int], Callable[[str], Found]]
    evaluations: int
    seeds: int
    population: int


def _packing() -> Part:
    training = packing.instances("Weibull(3)·45", 0)

    def judge(source: str) -> Found:
        return Found(-packing.excess(loaded(source, "priority"), training))

    rules = Rules(entry_points=("priority",), most_nodes=packing.MOST_NODES)
    return Part(packing.START, rules, lambda _: judge, 10_000, 10, 20)


def _caps(dimension: int, goal: int, evaluations: int, seeds: int) -> Part:
    def judge(source: str) -> Found:
        priority = loaded(source, "priority")
        size = len(greedy([priority(vector) for vector in vectors(dimension)], dimension))
        return Found(size, size >= goal)

    domain = Domain(low=0, high=2)
    rules = Rules(entry_points=("priority",), domains=dict.fromkeys(FORMS, domain))
    return Part(forms(dimension, goal % 2 == 1), rules, lambda _: judge, evaluations, seeds, 20)


def _nguyen(number: int) -> Part:
    def judge(seed: int) -> Callable[[str], Found]:
        xs, ys = nguyen.points(number, seed)

        def one(source: str) -> Found:
            off = nguyen.errors(loaded(source, "f"), xs, ys)
            return Found(-sum(off) / len(off), max(off) <= nguyen.EXACT)

        return one

    rules = Rules(
        entry_points=("f",), functions=nguyen.FUNCTIONS, operators=nguyen.OPERATORS, constants=(1,), most_nodes=150
    )
    return Part(nguyen.START, rules, judge, 20_000, 10, 50)


PARTS: dict[str, dict[str, Callable[[], Part]]] = {
    "packing": {"packing": _packing},
    "caps": {
        "n=4": lambda: _caps(4, BEST[4], 1000, 10),
        "n=6": lambda: _caps(6, 96, 1000, 5),
        "n=5": lambda: _caps(5, BEST[5], 20_000, 10),
    },
    "nguyen": {f"Nguyen-{number}": lambda number=number: _nguyen(number) for number in nguyen.FORMULAS},  # type: ignore[misc]
}
ARMS = ("evolve", "(1+1) without repeats", "best_of", "evolve and tune", "gplearn")


def run(part: Part, arm: str, seed: int) -> Row:
    """One search: what became the best and when, and what it took."""
    tuner = Tuner(part.rules) if "tune" in arm else None
    problem = Programs((part.start,), part.rules, part.judge(seed), tuner)
    if tuner is not None:
        problem.tried = tuner.add
    begun = time.process_time()
    if arm.startswith("(1+1)"):
        went = one_plus_one(problem, seed, part.evaluations, repeats=False)
    else:
        strategy = BestOf() if arm == "best_of" else Evolve(part.population, 4)
        keep = part.rules.entry_points
        went = search(strategy, problem, seed, part.evaluations, written=written, keep=keep)
    return {
        "solved": went.solved,
        "evaluations": went.evaluations,
        "refused": went.refused,
        "broken": problem.broken,
        "seconds": round(time.process_time() - begun, 1),
        "best": problem.best,
    }


def gplearn(folder: Path, number: int, seed: int, evaluations: int) -> Row:
    """The same points, functions and evaluations for gplearn, in its own environment."""
    xs, ys = nguyen.points(number, seed)
    given = json.dumps({"xs": xs, "ys": ys, "seed": seed, "evaluations": evaluations, "exact": nguyen.EXACT})
    command = [str(folder / "bin" / "python"), str(HERE / "problems" / "with_gplearn.py")]
    done = subprocess.run(command, input=given, check=True, capture_output=True, text=True)
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Run what is missing and print what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "programs.jsonl")
    parser.add_argument("--only", choices=sorted(PARTS))
    parser.add_argument("--parts", default="", help="arms and problems by name, e.g. evolve,n=5")
    parser.add_argument("--seeds", type=int, help="at most so many, in place of each problem's own number")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--gplearn", type=Path, default=Path(".gplearn"))
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--confirm", action="store_true")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    done = {(row["problem"], row["arm"], row["seed"]) for row in rows}
    wanted = {each for each in given.parts.split(",") if each}
    arms, names = [arm for arm in ARMS if not wanted & set(ARMS) or arm in wanted], wanted - set(ARMS)
    for kind in () if given.show or given.confirm else [given.only] if given.only else PARTS:
        for name, make in PARTS[kind].items():
            part = make()
            for seed in range(given.first, given.first + (given.seeds or part.seeds)):
                for arm in arms:
                    if (names and name not in names) or (name, arm, seed) in done:
                        continue
                    if (arm == "gplearn" and kind != "nguyen") or (arm == "evolve and tune" and kind == "nguyen"):
                        continue
                    if arm == "gplearn":
                        found = gplearn(given.gplearn, int(name.rpartition("-")[2]), seed, part.evaluations)
                    else:
                        found = run(part, arm, seed)
                    rows.append({"kind": kind, "problem": name, "arm": arm, "seed": seed} | found)
                    with given.out.open("a") as out:
                        out.write(json.dumps(rows[-1], ensure_ascii=False) + "\n")
                    said = {key: value for key, value in rows[-1].items() if key != "best"}
                    print(json.dumps(said, ensure_ascii=False), file=sys.stderr, flush=True)
    show(rows)
    if given.confirm:
        from confirming import confirm

        confirm(rows)


if __name__ == "__main__":
    main()
