"""From records to rows: what the loop asks the store to write down.

Every entry may be written twice and comes out the same: a killed run repeats what it is not sure of.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import Table

from gristmill.graph.amounts import NOTHING, Amount
from gristmill.graph.events import Event, LeftOut
from gristmill.graph.records import REASONING_ONLY, UNANSWERED, Hypothesis, Message, Reflection, Reply, StopReason
from gristmill.graph.storage import schema
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Evidence, Verdict

__all__ = [
    "CACHED",
    "CLOSING",
    "EVIDENCE",
    "LEFT_OUT",
    "REPLY",
    "Entry",
    "Keep",
    "ReplyPlace",
    "cached",
    "call_finished",
    "call_grown",
    "call_started",
    "call_unanswered",
    "document",
    "ended",
    "evident",
    "happened",
    "judged",
    "left_out",
    "reflected",
    "replied",
    "reply_place",
    "settled",
]

MESSAGES: TypeAdapter[tuple[Message, ...]] = TypeAdapter(tuple[Message, ...])

Keep = Literal["add", "first", "last", "scored"]
"""What happens where the key is there already: `first` keeps the old row, `last` takes the new one, `scored` takes the
new one only where the old one is unscored; `add` has no key of its own."""


EVIDENCE = "evidence"
"""The kind of document in which evidence is kept: its owner is the run, its key the hypothesis."""


CACHED = "cached"
"""The kind of document in which a call's tokens are kept whose prompt the server had in its cache, if in part."""


LEFT_OUT = "left_out"
"""The kind of document that says of a run which of its models were given up; its key is the model's name."""


REPLY = "reply"
"""The kind of document that says where the reply to a request is; its owner is the hash of the request."""


class ReplyPlace(Record):
    """Where a reply is: with the hypothesis `id` of the run `run`, or, of what is no hypothesis, here."""

    run: str
    id: str
    reply: Reply | None = None


CLOSING = "closing"
"""The kind of document that says what was found of a task's best before it was announced: its key is the task."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row for one table."""

    table: Table
    row: dict[str, Any]
    keep: Keep


def call_started(run: str, hypothesis_id: str, attempt: int, most: Amount = NOTHING) -> Entry:
    """A model is about to be asked, which may take so much; without a `call_finished` it was cut off."""
    row = {"run": run, "hypothesis_id": hypothesis_id, "attempt": attempt, "started": time.time()}
    return Entry(schema.calls, row | _spent(most), "first")


def call_grown(run: str, hypothesis_id: str, attempt: int, most: Amount, *, started: float) -> Entry:
    """A call is about to be tried again, and may have taken so much then. `started` is seconds since the epoch."""
    row = {"run": run, "hypothesis_id": hypothesis_id, "attempt": attempt, "started": started}
    return Entry(schema.calls, row | _spent(most), "last")


def _spent(amount: Amount) -> dict[str, Any]:
    return {"spent_tokens": amount.tokens, "spent_money": amount.money}


def call_finished(
    run: str,
    hypothesis_id: str,
    attempt: int,
    reply: Reply,
    *,
    started: float,
    spent: Amount = NOTHING,
    reasoned: bool = False,
) -> Entry:
    """A model answered, with reasoning only where `reasoned`. `started` is seconds since the epoch."""
    row = {
        "run": run,
        "hypothesis_id": hypothesis_id,
        "attempt": attempt,
        "started": started,
        "finished": time.time(),
        "prompt_tokens": reply.tokens.prompt,
        "completion_tokens": reply.tokens.completion,
        **_spent(spent),
        "model": reply.model,
        "finish": reply.finish + (REASONING_ONLY if reasoned else ""),
        "seconds": reply.seconds,
    }
    return Entry(schema.calls, row, "last")


def cached(run: str, hypothesis_id: str, attempt: int, reply: Reply) -> tuple[Entry, ...]:
    """How many tokens of the call's prompt the server had at hand, a document; none where it tells of none."""
    if not reply.tokens.cached:
        return ()
    return (document(CACHED, run, f"{hypothesis_id}/{attempt}", reply.tokens),)


def reply_place(sha: str, run: str, id_: str, reply: Reply | None = None) -> Entry:
    """Where the reply to the request of this hash is, for other runs; the first one stays."""
    record = ReplyPlace(run=run, id=id_, reply=reply).model_dump_json()
    row = {"kind": REPLY, "owner": sha, "key": "", "record": record, "at": time.time()}
    return Entry(schema.documents, row, "first")


def left_out(run: str, event: LeftOut) -> Entry:
    """A model of several is not asked any more."""
    row = {"kind": LEFT_OUT, "owner": run, "key": event.model, "record": event.model_dump_json(), "at": time.time()}
    return Entry(schema.documents, row, "first")


def call_unanswered(run: str, hypothesis_id: str, attempt: int, *, started: float, spent: Amount = NOTHING) -> Entry:
    """A model was asked in vain, after all tries of the call. `started` is seconds since the epoch."""
    row = {"run": run, "hypothesis_id": hypothesis_id, "attempt": attempt, "started": started}
    return Entry(schema.calls, {**row, **_spent(spent), "finished": time.time(), "finish": UNANSWERED}, "last")


def replied(run: str, hypothesis: Hypothesis, messages: Sequence[Message]) -> tuple[Entry, Entry]:
    """A hypothesis and the prompt that it answers."""
    prompt = {"sha": hypothesis.prompt_sha, "record": MESSAGES.dump_json(tuple(messages)).decode()}
    row = {
        "run": run,
        "id": hypothesis.id,
        "task_id": hypothesis.task_id,
        "round": hypothesis.round,
        "sample": hypothesis.sample,
        "prompt_sha": hypothesis.prompt_sha,
        "record": hypothesis.model_dump_json(),
    }
    return Entry(schema.prompts, prompt, "first"), Entry(schema.hypotheses, row, "first")


def judged(run: str, hypothesis: Hypothesis, verdict: Verdict) -> Entry:
    """A verdict. One that is scored is never written over; an unscored one gives way."""
    return Entry(schema.verdicts, _verdict(run, hypothesis, verdict), "scored")


def evident(run: str, hypothesis: Hypothesis, evidence: Evidence) -> Entry:
    """What only the owner of the task may read about a verdict: a document, which nothing that asks a model reads."""
    return document(EVIDENCE, run, hypothesis.id, evidence)


def document(kind: str, run: str, key: str, record: Record) -> Entry:
    """A document of a run, in place of the one that is there."""
    row = {"kind": kind, "owner": run, "key": key, "record": record.model_dump_json(), "at": time.time()}
    return Entry(schema.documents, row, "last")


def settled(run: str, hypothesis: Hypothesis, verdict: Verdict) -> Entry:
    """A verdict after its consistency run, in place of the one before it."""
    return Entry(schema.verdicts, _verdict(run, hypothesis, verdict), "last")


def _verdict(run: str, hypothesis: Hypothesis, verdict: Verdict) -> dict[str, Any]:
    return {
        "run": run,
        "hypothesis_id": hypothesis.id,
        "task_id": hypothesis.task_id,
        "outcome": verdict.outcome.value,
        "score": verdict.score,
        "verified": verdict.verified,
        "record": verdict.model_dump_json(),
    }


def reflected(run: str, task_id: str, reflection: Reflection) -> Entry:
    """What went back to the model after a round."""
    row = {"run": run, "task_id": task_id, "round": reflection.round, "record": reflection.model_dump_json()}
    return Entry(schema.reflections, row, "last")


def ended(
    run: str, task_id: str, *, stop: StopReason, detail: str, best: str | None, solved: bool, seconds: float
) -> Entry:
    """A task's loop is over. `seconds` is the time spent in proposing and verifying for it."""
    row = {
        "run": run,
        "task_id": task_id,
        "stop": stop.value,
        "detail": detail,
        "best": best,
        "solved": solved,
        "seconds": seconds,
    }
    return Entry(schema.trajectories, row, "last")


def happened(run: str, event: Event) -> Entry:
    """An event, for the story of a run."""
    row = {"run": run, "at": time.time(), "kind": event.kind, "record": event.model_dump_json()}
    return Entry(schema.events, row, "add")
