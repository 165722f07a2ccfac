"""What a run has spent, as a fold of its calls: each row counts as what it was charged, and until that is known as the
most that it may cost. So a call that a kill has cut off is paid for. And what a ranker has spared it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, select

from gristmill.graph.amounts import Amount
from gristmill.graph.records import REPAIR, UNANSWERED, Tokens
from gristmill.graph.storage import schema
from gristmill.graph.storage.base import Database, reading
from gristmill.graph.storage.entries import CACHED
from gristmill.graph.summary import Usual

__all__ = ["Account", "ModelSpending", "cached", "spared", "spending"]


class ModelSpending(NamedTuple):
    """What counts of one model's calls."""

    model: str
    """Empty for calls that nobody has answered."""
    calls: int
    tokens: int
    money: int
    """Units of money."""
    seconds: float
    """Of waiting for answers, one call after another."""


class Account:
    """What runs have spent. Every method may raise StoreError."""

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine

    def spending(self, run: str) -> Amount:
        """Calls that were begun, and what counts of their tokens and their money."""
        with reading(self._database, self._engine) as connection:
            return spending(connection, run)

    def money(self, run: str) -> Mapping[str, int]:
        """Units of money by the hypothesis or lesson that calls were made for; a repair's are of what it repairs."""
        calls = schema.calls.c
        query = select(calls.hypothesis_id, func.sum(calls.spent_money)).where(calls.run == run)
        found: dict[str, int] = defaultdict(int)
        with reading(self._database, self._engine) as connection:
            for id_, units in connection.execute(query.group_by(calls.hypothesis_id)):
                found[id_.removesuffix(REPAIR)] += int(units or 0)
        return found

    def of(self, run: str, hypothesis: str) -> Amount:
        """As `spending`, of one hypothesis or lesson. A repair's tokens and money count as its own, its calls not."""
        calls = schema.calls.c
        sums = func.sum(calls.spent_tokens), func.sum(calls.spent_money)
        query = select(calls.hypothesis_id, func.count(), *sums).where(
            calls.run == run, calls.hypothesis_id.in_([hypothesis, hypothesis + REPAIR])
        )
        with reading(self._database, self._engine) as connection:
            rows = connection.execute(query.group_by(calls.hypothesis_id)).all()
        turns = sum(row[1] for row in rows if row[0] == hypothesis)
        return Amount(turns, sum(int(row[2] or 0) for row in rows), sum(int(row[3] or 0) for row in rows))

    def by_model(self, run: str) -> list[ModelSpending]:
        """What each model was asked and paid; most money first, then most tokens."""
        calls = schema.calls.c
        sums = [func.sum(each) for each in (calls.spent_tokens, calls.spent_money, calls.seconds)]
        query = select(calls.model, func.count(), *sums).where(calls.run == run).group_by(calls.model)
        with reading(self._database, self._engine) as connection:
            rows = connection.execute(query).all()
        found = [ModelSpending(row[0], row[1], int(row[2] or 0), int(row[3] or 0), float(row[4] or 0)) for row in rows]
        return sorted(found, key=lambda each: (-each.money, -each.tokens, each.model))

    def usual(self, run: str) -> Usual | None:
        """What the answered calls of a run took, all together; None where none was answered."""
        calls = schema.calls.c
        sums = func.sum(calls.prompt_tokens), func.sum(calls.completion_tokens), func.sum(calls.seconds)
        here = (calls.run == run, calls.finished.is_not(None), calls.finish != UNANSWERED)
        with reading(self._database, self._engine) as connection:
            count, prompt, completion, seconds = connection.execute(select(func.count(), *sums).where(*here)).one()
        tokens = Tokens(prompt=int(prompt or 0), completion=int(completion or 0))
        return Usual(calls=count, tokens=tokens, seconds=float(seconds or 0.0)) if count else None


def spending(connection: Connection, run: str) -> Amount:
    """As `Account.spending`, on a connection that is open."""
    calls = schema.calls.c
    sums = func.sum(calls.spent_tokens), func.sum(calls.spent_money)
    row = connection.execute(select(func.count(), *sums).where(calls.run == run)).one()
    return Amount(row[0], int(row[1] or 0), int(row[2] or 0))


def cached(connection: Connection, run: str) -> int:
    """Tokens of prompts that servers had in their caches."""
    table = schema.documents.c
    records = connection.scalars(select(table.record).where(table.kind == CACHED, table.owner == run))
    return sum(Tokens.model_validate_json(record).cached for record in records)


def spared(connection: Connection, run: str) -> int:
    """Hypotheses of tasks that have ended which nobody has judged, as one that was ranked before them had passed."""
    hypotheses, verdicts, ended = schema.hypotheses.c, schema.verdicts.c, schema.trajectories.c
    judged = select(verdicts.hypothesis_id).where(verdicts.run == run, verdicts.hypothesis_id == hypotheses.id)
    over = select(ended.task_id).where(ended.run == run, ended.task_id == hypotheses.task_id)
    query = select(func.count()).where(hypotheses.run == run, ~judged.exists(), over.exists())
    return int(connection.scalar(query) or 0)
