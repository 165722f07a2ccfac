"""Whether the small model solves as many tasks as with an earlier tree, and is asked the same: both run equal searches.

    gristmill tasks generate list-functions --out all.jsonl && awk 'NR % 17 == 3' all.jsonl > some.jsonl
    nice -n 10 python benchmarks/small_model.py some.jsonl FOLDER --before CHECKOUT

Each tree runs `--model local` once a seed (`FOLDER/now`, `FOLDER/before`; what is there is not run again, and what was
interrupted goes on). Equal places, those of one seed, task, round and number, are compared: whether their prompts are
the same to the byte, and whether equal prompts were answered alike. The interval is of the difference in tasks that are
solved by the last round, over tasks (the mean over seeds each), by bootstrap.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy

HERE = Path(__file__).resolve().parents[1]
RUN = ("--model", "local", "--rounds", "3", "--hypotheses", "4", "--max-tokens", "64", "--sandbox", "bubblewrap")
CALL = "from gristmill.trainers.cli import main; main()"
READ = """
import json, sys
from gristmill.graph.storage.store import Store
with Store.open(sys.argv[1], create=False) as store:
    for task in store.tasks(sys.argv[2]):
        for made, verdict in store.steps(sys.argv[2], task.id):
            print(json.dumps([f"{task.id}/{made.round}/{made.sample}", made.round, made.prompt_sha, made.text]))
"""
"""By the tree's own store: earlier ones have no command for it."""


def printed(tree: Path, code: str, *arguments: str) -> str:
    """What code prints that runs with that checkout's gristmill."""
    environment = os.environ | {"PYTHONPATH": str(tree / ".dev")}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{tree}: {' '.join(arguments)} ended with exit code {done.returncode}")
    return done.stdout


def played(tree: Path, tasks: Path, workspace: Path, seed: int) -> tuple[dict[str, float], dict[str, tuple[Any, ...]]]:
    """(1 or 0 by task; round, prompt and reply by place) of a seed's run, which is made where it is not there."""
    workspace.mkdir(parents=True, exist_ok=True)
    name, place = f"s{seed}", ("--workspace", str(workspace))
    runs = {}
    if (workspace / ".gristmill" / "gristmill.db").exists():  # `runs` of a workspace without a store is a mistake
        runs = {run["name"]: run["status"] for run in json.loads(printed(tree, CALL, "runs", "--json", *place))}
    if runs.get(name) != "finished":
        how = ("--resume",) if name in runs else (*RUN, "--seed", str(seed))
        printed(tree, CALL, "run", str(tasks), "--name", name, *how, *place)
    table = json.loads(printed(tree, CALL, "show", name, "--json", *place))["table"]
    rows = map(json.loads, printed(tree, READ, str(workspace), name).splitlines())
    return {row["task"]: float(row["solved"]) for row in table}, {place: tuple(rest) for place, *rest in rows}


def main() -> None:
    """Run both trees and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the earlier tree")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    differences: list[list[float]] = []
    for seed in range(asked.seeds):
        now, after = played(HERE, asked.tasks, asked.folder / "now", seed)
        then, before = played(asked.before, asked.tasks, asked.folder / "before", seed)
        both = set(after) & set(before)
        same = [each for each in both if after[each][1] == before[each][1]]
        early = sum(after[each][0] < 2 for each in both.difference(same))
        unlike = sum(after[each][2] != before[each][2] for each in same)
        print(
            f"seed {seed}: solved {sum(now.values()):.0f} of {len(now)} now, {sum(then.values()):.0f} before; "
            f"{len(after)} and {len(before)} replies, {len(both)} at equal places; {len(same)} prompts of these are "
            f"the same ({early} others are of the first two rounds), and {unlike} of them were answered differently"
        )
        differences.append([now[task] - then[task] for task in sorted(now)])
    of_tasks = numpy.array(differences).mean(0)
    drawn = numpy.random.default_rng(0).integers(0, len(of_tasks), (10_000, len(of_tasks)))
    low, high = numpy.quantile(of_tasks[drawn].mean(1), (0.025, 0.975))
    print(f"difference in the share that is solved: {of_tasks.mean():+.3f} [{low:+.3f}, {high:+.3f}]")


if __name__ == "__main__":
    main()
