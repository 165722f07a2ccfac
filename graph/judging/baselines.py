"""Baselines of a task whose solutions something is trained with: by the trainings of the search, and by the final ones.

Each is made once, and kept where no model is told of it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gristmill.graph.judging.evaluations import TroubleError
from gristmill.graph.judging.secret import kept_secret
from gristmill.graph.storage.entries import document
from gristmill.sandbox.records import Record
from gristmill.verifiers.judging import final_seeds
from gristmill.verifiers.records import Outcome, Seeds, Task, Verdict
from gristmill.verifiers.trained.comparing import baseline_programs, control
from gristmill.verifiers.trained.verifier import FINAL

if TYPE_CHECKING:
    from gristmill.graph.storage.store import Store
    from gristmill.verifiers.registry import Verifiers

__all__ = ["CONTROL", "Baseline", "baselines", "kept_baselines"]

_KIND = "baseline"
CONTROL = "metric's increment"


class Baseline(Record):
    """What something that is no candidate came to, in the very trainings that candidates get."""

    name: str
    search: float | None = None
    final: tuple[float, ...] = ()
    success: float | None = None
    """The share of episodes that succeeded in the final trainings."""


async def baselines(store: Store, run: str, task: Task, judge: Verifiers) -> list[Baseline]:
    """The baselines of a task, trained now or before.

    Raises:
        TroubleError: one could not be judged on this machine.
        UserError: the task's environment or problem cannot be had.
    """
    found = []
    for name, source in baseline_programs(task).items():
        found.append(_kept(store, run, task, name) or await _judged(store, run, task, judge, name, source))
    if (beside := _kept(store, run, task, CONTROL)) is None:
        draws = (Seeds(), _final(task))
        secret = kept_secret(store, run)
        search, final = [await control(task, secret, draw) for draw in draws]
        if search is None or final is None:
            return found
        beside = Baseline(
            name=CONTROL,
            search=_mean([score for score, _ in search]),
            final=tuple(score for score, _ in final),
            success=_mean([success for _, success in final if success is not None]),
        )
        await _keep(store, run, task, beside)
    return [*found, beside]


def kept_baselines(store: Store, run: str, task: Task) -> list[Baseline]:
    """The baselines of a task that were trained before, in that order."""
    found = store.documents.list(_KIND, run, Baseline)
    return [each for key, each in found.items() if key == f"{task.id}\n{each.name}"]


async def _judged(store: Store, run: str, task: Task, judge: Verifiers, name: str, source: str) -> Baseline:
    search, final = [await _verdict(judge, task, source, draw) for draw in (Seeds(), _final(task))]
    made = Baseline(name=name, search=search.score, final=final.replicates, success=final.metrics.get("success_rate"))
    await _keep(store, run, task, made)
    return made


async def _verdict(judge: Verifiers, task: Task, source: str, draw: Seeds) -> Verdict:
    verdict = await judge.verify(task, source, seeds=draw)
    # A baseline is ours: that it takes too long is a matter of the machine's load, and told, not kept as its score.
    if verdict.outcome in (Outcome.UNSCORED, Outcome.TIMEOUT):
        why = verdict.sandbox if verdict.outcome is Outcome.UNSCORED else verdict.feedback
        raise TroubleError(f"a baseline of {task.id} could not be judged, ask again later: {why}")
    return verdict


def _final(task: Task) -> Seeds:
    return Seeds(draw=FINAL, count=max(1, final_seeds(task)))


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _kept(store: Store, run: str, task: Task, name: str) -> Baseline | None:
    found = store.documents.get(_KIND, run, f"{task.id}\n{name}", Baseline)
    # Kept by an earlier release where only the final trainings took too long: made again.
    return None if found is not None and found.search and not found.final else found


async def _keep(store: Store, run: str, task: Task, made: Baseline) -> None:
    await asyncio.to_thread(store.save, [document(_KIND, run, f"{task.id}\n{made.name}", made)])
