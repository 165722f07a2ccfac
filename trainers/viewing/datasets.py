"""Datasets: what a round was trained on, row by row, what was left out, and whether anybody has audited it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gristmill.graph.storage.store import Store
from gristmill.graph.storage.workspace import home_beside, option_for
from gristmill.graph.view.registry import Asked, Cell, Listing, Tone
from gristmill.sandbox.errors import GristmillError
from gristmill.trainers.data.auditing.manifest import MANIFEST, differences, fingerprint, read_signed
from gristmill.trainers.data.curate import Curated
from gristmill.trainers.data.curation.contamination import Decontamination
from gristmill.trainers.improve.coverage.strata import Coverage
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.viewing.reading import improvements, recipe_of, rounds_of

__all__ = ["KIND", "PAGE", "Audit", "DatasetPage", "Row", "audit_of", "dataset_listing", "dataset_page"]

KIND = "dataset"
PAGE = 20
"""Rows on one page."""
_MOST = 50
"""Differences to a manifest that are listed."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Whether a dataset is as it was when it was audited."""

    tone: Tone
    state: str
    words: Sequence[str]
    command: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row, with where it comes from."""

    number: int
    task: str
    split: str
    verified: bool
    strength: str
    run: str
    hypothesis: str
    turns: Sequence[tuple[str, str]]
    """(who, what), the last one being what is learned."""


@dataclass(frozen=True, slots=True)
class DatasetPage:
    """What the page of a dataset shows."""

    owner: str
    of: str
    """The kind of page that its owner has."""
    part: str
    rows: Sequence[Row]
    count: int
    page: int
    pages: int
    verified: int
    strengths: Sequence[tuple[str, int]]
    splits: Sequence[tuple[str, int]]
    dropped: Sequence[tuple[str, int]]
    strata: Sequence[tuple[str, int]]
    held_against: Decontamination | None
    folder: Path | None
    audit: Audit


def dataset_listing(store: Store) -> Listing:
    """What the rounds of a workspace's improvements and recipes were trained on."""
    rows = []
    for records in improvements(store):
        config = records.begun()
        if config is None:
            continue
        for part, kept, verified, dropped in _parts(records, config.rounds):
            rows.append(
                (
                    Cell(f"{records.name}, {part}", Asked(KIND, records.name, part)),
                    Cell(str(kept), number=True),
                    Cell(f"{verified} of {kept}", number=True),
                    Cell(str(dropped), number=True),
                )
            )
    columns = ("dataset", "rows", "verified", "left out")
    return Listing("Datasets", columns, rows, none="none yet: the rounds of gristmill improve make them")


def _parts(records: StageRecords, declared: int) -> list[tuple[str, int, int, int]]:
    """(part, rows, verified ones, left out) of every round that has rows."""
    if recipe_of(records) is None:
        return [
            (
                f"round-{each.round + 1}",
                each.rows,
                each.rows - sum(each.weaker_rows.values()),
                sum(each.dropped.values()),
            )
            for each in rounds_of(records, declared)
            if each.rows
        ]
    found = []
    for number in range(1, declared + 1):
        curated = records.read(f"round-{number}/curated", Curated)
        if curated is not None and curated.rows:
            verified = sum(bool(row.get("verified")) for row in curated.rows)
            found.append((f"round-{number}", len(curated.rows), verified, sum(curated.dropped.values())))
    return found


def dataset_page(store: Store, asked: Asked) -> DatasetPage | None:
    """The page of a round's dataset; None where that round has none."""
    records = StageRecords(store, asked.owner)
    curated = records.read(f"{asked.id}/curated", Curated) if asked.id else None
    if curated is None:
        return None
    covered = records.read(f"{asked.id}/coverage", Coverage)
    page, count, rows = asked.part(PAGE, lambda after, limit: (len(curated.rows), curated.rows[after : after + limit]))
    folder = home_beside(store.database) / "improvements" / asked.owner / asked.id / "dataset"
    audit = audit_of(folder, option_for(store.location))
    if asked.public:
        audit = Audit(audit.tone, audit.state, (), "")
    strata = covered.rows if covered is not None else curated.strata
    return DatasetPage(
        owner=asked.owner,
        of="improvement" if recipe_of(records) is None else "isheep",
        part=asked.id,
        rows=[_row(at, row) for at, row in enumerate(rows, page * PAGE + 1)],
        count=count,
        page=page,
        pages=-(-count // PAGE),
        verified=sum(bool(row.get("verified")) for row in curated.rows),
        strengths=_counted(curated.rows, "strength"),
        splits=_counted(curated.rows, "split", "train"),
        dropped=sorted(((why, n) for why, n in curated.dropped.items() if n), key=lambda each: -each[1]),
        strata=sorted(strata.items(), key=lambda each: each[1]),
        held_against=curated.decontamination,
        folder=None if asked.public else folder,
        audit=audit,
    )


def _counted(rows: Sequence[dict[str, Any]], key: str, none: str = "not said") -> list[tuple[str, int]]:
    return Counter(str(row.get(key) or none) for row in rows).most_common()


def _row(number: int, row: dict[str, Any]) -> Row:
    turns = [*row.get("prompt", ()), *row.get("completion", ())]
    return Row(
        number=number,
        task=str(row.get("task", "")),
        split=str(row.get("split") or "train"),
        verified=bool(row.get("verified")),
        strength=str(row.get("strength", "")).replace("_", " "),
        run=str(row.get("run", "")),
        hypothesis=str(row.get("hypothesis", "")),
        turns=[(str(turn.get("role", "")), str(turn.get("content", ""))) for turn in turns],
    )


def audit_of(folder: Path, where: Sequence[str] = ()) -> Audit:
    """What a dataset's manifest says, and whether its files are still as it says.

    Args:
        where: how a command is told of the workspace.
    """
    command = shlex.join(["gristmill", "audit", str(folder), "--key", "KEY", *where])
    if not folder.is_dir():
        return Audit("soft", "its folder is gone", ["The rows below are the store's."], "")
    if not (folder / MANIFEST).is_file():
        return Audit("soft", "not audited", ["Nobody has judged its replies again and signed what it holds."], command)
    command = shlex.join(["gristmill", "audit", str(folder), "--check", "--key", "KEY.pub", *where])
    try:
        manifest, problems = read_signed(folder, None)
        problems += differences(manifest, folder)
        signer = fingerprint(manifest.public_key)
    except (GristmillError, OSError, ValueError) as error:
        return Audit("bad", "its manifest cannot be read", [str(error)], command)
    except ImportError:
        return Audit("unscored", "not checked", ["To check it takes the extra audit."], command)
    said = f"{manifest.rows} rows, {manifest.judged} replies judged again, {manifest.unverified} never called verified"
    about = f"Audited {manifest.created} by {signer}: {said}. Whose key that is, this page does not know."
    if problems:
        more = [f"and {len(problems) - _MOST} more"] if len(problems) > _MOST else []
        return Audit("bad", "changed since it was audited", [about, *problems[:_MOST], *more], command)
    return Audit("good", "as it was audited", [about], command)
