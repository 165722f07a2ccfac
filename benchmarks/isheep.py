"""I-SHEEP on the local model: filters on the same generations, tool and self-score over iterations, a control.

    python benchmarks/isheep.py --log isheep.jsonl --seeds 0 1 2
    python benchmarks/isheep.py --log isheep.jsonl --table

The arms `none`, `heuristics`, `self`, `tool` and `self and tool` train once on the base model's own pairs: by `--reuse`
an arm takes replies that another one of the workspace was given to the very same request, so that all filter the same.
`self-3` and `tool-3` go on to iteration 3 on the newest rows, `tool-3-cumulative` on all; `tool-control` trains once on
as many prompts as these three iterations ask for. The newest adapter always writes next, as published, so that no arm
ends early. Gate and test prompts of a seed are the same in all arms.

Each arm of each seed is a run of `gristmill recipe isheep` in one workspace: what was killed goes on when the same
command is given again, and arms whose line is in the log are left out. Its lines hold shares, intervals, core-seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FIRST = ("none", "heuristics", "self", "tool", "self and tool")
LATER = ("self-3", "tool-3", "tool-3-cumulative", "tool-control")


def main() -> None:
    """Run the arms that are asked for and not yet in the log; or print the table of those that are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, required=True, help="JSON Lines, a row an arm and seed; appended to")
    parser.add_argument("--workspace", type=Path, default=Path("isheep-bench"), help="where the runs are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=[*FIRST, *LATER], choices=[*FIRST, *LATER])
    parser.add_argument("--prompts", type=int, default=400, help="prompts of an iteration")
    parser.add_argument("--test-prompts", type=int, default=150, help="and as many of the held-out family")
    parser.add_argument("--two-turn-prompts", type=int, default=60)
    parser.add_argument("--model", default="local")
    parser.add_argument("--table", action="store_true", help="print what the log holds, and run nothing")
    chosen = parser.parse_args()
    done = rows_of(chosen.log)
    if chosen.table:
        print(table(done))
        return
    for seed in chosen.seeds:
        for arm in chosen.arms:
            if not any((row["arm"], row["seed"]) == (arm, seed) for row in done):
                row = run(arm, seed, chosen)
                with chosen.log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(row) + "\n")
                print(json.dumps(row), flush=True)


def options(arm: str, prompts: int) -> list[str]:
    """What an arm differs in."""
    if arm in FIRST:
        return ["--filter", arm, "--iterations", "1", "--prompts", str(prompts)]
    if arm == "tool-control":
        return ["--filter", "tool", "--iterations", "1", "--prompts", str(3 * prompts)]
    rows = "cumulative" if arm.endswith("cumulative") else "latest"
    return ["--filter", arm.partition("-")[0], "--iterations", "3", "--rows", rows, "--prompts", str(prompts)]


def run(arm: str, seed: int, chosen: argparse.Namespace) -> dict[str, Any]:
    """One arm with one seed, gone on with where it was begun before.

    Raises:
        SystemExit: the recipe failed; what it did is kept.
    """
    name = f"{arm.replace(' ', '-')}-seed-{seed}"
    command = [sys.executable, "-c", "from gristmill.trainers.cli import main; main()", "recipe", "isheep", "--json"]
    command += ["--name", name, "--workspace", str(chosen.workspace), "--seed", str(seed), "--model", chosen.model]
    command += ["--goes-on", "newest", "--patience", "100", "--reuse", "--draw-key", f"seed {seed}"]
    command += ["--test-prompts", str(chosen.test_prompts), "--two-turn-prompts", str(chosen.two_turn_prompts)]
    command += options(arm, chosen.prompts)
    chosen.workspace.mkdir(parents=True, exist_ok=True)
    mark = chosen.workspace / f".{name}.begun"
    begun = mark.exists()
    mark.touch()
    began, before = time.monotonic(), os.times()
    done = subprocess.run([*command, *(["--resume"] if begun else [])], stdout=subprocess.PIPE, check=False)
    if begun and done.returncode == 2:
        # It was killed before it had written anything down.
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{name} ended with code {done.returncode}; give the same command again to go on")
    after = os.times()
    return row_of(arm, seed, json.loads(done.stdout), after, before, time.monotonic() - began)


def row_of(
    arm: str, seed: int, summary: dict[str, Any], after: os.times_result, before: os.times_result, seconds: float
) -> dict[str, Any]:
    """What the log keeps of an arm's summary. Core-seconds are of this session alone; a resumed arm took more."""
    tested = [each for each in summary["iterations"] if each["test"]]
    return {
        "arm": arm,
        "seed": seed,
        "base": summary["base"],
        "base_turns": summary["base_turns"],
        "iterations": [
            {
                key: each[key]
                for key in ("number", "prompts", "pairs", "decided", "passed", "rows", "verified_rows", "test", "turns")
            }
            | {"agreement": [{key: one[key] for key in _AGREEMENT} for one in each["agreement"]]}
            | {"rejected": each["filtered"]["rejected"] if each["filtered"] else {}}
            for each in summary["iterations"]
        ],
        "tested": len(tested),
        "core_seconds": after.children_user + after.children_system - before.children_user - before.children_system,
        "seconds": seconds,
    }


_AGREEMENT = ("scale", "pairs", "unread", "auroc", "interval", "ece", "mean")


def rows_of(log: Path) -> list[dict[str, Any]]:
    """The log's rows; a last line that a kill has cut is left out."""
    rows = []
    for line in log.read_text("utf-8").splitlines() if log.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: an arm, seed and iteration a row."""
    lines = ["| arm | seed | iteration | rows | test | held out | against base (95%) | turn 1 | turn 2 | AUROC |"]
    lines.append("|---|---|---|---|---|---|---|---|---|---|")

    def rate(share: dict[str, Any] | None) -> str:
        return f"{100 * share['passed'] / share['total']:.1f}" if share and share["total"] else ""

    for row in rows:
        turns = row["base_turns"] or {}
        base = row["base"] or {}
        lines.append(
            f"| {row['arm']} | {row['seed']} | base | | {rate(base.get('told'))} | {rate(base.get('held_out'))} | | "
            f"{rate(turns.get('first'))} | {rate(turns.get('second'))} | |"
        )
        for each in row["iterations"]:
            test, turns = each["test"] or {}, each["turns"] or {}
            gain = (
                f"{100 * test['difference']:+.1f} ({100 * test['low']:+.1f} to {100 * test['high']:+.1f})"
                if test
                else ""
            )
            known = ", ".join(f"{one['auroc']:.2f}" for one in each["agreement"] if one["auroc"] is not None)
            both = f"{rate(turns.get('first'))} | {rate(turns.get('second'))}"
            lines.append(
                f"| {row['arm']} | {row['seed']} | {each['number']} | {each['rows']} | {rate(test.get('told'))} | "
                f"{rate(test.get('held_out'))} | {gain} | {both} | {known} |"
            )
    return "\n".join([*lines, "", *compared(rows)])


def compared(rows: list[dict[str, Any]]) -> list[str]:
    """The paired test of what must show, over the prompts of all seeds that both sides have."""
    from gristmill.graph.comparing import compare

    ends = {(row["arm"], row["seed"]): [each for each in row["iterations"] if each["test"]] for row in rows}
    seeds = sorted({seed for _, seed in ends})
    lines = []
    for title, before, after in (
        ("tool-3, last iteration against base", None, ("tool-3", -1)),
        ("tool-3, last iteration against its first", ("tool-3", 0), ("tool-3", -1)),
        ("tool-3 against self-3, last iterations", ("self-3", -1), ("tool-3", -1)),
        ("tool-3 against one round at equal prompts", ("tool-control", -1), ("tool-3", -1)),
        ("tool against self, first iteration", ("self", -1), ("tool", -1)),
    ):
        olds: list[bool | None] = []
        news: list[bool | None] = []
        for seed in seeds:
            late = ends.get((after[0], seed))
            early = late if before is None else ends.get((before[0], seed))
            if late and early:
                bases = next(row["base"] for row in rows if (row["arm"], row["seed"]) == (after[0], seed))
                olds += bases["passed"] if before is None else early[before[1]]["test"]["passed"]
                news += late[after[1]]["test"]["passed"]
        if news:
            found = compare(olds, news)
            low, high = (100 * value for value in found.interval)
            points = f"{100 * found.difference:+.1f} points (95% {low:+.1f} to {high:+.1f})"
            lines.append(f"{title}: {points}, {found.words}, p = {found.p_better:.2g}")
    return lines


if __name__ == "__main__":
    main()
