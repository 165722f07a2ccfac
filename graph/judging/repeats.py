"""Programs that were judged already: the same program for the same task keeps its verdict, and is told so.

Against money and sandboxes spent on what is known, and against a program that fails by chance being sent again until it
passes by chance. What is the same is decided by `gristmill.verifiers.extraction.normal.program_key`. Only what earlier
rounds have found counts, since of one round it is chance which reply comes first; so a resumed run finds the same.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence
from typing import NamedTuple

from gristmill.graph.records import Hypothesis, Step
from gristmill.verifiers.extraction.normal import form_key, is_without_noise, program_key
from gristmill.verifiers.languages.registry import language
from gristmill.verifiers.plugins import reads_code
from gristmill.verifiers.records import Direction, Evidence, Outcome, Strength, Task, Verdict

__all__ = ["Precedent", "Repeats", "has_trees", "renamed", "repeated", "same_program", "settled_as"]

_CERTAIN = (Outcome.PASSED, Outcome.FAILED)
# Programs of one form that are held against another: they differ where a program could see its own text.
_MOST_ALIKE = 16
_TOLD = (
    "This is the same program as {which}, but for layout and "
    "comments at most, so it was not judged again: what was found then stands."
)
_RENAMED = (
    "This is the program of {which} under other names, so it was "
    "not judged. What was found about that one stands: answer with another program."
)


class Precedent(NamedTuple):
    """A hypothesis with its verdict, and what the owner may read of it; `renamed`: it is the same under other names."""

    step: Step
    evidence: Evidence | None
    renamed: bool = False


class Repeats:
    """The programs of one task that have a verdict which is certain to come out again.

    Of each only its form is kept, which most share with no other; whether two of one form are one program is found when
    they are at hand (`same_program`), as that is dear and texts are in the store.
    """

    def __init__(self, task: Task) -> None:
        self._certain = is_without_noise(task)
        self._alike: dict[tuple[str, str | None], list[tuple[int, int, str]]] = {}

    def add(self, hypothesis: Hypothesis, verdict: Verdict) -> None:
        """Hear of a verdict. One that repeats another is no source of others."""
        before = verdict.unsettled
        if before.outcome not in _CERTAIN or verdict.repeats is not None or (key := self._key(hypothesis)) is None:
            return
        place = hypothesis.round, hypothesis.sample, hypothesis.id
        places = self._alike.setdefault(key, [])
        if place not in places:
            insort(places, place)
            del places[_MOST_ALIKE:]

    def alike(self, hypothesis: Hypothesis, before: tuple[int, int]) -> list[str]:
        """Ids of hypotheses of this form from the places before this (round, sample), in their order."""
        places = self._alike.get(key, []) if (key := self._key(hypothesis)) is not None else []
        return [id_ for round, sample, id_ in places if (round, sample) < before]

    def _key(self, hypothesis: Hypothesis) -> tuple[str, str | None] | None:
        if not self._certain or hypothesis.solution is None:
            return None
        # What a program was given is a part of what it did.
        return form_key(hypothesis.solution), hypothesis.best


def same_program(task: Task, hypothesis: Hypothesis, alike: Sequence[Step]) -> Step | None:
    """The first of these that is the same program as a hypothesis of the same form."""
    key = program_key(task, hypothesis.solution or "")
    return next((step for step in alike if program_key(task, step.hypothesis.solution or "") == key), None)


def has_trees(task: Task) -> bool:
    """Whether solutions are whole Python programs, of which judging shows the same each time."""
    return reads_code(task.kind) and language(task) is None and task.repo is None and is_without_noise(task)


def _which(hypothesis: Hypothesis) -> str:
    if hypothesis.given:
        return "the one to begin with"
    return f"an earlier answer of yours (round {hypothesis.round}, answer {hypothesis.sample})"


def repeated(first: Step) -> Verdict:
    """The verdict of a hypothesis that says the same as an earlier one; its consistency run is that one's, too."""
    told = _TOLD.format(which=_which(first.hypothesis))
    verdict = first.verdict.unsettled
    feedback = "\n\n".join(part for part in (told, verdict.feedback) if part)
    return verdict.model_copy(update={"repeats": first.hypothesis.id, "feedback": feedback, "seconds": 0.0})


def renamed(task: Task, first: Step) -> Verdict:
    """The verdict of a program that an earlier one is under other names: it says nothing new, and is not judged.

    It is never a pass and has no score of its own, since a program may read its own names: it has the worst one there
    is, in the direction of the other's. 0 would be the best of all where scores are below it.
    """
    direction = first.verdict.direction
    return Verdict(
        outcome=Outcome.INVALID,
        score=math.inf if direction is Direction.MINIMIZE else task.worst,
        direction=direction,
        strength=Strength.TESTED,
        feedback=_RENAMED.format(which=_which(first.hypothesis)),
        repeats=first.hypothesis.id,
        verifier="novelty/1",
    )


def settled_as(verdict: Verdict, first: Verdict) -> Verdict:
    """A verdict that repeats `first`, after the consistency run of that one."""
    return first.model_copy(
        update={"repeats": verdict.repeats, "feedback": verdict.feedback, "seconds": verdict.seconds}
    )
