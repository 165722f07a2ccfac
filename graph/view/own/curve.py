"""How the best grew over calls, from columns alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gristmill.graph.reports.course import Calls
from gristmill.graph.storage.reading.glances import Glance
from gristmill.verifiers.records import Direction, Outcome

__all__ = ["Curve", "Step", "best_curve", "better", "gain_in", "solved_curve"]

_NOTHING = (None, Outcome.INVALID, Outcome.UNSCORED)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was better than all before."""

    calls: int
    value: float
    id: str
    """Of the hypothesis."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line that rises in steps over model calls."""

    label: str
    steps: Sequence[Step]
    calls: int
    """Calls by now, at which the line ends."""
    levels: Sequence[tuple[str, float]] = ()
    """Lines across, each with its name: a target, a baseline."""

    @property
    def drawn(self) -> dict[str, object]:
        """What the page draws: numbers only."""
        xs = [step.calls for step in self.steps]
        ys: list[float] = [step.value for step in self.steps]
        if xs and self.calls > xs[-1]:
            xs, ys = [*xs, self.calls], [*ys, ys[-1]]
        return {"label": self.label, "x": xs, "y": ys, "levels": [list(level) for level in self.levels]}


def better(glance: Glance, direction: Direction) -> tuple[int, float]:
    """What hypotheses are compared by; greater is better. A pass that is verified is before any other."""
    score = -math.inf if glance.score is None or not math.isfinite(glance.score) else glance.score
    if direction is Direction.MINIMIZE and math.isfinite(score):
        score = -score
    return (glance.outcome is Outcome.PASSED) + glance.verified, score


def best_curve(glances: Iterable[Glance], calls: Mapping[str, int], task: str, direction: Direction) -> list[Step]:
    """Those that were better than all before them, of one task, in the order of places; only scores are drawn."""
    counted, found = Calls(calls, task), list[Step]()
    best: tuple[int, float] | None = None
    for glance in glances:
        if glance.outcome in _NOTHING:
            continue
        worth = better(glance, direction)
        if best is None or worth > best:
            best = worth
            if glance.score is not None and math.isfinite(glance.score):
                found.append(Step(counted.upto_place(glance.round, glance.sample), glance.score, glance.id))
    return found


def solved_curve(glances: Iterable[Glance], calls: Iterable[tuple[str, float]]) -> list[Step]:
    """How many tasks were solved, over calls in the order in which they began."""
    passed = {glance.id: glance.task for glance in glances if glance.outcome is Outcome.PASSED}
    solved: set[str] = set()
    found = []
    for number, (id_, _) in enumerate(calls, 1):
        if (task := passed.get(id_)) is not None and task not in solved:
            solved.add(task)
            found.append(Step(number, float(len(solved)), id_))
    return found


def gain_in(steps: Sequence[Step], calls: int, last: int, direction: Direction) -> float | None:
    """By how much the best became better in the last so many calls; None where there is nothing to compare."""
    before = [step for step in steps if step.calls <= calls - last]
    if not steps or (not before and len(steps) < 2):
        return None
    start = before[-1].value if before else steps[0].value
    gain = steps[-1].value - start
    return -gain if direction is Direction.MINIMIZE else gain
