"""Where verified rows are missing, and which tries go there. Pure functions.

A stratum is what training must cover: a part of a task in one of its wordings, as ``stratum:`` tags say. What no row
shows is not learned, however many rows there are of the rest; so tries go where rows are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from gristmill.graph.records import Trajectory
from gristmill.graph.summary import CampaignSummary
from gristmill.sandbox.records import Record
from gristmill.trainers.improve.splits import strata_of
from gristmill.verifiers.extraction.normal import normal_form
from gristmill.verifiers.settling import Accept, accepted

__all__ = ["Coverage", "Wave", "WavePlan", "coverage", "found_rows", "plan_wave"]


class WavePlan(Record):
    """What one wave of tries is for."""

    wanted: dict[str, int] = Field(description="stratum → tasks, the emptiest first")
    tries: int = Field(description="hypotheses a task")

    @property
    def hypotheses(self) -> int:
        """How many it takes at most."""
        return self.tries * sum(self.wanted.values())


class Wave(Record):
    """One wave of a round: what was planned, and what it came to."""

    plan: WavePlan
    hinted: tuple[str, ...] = Field((), description="ids of the tasks that were asked with their hint")
    summary: CampaignSummary | None = Field(None, description="None: there was no task for what was wanted")


class Coverage(Record):
    """Rows by stratum, those without any included; a row counts for each stratum of its task."""

    rows: dict[str, int]


def plan_wave(rows: Mapping[str, int], *, goal: int, budget: int, tries: int) -> WavePlan | None:
    """Tries for the strata that have fewer than `goal` rows; None if there are none, or nothing is left to spend.

    Never over the budget. Each stratum that lacks rows gets a task before any gets its second, the emptiest first, and
    none gets more tasks than it lacks rows; where the budget is too small for all at `tries` a task, all get fewer
    tries. The same counts give the same plan, in whatever order they come.

    Args:
        rows: stratum → rows that it has.
        goal: rows that each should have.
        budget: hypotheses that may be spent.
        tries: hypotheses a task at most.
    """
    lacking = sorted((stratum for stratum, count in rows.items() if count < goal), key=lambda name: (rows[name], name))
    if not lacking or budget < 1:
        return None
    each = max(1, min(tries, budget // len(lacking)))
    places, wanted = budget // each, dict.fromkeys(lacking, 0)
    while places and (open_ := [name for name in lacking if wanted[name] < goal - rows[name]]):
        for name in open_[:places]:
            wanted[name] += 1
        places -= min(places, len(open_))
    return WavePlan(wanted={name: count for name, count in wanted.items() if count}, tries=each)


def found_rows(
    trajectories: Iterable[Trajectory], strata: Sequence[str], *, accept: Accept, per_task: int
) -> dict[str, int]:
    """Stratum → different solutions that were taken so far, those without any included.

    Args:
        strata: those that there are.
        per_task: solutions of one task that count at most.
    """
    found: dict[str, set[str]] = {}
    named: dict[str, tuple[str, ...]] = {}
    for trajectory in trajectories:
        solutions = found.setdefault(trajectory.task.id, set())
        named[trajectory.task.id] = strata_of(trajectory.task)
        for step in trajectory.steps:
            if step.hypothesis.solution is not None and not step.hypothesis.given and accepted(step.verdict, accept):
                solutions.add(normal_form(step.hypothesis.solution))
    return _counted(((named[task], min(per_task, len(solutions))) for task, solutions in found.items()), strata)


def coverage(tasks: Iterable[str], named: Mapping[str, tuple[str, ...]], strata: Sequence[str]) -> Coverage:
    """How many rows each stratum has.

    Args:
        tasks: the task of each row, by its id.
        named: task → its strata.
    """
    return Coverage(rows=_counted(((named[task], 1) for task in tasks), strata))


def _counted(counts: Iterable[tuple[tuple[str, ...], int]], strata: Sequence[str]) -> dict[str, int]:
    rows = dict.fromkeys(strata, 0)
    for names, count in counts:
        for name in names:
            rows[name] = rows.get(name, 0) + count
    return dict(sorted(rows.items()))
