"""Peak resident memory and time of one training of the small local model, in a process of its own for each setting.

    nice -n 10 python benchmarks/training_memory.py [--rows 16] [--micro 0 1024 512] [--method sft] [--threads 1]

The rows are references of generated list-function tasks, asked as `--model local` asks them. `--micro` is the bound of
tokens in one micro-batch, 0 a bound that splits nothing: the loss of the steps must not depend on it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gristmill.graph.prompts.messages import messages_for
from gristmill.graph.tasks.generate import generate_list_functions

UNSPLIT = 1 << 20


def rows_of(method: str, count: int, *, apart: bool = False) -> list[dict[str, Any]]:
    """Rows of the method's shape: what is wrong is another task's reference. Those `apart` share no beginning."""
    tasks = [task for task in generate_list_functions(seed=0) if task.split == "train" and task.reference][: count + 1]
    rows: list[dict[str, Any]] = []
    for place, (task, other) in enumerate(itertools.pairwise(tasks)):
        prompt = [{"role": turn.role, "content": turn.content} for turn in messages_for(task, profile="small", round=0)]
        if apart:
            prompt[0]["content"] = f"{place} is the number of this question. {prompt[0]['content']}"
        right, wrong = ([{"role": "assistant", "content": str(each.reference)}] for each in (task, other))
        if method in ("dpo", "reward_model"):
            rows.append({"prompt": prompt, "chosen": right, "rejected": wrong})
        elif method == "kto":
            rows.append({"prompt": prompt, "completion": wrong if place % 2 else right, "label": not place % 2})
        else:
            rows.append({"prompt": prompt, "completion": right})
    return rows


def train(method: str, count: int, micro: int, threads: int, batch: int, apart: bool) -> None:
    """One training here; prints what it took as JSON."""
    from gristmill.trainers.methods.choices import METHODS
    from gristmill.trainers.methods.weights import base_weights

    knobs = {"epochs": 1, "batch": batch, "threads": threads, "micro_tokens": micro or UNSPLIT}
    made: Any = METHODS[method]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trained = made.model_validate(knobs).train(
            rows_of(method, count, apart=apart), base=base_weights("local"), out=Path(folder) / "adapter"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    losses = [round(loss, 4) for _, loss in trained.loss]
    print(json.dumps({"peak_gb": peak / 1e9, "seconds": time.monotonic() - started, "loss": losses}))


def main() -> None:
    """Measure each setting and print a line of JSON for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--micro", type=int, nargs="+", default=[0, 1024, 512])
    parser.add_argument("--method", default="sft")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--apart", action="store_true", help="rows share no beginning, so that they are padded")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    for micro in given.micro:
        if given.inside:
            train(given.method, given.rows, micro, given.threads, given.batch, given.apart)
            return
        options = ["--rows", given.rows, "--batch", given.batch, "--micro", micro, "--method", given.method]
        command = [
            sys.executable,
            __file__,
            "--inside",
            "--threads",
            given.threads,
            *options,
            *["--apart"] * given.apart,
        ]
        environment = os.environ | {"OMP_NUM_THREADS": str(given.threads)}
        done = subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        print(
            json.dumps(
                {"method": given.method, "rows": given.rows, "apart": given.apart, "micro_tokens": micro, **found}
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
