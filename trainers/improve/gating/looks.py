"""How often a set of tasks was looked at: gate sets that are asked again and again, and a test set opened once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import Field

from gristmill.graph.storage.documents import Documents
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Task

__all__ = ["Look", "QueryCount", "ask", "looks", "open_sealed", "opening_words", "set_digest"]

_GATE, _SEALED = "gate set", "sealed set"
OFTEN = 10


class Look(Record):
    """A set of tasks was looked at, for one improvement; written down before it is looked at."""

    by: str
    at: datetime
    told: bool = Field(False, description="gate sets: whether the answer was more than `not better`")


class QueryCount(Record):
    """What a fixed gate set was asked before."""

    queries: int = 0
    told: int = Field(0, description="answers that were more than `not better`")

    @property
    def warning(self) -> str:
        """What is to be said about a set that was asked often; empty otherwise."""
        if self.queries < OFTEN:
            return ""
        return (
            f"this gate set was asked {self.queries} times before and found {self.told} better: each further question "
            "takes more evidence than the one before; fresh tasks do not"
        )


def set_digest(tasks: Sequence[Task]) -> str:
    """What a set is known by, whatever its order."""
    rows = sorted(task.model_dump_json() for task in tasks)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def looks(documents: Documents, tasks: Sequence[Task], *, sealed: bool = False) -> dict[str, Look]:
    """Who looked at this set, by improvement and round, the first one first."""
    return documents.list(_SEALED if sealed else _GATE, set_digest(tasks), Look)


def ask(documents: Documents, tasks: Sequence[Task], by: str, *, told: bool | None = None) -> QueryCount:
    """Count a query of a fixed gate set, and say what it was asked before; with `told`, write the answer down.

    The same `by` (an improvement's name and round) is the same query, however often it is resumed.
    """
    digest = set_digest(tasks)
    before = documents.list(_GATE, digest, Look)
    if by not in before or told is not None:
        at = before[by].at if by in before else datetime.now(UTC)
        documents.put(_GATE, digest, by, Look(by=by, at=at, told=bool(told)))
    earlier = [look for name, look in before.items() if by not in before or (look.at, name) < (before[by].at, by)]
    return QueryCount(queries=len(earlier), told=sum(look.told for look in earlier))


def open_sealed(documents: Documents, tasks: Sequence[Task], by: str) -> tuple[Look, ...]:
    """Write down that a test set is opened, before it is looked at; all its openings, the first one first."""
    digest = set_digest(tasks)
    documents.add(_SEALED, digest, by, Look(by=by, at=datetime.now(UTC)))
    return tuple(sorted(documents.list(_SEALED, digest, Look).values(), key=lambda look: (look.at, look.by)))


def opening_words(openings: Sequence[Look], by: str) -> str:
    """What report and summary say about it."""
    own = next(look for look in openings if look.by == by)
    earlier = [look for look in openings if (look.at, look.by) < (own.at, own.by)]
    said = f"the test set was opened at {own.at:%Y-%m-%d %H:%M} UTC"
    if not earlier:
        return f"{said}, for the first time"
    first = earlier[0]
    return (
        f"{said}, and {len(earlier)} times before, first for {first.by!r} at {first.at:%Y-%m-%d %H:%M} UTC: "
        "whatever was chosen since then was chosen knowing it"
    )
