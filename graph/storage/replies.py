"""What models have answered, found again by the request: in any run of the store but the one that asks."""

from __future__ import annotations

from sqlalchemy import Engine, select

from gristmill.graph.records import REASONING_ONLY, UNANSWERED, Hypothesis, Reply
from gristmill.graph.storage import schema
from gristmill.graph.storage.base import Database, reading
from gristmill.graph.storage.entries import REPLY, ReplyPlace
from gristmill.sandbox.records import Record

__all__ = ["EarlierReply", "Replies"]


class EarlierReply(Record):
    """A reply of an earlier run; `source` is its run and the id there, `tokens` and `finish` are as they were then."""

    source: str
    reply: Reply


class Replies:
    """Replies by the hash of the request that they answer."""

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine

    def find(self, sha: str, *, run: str) -> EarlierReply | None:
        """The reply to this request, if another run than `run` has it; may raise StoreError."""
        table, calls, hypotheses = schema.documents.c, schema.calls.c, schema.hypotheses.c
        with reading(self._database, self._engine) as connection:
            text = connection.scalar(select(table.record).where(table.kind == REPLY, table.owner == sha))
            kept = None if text is None else ReplyPlace.model_validate_json(text)
            if kept is None or kept.run == run:
                return None
            source = f"{kept.run}/{kept.id}"
            if kept.reply is not None:
                return EarlierReply(source=source, reply=kept.reply)
            query = select(hypotheses.record).where(hypotheses.run == kept.run, hypotheses.id == kept.id)
            record = connection.scalar(query)
            if record is None:
                return None
            here = (calls.run == kept.run, calls.hypothesis_id == kept.id, calls.finished.is_not(None))
            finish = connection.scalar(select(calls.finish).where(*here).order_by(calls.attempt.desc()).limit(1)) or ""
        hypothesis = Hypothesis.model_validate_json(record)
        if finish == UNANSWERED:
            return None
        return EarlierReply(
            source=source,
            reply=Reply(
                text=hypothesis.text,
                tokens=hypothesis.tokens,
                model=hypothesis.model,
                finish=finish.removesuffix(REASONING_ONLY),
                reasoning=hypothesis.reasoning,
            ),
        )
