"""What an interrupted command has written already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Candidate, Outcome

__all__ = ["written_rows"]


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


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and row.get("outcome") in set(Outcome) else None
