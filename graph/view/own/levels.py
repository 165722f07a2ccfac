"""What a task's curve is held against: its target, the best that is known, and baselines that were trained."""

from __future__ import annotations

import math

from gristmill.graph.stopping.ranking import declared_target
from gristmill.graph.storage.store import Store
from gristmill.verifiers.records import Task

__all__ = ["levels_of", "target_of"]


def target_of(task: Task, store: Store, run: str, best: str | None) -> float | None:
    """The score that is asked for, or the best that is known, where a verdict names it."""
    target = declared_target(task)
    return _best_known(store, run, best) if target is None else target


def levels_of(task: Task, store: Store, run: str, best: str | None) -> list[tuple[str, float]]:
    """Lines across the curve of a graded task, each with its name.

    Args:
        best: a judged hypothesis, whose verdict may name the best that is known.
    """
    from gristmill.graph.judging.baselines import kept_baselines

    named = [("target", declared_target(task)), ("best known", _best_known(store, run, best))]
    named += [(each.name, each.search) for each in kept_baselines(store, run, task)]
    return [(name, value) for name, value in named if value is not None and math.isfinite(value)]


def _best_known(store: Store, run: str, best: str | None) -> float | None:
    found = store.glances.one(run, best) if best is not None else None
    return found[1].metrics.get("best_known") if found is not None and found[1] is not None else None
