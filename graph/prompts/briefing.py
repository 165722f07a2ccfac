"""What a prompt tells beside the task, the parents and their feedback."""

from __future__ import annotations

from dataclasses import dataclass, field

from gristmill.graph.search.base import Operator
from gristmill.graph.search.history import Place

__all__ = ["Briefing", "Remembered"]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What all prompts of a round begin with, behind the task; all of it bounded by `gristmill.graph.prompts.ledger`.

    `attempts` has a line for each, `left_out` counts those before them; `lessons` is what the model has learned,
    `lacking` names what is not installed where answers run.
    """

    attempts: str = ""
    left_out: int = 0
    lessons: str = ""
    lacking: str = ""


@dataclass(frozen=True, slots=True)
class Briefing:
    """What the prompt of one place tells.

    `lineage` is how the parent came about and `tried` what was built on it, both a line for each hypothesis; `best` is
    the best so far where that is another one; `instruction` is one that evolved, if the place is told any.
    """

    place: Place
    operator: Operator
    remembered: Remembered = field(default_factory=Remembered)
    lineage: str = ""
    tried: str = ""
    best: str = ""
    instruction: str = ""
