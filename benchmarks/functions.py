"""Searches for rewards and losses without a model (`mutate` and `tune`), from several seeds, each to its winner.

    python benchmarks/functions.py --workspace DIR [--only mountain_car] [--seeds 3] [--calls 320] [--core-minutes M]
        [--table]

Each search is `gristmill search … --model mutate --model tune --strategy evolve`, from the sparse reward, or from cross
entropy or four published losses, up to its target, so many candidates or core-minutes (20 on MountainCar), with ten
final seeds on which nothing was chosen; then `show --baselines` trains the human and the sparse reward, or the
problem's own losses, by the same ones. Of its core-minutes a search proposes and judges for two thirds, by the
clock, so that finalists and final seeds come within; where they do not, it is stopped: its row says so, and has the
best of the search in place of final seeds. A row is written as soon as that is done. Called again with the same log and
workspace, it goes on where it was ended, within a search too. Minutes are of the processor, from start to winner, those
of every session within, killed ones too. `--smoke` makes the least search of each; ``--table`` only prints what the log
has: a line a search, and of all candidates for rewards the share that is above each baseline.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from learning_cores import commit_of, used

from gristmill.graph.errors import UnknownRunError
from gristmill.graph.storage.store import Store

# What is searched, and what it begins with: the human reward stands beside each in the end, and is no start.
SEARCHES: Final = {
    "mountain_car": ("reward", "sparse"),
    "acrobot": ("reward", "sparse"),
    "pendulum": ("reward", "sparse"),
    "mountain_car_continuous": ("reward", "sparse"),
    "swing_up": ("reward", "sparse"),
    "digits_label_noise": ("loss", "per_example.py"),
    "digits_label_noise from published": ("loss", "ce,mae,gce,sce"),
}
PER_EXAMPLE: Final = """import torch
import torch.nn.functional as F


def loss(logits, labels):
    return torch.mean(F.cross_entropy(logits, labels, reduction='none'))
"""
"""Cross entropy, written as the mean over examples: so each example's part of it may change."""
CORE_MINUTES: Final = {"mountain_car": 20.0}
"""What a search may take where nothing else is said; of the others none is bounded so."""
POPULATION: Final = {"reward": 24, "loss": 5}
"""A sparse reward tells nothing of what is near it, so a search begins with many; cross entropy is a good start."""
CONTAINS: Final = {
    "acrobot": "pays for the height that is graded",
    "pendulum": "pays by the angle whose cosine is graded",
    "mountain_car_continuous": "pays at the flag",
    "swing_up": "pays for the height that is graded",
}
"""Human rewards that hold the metric: to be above one is to be above the metric itself, and is not counted."""
SEARCHING: Final = 0.65
"""Of its core-minutes, as seconds of the clock, which are no fewer; the rest is for finalists and final seeds."""
EACH: Final = 5.0
GRISTMILL: Final = [str(Path(sys.executable).with_name("gristmill"))]


def command(name: str, seed: int, given: argparse.Namespace) -> list[str]:
    """The search of one seed."""
    kind, start = SEARCHES[name]
    trainings, final, calls = (1, 2, 2) if given.smoke else (3, 10, given.calls)
    most = most_of(name, given)
    bound = [] if most is None else ["--seconds", f"{60 * most * SEARCHING:g}"]
    return [
        *(
            *GRISTMILL,
            "search",
            kind,
            name.partition(" ")[0],
            "--start",
            start,
            "--seed",
            str(seed),
            "--calls",
            str(calls),
        ),
        *("--model", "mutate", "--model", "tune", "--strategy", "evolve", "--hypotheses", "4", "--rounds", "1000"),
        *("--patience", "1000", "--same", "1000", "--workers", "1", "--seeds", str(trainings)),
        *("--final-seeds", str(final), "--population", str(POPULATION[kind]), *bound),
    ]


def most_of(name: str, given: argparse.Namespace) -> float | None:
    """Core-minutes that a search may take; None for no bound."""
    most: float | None = CORE_MINUTES.get(name) if given.core_minutes is None else given.core_minutes
    return most


def told(given: argparse.Namespace, *words: str) -> Any:
    """What a command prints as JSON."""
    made = subprocess.run([*GRISTMILL, *words, "--json"], capture_output=True, check=False, cwd=given.workspace)
    if made.returncode:
        raise SystemExit(f"{' '.join(words)}: {made.stderr.decode('utf-8', 'replace')[-500:]}")
    return json.loads(made.stdout)


class Clock:
    """Core-seconds of one search, over all sessions; its file is written as they are spent, so a kill loses few."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._before = float(file.read_text("utf-8")) if file.exists() else 0.0
        self._begun = used()

    def seconds(self) -> float:
        """So far; what is said is kept."""
        seconds = self._before + max(0.0, used() - self._begun)
        partial = self._file.with_suffix(".partial")
        partial.write_text(f"{seconds:.1f}", "utf-8")
        partial.replace(self._file)
        return seconds


def watched(words: list[str], log: Path, folder: Path, clock: Clock, bound: float) -> int:
    """The status of a command, which is interrupted once `bound` core-seconds are used up."""
    stopped = False
    with log.open("ab") as file:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(words, stdout=file, stderr=file, cwd=folder, env=environment)
        try:
            while process.poll() is None:
                if clock.seconds() >= bound and not stopped:
                    stopped = True
                    process.send_signal(signal.SIGINT)  # it ends its work cleanly, and may go on
                with suppress(subprocess.TimeoutExpired):
                    process.wait(EACH)
        except KeyboardInterrupt:
            process.wait()  # it was interrupted as well
            raise
        finally:
            clock.seconds()
    return process.returncode


def standing(workspace: Path, run: str) -> str | None:
    """How a run ended; None where there is none to go on with."""
    if not (workspace / ".gristmill").exists():
        return None
    with Store.open(workspace, create=False) as store:
        try:
            return store.get_run(run).status
        except UnknownRunError:
            return None


def search(name: str, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    """One search to its winner, and the baselines beside it; or to its core-minutes."""
    run = f"{name}-{seed}".replace(" ", "-")
    most = most_of(name, given)
    bound = math.inf if most is None else 60 * most
    clock, log = Clock(given.workspace / f"{run}.seconds"), given.workspace / f"{run}.log"
    state = standing(given.workspace, run)
    if state != "finished" and (state is None or clock.seconds() < bound):
        words = [*command(name, seed, given), "--name", run, *(["--resume"] if state else [])]
        status = watched(words, log, given.workspace, clock, bound)
        state = standing(given.workspace, run)
        if state is None or (state != "finished" and clock.seconds() < bound):
            raise SystemExit(f"{run} ended with status {status}: see {log}; start again to go on")
    return row(
        name,
        seed,
        clock.seconds() / 60,
        most,
        " ".join(command(name, seed, given)[1:]),
        told(given, "show", run),
        told(given, "show", run, "--baselines") if state == "finished" else None,
    )


def row(
    name: str, seed: int, minutes: float, most: float | None, words: str, shown: Any, baselines: Any
) -> dict[str, Any]:
    """What the log keeps of a search; without `baselines` it was stopped at its core-minutes."""
    return {
        "search": name,
        "seed": seed,
        "minutes": round(minutes, 1),
        "most_minutes": most,
        "stopped": baselines is None,
        "best": max((each["score"] for each in shown["table"] if each["score"] is not None), default=None),
        "candidates": shown["hypotheses"],
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit_of(),
        "load": round(os.getloadavg()[2]),
        "command": words,
        "baselines": baselines or {"table": []},
    }


def beaten(row: dict[str, Any]) -> str:
    """What stands beside a winner, and by how much the winner is better, training by training."""
    if row.get("gain_low") is None:
        return f"{row['name']} {row['final']:.3f}"
    return f"{row['name']} {row['final']:.3f} ({row['gain']:+.3f} [{row['gain_low']:+.3f}, {row['gain_high']:+.3f}])"


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
        if row.get("stopped"):
            best = "nothing" if row["best"] is None else f"{row['best']:.3f}"
            final = f"none in {row['most_minutes']:g} core-minutes; {best} in the search"
        beside = ", ".join(beaten(each) for each in others if each["final"] is not None)
        counts = f"{row['minutes']:.1f} | {row['candidates']}"
        lines.append(f"| `{row['search']}` | {row['seed']} | {counts} | {final} | {beside} |")
    return "\n".join(lines)


def shares(rows: list[dict[str, Any]]) -> str:
    """Of all candidates, at equal steps, the share above the human reward, the sparse one, and the metric's increment.

    Over all counts only environments whose human reward does not hold the metric.
    """
    beside = ("human", "sparse", "metric's increment")
    lines = [
        "| reward | searches | candidates | above human | above sparse | above the metric's increment | |",
        "|---|---|---|---|---|---|---|",
    ]
    rewards = [row for row in rows if SEARCHES[row["search"]][0] == "reward" and row["baselines"].get("beat")]
    counted = [row for row in rewards if row["search"] not in CONTAINS]
    names = list(dict.fromkeys(row["search"] for row in rewards))
    for name, own in [
        *((f"`{each}`", [row for row in rewards if row["search"] == each]) for each in names),
        ("over all", counted),
    ]:
        found = [row["baselines"] for row in own]
        candidates = sum(each["candidates"] for each in found)
        cells = []
        for each in beside:
            above = sum(one["candidates"] * one["beat"].get(each, math.nan) for one in found)
            cells.append("–" if not candidates or math.isnan(above) else f"{above / candidates:.3f}")
        why = CONTAINS.get(name.strip("`"))
        lines.append(
            f"| {name} | {len(own)} | {candidates} | {' | '.join(cells)} | {f'not counted: {why}' if why else ''} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Make the searches that the log lacks, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, default=Path("functions"))
    parser.add_argument("--only", default=",".join(SEARCHES), help=f"by commas, of {', '.join(SEARCHES)}")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=320, help="candidates of a search at most")
    parser.add_argument(
        "--core-minutes",
        type=float,
        help="of a search at most, its winner's final seeds within; default: 20 on mountain_car",
    )
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
            (given.workspace / "per_example.py").write_text(PER_EXAMPLE, "utf-8")
            rows.append(search(name, seed, given))
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    print(table(rows))
    print(f"\n{shares(rows)}")


if __name__ == "__main__":
    main()
