"""Whether what was asked for is new, goes on, has ended already, or is a mistake: decided here for every command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from gristmill.graph.config import RunConfig, knobs
from gristmill.graph.errors import RunMismatchError
from gristmill.graph.records import StopReason
from gristmill.graph.stopping.patience import bounded
from gristmill.graph.summary import Purpose
from gristmill.verifiers.records import ScoreTest, Task
from gristmill.verifiers.testing.data import Data, difference

if TYPE_CHECKING:
    from gristmill.graph.storage.store import Store

__all__ = ["Decision", "call_levels", "decide_run", "widened"]

_BOUNDS = tuple(
    reason.value
    for reason in (
        StopReason.ROUNDS,
        StopReason.PATIENCE,
        StopReason.SAME,
        StopReason.CALLS,
        StopReason.TOKENS,
        StopReason.SECONDS,
        StopReason.MONEY,
    )
)
"""Knobs that bound a run, each named as the reason with which it ends a task."""
_MAY_DIFFER = ("concurrency", "sandbox", "workers", "call_timeout", "retry_seconds")
"""Knobs that say how fast and where, not what: a resume may change them."""


@dataclass(frozen=True)
class Decision:
    """What is to be done, and for which bounds that are wider now."""

    step: Literal["begin", "go on", "nothing"]
    wider: frozenset[str] = frozenset()

    @property
    def reasons(self) -> frozenset[StopReason]:
        """The reasons with which the narrower bounds have ended tasks."""
        return frozenset(StopReason(bound) for bound in self.wider)


def decide_run(
    store: Store, name: str, config: RunConfig, tasks: Sequence[Task], *, resume: bool, purpose: Purpose = "search"
) -> Decision:
    """What `run_campaign` does with these arguments; nothing is written.

    A run goes on with the tasks and the configuration that it was begun with; only its bounds may be wider.

    Raises:
        RunExistsError: the name of a new run is taken.
        UnknownRunError: there is no run to resume.
        RunMismatchError: it was begun with another configuration, or other tasks, or for another purpose.
    """
    if not resume:
        store.check_name(name)
        return Decision("begin")
    run = store.get_run(name)
    if run.purpose != purpose:
        command = {"search": "run", "evaluation": "eval"}[run.purpose]
        raise RunMismatchError(f"{name!r} is not of this kind: go on with it by `gristmill {command} --resume`")
    wider = widened(f"the run {name!r}", bounded(run.config), bounded(config), _BOUNDS)
    if (difference := _difference(store.tasks(name), tasks)) is not None:
        raise RunMismatchError(
            f"the run {name!r} was started with other tasks: {difference}; "
            "resume with the same task file, or start a new run under another --name"
        )
    ended = run.status == "finished" and not store.unended(name) and not wider
    return Decision("nothing" if ended else "go on", wider)


def widened(what: str, before: BaseModel, now: BaseModel, bounds: Collection[str]) -> frozenset[str]:
    """The bounds that are wider now than when it was begun.

    Args:
        what: is resumed, in words.
        before: the configuration that it was begun with.
        now: the one that it is resumed with.
        bounds: knobs, by flat name, that may grow; None is without bound.

    Raises:
        RunMismatchError: names the first knob that is another, or narrower.
    """
    then, here = knobs(before), knobs(now)
    changed = [knob for knob in then if then[knob] != here[knob] and knob not in _MAY_DIFFER]
    for knob in changed:
        if knob not in bounds:
            raise RunMismatchError(
                f"{what} was started with {knob} = {then[knob]!r}, not {here[knob]!r}: "
                "leave the option out to resume, or start a new one under another --name"
            )
        if then[knob] is None or (here[knob] is not None and here[knob] < then[knob]):
            raise RunMismatchError(
                f"{what} was started with {knob} = {_in_words(then[knob])}, {_in_words(here[knob])} is less: "
                "a resume may only widen its bounds"
            )
    return frozenset(changed)


def _difference(stored: Sequence[Task], tasks: Sequence[Task]) -> str | None:
    old, new = {task.id: task for task in stored}, {task.id: task for task in tasks}
    if missing := [id_ for id_ in old if id_ not in new]:
        return f"task {missing[0]!r} is missing"
    if added := [id_ for id_ in new if id_ not in old]:
        return f"task {added[0]!r} is new"
    for id_, task in old.items():
        if changed_data := difference(_data(task), _data(new[id_])):
            return f"task {id_!r} has changed: {changed_data}"
    if changed := [id_ for id_ in old if _asked(old[id_]) != _asked(new[id_])]:
        return f"task {changed[0]!r} has changed"
    return None


def _data(task: Task) -> tuple[Data, ...]:
    return task.scored.data if task.scored is not None else ()


def _asked(task: Task) -> str:
    """A task as text, but for the folders of its repository and its data: what is in them is named by hashes."""
    repo = task.repo and task.repo.model_copy(update={"path": ""})
    data = tuple(each.model_copy(update={"path": ""}) for each in _data(task))
    tests = tuple(
        each.model_copy(update={"data": data}) if isinstance(each, ScoreTest) else each for each in task.tests
    )
    return task.model_copy(update={"repo": repo, "tests": tests}).model_dump_json()


def _in_words(bound: float | None) -> str:
    return "no bound" if bound is None else f"{bound:g}"


def call_levels(store: Store, run: str) -> dict[str, int]:
    """How many calls were made for each task that has not ended."""
    calls: Counter[str] = Counter()
    for id_, count in store.calls(run).items():
        calls[id_.rsplit("/", 2)[0]] += count
    return {id_: calls[id_] for _, id_ in store.unended(run)}
