"""Events of a run → spans: the run, its rounds, in these calls and verdicts, and in a verdict its sandbox jobs.

Names are OpenTelemetry's for generative models where it has one, and `gristmill.…` elsewhere. Evidence, tests, feedback
and what a job was given or printed are in no span; prompts and replies only where the owner asks for them, and no
prompt holds a hidden test.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gristmill.graph.events import (
    CallStarted,
    Event,
    Judged,
    NodeEntered,
    Replied,
    RoundRanked,
    RunEnded,
    RunStarted,
    StageRan,
    Unanswered,
)
from gristmill.graph.storage.store import Store
from gristmill.sandbox.heard import JobRan

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

__all__ = ["Spans"]

_SECOND = 1_000_000_000
_NAMED = 50
"""Hypotheses that the span of a job names."""


class Spans:
    """Makes the spans of runs, one after another. Not for the loop's thread: it reads the store.

    Args:
        tracer: OpenTelemetry's.
        store: what was stored of a call or a verdict is read there.
        content: prompts and replies too.
        over: what the span is called in which all of them lie; empty: there is none, as of a single run.
    """

    def __init__(self, tracer: Tracer, store: Store, *, content: bool, over: str = "") -> None:
        self._tracer, self._store, self._content = tracer, store, content
        self._name = ""
        self._over = self._begin(over, time.time_ns(), {}, None) if over else None
        self._run: Span | None = None
        self._rounds: dict[tuple[str, int], Span] = {}
        self._begun: dict[str, int] = {}
        self._jobs: dict[str, list[JobRan]] = {}
        self._last = 0
        self.count = 0
        """Spans that have ended."""

    def job(self, ran: JobRan) -> None:
        """A job has ended. One for a hypothesis waits for its verdict, to lie in it; one for several is the run's."""
        if len(ran.owners) == 1 and self._run is not None:
            self._jobs.setdefault(ran.owners[0], []).append(ran)
        else:
            self._job(ran, self._run or self._over)

    def _job(self, ran: JobRan, around: Span | None) -> None:
        known: dict[str, Any] = {
            "gristmill.program": ran.program,
            "gristmill.sandbox": ran.backend,
            "gristmill.ending": ran.ending.value if ran.ending is not None else "not needed any more",
            "gristmill.cpu_seconds": ran.cpu_seconds,
            "gristmill.peak_memory_mb": ran.peak_memory_mb,
            **_places(ran.owners),
        }
        self._whole("sandbox job", ran.ended, (ran.ended - ran.began) / _SECOND, known, around)

    def stage(self, ran: StageRan) -> None:
        """A stage has ended, a training say."""
        known = {f"gristmill.{name}": value for name, value in ran.known.items()}
        seconds = (ran.ended - ran.began) / _SECOND
        self._whole(ran.name, ran.ended, seconds, known, self._run or self._over, failed=ran.failed)

    def hear(self, event: Event, at: int) -> None:
        """An event that was told `at` so many nanoseconds since the epoch."""
        self._last = at
        known: dict[str, Any]
        match event:
            case RunStarted():
                self.close(at)  # where one before it left no word of its end
                self._name = event.run
                known = {"gristmill.run": event.run, "gristmill.tasks": event.tasks, "gristmill.resumed": event.resumed}
                self._run = self._begin(f"run {event.run}", at, known, self._over)
            case NodeEntered(node="propose") if (event.task_id, event.round) not in self._rounds:
                known = {"gristmill.task": event.task_id, "gristmill.round": event.round}
                self._rounds[event.task_id, event.round] = self._begin("round", at, known, self._run)
            case CallStarted():
                self._begun[event.hypothesis] = at
            case Replied():
                self._begun.pop(event.hypothesis, None)
                self._replied(event, at)
            case Unanswered():
                begun = self._begun.pop(event.hypothesis, at)
                known = {"gen_ai.operation.name": "chat", "error.type": "unanswered", **_place(event.hypothesis)}
                seconds = (at - begun) / _SECOND
                self._whole("chat", at, seconds, known, self._around(event.hypothesis), client=True, failed=True)
            case Judged():
                self._judged(event, at)
            case RoundRanked():
                self._release(lambda task, round_: (task, round_) == (event.task_id, str(event.round)))
                if (span := self._rounds.pop((event.task_id, event.round), None)) is not None:
                    known = {
                        "gristmill.passed": event.passed,
                        "gristmill.best": event.best,
                        "gristmill.score": event.score,
                    }
                    self._end(span, at, known)
            case RunEnded():
                self.close(at, {"gristmill.status": event.status}, failed=event.status == "failed")
            case _:
                return

    def close(self, at: int | None = None, known: Mapping[str, Any] | None = None, *, failed: bool = False) -> None:
        """End what has not ended of a run: rounds that were broken off, and the run."""
        at = at or self._last
        self._release(lambda task, round_: True)
        self._begun.clear()
        for span in self._rounds.values():
            self._end(span, at, {})
        self._rounds.clear()
        if self._run is not None:
            self._end(self._run, at, known or {}, failed=failed)
            self._run = None

    def end(self) -> None:
        """End all that has not ended; nothing is told any more."""
        self.close()
        if self._over is not None:
            self._end(self._over, time.time_ns(), {})
            self._over = None

    def _release(self, of: Callable[[str, str], bool]) -> None:
        """Jobs of a round's hypotheses whose verdicts did not come lie where these would."""
        for owner in [owner for owner in self._jobs if of(*_parts(owner)[:2])]:
            for ran in self._jobs.pop(owner):
                self._job(ran, self._around(owner))

    def _replied(self, event: Replied, at: int) -> None:
        found = self._store.glances.one(self._name, event.hypothesis)
        if found is None:
            return
        hypothesis = found[0]
        drawn = hypothesis.sampling
        known: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": hypothesis.proposer,
            "gen_ai.request.model": hypothesis.asked or hypothesis.model,
            "gen_ai.response.model": hypothesis.model,
            "gen_ai.request.temperature": drawn.temperature,
            "gen_ai.request.top_p": drawn.top_p,
            "gen_ai.request.max_tokens": drawn.max_tokens,
            "gen_ai.request.seed": drawn.seed,
            "gen_ai.usage.input_tokens": event.tokens.prompt,
            "gen_ai.usage.output_tokens": event.tokens.completion,
            "gen_ai.response.finish_reasons": ["length" if hypothesis.cut else "stop"],
            "gristmill.usable": event.usable,
            "gristmill.dollars": event.money,
            "gristmill.operator": hypothesis.operator,
            **_place(event.hypothesis),
        }
        if self._content:
            prompt = self._store.glances.prompt(hypothesis.prompt_sha)
            known["gen_ai.input.messages"] = _messages(prompt)
            known["gen_ai.output.messages"] = _messages([("assistant", hypothesis.text)])
        name, around = f"chat {known['gen_ai.request.model']}", self._around(event.hypothesis)
        self._whole(name, at, event.seconds, known, around, client=True)

    def _judged(self, event: Judged, at: int) -> None:
        found = self._store.glances.one(self._name, event.hypothesis)
        verdict = found[1] if found is not None else None
        known = {
            "gristmill.outcome": event.outcome.value,
            "gristmill.score": event.score,
            "gristmill.verified": event.verified,
            **_place(event.hypothesis),
        }
        if verdict is not None:
            known |= {"gristmill.strength": verdict.strength.value, "gristmill.verifier": verdict.verifier}
        verdict_span = self._whole("verdict", at, event.seconds, known, self._around(event.hypothesis))
        for ran in self._jobs.pop(event.hypothesis, ()):
            self._job(ran, verdict_span)

    def _around(self, hypothesis: str) -> Span | None:
        """The round that a hypothesis is of, or the run."""
        task, round_, _ = _parts(hypothesis)
        return self._rounds.get((task, int(round_)) if round_.isdigit() else (task, -1), self._run)

    def _begin(
        self, name: str, at: int, known: Mapping[str, Any], parent: Span | None, *, client: bool = False
    ) -> Span:
        from opentelemetry.trace import SpanKind, set_span_in_context

        kind = SpanKind.CLIENT if client else SpanKind.INTERNAL
        context = set_span_in_context(parent) if parent is not None else None
        return self._tracer.start_span(name, context, kind, start_time=at, attributes=_there(known))

    def _whole(
        self,
        name: str,
        ended: int,
        seconds: float,
        known: Mapping[str, Any],
        parent: Span | None,
        *,
        client: bool = False,
        failed: bool = False,
    ) -> Span:
        """A span whose end is known when it begins."""
        span = self._begin(name, ended - int(seconds * _SECOND), known, parent, client=client)
        self._end(span, ended, {}, failed=failed)
        return span

    def _end(self, span: Span, at: int, known: Mapping[str, Any], *, failed: bool = False) -> None:
        from opentelemetry.trace import StatusCode

        span.set_attributes(_there(known))
        if failed:
            span.set_status(StatusCode.ERROR)
        span.end(at)
        self.count += 1


def _there(known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in known.items() if value is not None and value != ""}


def _parts(hypothesis: str) -> tuple[str, str, str]:
    task, round_, sample = hypothesis.rsplit("/", 2)
    return task, round_, sample


def _place(hypothesis: str) -> dict[str, str]:
    return {"gristmill.task": _parts(hypothesis)[0], "gristmill.hypothesis": hypothesis}


def _places(owners: Sequence[str]) -> dict[str, Any]:
    """The hypothesis that a job was for; of several the first, and how many there were."""
    if len(owners) < 2:
        return {**_place(owners[0])} if owners else {}
    named = {"gristmill.task": _parts(owners[0])[0], "gristmill.hypotheses": list(owners[:_NAMED])}
    return {**named, "gristmill.hypotheses.count": len(owners)}


def _messages(messages: Iterable[tuple[str, str]]) -> str:
    """As the conventions have them: JSON, each message of parts."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in messages])
