"""How a run goes, while it goes: its events, counted."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from gristmill.graph.amounts import in_words
from gristmill.graph.commands.progress import beating
from gristmill.graph.config import Budget
from gristmill.graph.errors import RunBusyError, StoreError
from gristmill.graph.events import (
    CallStarted,
    Event,
    Judged,
    LeftOut,
    Listener,
    Reflected,
    Replied,
    RunEnded,
    RunStarted,
    Settled,
    TaskEnded,
    TaskStarted,
    Unanswered,
)
from gristmill.graph.models.base import Proposer, Waiting
from gristmill.graph.records import INSTRUCTION, LESSON
from gristmill.sandbox.plain import say
from gristmill.verifiers.records import Direction, Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from gristmill.graph.storage.store import Store

__all__ = ["RunProgress", "Screen", "following", "run_shown", "say_how_to_go_on"]

T = TypeVar("T")


class Screen(Protocol):
    """What shows how far something is: a `Display`."""

    @property
    def seconds(self) -> float:
        """Since it was begun."""
        ...

    def update(self, done: float, total: float, detail: str = "", *, news: bool = True) -> None:
        """So many of so many are done now; `news` is False where only time has passed."""
        ...

    def note(self, text: str) -> None:
        """A line that stays."""
        ...


def say_how_to_go_on(error: Exception, store: Store, name: str, command: str) -> None:
    """After whatever ended a run in its midst: the command that goes on. Nothing where there is nothing to go on with.

    Args:
        error: what ended it.
        store: holds the run, if it was begun.
        name: of the run.
        command: that goes on with it.
    """
    # Where the store is the trouble there may be no asking it, and the error says what to do; where another process
    # works on the run, that one goes on.
    if isinstance(error, StoreError | RunBusyError):
        ours = isinstance(error, StoreError)
    else:
        ours = any(each.name == name and each.status == "failed" for each in store.runs())
    if ours:
        say(f"What was done so far is kept. Go on, once that is mended, with:\n  {command}", err=True)


def run_shown(
    work: Callable[[Listener], Coroutine[Any, Any, T]],
    proposer: Proposer,
    budget: Budget,
    console: Console,
    *,
    store: Store,
    name: str,
    go_on: str,
    interrupted: str,
) -> T:
    """Run what a proposer is asked for, with progress; Ctrl-C keeps what was done, and ends the command.

    Args:
        work: of a listener; the proposer is open while it runs.
        proposer, budget: of the run.
        console: shows the progress.
        store, name: hold the run.
        go_on: the command that goes on after an error.
        interrupted: how to go on after Ctrl-C, behind "Go on with".

    Raises:
        typer.Exit: it was interrupted.
        Others: see `work`; how to go on has been said.
    """
    import asyncio

    import typer

    from gristmill.graph.commands.interrupts import INTERRUPTED, run_interruptibly
    from gristmill.graph.commands.progress import Display

    async def shown() -> T:
        with Display(console, "tasks", unit="tasks") as display:
            async with proposer, following(display, budget, proposer=proposer) as progress:
                return await work(progress)

    try:
        return run_interruptibly(shown())
    except (KeyboardInterrupt, asyncio.CancelledError):
        say(f"Interrupted; what was done so far is kept. Go on with{interrupted}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        say_how_to_go_on(error, store, name, go_on)
        raise


class RunProgress:
    """A listener for `run_campaign` that tells a display.

    Args:
        display: where to.
        budget: of the run; what is spent is told against it.
        ends: say when the run begins and ends; a stage of something larger says that in words of its own.
        proposer: of the run; what it waits for is told, where it says so.
    """

    def __init__(
        self,
        display: Screen,
        budget: Budget | None = None,
        *,
        ends: bool = True,
        proposer: Proposer | None = None,
    ) -> None:
        self._display = display
        self._proposer = proposer
        self._waits = False
        self._budget = budget or Budget()
        self._ends = ends
        self._begun = display.seconds
        self._tasks = self._ended = self._solved = self._calls = 0
        self._replies = self._verdicts = self._passed = self._unscored = self._tokens = self._unanswered = 0
        self._tokens_before = self._counted = 0
        self._money = 0.0
        self._in_flight: dict[str, float] = {}
        self._best: dict[str, float] = {}
        self._last_best = ""

    def __call__(self, event: Event) -> None:
        """Hear of an event."""
        match event:
            case RunStarted():
                self._begin(event)
            case TaskStarted():
                if event.score is not None and math.isfinite(event.score):
                    self._best[event.task_id] = event.score
                    self._last_best = event.task_id
            case CallStarted():
                self._calls += 1
                self._in_flight[event.hypothesis] = self._display.seconds
            case Unanswered():
                self._unanswered += 1
                self._charge(event)
                self._in_flight.pop(event.hypothesis, None)
                self._display.note(f"{event.hypothesis}: not answered, its place stays empty: {event.detail}")
            case LeftOut():
                self._display.note(f"{event.model} is left out from now on, the others take its share: {event.detail}")
            case Replied():
                self._replies += 1
                self._tokens += event.tokens.prompt + event.tokens.completion
                self._charge(event)
                self._in_flight.pop(event.hypothesis, None)
            case Reflected():
                self._tokens += event.tokens.prompt + event.tokens.completion
                self._charge(event)
                for written in (LESSON, INSTRUCTION):
                    self._in_flight.pop(f"{event.task_id}/{event.round}{written}", None)
            case Judged():
                self._judge(event)
            case Settled():
                self._passed += (event.outcome is Outcome.PASSED) - (event.before is Outcome.PASSED)
                self._unscored += event.outcome is Outcome.UNSCORED
            case TaskEnded():
                self._ended = min(self._ended + 1, self._tasks)
                self._solved += event.solved
                # A budget of seconds cuts calls off without a word.
                for id_ in [id_ for id_ in self._in_flight if id_.startswith(f"{event.task_id}/")]:
                    del self._in_flight[id_]
            case RunEnded():
                seconds = self._display.seconds - self._begun
                self._in_flight.clear()
                if self._ends:
                    self._display.note(f"run {event.run} {event.status} after {seconds:.1f} s: {self._counts()}")
                return
            case _:
                return
        self._display.update(self._ended, self._tasks, self._counts())

    def beat(self) -> None:
        """Nothing has happened, and time has passed."""
        if self._tasks:
            waiting = self._waiting()
            if waiting and not self._waits:
                # Somebody has to do something: that is no matter for the next line in a minute.
                self._display.note(waiting)
            self._waits = bool(waiting)
            self._display.update(self._ended, self._tasks, self._counts(), news=False)

    def _waiting(self) -> str:
        return self._proposer.waiting() if isinstance(self._proposer, Waiting) else ""

    def _begin(self, event: RunStarted) -> None:
        self._tasks, self._ended, self._solved = event.tasks, event.ended, event.solved
        self._calls, self._replies = event.calls, event.replies
        self._tokens = self._tokens_before = event.tokens
        self._counted, self._money = event.counted, event.money
        self._verdicts = sum(event.outcomes.values())
        self._passed = event.outcomes.get(Outcome.PASSED, 0)
        # They are tried again, and counted then.
        unscored = event.outcomes.get(Outcome.UNSCORED, 0)
        self._verdicts -= unscored
        word = "resuming" if event.resumed else "starting"
        there = f", {event.replies} replies there" if event.replies else ""
        if self._ends or event.resumed:
            self._display.note(
                f"{word} run {event.run}: {event.tasks} tasks, {event.ended} ended{there}, model {event.model}"
            )

    def _charge(self, event: Replied | Reflected | Unanswered) -> None:
        self._counted += event.counted
        self._money += event.money

    def _judge(self, event: Judged) -> None:
        self._verdicts += 1
        self._passed += event.outcome is Outcome.PASSED
        self._unscored += event.outcome is Outcome.UNSCORED
        if event.score is None or not math.isfinite(event.score) or event.outcome is Outcome.INVALID:
            return
        best, sign = self._best.get(event.task_id), -1 if event.direction is Direction.MINIMIZE else 1
        if best is None or sign * event.score > sign * best:
            self._best[event.task_id] = event.score
            self._last_best = event.task_id

    def _counts(self) -> str:
        rate = (self._tokens - self._tokens_before) / max(self._display.seconds - self._begun, 1e-3)
        parts = [
            f"{self._solved} solved",
            f"{self._replies} replies",
            f"{self._verdicts} verdicts",
            f"{self._passed} passed",
        ]
        if self._unscored:
            parts.append(f"{self._unscored} unscored")
        if self._unanswered:
            parts.append(f"{self._unanswered} unanswered")
        if self._in_flight:
            longest = self._display.seconds - min(self._in_flight.values())
            parts.append(f"{len(self._in_flight)} calls in flight (the longest for {longest:.0f} s)")
        if waiting := self._waiting():
            parts.append(waiting)
        if self._last_best:
            parts.append(f"best score {self._best[self._last_best]:.6g} ({self._last_best})")
        spent = [f"{_of(self._calls, self._budget.calls)} calls", f"{_of(self._counted, self._budget.tokens)} tokens"]
        if self._money or self._budget.money is not None:
            spent.append(in_words(self._money) + (f" of {in_words(bound)}" if (bound := self._budget.money) else ""))
        parts.append(f"spent {', '.join(spent[:-1])} and {spent[-1]}")
        return ", ".join([*parts, f"{rate:.0f} tokens/s"])


@asynccontextmanager
async def following(
    display: Screen, budget: Budget | None = None, *, ends: bool = True, proposer: Proposer | None = None
) -> AsyncIterator[Listener]:
    """A listener that tells the display of a run, also that it waits, while the block runs; see `RunProgress`."""
    progress = RunProgress(display, budget, ends=ends, proposer=proposer)
    async with beating(progress.beat):
        yield progress


def _of(spent: int, budget: int | None) -> str:
    return f"{spent:,}" if budget is None else f"{spent:,} of {budget:,}"
