"""Writes a task to begin with into a folder: the task file, recorded replies, and the same replies as candidates."""

from __future__ import annotations

import json
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Final

from gristmill.graph.tasks.output import file_errors, json_line, refuse_existing, write_file
from gristmill.sandbox.errors import UserError

__all__ = ["KINDS", "commands", "scaffold"]

KINDS: Final = ("score", "code", "math", "reward", "loss")
"""What there is, by the names that `gristmill new` takes."""

TASK, REPLIES, CANDIDATES = "task.yaml", "replies.jsonl", "candidates.jsonl"


def scaffold(kind: str, folder: str, *, force: bool) -> list[str]:
    """Write the files of a kind into a folder, which is made where there is none; their paths, the task file first.

    Args:
        kind: one of `KINDS`.
        folder: may hold other files.
        force: overwrite files of these names.

    Raises:
        UserError: the kind is unknown, the folder cannot be one, or a file of these names is there. Nothing is written.
        InfrastructureError: the disk is full, read-only or not ours to write.
    """
    if kind not in KINDS:
        raise UserError(f"there is no scaffold called {kind!r}; those there are: {', '.join(KINDS)}")
    target = Path(folder)
    if any(each.exists() and not each.is_dir() for each in (target, *target.parents)):
        raise UserError(f"{folder} is no folder, and cannot become one")
    templates = files("gristmill.graph").joinpath("tasks", "scaffolds")
    replies = templates.joinpath(f"{kind}.jsonl").read_text("utf-8")
    texts = {
        TASK: templates.joinpath(f"{kind}.yaml").read_text("utf-8"),
        REPLIES: replies,
        CANDIDATES: "".join(map(_candidate, replies.splitlines())),
    }
    if target.is_dir():
        for name in texts:
            refuse_existing(target / name, force=force)
    with file_errors(folder):
        target.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_file(str(target / name), text.encode())
    return [str(target / name) for name in texts]


def commands(kind: str, folder: str) -> list[str]:
    """What to call next, as lines for a shell; all run as they stand."""
    task, replies, candidates = (shlex.quote(str(Path(folder) / name)) for name in (TASK, REPLIES, CANDIDATES))
    verdicts = shlex.quote(str(Path(folder) / "verdicts.jsonl"))
    lines = [
        f"gristmill tasks check {task} --run-references",
        f"gristmill verify {task} {candidates} --out {verdicts}",
        f"gristmill run {task} --model replay:{replies} --hypotheses 1 --rounds 2",
    ]
    if kind == "score":
        lines.append(f"gristmill run {task} --model mutate --strategy evolve --rounds 20 --patience 20")
    return lines


def _candidate(line: str) -> str:
    row = json.loads(line)
    return json_line({"task_id": row["task_id"], "id": f"reply-{row['round'] + 1}", "text": row["text"]})
