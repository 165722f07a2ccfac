"""How a run goes, while it goes: its events, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gristmill.graph.commands.progress import Display
from gristmill.graph.errors import RunBusyError, StoreError
from gristmill.graph.events import Event, Judged, Replied, RunEnded, RunStarted, Settled, TaskEnded
from gristmill.sandbox.plain import say
from gristmill.verifiers.records import Outcome

if TYPE_CHECKING:
    from gristmill.graph.storage.store import Store

__all__ = ["RunProgress", "say_how_to_go_on"]


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
        ours = any(known.name == name and known.status == "failed" for known in store.runs())
    if ours:
        say(f"What was done so far is kept. Go on, once that is mended, with:\n  {command}", err=True)


class RunProgress:
    """A listener for `run_campaign` that tells a display."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._tasks = self._ended = self._solved = 0
        self._replies = self._verdicts = self._passed = self._unscored = self._tokens = 0

    def __call__(self, event: Event) -> None:
        """Hear of an event."""
        match event:
            case RunStarted():
                self._tasks, self._ended = event.tasks, event.ended
                word = "resuming" if event.resumed else "starting"
                self._display.note(
                    f"{word} run {event.run}: {event.tasks} tasks, {event.ended} ended, model {event.model}"
                )
            case Replied():
                self._replies += 1
                self._tokens += event.tokens.prompt + event.tokens.completion
            case Judged():
                self._verdicts += 1
                self._passed += event.outcome is Outcome.PASSED
                self._unscored += event.outcome is Outcome.UNSCORED
            case Settled():
                self._passed += (event.outcome is Outcome.PASSED) - (event.before is Outcome.PASSED)
                self._unscored += event.outcome is Outcome.UNSCORED
            case TaskEnded():
                self._ended = min(self._ended + 1, self._tasks)
                self._solved += event.solved
            case RunEnded():
                seconds = self._display.seconds
                self._display.note(f"run {event.run} {event.status} after {seconds:.1f} s: {self._counts()}")
                return
            case _:
                return
        self._display.update(self._ended, self._tasks, self._counts())

    def _counts(self) -> str:
        rate = self._tokens / max(self._display.seconds, 1e-3)
        unscored = f", {self._unscored} unscored" if self._unscored else ""
        return (
            f"{self._solved} solved, {self._replies} replies, {self._verdicts} verdicts, "
            f"{self._passed} passed{unscored}, {rate:.0f} tokens/s"
        )
