"""Alerts of a run: what listens, remembers what was sent, and says at the end what was not."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self

import typer

from gristmill.graph.commands.alerts.due import Alert, Course
from gristmill.graph.config import RunConfig
from gristmill.graph.events import Event, Listener, RunStarted
from gristmill.sandbox.plain import say
from gristmill.sandbox.records import Record

if TYPE_CHECKING:
    from gristmill.graph.commands.alerts.sending import Sender
    from gristmill.graph.storage.store import Store

__all__ = ["AlertTo", "Alerts", "without_addresses"]

_SENT = "alert"
"""The kind of document that says which alerts of a run, or of an improvement, were sent."""
_PATIENT, _BRIEF = 10.0, 2.0
"""Seconds to wait at the end for what is under way, and after Ctrl-C."""

AlertTo = Annotated[
    list[str] | None,
    typer.Option(
        "--alert",
        metavar="URL",
        envvar="GRISTMILL_ALERT",
        help="Send alerts to this address of Apprise's, once each: it is stuck, worse, drifts, spends, has trouble, or "
        "is over. Never stored or shown; keys are safer in the variable. Repeatable.",
    ),
]


class Sent(Record):
    """That an alert was taken by a receiver."""


class Alerts:
    """Tells of a run, or of something larger that is made of runs, while it is entered; without addresses, nobody.

    Args:
        urls: Apprise's addresses. They are kept in no store and in no message.
        store: remembers what was sent.
        owner: the name of the run or of what is larger.
        more: the command that shows more, as words.

    Raises:
        UserError: the extra is missing, or an address cannot be used.
    """

    def __init__(
        self,
        urls: Sequence[str] | None = None,
        store: Store | None = None,
        owner: str = "",
        more: Sequence[str] = (),
    ) -> None:
        # A store of PostgreSQL is named by an address, which may hold a password.
        shown = ("WORKSPACE" if "://" in word else word for word in more)
        self._store, self._owner, self._more = store, owner, f"More: {shlex.join(shown)}"
        self._sender: Sender | None = None
        self._known: set[str] = set()
        if urls and store is not None:
            from gristmill.graph.commands.alerts.sending import Sender

            self._known = set(store.documents.list(_SENT, owner, Sent))
            self._sender = Sender(urls, self._remember)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sender is None:
            return
        if isinstance(error, Exception) and not isinstance(error, typer.Exit):
            # Its message may quote a server or a file; the class alone goes out.
            text = f"It ended with {type(error).__name__}; what was done so far is kept."
            self.tell(Alert(key="failed", title="failed", text=text))
        if lost := self._sender.close(_PATIENT if error is None or isinstance(error, Exception) else _BRIEF):
            say(f"Alerts: {lost}.", err=True)

    def tell(self, *alerts: Alert) -> None:
        """Send those of which none was sent before, in this session or an earlier one; returns at once."""
        if self._sender is None:
            return
        for alert in alerts:
            if alert.key not in self._known:
                self._known.add(alert.key)
                titled = alert.model_copy(update={"title": f"gristmill {self._owner}: {alert.title}"})
                self._sender.send(titled, self._more)

    def beside(self, listener: Listener, config: RunConfig, *, part: bool = False) -> Listener:
        """A listener of one run that hears for the other one too; `part`: see `Course`."""
        if self._sender is None or self._store is None:
            return listener
        store = self._store
        course, began = Course(config, part=part), time.monotonic()

        def hear(event: Event) -> None:
            nonlocal began
            listener(event)
            if isinstance(event, RunStarted):
                began = time.monotonic() - (store.get_run(event.run).seconds if event.resumed else 0.0)
            course.hear(event, time.monotonic() - began)
            self.tell(*course.due())

        return hear

    def _remember(self, alert: Alert) -> None:
        from gristmill.graph.errors import StoreError

        try:
            if self._store is not None:
                self._store.documents.add(_SENT, self._owner, alert.key, Sent())
        except StoreError:
            return  # the run meets it too, and says so; the alert may come again


def without_addresses(words: Sequence[str]) -> list[str]:
    """The words of a command without its --alert options, to be printed."""
    left: list[str] = []
    skip = False
    for word in words:
        if skip or word == "--alert":
            skip = not skip
        elif not word.startswith("--alert="):
            left.append(word)
    return left
