"""Write what a run verified as a dataset: JSON Lines, Parquet, and a card that says how it came about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gristmill.graph.records import Trajectory
from gristmill.graph.tasks.output import row_writer
from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.data.card import card, unverified
from gristmill.trainers.data.curation.balance import family_of, strata_of
from gristmill.trainers.data.curation.contamination import Decontamination
from gristmill.trainers.data.curation.splitting import validation_families
from gristmill.trainers.data.curation.telling import REPORT, chosen
from gristmill.trainers.data.formats import Rows, messages_rows, preference_rows, sft_rows
from gristmill.trainers.data.interchange import alpaca_rows, sharegpt_rows, stepwise_rows, unpaired_rows
from gristmill.trainers.data.prompting import Profile, Prompting, check_prompting
from gristmill.trainers.data.questions import grpo_rows, nemo_gym_rows, verl_rows
from gristmill.trainers.data.steps import ACCEPTED

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FORMATS", "Exported", "export_rows", "refuse_ending", "write_dataset"]

FORMATS: dict[str, Rows] = {
    "sft": sft_rows,
    "preference": preference_rows,
    "messages": messages_rows,
    "unpaired": unpaired_rows,
    "stepwise": stepwise_rows,
    "sharegpt": sharegpt_rows,
    "alpaca": alpaca_rows,
    "grpo": grpo_rows,
    "verl": verl_rows,
    "nemo_gym": nemo_gym_rows,
}
"""Name → what makes its rows."""

_MESSAGE_COLUMNS = ("prompt", "completion", "chosen", "rejected", "messages")
_TYPES = {"round": "int64", "verified": "bool", "reasoning_verified": "bool", "label": "bool", "replies": "int64"}
_OTHER_PROMPTS = {
    "bare": "\n## Prompts\n\nA row's prompt is the task as it is asked without a search, whatever else the model was "
    "shown when it answered: earlier attempts, and what they got wrong. `round` and `parents` tell, and `prompt_sha` "
    "names what was sent. Where the two differ, the answer is the accepted solution alone, in full.\n",
    "single": "\n## Prompts\n\nA row's prompt is the task as it is asked without a search and without examples, "
    "whatever else the model was shown when it answered; `prompt_sha` names what was sent.\n",
    "task": "\n## Prompts\n\nA row's prompt is the task's own, without what the model was shown beside it when it "
    "answered; `prompt_sha` names what was sent.\n",
}


class Exported(Record):
    """What was written."""

    out: str
    format: str
    rows: dict[str, int] = Field(description="by split")
    tasks: int
    verified: int
    unverified: dict[str, int] = Field({}, description="rows that passed and are not verified, by strength")
    files: tuple[str, ...]
    left_out: dict[str, int] = Field({}, description="what became no row, by reason")
    strata: dict[str, int] = Field({}, description="rows by stratum, see `gristmill.trainers.data.curation.balance`")
    contaminated: int = Field(0, description="rows left out as they share something with a held-out task")
    unchecked: dict[str, str] = Field({}, description="what rows were not held against, with the reason")
    pushed: str = Field("", description="address of the commit on the hub")


def export_rows(
    trajectories: Iterable[Trajectory],
    format: str,
    *,
    accept: str = "verified",
    reasoning: bool = False,
    prompts: str = "bare",
    replies: str = "whole",
    profile: Profile | None = None,
) -> list[dict[str, Any]]:
    """The rows of a format, the same ones once, in a stable order.

    Args:
        accept: which replies become rows, see `gristmill.trainers.data.formats.Accepted`; what is not verified is
            marked as such.
        reasoning: keep what a model thought before it answered.
        prompts, replies, profile: what rows ask and answer, see `gristmill.trainers.data.prompting.Prompting`.

    Raises:
        UserError: no format, prompts or replies have that name, or nothing can be accepted by it.
    """
    if format not in FORMATS:
        raise UserError(f"--format: unknown format {format!r}; use one of {', '.join(FORMATS)}")
    if accept not in ACCEPTED:
        raise UserError(f"--accept: {accept!r} is none of {', '.join(ACCEPTED)}")
    check_prompting(prompts, replies)
    prompting = Prompting.model_validate({"prompts": prompts, "replies": replies, "profile": profile})
    how = {"accept": accept, "reasoning": reasoning, "prompting": prompting}
    return list(FORMATS[format](trajectories, **how))


def refuse_ending(out: str | Path) -> None:
    """See that what is to be written is a folder, or a file of a kind that is written here.

    Raises:
        UserError: the name ends like a file's of another kind: it would become a folder of that name.
    """
    ending = Path(out).suffix
    if ending not in (".jsonl", ".parquet") and re.fullmatch(r"\.[A-Za-z]\w*", ending) and not Path(out).is_dir():
        raise UserError(
            f"--out {out}: files are written as .jsonl or .parquet, not {ending}; a folder's name has no such ending"
        )


def write_dataset(
    rows: Sequence[dict[str, Any]],
    out: str | Path,
    *,
    format: str,
    run: str,
    prompts: str = "bare",
    license: str = "unknown",
    parquet: bool = False,
    force: bool = False,
    decontamination: Decontamination | None = None,
    left_out: Mapping[str, int] | None = None,
    seeds: Mapping[str, int] | None = None,
    validation: float | None = None,
    validation_seed: int = 0,
) -> Exported:
    """Write rows to a folder (a file per split under ``data/``, and a card) or to one ``.jsonl`` or ``.parquet`` file.

    The tasks' splits are kept apart, so that held-out tasks cannot slip into training unseen; rows of tasks without
    one are in `train`.

    Args:
        prompts: what the rows' prompts are (see `export_rows`), for the card.
        decontamination: what the rows were held against; a folder gets it as ``decontamination.json``.
        left_out: what became no row, by reason, for the card.
        seeds: by what they are of, for the card.
        validation: the share of the rows of `train` that is written as the split `validation`, by family. The column
            `split` goes on saying what the task's is.

    Raises:
        UserError: `out` exists already and `force` was not given, or it is named like a file of another kind.
        InfrastructureError: the disk is full, read-only or not ours to write.
    """
    refuse_ending(out)
    target = Path(out)
    # verl reads Parquet alone.
    parquet = parquet or format == "verl"
    whole = target.suffix in (".jsonl", ".parquet") or str(out) == "-"
    splits: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        # The hub knows a split by a name of letters, digits and underscores.
        splits.setdefault(re.sub(r"\W", "_", row["split"] or "train"), []).append(row)
    if validation is not None:
        if whole:
            raise UserError(f"--validation: {out} is one file, and has no splits; name a folder")
        splits = _with_validation(splits, validation, validation_seed)
    if whole:
        files = [_write_file(rows, target, force=force)]
    else:
        files = _write_folder(splits, target, parquet=parquet, force=force)
        text = card(
            splits,
            format=format,
            run=run,
            license=license,
            extension="parquet" if parquet else "jsonl",
        )
        more = "" if format in ("grpo", "verl", "nemo_gym") else _OTHER_PROMPTS.get(prompts, "")
        told = chosen(rows, decontamination=decontamination, left_out=left_out or {}, seeds=seeds or {})
        files.append(_write_text(target / "README.md", text + more + told))
        if decontamination is not None:
            report = decontamination.model_dump_json(indent=1, exclude_none=True)
            files.append(_write_text(target / REPORT, report + "\n"))
    return Exported(
        out=str(out),
        format=format,
        rows={name: len(members) for name, members in splits.items()},
        tasks=len({row["task"] for row in rows}),
        verified=sum(row["verified"] for row in rows),
        unverified=unverified(rows),
        files=tuple(files),
        left_out=dict(left_out or {}),
        strata=dict(sorted(Counter(stratum for row in rows for stratum in strata_of(row)).items())),
        contaminated=len(decontamination.matches) if decontamination else 0,
        unchecked=decontamination.unchecked if decontamination else {},
    )


def _with_validation(
    splits: dict[str, list[dict[str, Any]]], share: float, seed: int
) -> dict[str, list[dict[str, Any]]]:
    """The splits, with whole families of `train` in `validation`."""
    rows = splits.get("train", [])
    families = validation_families(rows, share, seed)
    parts: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for row in rows:
        parts[family_of(str(row["task"]), row.get("tags") or ()) in families].append(row)
    return {**splits, "train": parts[False], "validation": [*splits.get("validation", []), *parts[True]]}


def _write_folder(splits: dict[str, list[dict[str, Any]]], target: Path, *, parquet: bool, force: bool) -> list[str]:
    if target.is_file() or (target.is_dir() and any(target.iterdir()) and not force):
        raise UserError(f"{target} exists already; name another folder, or write into it with --force")
    data = target / "data"
    try:
        data.mkdir(parents=True, exist_ok=True)
        # A split of an earlier export must not stand beside the new ones.
        for old in (*data.glob("*.jsonl"), *data.glob("*.parquet")):
            old.unlink()
    except OSError as error:
        raise InfrastructureError(f"cannot write {data}: {error.strerror}") from error
    suffixes = (".jsonl", ".parquet") if parquet else (".jsonl",)
    return [
        _write_file(rows, data / f"{name}{suffix}", force=True) for name, rows in splits.items() for suffix in suffixes
    ]


def _write_file(rows: Sequence[dict[str, Any]], path: Path, *, force: bool) -> str:
    if path.suffix != ".parquet":
        with row_writer(path, force=force) as write:
            for row in rows:
                write(row)
        return str(path)
    if path.exists() and not force:
        raise UserError(f"{path} exists already; name another file, or overwrite it with --force")
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=_schema(rows)), path)
    except OSError as error:
        raise InfrastructureError(f"cannot write {path}: {error.strerror or error}") from error
    return str(path)


def _schema(rows: Sequence[dict[str, Any]]) -> pa.Schema:
    """Types by column, whatever the rows hold: a column of nulls or empty lists has none of its own."""
    import pyarrow as pa

    weighted = any("messages" in row for row in rows)
    thought = any("reasoning_verified" in row for row in rows)
    message = pa.struct(
        [
            ("role", pa.string()),
            ("content", pa.string()),
            *([("weight", pa.int64())] if weighted else []),
            *([("reasoning_content", pa.string())] if thought else []),
        ]
    )

    texts = pa.list_(pa.string())
    nested = {
        "parents": texts,
        "tags": texts,
        "completions": texts,
        "labels": pa.list_(pa.bool_()),
        "conversations": pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())])),
        "history": pa.list_(texts),
        "share": pa.float64(),
        "reward_model": pa.struct([("style", pa.string()), ("ground_truth", pa.string())]),
        "extra_info": pa.struct(
            [("index", pa.int64()), ("split", pa.string()), ("task", pa.string()), ("share", pa.float64())]
        ),
        "responses_create_params": pa.struct([("input", pa.list_(message))]),
        "verifier_metadata": pa.struct([("task", pa.string())]),
    }

    def typed(column: str) -> pa.DataType:
        # `stepwise` asks in one text.
        if column in _MESSAGE_COLUMNS and not isinstance(rows[0][column], str):
            return pa.list_(message)
        if column in nested:
            return nested[column]
        return {"int64": pa.int64(), "bool": pa.bool_()}.get(_TYPES.get(column, ""), pa.string())

    return pa.schema([(column, typed(column)) for column in (rows[0] if rows else ())])


def _write_text(path: Path, text: str) -> str:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InfrastructureError(f"cannot write {path}: {error.strerror}") from error
    return str(path)
