"""The table of `learning.py`: arms side by side, seeds pooled, each against `main` by the one paired test."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gristmill.graph.comparing import compare

__all__ = ["show"]

Bits = dict[str, bool | None]


def show(log: Path, *, smoke: bool) -> None:
    """Print what the log has: shares by family, and differences with their intervals."""
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
    arms: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for each in lines:
        if each["smoke"] == smoke:
            arms[each["arm"]][each["seed"]] = each
    if not arms:
        Console().print(f"no arm has ended yet: {log}")
        return
    families = sorted(
        {family for arm in arms.values() for each in arm.values() for family in each["families"].values()}
    )
    table = Table(title="pass@1 on the test set, greedy, seeds pooled" + " (smoke: means nothing)" * smoke)
    for column in ("arm", "seeds", "rows", "strata with rows", "all", *families, "main's round 1 is better by"):
        table.add_column(column, justify="right")
    first = {seed: each["rounds"][0] for seed, each in arms.get("main", {}).items() if each["rounds"]}
    if first:
        named = {task: family for each in arms["main"].values() for task, family in each["families"].items()}
        stages = {"before": {seed: each["before"] for seed, each in arms["main"].items()}}
        for at in range(max(len(each["rounds"]) for each in arms["main"].values())):
            reached = {seed: each for seed, each in arms["main"].items() if at < len(each["rounds"])}
            stages[f"main, round {at + 1}"] = {seed: each["rounds"][at] for seed, each in reached.items()}
        for label, bits in stages.items():
            table.add_row(label, str(len(bits)), "", "", *_shares(bits, named, families), _against(bits, first))
    for arm, seeds in arms.items():
        named = {task: family for each in seeds.values() for task, family in each["families"].items()}
        bits = {seed: each["passed"] for seed, each in seeds.items()}
        rows = ", ".join("+".join(map(str, each["rows"])) for each in seeds.values())
        covered = ", ".join(
            f"{each['strata_with_rows'][-1]}/{each['strata']}"
            for each in seeds.values()
            if each.get("strata_with_rows")
        )
        table.add_row(arm, str(len(seeds)), rows, covered, *_shares(bits, named, families), _against(bits, first))
    Console(width=180).print(table)
    _law(arms)


def _law(arms: dict[str, dict[int, dict[str, Any]]]) -> None:
    """What the issue asks for, in words: round 3 against round 1, and the share of the gap to the oracle."""
    both = {seed: each for seed, each in arms.get("main", {}).items() if len(each["rounds"]) > 1}
    if not both:
        return
    first = {seed: each["rounds"][0] for seed, each in both.items()}
    last = {seed: each["rounds"][-1] for seed, each in both.items()}
    print(f"main, last round against first: {_against(first, last)} (greater: the last is better)")
    oracle = {seed: each["passed"] for seed, each in arms.get("oracle", {}).items() if seed in both}
    if oracle:
        here = {seed: first[seed] for seed in oracle}, {seed: last[seed] for seed in oracle}
        start, end, ceiling = (_rate(bits) for bits in (*here, oracle))
        if ceiling > start:
            print(f"of the gap from round 1 to the oracle, {100 * (end - start) / (ceiling - start):.0f}% is closed")


def _pooled(bits: dict[int, Bits]) -> dict[tuple[int, str], bool | None]:
    return {(seed, task): passed for seed, tasks in bits.items() for task, passed in tasks.items()}


def _rate(bits: dict[int, Bits]) -> float:
    scored = [passed for passed in _pooled(bits).values() if passed is not None]
    return sum(scored) / len(scored) if scored else 0.0


def _shares(bits: dict[int, Bits], named: dict[str, str], families: list[str]) -> list[str]:
    parts = [bits] + [
        {
            seed: {task: passed for task, passed in tasks.items() if named.get(task) == family}
            for seed, tasks in bits.items()
        }
        for family in families
    ]
    return [f"{100 * _rate(part):.1f}%" for part in parts]


def _against(bits: dict[int, Bits], other: dict[int, Bits]) -> str:
    """By how many points `other` is better, on the tasks that both were asked."""
    ours, theirs = _pooled(bits), _pooled(other)
    shared = sorted(ours.keys() & theirs.keys())
    if not shared or bits == other:
        return ""
    found = compare([ours[key] for key in shared], [theirs[key] for key in shared])
    low, high = found.interval
    return f"{100 * found.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f}), {found.words}"
