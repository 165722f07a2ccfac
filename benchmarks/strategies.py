"""The search strategies against problems of which the answer is known; see docs/benchmarks.md.

python benchmarks/strategies.py [ROW…] [--json FILE] [--seeds N] [--show]

Rows: k-module, trap, quality-diversity, bandit, novelty. Results are kept by row, arm and seed in a JSON file as they
come; a second start goes on where the first was ended, and --show prints what is there. `quality-diversity` needs
`ribs`, in an environment of its own that is made once (--ribs FOLDER).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from novel_copies import planted
from searching import Found, Solution, interval, one_plus_one, quantile, search

from gristmill.graph.search.archive import Axis
from gristmill.graph.search.bandit import Bandit
from gristmill.graph.search.best_of import BestOf
from gristmill.graph.search.evolve import Evolve
from gristmill.graph.search.novelty import Novelty
from gristmill.graph.search.pareto import Pareto
from gristmill.graph.search.reflect import Reflect
from gristmill.graph.search.registry import strategy
from gristmill.graph.search.rows import Place
from gristmill.graph.search.tree import Tree

Arm = Callable[[int], Any]
"""From a seed to what is kept of it, in JSON."""


class Modules:
    """k-module: four modules, each one of five; the score says how many are right, and not which."""

    modules, options = 4, 5

    def __init__(self, seed: int) -> None:
        chance = random.Random(f"modules {seed}")
        self.wanted = tuple(chance.randrange(self.options) for _ in range(self.modules))

    def fresh(self, chance: random.Random) -> Solution:
        return tuple(chance.randrange(self.options) for _ in range(self.modules))

    def changed(self, solution: Solution, operator: str, chance: random.Random) -> Solution:
        at = chance.randrange(self.modules)
        others = [option for option in range(self.options) if option != solution[at]]
        return (*solution[:at], chance.choice(others), *solution[at + 1 :])

    def crossed(self, one: Solution, other: Solution, chance: random.Random) -> Solution:
        return sliced(one, other, chance)

    def evaluate(self, solution: Solution) -> Found:
        right = sum(a == b for a, b in zip(solution, self.wanted, strict=True))
        return Found(right / self.modules, right == self.modules)


class Traps:
    """Six deceptive traps of five bits each: all ones are worth 5, else the fewer ones the more, up to 4."""

    def __init__(self, cross: Callable[[Solution, Solution, random.Random], Solution]) -> None:
        self._cross = cross

    def fresh(self, chance: random.Random) -> Solution:
        return tuple(chance.randint(0, 1) for _ in range(30))

    def changed(self, solution: Solution, operator: str, chance: random.Random) -> Solution:
        at = chance.randrange(30)
        return (*solution[:at], 1 - solution[at], *solution[at + 1 :])

    def crossed(self, one: Solution, other: Solution, chance: random.Random) -> Solution:
        return self._cross(one, other, chance)

    def evaluate(self, solution: Solution) -> Found:
        ones = [sum(solution[at : at + 5]) for at in range(0, 30, 5)]
        score = sum(5 if each == 5 else 4 - each for each in ones)
        return Found(score, score == 30)


def sliced(one: Solution, other: Solution, chance: random.Random) -> Solution:
    """A slice of the second in the place of the first's."""
    begin, end = sorted(chance.sample(range(len(one) + 1), 2))
    return (*one[:begin], *other[begin:end], *one[end:])


def mixed(one: Solution, other: Solution, chance: random.Random) -> Solution:
    """Each element of either, by chance: the control, which breaks up what belongs together."""
    return tuple(a if chance.random() < 0.5 else b for a, b in zip(one, other, strict=True))


DIMENSIONS, CELLS, SIGMA = 10, 20, 0.2
EVALUATIONS = 10_000


class Sphere:
    """The negated sphere, worth 0 to 100 within [-2, 2], by its first two coordinates; what `ribs` is measured on."""

    def fresh(self, chance: random.Random) -> Solution:
        return tuple(chance.gauss(0, SIGMA) for _ in range(DIMENSIONS))

    def changed(self, solution: Solution, operator: str, chance: random.Random) -> Solution:
        return tuple(value + chance.gauss(0, SIGMA) for value in solution)

    def crossed(self, one: Solution, other: Solution, chance: random.Random) -> Solution:
        """Along the line between both, as `ribs`' IsoLineEmitter does."""
        along = chance.gauss(0, 0.2)
        return tuple(a + chance.gauss(0, 0.01) + along * (b - a) for a, b in zip(one, other, strict=True))

    def evaluate(self, solution: Solution) -> Found:
        worth = 100 * (1 - sum(value * value for value in solution) / (4 * DIMENSIONS))
        return Found(worth, features=(solution[0], solution[1]))


def elites_worth(cells: Mapping[Any, float]) -> float:
    """The quality-diversity score: what all elites are worth together."""
    return sum(cells.values())


def sphere(seed: int) -> float:
    """Quality-diversity score of `evolve` with the two features declared."""
    axes = (Axis("x", -2, 2, CELLS), Axis("y", -2, 2, CELLS))
    cells: dict[tuple[int, int], float] = {}

    def heard(_: int, row: Any) -> None:
        cell = (axes[0].bin(row.features[0]), axes[1].bin(row.features[1]))
        cells[cell] = max(cells.get(cell, float("-inf")), row.score)

    search(Evolve(100, 1, axes), Sphere(), seed, EVALUATIONS, novelty=False, heard=heard)
    return elites_worth(cells)


RIBS = f"""
import sys, warnings
warnings.simplefilter("ignore")
import numpy
from ribs.archives import GridArchive
from ribs.emitters import GaussianEmitter, IsoLineEmitter
from ribs.schedulers import Scheduler
seed, emitter = int(sys.argv[1]), sys.argv[2]
grid = GridArchive(solution_dim={DIMENSIONS}, dims=[{CELLS}, {CELLS}], ranges=[(-2, 2), (-2, 2)], seed=seed)
begun = numpy.random.default_rng(seed).normal(0, {SIGMA}, (100, {DIMENSIONS}))
settings = dict(initial_solutions=begun, batch_size=100, seed=seed)
if emitter == "iso":
    emitter = IsoLineEmitter(grid, iso_sigma=0.01, line_sigma=0.2, **settings)
else:
    emitter = GaussianEmitter(grid, sigma={SIGMA}, **settings)
scheduler = Scheduler(grid, [emitter])
for _ in range({EVALUATIONS} // 100):
    asked = scheduler.ask()
    worth = 100 * (1 - (asked**2).sum(1) / (4 * {DIMENSIONS}))
    scheduler.tell(worth, asked[:, :2])
print(float(grid.data("objective").sum()))
"""


def ribs(folder: Path, emitter: str) -> Arm:
    """What `ribs` comes to at as many evaluations, in an environment of its own."""

    def arm(seed: int) -> float:
        python = folder / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "-q", "ribs==0.12.0"], check=True)
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            [str(python), "-c", RIBS, str(seed), emitter], check=True, capture_output=True, text=True, env=env
        )
        return float(done.stdout.split()[-1])

    return arm


ARMS_OF_A_BANDIT = {
    "clear": [(0.9, 1.0, 1.0), (0.6, 1.0, 1.5), (0.5, 1.0, 1.0), (0.2, 1.0, 1.0)],
    "dear": [(0.6, 1.0, 1.0), (0.8, 1.0, 3.0), (0.3, 1.0, 1.0), (0.1, 1.0, 0.5)],
    "rare": [(0.4, 1.0, 1.0), (0.6, 1.0, 3.0), (0.2, 1.0, 1.0), (0.05, 1.0, 0.5)],
}
"""(chance of a gain, its mean size, cost) of each arm."""


def bandit(kind: str) -> Arm:
    """(share of the best arm in the last 100 of 300 pulls, pulls until 8 of 10 are on the new best after a swap)."""

    def arm(seed: int) -> tuple[float, int]:
        table, chance = list(ARMS_OF_A_BANDIT[kind]), random.Random(f"{kind} {seed}")
        learner, names, hits, recent = Bandit(), "abcd", 0, []

        def rate(at: int) -> float:
            likely, size, cost = table[at]
            return likely * size / cost

        for pull in range(600):
            if pull == 300:
                best, worst = max(range(4), key=rate), min(range(4), key=rate)
                table[best], table[worst] = table[worst], table[best]
            best = max(range(4), key=rate)
            at = names.index(learner.choose(names, chance))
            likely, size, cost = table[at]
            learner.add(names[at], size * chance.uniform(0.5, 1.5) if chance.random() < likely else 0.0, cost)
            hits += 200 <= pull < 300 and at == best
            if pull >= 300:
                recent.append(at == best)
                if sum(recent[-10:]) >= 8:
                    return hits / 100, pull - 299
        return hits / 100, 301

    return arm


def rows(folder: Path) -> dict[str, tuple[int, dict[str, Arm]]]:
    """(seeds, arms) of every row."""

    def modules(make: Callable[[], Any]) -> Arm:
        return lambda seed: search(make(), Modules(seed), seed, 1000).evaluations

    def traps(make: Callable[[], Any], cross: Any = sliced) -> Arm:
        def arm(seed: int) -> tuple[bool, int]:
            went = search(make(), Traps(cross), seed, EVALUATIONS)
            return went.solved, went.evaluations

        return arm

    def simple(repeats: bool, problem: Callable[[int], Any], most: int) -> Callable[[int], Any]:
        return lambda seed: one_plus_one(problem(seed), seed, most, repeats=repeats)

    def trap_alone(repeats: bool) -> Arm:
        def arm(seed: int) -> tuple[bool, int]:
            went = simple(repeats, lambda _: Traps(sliced), EVALUATIONS)(seed)
            return went.solved, went.evaluations

        return arm

    return {
        "k-module": (
            200,
            {
                "(1+1)": lambda seed: simple(True, Modules, 1000)(seed).evaluations,
                "(1+1) without repeats": lambda seed: simple(False, Modules, 1000)(seed).evaluations,
                "best_of": modules(BestOf),
                "reflect": modules(Reflect),
                "tree": modules(Tree),
                "evolve": modules(Evolve),
                "pareto": modules(Pareto),
                "auto": modules(lambda: strategy("auto")),
            },
        ),
        "trap": (
            30,
            {
                "(1+1)": trap_alone(True),
                "(1+1) without repeats": trap_alone(False),
                "best_of": traps(BestOf),
                "evolve, population 200, slices": traps(lambda: Evolve(200)),
                "evolve, population 200, uniform": traps(lambda: Evolve(200), mixed),
            },
        ),
        "quality-diversity": (
            10,
            {
                "evolve": sphere,
                "ribs, Gaussian": ribs(folder, "gaussian"),
                "ribs, iso-line": ribs(folder, "iso"),
            },
        ),
        "bandit": (1000, {kind: bandit(kind) for kind in ARMS_OF_A_BANDIT}),
        "novelty": (1, {f"likeness {likeness}": copies(likeness) for likeness in (1.0, 0.95)}),
    }


def copies(likeness: float) -> Arm:
    """(planted copies, caught, different programs, refused) among real programs: see `novel_copies`."""

    def arm(seed: int) -> tuple[int, int, int, int]:
        index = Novelty(likeness)
        originals, renamed, different = planted(seed)
        for number, each in enumerate(originals):
            index.add(f"original/{number}", Place(0, number, len(originals)), each)
        later = Place(1, 0, len(originals))
        caught = sum(index.neighbour(each, later) is not None for each in renamed)
        wrong = sum(index.neighbour(each, later) is not None for each in different)
        return len(renamed), caught, len(different), wrong

    return arm


def show(kept: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Print what is kept."""
    for row, arms in kept.items():
        print(f"\n{row}")
        for name, by_seed in arms.items():
            seeds = sorted(by_seed, key=int)
            values = [by_seed[seed] for seed in seeds]
            print(f"  {name:34} {described(row, values)}", end="")
            base = arms.get("(1+1)", {})
            both = [seed for seed in seeds if seed in base]
            if row in ("k-module", "trap") and name != "(1+1)" and both:
                ours, theirs = ([_evaluations(of[each]) for each in both] for of in (by_seed, base))
                mean, low, high = interval(ours, theirs)
                print(f"  against (1+1): {mean:+.1f} [{low:+.1f}, {high:+.1f}] evaluations", end="")
            print()


def _evaluations(value: Any) -> float:
    return float(value[1] if isinstance(value, list | tuple) else value)


def _interval_of_95(values: list[Any]) -> tuple[float, float]:
    """The bootstrap interval, of 95%, of the quantile of .95: 200 seeds say little about it."""
    chance = random.Random(0)
    found = sorted(quantile(chance.choices(values, k=len(values)), 0.95) for _ in range(1000))
    return found[25], found[974]


def described(row: str, values: list[Any]) -> str:
    """The figures of one arm."""
    count = len(values)
    match row:
        case "k-module":
            low, high = _interval_of_95(values)
            nearly = f"{quantile(values, 0.95):g} [{low:g}, {high:g}]"
            return f"{count} seeds: median {statistics.median(values):g}, 95% {nearly}"
        case "trap":
            solved = sum(bool(each[0]) for each in values)
            evaluations = [each[1] for each in values if each[0]] or [EVALUATIONS]
            return f"solved {solved} of {count}, median of those {statistics.median(evaluations):g} evaluations"
        case "quality-diversity":
            return f"{count} seeds: median {statistics.median(values):.0f}, {min(values):.0f} to {max(values):.0f}"
        case "bandit":
            late, back = [each[0] for each in values], [each[1] for each in values]
            return (
                f"{count} seeds: late pulls on the best {statistics.mean(late):.0%}, median "
                f"{statistics.median(late):.0%}, recovery median {statistics.median(back):g}, "
                f"90% {quantile(back, 0.9):g}"
            )
        case _:
            planted, caught, different, wrong = map(sum, zip(*values, strict=True))
            return (
                f"{caught} of {planted} copies caught ({caught / planted:.1%}), {wrong} of {different} others refused"
            )


def main() -> None:
    """Run what is asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*")
    parser.add_argument("--json", type=Path, default=Path("strategies.json"))
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--arms", default="", help="only arms whose name contains this")
    parser.add_argument("--ribs", type=Path, default=Path(".ribs"))
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    kept: dict[str, dict[str, dict[str, Any]]] = json.loads(given.json.read_text()) if given.json.exists() else {}
    every = rows(given.ribs.resolve())
    for row in () if given.show else given.rows or every:
        seeds, arms = every[row]
        for name, arm in arms.items():
            if given.arms not in name:
                continue
            begun = time.monotonic()
            for seed in range(given.seeds or seeds):
                done = kept.setdefault(row, {}).setdefault(name, {})
                if str(seed) in done:
                    continue
                done[str(seed)] = arm(seed)
                partial = given.json.with_suffix(".part")
                partial.write_text(json.dumps(kept))
                partial.replace(given.json)
            print(f"{row}: {name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    show(kept)


if __name__ == "__main__":
    main()
