"""The seed instructions that new ones are written after: 175 of our own.

The paper begins with the 175 that Alpaca was begun with; these are others, written for this project by hand, so that
their licence is the project's. What can be checked carries what checks it: constraints, an answer, or tests.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from gristmill.verifiers.records import Task
from gristmill.verifiers.registry import problems

__all__ = ["SEEDS", "checkable", "seeds"]

SEEDS = Path(__file__).with_name("seeds.jsonl")


@cache
def seeds() -> tuple[Task, ...]:
    """All of them, in the order of the file: those with constraints, mathematics, programs, and those left open.

    An open one is an instruction without constraints, which no verifier takes: see `checkable`.
    """
    return tuple(Task.model_validate(json.loads(line)) for line in SEEDS.read_text("utf-8").splitlines())


def checkable(task: Task) -> bool:
    """Whether a verifier of this project can judge a reply to it."""
    return not problems(task)
