"""Traces of runs: what listens, hands on to a thread of its own, and says at the end what was not sent."""

from __future__ import annotations

import queue
import threading
import time
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self

import typer

from gristmill.graph.events import RUN_LISTENER, STAGE_LISTENER, Event, Listener, StageRan
from gristmill.sandbox.heard import JOB_LISTENER
from gristmill.sandbox.plain import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import TracerProvider

    from gristmill.graph.commands.tracing.sending import Sent
    from gristmill.graph.commands.tracing.spans import Spans
    from gristmill.graph.storage.store import Store
    from gristmill.sandbox.heard import JobRan

__all__ = ["Trace", "TraceContent", "Tracing"]

_WAITING = 20_000
"""What may wait to become spans; more is left out, and counted."""
_PATIENT, _BRIEF = 5.0, 1.0
"""Seconds to wait at the end for what is under way, and after Ctrl-C."""

Trace = Annotated[
    bool,
    typer.Option(
        "--trace",
        help="Send spans of calls, verdicts, rounds and jobs to the OpenTelemetry collector that the variables OTEL_… "
        "name. Without texts.",
    ),
]
TraceContent = Annotated[
    bool, typer.Option("--trace-content", help="With --trace: the texts of prompts and replies too; never tests.")
]


class Tracing:
    """Traces the runs that begin, jobs of pools that are made, and stages that end, while it is entered, if it is `on`.

    Args:
        store: of the runs.
        on, content: as the options say.
        over: see `Spans`; of what is made of several runs.

    Raises:
        UserError: `content` without `on`, the extra is missing, or a variable cannot be used.
    """

    def __init__(self, store: Store, *, on: bool, content: bool = False, over: str = "") -> None:
        from gristmill.sandbox.errors import UserError

        self._spans: Spans | None = None
        self._tokens: (
            tuple[
                Token[Listener | None],
                Token[Callable[[JobRan], None] | None],
                Token[Callable[[StageRan], None] | None],
            ]
            | None
        ) = None
        if content and not on:
            raise UserError("--trace-content says what traces hold: it needs --trace")
        if not on:
            return
        from gristmill.graph.commands.tracing.sending import Sent, provider_to
        from gristmill.graph.commands.tracing.spans import Spans

        self._sent: Sent = Sent()
        self._provider: TracerProvider = provider_to(self._sent)
        self._spans = Spans(self._provider.get_tracer("gristmill"), store, content=content, over=over)
        self._queue: queue.Queue[tuple[Event | JobRan | StageRan, int] | None] = queue.Queue(_WAITING)
        self._left_out = 0
        self._thread = threading.Thread(target=self._work, name="traces", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        if self._spans is not None:
            self._tokens = RUN_LISTENER.set(self._put), JOB_LISTENER.set(self._put), STAGE_LISTENER.set(self._put)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spans is None or self._tokens is None:
            return
        RUN_LISTENER.reset(self._tokens[0])
        JOB_LISTENER.reset(self._tokens[1])
        STAGE_LISTENER.reset(self._tokens[2])
        patience = _PATIENT if error is None or isinstance(error, Exception) else _BRIEF
        deadline = time.monotonic() + patience
        try:
            self._queue.put(None, timeout=patience)
        except queue.Full:
            pass
        else:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        # What its end waits for may be a collector that does not answer: no process waits for this thread.
        ending = threading.Thread(target=self._provider.shutdown, name="end of traces", daemon=True)
        ending.start()
        ending.join(max(0.0, deadline - time.monotonic()))
        made = self._spans.count + self._left_out
        if (lost := made - self._sent.count) > 0:
            say(
                f"Traces: {lost:,} of {made:,} spans were not sent; OTEL_EXPORTER_OTLP_ENDPOINT names the collector.",
                err=True,
            )

    def _put(self, what: Event | JobRan | StageRan) -> None:
        try:
            self._queue.put_nowait((what, time.time_ns()))
        except queue.Full:
            self._left_out += 1

    def _work(self) -> None:
        from gristmill.graph.errors import StoreError
        from gristmill.sandbox.heard import JobRan

        assert self._spans is not None
        while (item := self._queue.get()) is not None:
            what, at = item
            try:
                if isinstance(what, JobRan):
                    self._spans.job(what)
                elif isinstance(what, StageRan):
                    self._spans.stage(what)
                else:
                    self._spans.hear(what, at)
            except StoreError:
                self._left_out += 1  # the run meets it too, and says so
        self._spans.end()
