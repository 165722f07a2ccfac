"""Domain-randomisation ranges that a search has found, against none, full ranges, and all of the priors.

    python benchmarks/ranges.py [--environments mountain_car,pendulum] [--searches 3] [--seeds 3] [--sandbox auto]
        [--log benchmarks/ranges.jsonl] [--table]

For each environment and search, from another seed each: a policy of the human reward is trained and swept, priors are
read off, `mutate` proposes 16 configurations in one round, each judged by one training as published, and the best is
the one found. Then all four train `--seeds` policies each from seeds that decided nothing, and are tested in 200 worlds
drawn from the priors and 200 drawn from all that the physics may sensibly be, none of which decided anything. A row is
written as soon as it is known; called again with the same log, it goes on where it was ended. `--table` only prints.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.resolve import resolve
from gristmill.graph.storage.store import Store
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers.registry import Verifiers
from gristmill.verifiers.trained.ranges.configuration import parse
from gristmill.verifiers.trained.ranges.perturbed import drawn, graded, whole, worst
from gristmill.verifiers.trained.ranges.task import ranges_task, swept
from gristmill.verifiers.trained.reward.environment import Floats, Ranges
from gristmill.verifiers.trained.reward.environments import environment
from gristmill.verifiers.trained.reward.trainer import Batch, train

WORLDS = 200
ARMS = ("found", "none", "full", "priors")
WORDS = {
    "found": "ranges found",
    "none": "no randomisation",
    "full": "full ranges",
    "priors": "uniform in the priors",
}


async def search(pool: Pool, name: str, number: int) -> dict[str, Any]:
    """One sweep and one search of 16 configurations."""
    world = environment(name)
    reward = world.baselines["human"]
    limits = Limits(wall_seconds=600, cpu_seconds=600)
    known = await swept(pool, name, reward, (1000 + number,), limits=limits)
    priors = {each.name: (each.low, each.high) for each in known.priors}
    task = ranges_task(name, reward, priors, settings={"seeds": 1}, target=1.0, limits=limits)
    config = RunConfig.of(model="mutate", strategy="best_of", hypotheses=16, rounds=1, seed=number)
    judge = Verifiers(pool, secret=f"benchmarks/ranges.py: {name}, {number}".encode())
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        async with resolve("mutate") as proposer:
            await run_campaign([task], config, name="run", store=store, proposer=proposer, verifiers=judge)
        steps = [(h, v) for h, v in store.steps("run", task.id) if v is not None and v.score is not None]
    best, verdict = max(steps, key=lambda step: step[1].score or 0.0)
    return {
        "row": "search",
        "environment": name,
        "search": number,
        "nominal": round(known.nominal, 4),
        "priors": priors,
        "published": {each.name: each.published for each in known.priors},
        "failures": {each.name: each.failures for each in known.priors},
        "admitted": {each.name: each.admitted for each in known.priors},
        "judged": len(steps),
        "score": verdict.score,
        "found": parse(best.solution or "", priors),
    }


def tested(name: str, ranges: Ranges, priors: Ranges, seed: int, number: int) -> dict[str, Any]:
    """One training, and the grade in each world, in thousandths. The reward is the environment's own, and trusted."""
    world = environment(name)
    space: dict[str, Any] = {}
    exec(world.baselines["human"], space)  # ours

    def reward(batch: Batch) -> Floats:
        made = space["reward"](batch.observation, batch.action, batch.next_observation, {})
        return np.asarray(made, dtype=np.float64)

    trained = train(reward, world, 5_000_000 + 1000 * number + seed, ranges=ranges)
    assert trained.policy is not None
    chance = np.random.default_rng([number, 1])
    worlds = {"priors": drawn(priors, WORLDS, chance), "full": drawn(whole(world), WORLDS, chance)}
    by_world = {
        where: [round(1000 * value) for value in graded(trained.policy, world, each, np.random.default_rng([seed, 2]))]
        for where, each in worlds.items()
    }
    return {"nominal": round(trained.grade, 4), "by_world": by_world}


async def work(names: list[str], searches: int, seeds: int, sandbox: str, log: Path) -> None:
    """Add the rows that the log lacks."""
    async with Pool.open(sandbox, 1) as pool:
        for number in range(searches):
            for name in names:
                rows = [row for row in read(log) if (row["environment"], row["search"]) == (name, number)]
                found = next((row for row in rows if row["row"] == "search"), None)
                if found is None:
                    found = await search(pool, name, number)
                    write(log, found)
                arms = {
                    "found": found["found"],
                    "none": {},
                    "full": whole(environment(name)),
                    "priors": found["priors"],
                }
                done = {(row["arm"], row["seed"]) for row in rows if row["row"] == "test"}
                for arm, seed in ((arm, seed) for seed in range(seeds) for arm in ARMS if (arm, seed) not in done):
                    said = await asyncio.to_thread(tested, name, arms[arm], found["priors"], seed, number)
                    key = {"row": "test", "environment": name, "search": number, "arm": arm, "seed": seed}
                    write(log, key | said)


def read(log: Path) -> list[dict[str, Any]]:
    """The rows of a log."""
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []


def write(log: Path, row: dict[str, Any]) -> None:
    """Append one."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    told = {name: value for name, value in row.items() if name != "by_world"}
    print(json.dumps(told), flush=True)


def table(rows: list[dict[str, Any]]) -> str:
    """For each environment: mean, worst tenth and nominal of each arm, with 95% intervals of a bootstrap.

    Drawn anew are searches, their trainings and their worlds, the same for all arms: the last column is what the found
    ranges are better by, world by world.
    """
    lines = []
    for name in dict.fromkeys(row["environment"] for row in rows):
        tests = [row for row in rows if row["row"] == "test" and row["environment"] == name]
        numbers = sorted({row["search"] for row in tests if _whole(tests, row["search"])})
        for where, words in (("priors", "drawn from the priors"), ("full", "drawn from all sensible physics")):
            lines += [
                f"\n| {name}, {WORLDS} worlds {words}, {len(numbers)} searches | mean | worst tenth | as it is "
                "| found is better by, in the mean | in the worst tenth |",
                "|---|---|---|---|---|---|",
            ]
            by_arm = {arm: [_values(tests, number, arm, where) for number in numbers] for arm in ARMS}
            draws = _draws(by_arm["found"])
            for arm in ARMS:
                told = [_interval(by_arm[arm], draws, each) for each in (np.mean, worst)]
                nominal = np.mean([row["nominal"] for row in tests if row["arm"] == arm and row["search"] in numbers])
                better = (
                    ["", ""]
                    if arm == "found"
                    else [_gain(by_arm["found"], by_arm[arm], draws, each) for each in (np.mean, worst)]
                )
                lines.append(f"| {WORDS[arm]} | {' | '.join(told)} | {nominal:.3f} | {' | '.join(better)} |")
    return "\n".join(lines)


def _whole(tests: list[dict[str, Any]], number: int) -> bool:
    counts = {arm: sum(row["arm"] == arm and row["search"] == number for row in tests) for arm in ARMS}
    return bool(min(counts.values()) == max(counts.values()) > 0)


def _values(tests: list[dict[str, Any]], number: int, arm: str, where: str) -> Floats:
    """(seeds, worlds)."""
    rows = sorted((row for row in tests if (row["search"], row["arm"]) == (number, arm)), key=lambda row: row["seed"])
    return np.array([row["by_world"][where] for row in rows]) / 1000


Draw = list[tuple[int, np.ndarray[Any, Any], np.ndarray[Any, Any]]]


def _draws(values: list[Floats], count: int = 2000) -> list[Draw]:
    chance = np.random.default_rng(0)

    def draw() -> Draw:
        chosen = []
        for at in chance.integers(len(values), size=len(values)):
            seeds, worlds = values[at].shape
            chosen.append((int(at), chance.integers(seeds, size=seeds), chance.integers(worlds, size=worlds)))
        return chosen

    return [draw() for _ in range(count)]


def _figure(values: list[Floats], draw: Draw, of: Any) -> float:
    """The mean over searches and trainings of a figure of the grades by world."""
    return float(np.mean([[of(row[worlds]) for row in values[at][seeds]] for at, seeds, worlds in draw]))


def _plain(values: list[Floats]) -> Draw:
    return [(at, np.arange(each.shape[0]), np.arange(each.shape[1])) for at, each in enumerate(values)]


def _interval(values: list[Floats], draws: list[Draw], of: Any) -> str:
    low, high = np.quantile([_figure(values, draw, of) for draw in draws], [0.025, 0.975])
    return f"{_figure(values, _plain(values), of):.3f} [{low:.3f}, {high:.3f}]"


def _gain(ours: list[Floats], theirs: list[Floats], draws: list[Draw], of: Any) -> str:
    low, high = np.quantile([_figure(ours, d, of) - _figure(theirs, d, of) for d in draws], [0.025, 0.975])
    plain = _figure(ours, _plain(ours), of) - _figure(theirs, _plain(theirs), of)
    return f"{plain:+.3f} [{low:+.3f}, {high:+.3f}]"


def main() -> None:
    """Add what the log lacks, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", default="mountain_car,pendulum")
    parser.add_argument("--searches", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--log", type=Path, default=Path(__file__).with_name("ranges.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the tables of the log, and train nothing")
    given = parser.parse_args()
    if not given.table:
        asyncio.run(work(given.environments.split(","), given.searches, given.seeds, given.sandbox, given.log))
    print(table(read(given.log)))


if __name__ == "__main__":
    main()
