"""Searches for rewards and losses without a model (`mutate` and `tune`), from several seeds, each to its winner.

    python benchmarks/functions.py --workspace DIR [--only mountain_car] [--seeds 3] [--calls 320] [--table]

Each search is `gristmill search … --model mutate --model tune --strategy evolve`, from the sparse reward or from cross
entropy, up to its target or so many candidates, with ten final seeds on which nothing was chosen; then `show
--baselines` trains the human and the sparse reward, or the problem's own losses, by the same ones. A row is written as
soon as that is done. Called again with the same log and workspace, it goes on where it was ended, within a search too.
Minutes are of the processor, from start to winner, resumed ones within. `--smoke` makes the least search of each;
``--table`` searches nothing and prints what the log has.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

# What is searched, and what it begins with: the human reward stands beside each in the end, and is no start.
SEARCHES: Final = {
    "mountain_car": ("reward", "sparse"),
    "acrobot": ("reward", "sparse"),
    "pendulum": ("reward", "sparse"),
    "mountain_car_continuous": ("reward", "sparse"),
    "swing_up": ("reward", "sparse"),
    "digits_label_noise": ("loss", "ce"),
}
GRISTMILL: Final = [str(Path(sys.executable).with_name("gristmill"))]


def command(name: str, seed: int, given: argparse.Namespace) -> list[str]:
    """The search of one seed."""
    kind, start = SEARCHES[name]
    trainings, final, calls = (1, 2, 2) if given.smoke else (3, 10, given.calls)
    return [
        *(*GRISTMILL, "search", kind, name, "--start", start, "--seed", str(seed), "--calls", str(calls)),
        *("--model", "mutate", "--model", "tune", "--strategy", "evolve", "--hypotheses", "4", "--rounds", "1000"),
        *("--patience", "1000", "--same", "1000", "--workers", "1", "--seeds", str(trainings)),
        *("--final-seeds", str(final)),
    ]


def told(given: argparse.Namespace, *words: str) -> Any:
    """What a command prints as JSON."""
    made = subprocess.run([*GRISTMILL, *words, "--json"], capture_output=True, check=False, cwd=given.workspace)
    if made.returncode:
        raise SystemExit(f"{' '.join(words)}: {made.stderr.decode('utf-8', 'replace')[-500:]}")
    return json.loads(made.stdout)


def search(name: str, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    """One search to its winner, and the baselines beside it."""
    run, spent = f"{name}-{seed}", given.workspace / f"{name}-{seed}.seconds"
    before = float(spent.read_text("utf-8")) if spent.exists() else 0.0
    words = [*command(name, seed, given), "--name", run, *(["--resume"] if spent.exists() else [])]
    begun = sum(os.times()[2:4])
    with (given.workspace / f"{run}.log").open("ab") as log:
        spent.write_text(f"{before:.1f}", "utf-8")
        try:
            status = subprocess.run(
                words,
                stdout=log,
                stderr=log,
                check=False,
                cwd=given.workspace,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            ).returncode
        finally:
            seconds = before + sum(os.times()[2:4]) - begun
            spent.write_text(f"{seconds:.1f}", "utf-8")
    if status not in (0, 1):
        raise SystemExit(f"{run} ended with status {status}: see {given.workspace / run}.log; start again to go on")
    shown = told(given, "show", run)
    return {
        "search": name,
        "seed": seed,
        "minutes": round(seconds / 60, 1),
        "candidates": shown["hypotheses"],
        "date": datetime.now(UTC).date().isoformat(),
        "command": " ".join(command(name, seed, given)[1:]),
        "baselines": told(given, "show", run, "--baselines"),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """A line a search: the winner by its final seeds, and what stands beside it by the same."""
    lines = [
        "| search | seed | core-minutes | candidates | winner, final seeds | beside it |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        winner, *others = row["baselines"]["table"] or [{"name": "none", "final": None, "low": None, "high": None}]
        interval = "" if winner["low"] is None else f" [{winner['low']:.3f}, {winner['high']:.3f}]"
        final = "–" if winner["final"] is None else f"{winner['final']:.3f}{interval}"
        beside = ", ".join(f"{each['name']} {each['final']:.3f}" for each in others if each["final"] is not None)
        counts = f"{row['minutes']:.1f} | {row['candidates']}"
        lines.append(f"| `{row['search']}` | {row['seed']} | {counts} | {final} | {beside} |")
    return "\n".join(lines)


def main() -> None:
    """Make the searches that the log lacks, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, default=Path("functions"))
    parser.add_argument("--only", default=",".join(SEARCHES), help=f"by commas, of {', '.join(SEARCHES)}")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=320, help="candidates of a search at most")
    parser.add_argument("--smoke", action="store_true", help="two candidates by one training each, one seed")
    parser.add_argument("--log", type=Path, default=Path(__file__).with_name("functions.jsonl"))
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    names = given.only.split(",")
    if unknown := set(names) - SEARCHES.keys():
        raise SystemExit(f"--only: {', '.join(sorted(unknown))}: there are {', '.join(SEARCHES)}")
    log: Path = given.log
    rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
    for name in () if given.table else names:
        for seed in range(1, 2 if given.smoke else given.seeds + 1):
            if any((row["search"], row["seed"]) == (name, seed) for row in rows):
                continue
            given.workspace.mkdir(parents=True, exist_ok=True)
            rows.append(search(name, seed, given))
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
