"""Rows of public data sets as they are published, which are no tasks yet: which set it is, and the command for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["import_hint"]

# Name of the importer → what every row of the set has, and what tells it from others that have it too.
_SETS: dict[str, tuple[frozenset[str], Callable[[Mapping[str, Any]], bool]]] = {
    "humaneval": (frozenset({"task_id", "prompt", "entry_point", "canonical_solution", "test"}), lambda row: True),
    "mbpp": (frozenset({"task_id", "code", "test_list"}), lambda row: True),
    "gsm8k": (frozenset({"question", "answer"}), lambda row: "####" in str(row["answer"])),
    "math500": (frozenset({"problem", "solution", "answer"}), lambda row: True),
    "ifeval": (frozenset({"key", "prompt", "instruction_id_list", "kwargs"}), lambda row: True),
}


def import_hint(row: Mapping[str, Any], path: str) -> str | None:
    """What to do with a file of which a row is one of a public set; None if it is none that is known."""
    if "kind" in row:
        return None
    for name, (fields, fits) in _SETS.items():
        if fields <= set(row) and fits(row):
            source = "FILE" if path == "-" else path
            command = f"gristmill tasks import {name} {source} --out tasks.jsonl"
            return f"this is a row of {name} as it is published, not a task; turn the file into tasks with `{command}`"
    return None
