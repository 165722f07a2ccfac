"""What the human and the sparse reward of each environment come to, at the environment's own training, over seeds.

    python benchmarks/rewards.py [--seeds 3] [--environments hopper,reacher] [--log benchmarks/rewards.jsonl] [--table]

A row is written as soon as a policy is trained; called again with the same log, it goes on where it was ended, and
several may run side by side. Seconds are of the processor, of one thread, evaluation and a process's start within.
The environments of gymnasium need the extra ``control``. ``--table`` trains nothing and prints what the log has.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from gristmill.verifiers.trained.reward.environment import Floats
from gristmill.verifiers.trained.reward.environments import environment_spec
from gristmill.verifiers.trained.reward.trainer import Batch, RewardFunction
from gristmill.verifiers.trained.reward.training import train_policy

CONTROL = ("reacher", "hopper", "lunar_lander", "swimmer", "half_cheetah", "bipedal_walker")
NUMPY = ("mountain_car", "mountain_car_continuous", "acrobot", "pendulum", "swing_up")
REWARDS = ("human", "sparse")


def reward_of(source: str) -> RewardFunction:
    """A baseline, which is ours, as the trainer calls it."""
    names: dict[str, Any] = {}
    exec(source, names)

    def reward(batch: Batch) -> Floats:
        made = names["reward"](batch.observation, batch.action, batch.next_observation, {})
        return np.asarray(made, dtype=np.float64)

    return reward


def spent() -> float:
    """Seconds of the processor so far, those of processes that have ended within."""
    return sum(os.times()[:4])


def rows_of(log: Path) -> list[dict[str, Any]]:
    """What the log has."""
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []


def row(name: str, reward: str, seed: int) -> dict[str, Any]:
    """Train one policy."""
    world, before = environment_spec(name), spent()
    policy = train_policy(reward_of(world.baselines[reward]), world, seed)
    return {
        "environment": name,
        "reward": reward,
        "seed": seed,
        "grade": round(policy.grade, 4),
        "checkpoints": [round(mark.grade, 3) for mark in policy.checkpoints],
        "steps": world.training.steps,
        "seconds": round(spent() - before, 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """By environment: the mean grade of each reward, its range over seeds, and steps a second of the processor."""
    lines = ["| environment | steps | steps a second and core | human | sparse |", "|---|---|---|---|---|"]
    for name in (*NUMPY, *CONTROL):
        own = [each for each in rows if each["environment"] == name]
        if not own:
            continue
        cells = []
        for reward in REWARDS:
            grades = [each["grade"] for each in own if each["reward"] == reward]
            found = f"{fmean(grades):.2f} ({min(grades):.2f} to {max(grades):.2f}, {len(grades)})" if grades else "–"
            cells.append(found)
        speed = sum(each["steps"] for each in own) / sum(each["seconds"] for each in own)
        lines.append(f"| `{name}` | {own[0]['steps']:,} | {speed:,.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Train what the log lacks, seed by seed over all environments, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--environments", default=",".join((*CONTROL, *NUMPY)))
    parser.add_argument("--log", type=Path, default=Path(__file__).with_name("rewards.jsonl"))
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    log: Path = given.log
    wanted = [] if given.table else product(range(given.seeds), REWARDS, given.environments.split(","))
    for seed, reward, name in wanted:
        done = {(each["environment"], each["reward"], each["seed"]) for each in rows_of(log)}
        if (name, reward, seed) in done:
            continue
        made = row(name, reward, seed)
        with log.open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(made) + "\n")
        print(f"{name}: {reward}, seed {seed}: {made['grade']:.3f}, {made['seconds']:.0f} s", flush=True)
    print(table(rows_of(log)))


if __name__ == "__main__":
    main()
