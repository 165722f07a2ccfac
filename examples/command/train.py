"""A trainer of one's own: ``python train.py CANDIDATE SEED OUT`` (docs/functions.md#a-trainer-of-your-own).

It runs the candidate here, in its own process, with all rights of whoever calls it. A trainer whose candidates come
from a model that you do not trust runs them in a container of its own.
"""

import json
import math
import random
import runpy
import sys

STEPS = 200


def descent(rate, chance):
    """Gradient descent by these rates, and the share of the first value that is left in the end."""
    x, first = [chance.uniform(1, 2), chance.uniform(1, 2)], None
    for step in range(STEPS):
        value = (x[0] ** 2 + 100 * x[1] ** 2) / 2
        first = value if first is None else first
        by = float(rate(step, STEPS))
        if not (math.isfinite(by) and by > 0):
            raise ValueError(f"rate({step}, {STEPS}) is {by}, not a positive number")
        pull = [x[0] + chance.gauss(0, 1), 100 * x[1] + chance.gauss(0, 1)]
        x = [min(1e6, max(-1e6, a - by * b)) for a, b in zip(x, pull, strict=True)]
    return (x[0] ** 2 + 100 * x[1] ** 2) / 2 / first


candidate, seed, out = sys.argv[1:]
try:
    left = descent(runpy.run_path(candidate)["rate"], random.Random(int(seed)))
except Exception as error:  # noqa: BLE001  # whatever the candidate raises is its own fault
    said = {"error": f"{type(error).__name__}: {error}"}
else:
    score = 1 / (1 + 1000 * left) if left < 1 else 0.0
    said = {"score": score, "metrics": {"left": left}, "feedback": f"{left:.3g} of the first value is left"}
with open(out, "w") as file:
    json.dump(said, file)
