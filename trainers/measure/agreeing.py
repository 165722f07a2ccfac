"""Which replies to a task give the same answer: what a majority is counted by, and how far replies agree.

No verdict comes of this. Two answers of one form are one answer; two forms may still be equal (``1/2`` and ``0.5``),
which only the verifier's sandboxed comparison can tell: that they count as two makes agreement smaller, never larger.
"""

from __future__ import annotations

from gristmill.verifiers.extraction.canonical import canonical
from gristmill.verifiers.records import Task
from gristmill.verifiers.registry import verifier_class

__all__ = ["normal_form"]


def normal_form(task: Task, solution: str | None) -> str | None:
    """The answer that a solution gives, as its kind's verifier normalises it; None where it gives none.

    A verifier says so by a static method `normal_form(task, solution)`, as those of mathematics and reasoning do. Where
    it has none, a program counts without its layout, comments and the names of its own, anything else by its words.

    Raises:
        UnknownKindError: see `gristmill.verifiers.registry.verifier_class`.
    """
    if solution is None or not solution.strip():
        return None
    own = getattr(verifier_class(task.kind), "normal_form", None)
    if callable(own):
        said = own(task, solution)
        return None if said is None else str(said)
    return canonical(solution, _entry_points(task)) or " ".join(solution.split())


def _entry_points(task: Task) -> frozenset[str]:
    """The names by which tests call a solution."""
    names: set[str] = set()
    for test in (*task.public_tests, *task.tests):
        point = getattr(test, "entry_point", None)
        names |= {point} if isinstance(point, str) else set(point or ())
    return frozenset(names)
