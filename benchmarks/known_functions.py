"""Known rewards and losses, judged as anybody's would be: mean score over seeds, and how far the seeds lie apart.

    python benchmarks/known_functions.py [--seeds 10] [--sandbox auto] [--json FILE]

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

REWARD = "import numpy as np\ndef reward(obs, action, next_obs, info):\n    "
ENERGY = "next_obs[:, 1] ** 2 / 2 + .0025 / 3 * (np.sin(3 * next_obs[:, 0]) + 1)"
BEFORE = ENERGY.replace("next_obs", "obs")
REWARDS = {
    "−1 a step (native)": "-np.ones(len(action))",
    "+1 at the goal": "info['terminated'] * 1.0",
    "energy": f"1000 * ({ENERGY})",
    "10·|velocity|": "10 * np.abs(next_obs[:, 1])",
    "change of energy": f"1000 * (({ENERGY}) - ({BEFORE}))",
}
LOSS = "import torch\nimport torch.nn.functional as F\ndef loss(logits, labels):\n    "
OWN = "F.softmax(logits, 1).gather(1, labels[:, None])"
WANTED = "F.one_hot(labels, 10).to(logits.dtype).clamp(min=1e-4)"
LOSSES = {
    "cross entropy": "F.cross_entropy(logits, labels)",
    "mean absolute error": f"(1 - {OWN}).mean()",
    "generalised cross entropy": f"((1 - {OWN}.clamp(min=1e-7) ** .7) / .7).mean()",
    "symmetric cross entropy": (
        f".1 * F.cross_entropy(logits, labels) - (F.softmax(logits, 1) * {WANTED}.log()).sum(1).mean()"
    ),
    "cross entropy, sign flipped": "-F.cross_entropy(logits, labels)",
}


async def measure(seeds: int, sandbox: str) -> list[dict[str, object]]:
    """A row for each function."""
    limits = Limits(wall_seconds=600, cpu_seconds=600)
    reward = {"id": "r", "kind": "reward", "environment": "mountain_car"}
    loss = {"id": "l", "kind": "loss", "problem": "digits_label_noise"}
    rows: list[dict[str, object]] = []
    async with Pool.open(sandbox) as pool:
        verifiers = Verifiers(pool)
        for fields, head, functions in ((reward, REWARD, REWARDS), (loss, LOSS, LOSSES)):
            task = Task.model_validate(fields | {"prompt": "?", "settings": {"seeds": seeds}, "limits": limits})
            for name, body in functions.items():
                verdict = await verifiers.verify(task, f"{head}return {body}\n")
                if verdict.score is None or "seeds" not in verdict.metrics:
                    raise SystemExit(f"{name}: {verdict.outcome.value}: {verdict.feedback or verdict.sandbox}")
                spread = [value for key, value in verdict.metrics.items() if key.endswith(("_min", "_max"))]
                row = {"kind": task.kind, "name": name, "score": verdict.score, "from": min(spread), "to": max(spread)}
                rows.append(row)
                print(f"| {name} | {verdict.score:.2f} | {min(spread):.2f} to {max(spread):.2f} |", flush=True)
    return rows


def main() -> None:
    """Print a line for each function, best read in the docs' tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = asyncio.run(measure(given.seeds, given.sandbox))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
