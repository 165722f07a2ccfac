"""The tables of `search_peers.py show`, as docs/benchmarks.md has them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from searching import interval
from side_by_side.running import OURS

__all__ = ["show"]

Row = dict[str, Any]


def show(rows: Sequence[Row]) -> None:
    """All that there is."""
    for what, printed in (("cost", _cost), ("forged", _forged), ("finds", _finds), ("overlap", _overlap)):
        if chosen := [row for row in rows if row["what"] == what]:
            print(f"\n{what}\n")
            printed(chosen)


def _table(head: Iterable[str], body: Iterable[Iterable[Any]]) -> None:
    head = list(head)
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for cells in body:
        print(f"| {' | '.join(str(cell) for cell in cells)} |")


def _cost(rows: Sequence[Row]) -> None:
    """Of processor time an evaluated hypothesis: all of it, and without what comes before the twentieth call."""
    body = []
    for row in rows:
        share = row["evaluations"] / row["calls"]
        first = row["marks"][0]
        for mark in row["marks"][1:]:
            whole = 1000 * mark["processor"] / mark["calls"] / share
            later = 1000 * (mark["processor"] - first["processor"]) / (mark["calls"] - first["calls"]) / share
            cells = (row["peer"], row["how"], mark["calls"], f"{whole:.1f}", f"{later:.1f}", f"{mark['memory']:.0f}")
            body.append((*cells, row["ended"] if mark is row["marks"][-1] else "", row["commit"], row["tag"]))
    _table(("", "settings", "calls", "ms, all", "ms, after 20", "memory MB", "ended", "commit", "tag"), body)


def _forged(rows: Sequence[Row]) -> None:
    arms = list(dict.fromkeys((row["peer"], row["how"]) for row in rows))
    names = list(dict.fromkeys(row["forged"] for row in rows))
    found = {(row["forged"], row["peer"], row["how"]): row for row in rows}

    def cell(row: Row | None) -> str:
        if row is None:
            return ""
        if row["score"] == "None":
            return "lost"
        return f"taken, {float(row['score']):.3g}" if row["taken"] else "no"

    _table(
        ("what the program does", *(f"{peer}, {how}" for peer, how in arms)),
        ((name, *(cell(found.get((name, *arm))) for arm in arms)) for name in names),
    )


def _finds(rows: Sequence[Row]) -> None:
    """Means of the best score, and the mean over the curve; each peer's difference is paired by seed."""
    body = []
    for tag, problem in itertools.product(
        dict.fromkeys(row["tag"] for row in rows), dict.fromkeys(row["problem"] for row in rows)
    ):
        curves = {
            (row["peer"], row["seed"]): row["curve"] for row in rows if (row["tag"], row["problem"]) == (tag, problem)
        }
        for peer in dict.fromkeys(name for name, _ in curves):
            seeds = [seed for name, seed in curves if name == peer]
            ends = [curves[peer, seed][-1] for seed in seeds]
            at = [sum(curves[peer, seed][call] for seed in seeds) / len(seeds) for call in (50, 100, 200)]
            cells = [problem, tag, peer, len(seeds), *(f"{value:.4f}" for value in at), f"{sum(ends) / len(ends):.4f}"]
            pairs = [seed for seed in seeds if (OURS, seed) in curves]
            if peer == OURS or len(pairs) < 2:
                body.append([*cells, "", ""])
                continue
            for part in (_last, _mean):
                one = [part(curves[OURS, seed]) for seed in pairs]
                mean, low, high = interval(one, [part(curves[peer, seed]) for seed in pairs])
                cells.append(f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]")
            body.append(cells)
    head = (
        "problem",
        "tag",
        "",
        "seeds",
        "at 50",
        "at 100",
        "at 200",
        "at the end",
        "ours − its, end",
        "ours − its, curve",
    )
    _table(head, body)


def _last(curve: Sequence[float]) -> float:
    return curve[-1]


def _mean(curve: Sequence[float]) -> float:
    return sum(curve) / len(curve)


def _overlap(rows: Sequence[Row]) -> None:
    names = ("peer", "tag", "calls", "evaluations", "wall", "model", "evaluator", "ratio", "commit", "ended")
    _table(
        names, ((f"{row[name]:.2f}" if isinstance(row[name], float) else row[name] for name in names) for row in rows)
    )
