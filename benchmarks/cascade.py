"""What a cascade saves: the same search by mutation with and without one, on online bin packing in real sandboxes.

    python benchmarks/cascade.py [--seeds 8] [--evaluations 60] [--backend bubblewrap] [--json FILE]

Three short instances stand before four that are ten times as long; the threshold is best fit's excess on the short ones
and one bin more. Both arms of a seed draw the same changes as long as they keep the same programs. Counted are the
processor seconds of judges and candidates as the kernel tells them, and the best program of each arm is scored on all
instances without a cascade. Results are kept by seed and arm; a second start goes on where the first was ended.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from searching import interval

from gristmill.graph.models.mutate.breeding import mutate
from gristmill.graph.models.mutate.rules import Rules
from gristmill.sandbox import Pool
from gristmill.sandbox.records import Report
from gristmill.verifiers import Task, Verifiers

SHORT, LONG, CAPACITY = 40, 400, 100
EVALUATE = """
def evaluate(candidate, instance):
    bins = []
    for item in instance["items"]:
        fitting = [place for place, room in enumerate(bins) if room >= item]
        rooms = sorted({bins[place] for place in fitting} | {100})
        said = candidate.map([item] * len(rooms), rooms)
        if not all(type(each) in (int, float) and each == each for each in said):
            candidate.reject("a priority is a number")
        worth = dict(zip(rooms, said))
        place = max([*fitting, len(bins)], key=lambda place: worth[bins[place] if place < len(bins) else 100])
        if place == len(bins):
            bins.append(100)
        bins[place] -= item
    return len(bins) / -(-sum(instance["items"]) // 100) - 1
"""
START = "def priority(item, room):\n    return room\n"
BEST_FIT = "def priority(item, room):\n    return item - room\n"
RULES = Rules(entry_points=("priority",), most_nodes=60)


class Counted(Pool):
    """Adds up what the jobs of pairs have used."""

    spent = 0.0

    async def pair(self, *jobs: Any, **how: Any) -> tuple[Report, Report]:
        """See `Pool.pair`."""
        both = await super().pair(*jobs, **how)
        self.spent += sum(each.cpu_seconds for each in both)
        return both


def task(threshold: float | None) -> Task:
    """The task, with a cascade if there is a threshold."""
    draw = random.Random(5)
    sizes = [SHORT] * 3 + [LONG] * 4
    instances = [{"items": [min(99, max(1, round(draw.weibullvariate(45, 3)))) for _ in range(n)]} for n in sizes]
    test: dict[str, Any] = {"type": "score", "entry_point": "priority", "code": EVALUATE, "instances": instances}
    test |= {"direction": "minimize"}
    if threshold is not None:
        test |= {"floor": 1.0, "cascade": [{"instances": [0, 1, 2], "threshold": threshold}]}
    row = {"id": "packing", "kind": "code", "prompt": "Pack.", "tests": [test], "reference": BEST_FIT}
    return Task.model_validate(row)


async def search(pool: Counted, asked: Task, seed: int, evaluations: int) -> dict[str, Any]:
    """One program that is changed and kept where it is no worse; nothing is evaluated twice."""
    judge, spared = Verifiers(pool), 0
    best, score = START, (await judge.verify(asked, START)).score
    before, seen = pool.spent, {START}
    for number in range(evaluations):
        chance = random.Random(f"{seed} {number}")
        for _ in range(20):
            text = mutate(best, RULES, chance.randrange(2**31), steps=chance.choice((1, 1, 2, 4))).source
            if text not in seen:
                break
        seen.add(text)
        verdict = await judge.verify(asked, text)
        spared += int(verdict.metrics.get("spared", 0))
        if verdict.score is not None and score is not None and verdict.score <= score:
            best, score = text, verdict.score
    return {"best": best, "seconds": pool.spent - before, "spared": spared}


async def main() -> None:
    """Run what is missing, and print all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--evaluations", type=int, default=60)
    parser.add_argument("--backend", default="bubblewrap")
    parser.add_argument("--json", type=Path, default=Path("cascade.json"))
    options = parser.parse_args()
    kept: dict[str, Any] = json.loads(options.json.read_text()) if options.json.exists() else {}
    plain = task(None)
    async with Counted.open(options.backend, size=1) as pool:
        fit = await Verifiers(pool).verify(plain, BEST_FIT)
        short = [fit.scores[str(place)] for place in range(3)]
        threshold = statistics.fmean(short) + 1 / 3 / (SHORT * 0.4)
        for seed in range(options.seeds):
            for arm, asked in (("all", plain), ("cascade", task(threshold))):
                if (key := f"{arm} {seed} {options.evaluations}") not in kept:
                    found = await search(pool, asked, seed, options.evaluations)
                    found["excess"] = (await Verifiers(pool).verify(plain, found["best"])).score
                    kept[key] = found
                    options.json.write_text(json.dumps(kept))
    table = Table("arm", "processor s an evaluation, median", "evaluations spared", "excess of the best, mean")
    rows: dict[str, list[dict[str, Any]]] = {
        arm: [kept[f"{arm} {seed} {options.evaluations}"] for seed in range(options.seeds)]
        for arm in ("all", "cascade")
    }
    for arm, runs in rows.items():
        each = statistics.median(run["seconds"] / options.evaluations for run in runs)
        share = sum(run["spared"] for run in runs) / (7 * options.evaluations * options.seeds)
        table.add_row(arm, f"{each:.3f}", f"{share:.0%}", f"{statistics.fmean(run['excess'] for run in runs):.4f}")
    console = Console()
    console.print(table)
    for what in ("seconds", "excess"):
        staged, whole = [run[what] for run in rows["cascade"]], [run[what] for run in rows["all"]]
        apart, low, high = interval(staged, whole)
        console.print(f"{what}, cascade − all: {apart:.4f} ({low:.4f} to {high:.4f})")
    console.print(f"best fit: {fit.score:.4f}")


if __name__ == "__main__":
    asyncio.run(main())
