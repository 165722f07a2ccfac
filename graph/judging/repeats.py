"""Programs that were judged already: the same program for the same task keeps its verdict, and is told so.

Against money and sandboxes spent on what is known, and against a program that fails by chance being sent again until it
passes by chance. What is the same is decided by `gristmill.verifiers.extraction.normal.program_key`. Only what earlier
rounds have found counts, since of one round it is chance which reply comes first; so a resumed run finds the same.
"""

from __future__ import annotations

from typing import NamedTuple

from gristmill.graph.records import Hypothesis, Step
from gristmill.verifiers.extraction.normal import is_without_noise, program_key
from gristmill.verifiers.records import Evidence, Outcome, Task, Verdict

__all__ = ["Judged", "Repeats", "repeated", "settled_as"]

_CERTAIN = (Outcome.PASSED, Outcome.FAILED)
_TOLD = (
    "This is the same program as an earlier answer of yours (round {round}, answer {sample}), but for layout and "
    "comments at most, so it was not judged again: what was found then stands."
)


class Judged(NamedTuple):
    """A hypothesis with its verdict, and what the owner may read of it."""

    step: Step
    evidence: Evidence | None


class Repeats:
    """The programs of one task that have a verdict which is certain to come out again."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._certain = is_without_noise(task)
        self._first: dict[tuple[str, str | None], Hypothesis] = {}

    def add(self, hypothesis: Hypothesis, verdict: Verdict) -> None:
        """Hear of a verdict. One that repeats another is no source of others."""
        before = verdict.unsettled
        if before.outcome not in _CERTAIN or verdict.repeats is not None or (key := self._key(hypothesis)) is None:
            return
        first = self._first.setdefault(key, hypothesis)
        if _place(hypothesis) < _place(first):
            self._first[key] = hypothesis

    def of(self, hypothesis: Hypothesis, *, in_turn: bool = False) -> str | None:
        """The id of the first hypothesis with this program, of an earlier round, or, `in_turn`, an earlier place."""
        key = self._key(hypothesis)
        first = None if key is None else self._first.get(key)
        if first is None:
            return None
        earlier = _place(first) < _place(hypothesis) if in_turn else first.round < hypothesis.round
        return first.id if earlier else None

    def _key(self, hypothesis: Hypothesis) -> tuple[str, str | None] | None:
        if not self._certain or hypothesis.solution is None:
            return None
        # What a program was given is a part of what it did.
        return program_key(self._task, hypothesis.solution), hypothesis.best


def repeated(first: Step) -> Verdict:
    """The verdict of a hypothesis that says the same as an earlier one; its consistency run is that one's, too."""
    told = _TOLD.format(round=first.hypothesis.round, sample=first.hypothesis.sample)
    verdict = first.verdict.unsettled
    feedback = "\n\n".join(part for part in (told, verdict.feedback) if part)
    return verdict.model_copy(update={"repeats": first.hypothesis.id, "feedback": feedback, "seconds": 0.0})


def settled_as(verdict: Verdict, first: Verdict) -> Verdict:
    """A verdict that repeats `first`, after the consistency run of that one."""
    return first.model_copy(
        update={"repeats": verdict.repeats, "feedback": verdict.feedback, "seconds": verdict.seconds}
    )


def _place(hypothesis: Hypothesis) -> tuple[int, int]:
    return hypothesis.round, hypothesis.sample
