"""Known rewards and losses, judged as anybody's would be: mean score over seeds, and how far the seeds lie apart.

    python benchmarks/known_functions.py [--seeds 10] [--only reward|loss] [--sandbox auto] [--json FILE]

Needs torch and scikit-learn for the losses. Splits, noise and episodes follow from a secret that is drawn
anew each time, so the last digit differs from run to run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers.records import Task
from gristmill.verifiers.registry import Verifiers
from gristmill.verifiers.trained.loss.baselines.programs import program

REWARD = "import numpy as np\ndef reward(obs, action, next_obs, info):\n    "
ENERGY = "next_obs[:, 1] ** 2 / 2 + .0025 / 3 * (np.sin(3 * next_obs[:, 0]) + 1)"
BEFORE = ENERGY.replace("next_obs", "obs")
REWARDS = {
    "−1 a step (native)": "-np.ones(len(action))",
    "+1 at the goal": "(next_obs[:, 0] >= .5) * 1.0",
    "energy": f"1000 * ({ENERGY})",
    "10·|velocity|": "10 * np.abs(next_obs[:, 1])",
    "change of energy": f"1000 * (({ENERGY}) - ({BEFORE}))",
}
LOSSES = {
    "cross entropy": program("ce"),
    "mean absolute error": program("mae"),
    "generalised cross entropy": program("gce"),
    "symmetric cross entropy": program("sce"),
    "cross entropy, sign flipped": program("ce").replace("return ", "return -"),
}


async def measure(seeds: int, sandbox: str, only: str | None) -> list[dict[str, object]]:
    """A row for each function."""
    limits = Limits(wall_seconds=600, cpu_seconds=600)
    reward = {"id": "r", "kind": "reward", "environment": "mountain_car"}
    loss = {"id": "l", "kind": "loss", "problem": "digits_label_noise"}
    rows: list[dict[str, object]] = []
    async with Pool.open(sandbox) as pool:
        verifiers = Verifiers(pool)
        rewards = {name: f"{REWARD}return {body}\n" for name, body in REWARDS.items()}
        for fields, functions in ((reward, rewards), (loss, LOSSES)):
            if only not in (None, fields["kind"]):
                continue
            task = Task.model_validate(fields | {"prompt": "?", "settings": {"seeds": seeds}, "limits": limits})
            for name, source in functions.items():
                verdict = await verifiers.verify(task, source)
                if verdict.score is None or "seeds" not in verdict.metrics:
                    raise SystemExit(f"{name}: {verdict.outcome.value}: {verdict.feedback or verdict.sandbox}")
                spread = [value for key, value in verdict.metrics.items() if key.endswith(("_min", "_max"))]
                row = {"kind": task.kind, "name": name, "score": verdict.score, "from": min(spread), "to": max(spread)}
                # Of a reward the share of episodes that reached the flag as well.
                success = verdict.metrics.get("success_rate")
                rows.append(row | ({} if success is None else {"success": success}))
                also = "" if success is None else f" {success:.2f} |"
                print(f"| {name} | {verdict.score:.2f} | {min(spread):.2f} to {max(spread):.2f} |{also}", flush=True)
    return rows


def main() -> None:
    """Print a line for each function, best read in the docs' tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", choices=("reward", "loss"))
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = asyncio.run(measure(given.seeds, given.sandbox, given.only))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
