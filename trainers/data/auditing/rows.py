"""What the rows of an exported dataset claim: which reply to which task, and what was found about it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gristmill.sandbox.errors import UserError

__all__ = ["Claim", "Row", "claims", "read_rows"]

_BYTES: Final = 4 << 30
_PLACE: Final = ("task", "run", "verified", "strength", "outcome")
_ASKED: Final = ("specification", "reward_model", "verifier_metadata")


@dataclass(frozen=True)
class Row:
    """One row and where it stands."""

    file: str
    line: int
    data: Mapping[str, Any]

    @property
    def place(self) -> str:
        """As in "data/train.jsonl: line 3"."""
        return f"{self.file}: line {self.line}"


@dataclass(frozen=True)
class Claim:
    """A reply that a row holds, and whether it must pass: None where the row claims nothing of it."""

    row: Row
    field: str
    text: str
    passes: bool | None


def read_rows(folder: Path) -> list[Row]:
    """All rows of a dataset's JSON Lines, by file and line.

    Raises:
        UserError: there are none, a line is no JSON object, a row lacks what says where it comes from, or a Parquet
            file holds other rows than the file beside it.
    """
    files = sorted(folder.rglob("*.jsonl"))
    if not files:
        raise UserError(f"{folder} holds no .jsonl file: it is no dataset that `gristmill export` has written")
    rows = []
    for path in files:
        name = path.relative_to(folder).as_posix()
        if path.stat().st_size > _BYTES:
            raise UserError(f"{path}: has more than {_BYTES >> 30} GiB")
        here = [Row(name, line, data) for line, data in enumerate(_lines(path), 1)]
        parquet = path.with_suffix(".parquet")
        if parquet.is_file():
            _refuse_other(parquet, [row.data for row in here])
        rows += here
    alone = [path for path in folder.rglob("*.parquet") if not path.with_suffix(".jsonl").is_file()]
    if alone:
        raise UserError(f"{alone[0]}: no .jsonl file stands beside it, so its rows cannot be judged")
    return rows


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            try:
                data = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path}: line {number}: is no JSON: {error}") from error
            if not isinstance(data, dict):
                raise UserError(f"{path}: line {number}: is no object")
            for field in _PLACE:
                if field not in data:
                    raise UserError(f"{path}: line {number}: {field}: missing; a row says where it comes from by it")
            yield data


def _refuse_other(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if len(table) != len(rows):
        raise UserError(f"{path}: has {len(table)} rows, the .jsonl file beside it {len(rows)}")
    for number, (one, other) in enumerate(zip(table, rows, strict=True), 1):
        if _bare(one) != _bare(dict(other)):
            raise UserError(f"{path}: row {number}: is not line {number} of the .jsonl file beside it")


def _bare(value: Any) -> Any:
    """Without what a table must fill with None."""
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items() if item is not None}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def claims(row: Row) -> list[Claim]:
    """The replies that a row holds. One without answers, of tasks alone, holds none.

    Raises:
        UserError: it has the shape of no format of `gristmill.trainers.data.export.FORMATS`.
    """
    data = row.data
    said = bool(data["outcome"] == "passed")
    if "chosen" in data:
        chosen = Claim(row, "chosen", _last(row, "chosen"), said)
        return [chosen, Claim(row, "rejected", _last(row, "rejected"), False)]
    if "label" in data:
        return [Claim(row, "completion", _last(row, "completion"), bool(data["label"]))]
    if "labels" in data:
        texts, labels = data.get("completions"), data["labels"]
        if not isinstance(texts, list) or not isinstance(labels, list) or len(labels) != len(texts):
            raise UserError(f"{row.place}: completions, labels: must be lists of one length")
        if not all(isinstance(each, str) for each in texts):
            raise UserError(f"{row.place}: completions: must be texts")
        pairs = enumerate(zip(texts, labels, strict=True))
        return [Claim(row, f"completions[{at}]", text, bool(label)) for at, (text, label) in pairs]
    for field in ("completion", "messages", "conversations"):
        if field in data:
            return [Claim(row, field, _last(row, field), said)]
    if isinstance(data.get("output"), str):
        return [Claim(row, "output", data["output"], said)]
    if any(field in data for field in _ASKED):
        return []
    raise UserError(f"{row.place}: has the shape of no format that `gristmill export` writes")


def _last(row: Row, field: str) -> str:
    """What the last turn of a conversation says."""
    turns = row.data.get(field)
    turn = turns[-1] if isinstance(turns, list) and turns else None
    text = turn.get("content", turn.get("value")) if isinstance(turn, dict) else None
    if not isinstance(text, str):
        raise UserError(f"{row.place}: {field}: must be turns of a conversation, the last of which has a text")
    return text
