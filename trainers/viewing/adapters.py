"""Adapters: which are there, which is in use, what each was trained from and on, and what its gate has decided."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from gristmill.graph.storage.store import Store
from gristmill.graph.storage.workspace import home_beside
from gristmill.graph.view.charts import Chart
from gristmill.graph.view.registry import Asked, Cell, Listing
from gristmill.graph.view.terminal import in_terminal
from gristmill.sandbox.errors import UserError
from gristmill.trainers.adapters import AdapterInfo, Adapters, flat
from gristmill.trainers.improve.asking.deciding import decision_about
from gristmill.trainers.improve.gate import GateDecision
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.viewing.charts import loss_chart

__all__ = ["KIND", "AdapterPage", "Ancestor", "adapter_listing", "adapter_page"]

KIND = "adapter"


@dataclass(frozen=True, slots=True)
class Ancestor:
    """What a training went on from: an adapter, or at last the base model."""

    name: str
    here: bool
    """Whether the workspace has it."""


@dataclass(frozen=True, slots=True)
class AdapterPage:
    """What the page of an adapter shows."""

    info: AdapterInfo
    state: str
    lineage: Sequence[Ancestor]
    """From the base model to what it was trained from."""
    children: Sequence[str]
    """Adapters that were trained from it."""
    improvement: str | None
    round: int
    """Of the improvement, from 1."""
    decision: GateDecision | None
    rows: str
    data: str
    """The sha256 of the rows that it was trained on."""
    loss: Chart | None
    folder: Path | None
    origin: Sequence[tuple[str, str]]
    commands: Sequence[str]


def adapter_listing(store: Store) -> Listing:
    """The adapters of a workspace, the oldest first."""
    home = Adapters(home_beside(store.database))
    columns = ("adapter", "state", "method", "trained from", "of", "gate", "difference", "rows", "created")
    try:
        found = home.list()
    except UserError as error:
        return Listing("Adapters", columns, (), none=str(error))
    earlier = _earlier(home)
    rows = []
    for info in found:
        decision = decision_about(store, info.name)
        improvement, number = _round_of(store, info.name)
        rows.append(
            (
                Cell(info.name, Asked(KIND, info.name)),
                Cell(_state(info, earlier), tone="good" if info.current else "soft"),
                Cell(_text(info.provenance, "method")),
                Cell(_parent(info).name),
                Cell(f"{improvement}, round {number}", Asked("improvement", improvement)) if improvement else Cell(""),
                Cell("none") if decision is None else _gate(decision),
                Cell(f"{100 * decision.delta:+.1f} points" if decision is not None else "", number=True),
                Cell(_text(info.provenance, "dataset", "rows"), number=True),
                Cell(f"{info.created:%Y-%m-%d %H:%M} UTC"),
            )
        )
    return Listing("Adapters", columns, rows, none="none yet: gristmill improve and gristmill train make them")


def adapter_page(store: Store, asked: Asked) -> AdapterPage | None:
    """The page of an adapter; None where the workspace has none of that name."""
    home = Adapters(home_beside(store.database))
    there = {info.name: info for info in home.list()}
    info = there.get(asked.owner)
    if info is None:
        return None
    improvement, number = _round_of(store, info.name)
    verbs = () if asked.public else ("show", "promote")
    return AdapterPage(
        info=info,
        state=_state(info, _earlier(home)),
        lineage=_lineage(info, there),
        children=[each.name for each in there.values() if _parent(each).name == info.name],
        improvement=improvement,
        round=number,
        decision=decision_about(store, info.name),
        rows=_text(info.provenance, "dataset", "rows"),
        data=_text(info.provenance, "dataset", "sha256"),
        loss=_loss(info.provenance),
        folder=None if asked.public else info.path,
        origin=[
            (key, str(value)) for key, value in flat(info.provenance) if key != "metrics.loss" and not asked.public
        ],
        commands=[in_terminal(store, asked, "adapters", verb, info.name) for verb in verbs],
    )


def _earlier(home: Adapters) -> tuple[str | None, ...]:
    try:
        return home.earlier()
    except UserError:
        return ()


def _state(info: AdapterInfo, earlier: Sequence[str | None]) -> str:
    if info.current:
        return "in use"
    return "in use before" if info.name in earlier else "not in use"


def _gate(decision: GateDecision) -> Cell:
    return Cell("✓ kept", tone="good") if decision.kept else Cell("✗ not kept", tone="bad")


def _round_of(store: Store, name: str) -> tuple[str | None, int]:
    """The improvement that trained an adapter, and in which round, if one has."""
    named = re.fullmatch(r"(.+)-round-(\d+)(?:\.\d+)?", name)
    if named is None or StageRecords(store, named[1]).begun() is None:
        return None, 0
    return named[1], int(named[2])


def _parent(info: AdapterInfo) -> Ancestor:
    path = _text(info.provenance, "adapter", "path")
    if path:
        return Ancestor(PurePath(path).name, here=False)
    base = _text(info.provenance, "base", "path")
    return Ancestor(f"the base model {PurePath(base).name}" if base else "the base model", here=False)


def _lineage(info: AdapterInfo, there: Mapping[str, AdapterInfo]) -> list[Ancestor]:
    found: list[Ancestor] = []
    seen = {info.name}
    now: AdapterInfo | None = info
    while now is not None:
        parent = _parent(now)
        before = there.get(parent.name) if _text(now.provenance, "adapter", "path") else None
        found.append(Ancestor(parent.name, here=before is not None))
        # A file that anybody can write may name a circle.
        now = before if parent.name not in seen else None
        seen.add(parent.name)
    return found[::-1]


def _loss(provenance: Mapping[str, Any]) -> Chart | None:
    metrics = provenance.get("metrics")
    pairs = metrics.get("loss") if isinstance(metrics, dict) else None
    if not isinstance(pairs, list):
        return None
    told = [
        (float(pair[0]), float(pair[1]))
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and all(_drawable(each) for each in pair)
    ]
    return loss_chart({"loss": told})


def _drawable(value: Any) -> bool:
    """Whether a picture has a place for it: a loss that has grown beyond all numbers has none."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def _text(provenance: Mapping[str, Any], *keys: str) -> str:
    """What stands there, if anything does; the file is anybody's to write."""
    value: Any = provenance
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return "" if value is None else str(value)
