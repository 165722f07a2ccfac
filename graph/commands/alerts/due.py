"""Which alerts are due: a pure fold of a run's events. What a model, a candidate or a server wrote is in none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gristmill.graph.amounts import in_words
from gristmill.graph.config import RunConfig
from gristmill.graph.events import (
    CallStarted,
    Event,
    Judged,
    Reflected,
    Replied,
    RoundRanked,
    RunEnded,
    RunStarted,
    ServerTrouble,
    Settled,
    TaskEnded,
    Unanswered,
)
from gristmill.graph.models.silence import are_many
from gristmill.graph.records import StopReason
from gristmill.graph.stopping.patience import patience
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Outcome

__all__ = ["SHARES", "Alert", "Course"]

SHARES = (50, 80, 100)
"""Per cent of a budget at which it is told."""
_LEAST_STALE = 2
"""Rounds without a better best after which a task may be called stuck, however small the patience."""
_BOUNDS = {reason.value: reason for reason in (StopReason.CALLS, StopReason.TOKENS, StopReason.MONEY)}
_BOUNDS["seconds"] = StopReason.SECONDS


class Alert(Record):
    """What is sent. `key` says what it is about: of each key one is sent a run, however often it is due."""

    key: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class _Best:
    """The best of a task, and the round since which it is that."""

    id: str | None
    score: float | None
    since: int


class Course:
    """What has been heard of a run, folded; what is due follows from it alone: no clock, store or network.

    An event costs the same however long the run is.

    Args:
        config: of the run: its budget and its patience.
        part: whether the run is a part of something larger, which says of itself whether it gets on and has ended.
    """

    def __init__(self, config: RunConfig, *, part: bool = False) -> None:
        self._budget, self._part = config.budget, part
        self._enough = max(_LEAST_STALE, -(-patience(config.search) // 2))
        self._name = ""
        self._tasks = self._solved = self._calls = self._tokens = self._unscored = 0
        self._in_vain = self._again = 0
        self._money = self._seconds = 0.0
        self._spent: set[StopReason] = set()
        self._finished = False
        self._best: dict[str, _Best] = {}
        self._stale: set[str] = set()

    def hear(self, event: Event, seconds: float = 0.0) -> None:
        """One more event.

        Args:
            seconds: wall time of the run when it came, over all its sessions.
        """
        self._seconds = max(self._seconds, seconds)
        match event:
            case RunStarted():
                self._name, self._tasks, self._solved = event.run, event.tasks, event.solved
                self._calls, self._tokens, self._money = event.calls, event.counted, event.money
            case CallStarted():
                self._calls += 1
            case Replied() | Reflected() | Unanswered():
                self._in_vain += isinstance(event, Unanswered)
                self._tokens += event.counted
                self._money += event.money
            case ServerTrouble():
                self._again += event.times
            case Judged() | Settled():
                self._unscored += event.outcome is Outcome.UNSCORED
            case RoundRanked():
                self._rank(event)
            case TaskEnded():
                self._end(event)
            case RunEnded():
                self._finished = event.status == "finished"
            case _:
                pass

    def due(self) -> tuple[Alert, ...]:
        """All that is due by now, also what was due before."""
        of = f"{self._name}: " if self._part else ""
        alerts = [*self._spendings(of)]
        if self._unscored:
            text = (
                f"A verdict of {self._name} could not be had (unscored): that is the machine's trouble, no wrong "
                "answer. `gristmill doctor` may say what it is."
            )
            alerts.append(Alert(key="sandbox", title="trouble with the sandbox", text=text))
        if self._in_vain or are_many(self._again, self._calls):
            text = (
                f"Of {self._calls:,} calls of {self._name} {self._in_vain:,} were given up without an answer; there "
                f"were {self._again:,} further tries."
            )
            alerts.append(Alert(key="model", title="trouble with a model", text=text))
        if self._part:
            return tuple(alerts)
        if self._stale and 2 * len(self._stale) >= self._tasks:
            text = f"{len(self._stale)} of {self._of_tasks}: no better hypothesis for half of the patience or more."
            alerts.append(Alert(key="stuck", title="stuck", text=text))
        if self._finished:
            spent = [f"{self._calls:,} calls", f"{self._tokens:,} tokens"]
            spent += [in_words(self._money)] * bool(self._money)
            text = f"{self._solved} of {self._of_tasks} solved; spent {', '.join(spent)}."
            alerts.append(Alert(key="finished", title="finished", text=text))
        return tuple(alerts)

    @property
    def _of_tasks(self) -> str:
        return f"{self._tasks} task{'s' * (self._tasks != 1)}"

    def _rank(self, event: RoundRanked) -> None:
        best = self._best.get(event.task_id)
        if best is None or (best.id, best.score) != (event.best, event.score):
            self._best[event.task_id] = _Best(event.best, event.score, event.round)
            self._stale.discard(event.task_id)
        elif event.round - best.since >= self._enough:
            self._stale.add(event.task_id)

    def _end(self, event: TaskEnded) -> None:
        self._best.pop(event.task_id, None)
        self._solved += event.solved
        if event.solved:
            self._stale.discard(event.task_id)
        elif event.stop in (StopReason.PATIENCE, StopReason.SAME):
            self._stale.add(event.task_id)
        elif event.stop in _BOUNDS.values():
            self._spent.add(event.stop)

    def _spendings(self, of: str) -> Iterator[Alert]:
        used = {"calls": self._calls, "tokens": self._tokens, "money": self._money, "seconds": self._seconds}
        for what, reason in _BOUNDS.items():
            bound = getattr(self._budget, what)
            for share in SHARES if bound is not None else ():
                # A budget is never exceeded: it is spent when the next call may take more than is left of it.
                if used[what] * 100 >= bound * share or reason in self._spent:
                    yield Alert(
                        key=f"{of}spent {share}% of {what}",
                        title=f"{share}% of the {what} are spent",
                        text=f"{of}{_amount(what, used[what])} of {_amount(what, bound)} are spent.",
                    )


def _amount(what: str, value: float) -> str:
    return in_words(value) if what == "money" else f"{value:,.0f} {what}"
