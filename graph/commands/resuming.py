"""What an interrupted command has written already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Candidate, Outcome

__all__ = ["cut_evidence", "refuse_evidence", "written_rows"]


def written_rows(path: str | Path, candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """The verdict rows at `path` that stay, from the first on; the file is cut off behind them.

    A row that a kill cut in two goes, and so does everything from the first `unscored` row on: it is judged again.
    No file is no rows.

    Raises:
        UserError: the file does not hold verdicts of these candidates, in their order.
    """
    target = Path(path)
    if not target.exists():
        return []
    rows: list[dict[str, Any]] = []
    with target.open("r+b") as file:
        end = 0
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            row = _row(line)
            expected = candidates[len(rows)] if len(rows) < len(candidates) else None
            if (
                row is None
                or expected is None
                or (row.get("task_id"), row.get("id")) != (expected.task_id, expected.id)
            ):
                raise UserError(
                    f"{path}, line {number}: not the verdict of the candidate in that place; --resume needs the "
                    "same candidates as before. Name another --out, or start again with --force"
                )
            if row["outcome"] == Outcome.UNSCORED:
                break
            rows.append(row)
            end += len(line)
        file.truncate(end)
    return rows


def refuse_evidence(path: str, others: Sequence[str]) -> None:
    """See that evidence goes into a file of its own: whoever reads one of the others must not find it there.

    Raises:
        UserError: it would not.
    """
    if path == "-":
        raise UserError("--evidence: name a file; standard output is read by too many")
    if any(other != "-" and Path(other).resolve() == Path(path).resolve() for other in others):
        raise UserError(f"--evidence: {path} is named already for something else; evidence needs a file of its own")


def cut_evidence(path: str, kept: Sequence[Candidate]) -> None:
    """Cut an evidence file off behind the rows of those verdicts that stay; the first of which it must have in order.

    A row of evidence is written before its verdict is, so that there may be one more of them, or a part of one.

    Raises:
        UserError: the file does not hold the evidence of these candidates.
    """
    target = Path(path)
    if not kept and not target.exists():
        return
    trouble = "; start again with --force, or leave --evidence out"
    if not target.exists():
        raise UserError(f"{path} is not there, and {len(kept)} verdicts are, whose evidence it would have{trouble}")
    with target.open("r+b") as file:
        end = 0
        for number, candidate in enumerate(kept, 1):
            line = file.readline()
            row = _row(line) or {}
            if not line.endswith(b"\n") or (row.get("task_id"), row.get("id")) != (candidate.task_id, candidate.id):
                raise UserError(f"{path}, line {number}: not the evidence of the candidate in that place{trouble}")
            end += len(line)
        file.truncate(end)


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and row.get("outcome") in set(Outcome) else None
