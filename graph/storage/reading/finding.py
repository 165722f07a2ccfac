"""Where a text stands in prompts and replies: asked of the database a part at a time, so that it ends soon."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, get_args

from sqlalchemy import ColumnElement, Connection, Engine, or_, select

from gristmill.graph.records import Hypothesis
from gristmill.graph.storage import schema
from gristmill.graph.storage.base import Database, reading
from gristmill.graph.storage.entries import MESSAGES

__all__ = ["PLACES", "Found", "Hit", "Mark", "Place", "find"]

Place = Literal["prompt", "reasoning", "reply"]
PLACES: tuple[Place, ...] = get_args(Place)

_PART = 200
"""Hypotheses that one statement looks at."""
_AROUND = 120
"""Characters that are shown on either side."""
_COUNTED = 1000


class Mark(NamedTuple):
    """Up to where was looked: a hypothesis of a run."""

    run: str
    id: str


class Hit(NamedTuple):
    """A text of one hypothesis that holds what was looked for."""

    run: str
    task: str
    id: str
    place: Place
    before: str
    match: str
    after: str
    times: int
    """How often it stands there; 1,000 at most are counted."""


class Found(NamedTuple):
    """What was found, and whether that is all."""

    hits: Sequence[Hit]
    looked: int
    """Hypotheses that were looked at."""
    rest: Mark | None
    """Behind which to look on; None where everything was looked at."""


def find(
    database: Database,
    engine: Engine,
    text: str,
    *,
    run: str | None = None,
    places: Sequence[Place] = PLACES,
    after: Mark | None = None,
    most: int = 50,
    seconds: float = 3.0,
) -> Found:
    """Where a text stands: runs from the newest, hypotheses of each in the order of their ids.

    Upper and lower case are alike; on SQLite, of letters of ASCII only.

    Args:
        text: what is looked for; every character is itself.
        run: where alone; None is everywhere.
        places: where in a hypothesis.
        after: what an earlier answer has left.
        most: hypotheses with hits after which the answer is given.
        seconds: wall time after which it is, with what was found by then; at least one part is looked at.

    Raises:
        StoreError: the store cannot be read.
    """
    end = time.monotonic() + seconds
    hits: list[Hit] = []
    looked = holding = 0
    with reading(database, engine) as connection:
        for name, last, ids in _parts(connection, run, after):
            for id_ in _holding(connection, name, text, places, last, ids[-1]):
                some = _hits(connection, name, id_, text, places)
                hits += some
                holding += bool(some)
                if holding >= most:
                    return Found(hits, looked + 1 + ids.index(id_), Mark(name, id_))
            looked += len(ids)
            if time.monotonic() >= end:
                return Found(hits, looked, Mark(name, ids[-1]))
    return Found(hits, looked, None)


def _parts(connection: Connection, run: str | None, after: Mark | None) -> Iterator[tuple[str, str, list[str]]]:
    """(run, the id before, ids) of so many hypotheses as are looked at at once."""
    runs, hypotheses = schema.runs.c, schema.hypotheses.c
    query = select(runs.name).order_by(runs.created.desc(), runs.name)
    names = list(connection.scalars(query if run is None else query.where(runs.name == run)))
    if after is not None:
        names = names[names.index(after.run) :] if after.run in names else []
    for name in names:
        last = after.id if after is not None and after.run == name else ""
        part = select(hypotheses.id).where(hypotheses.run == name).order_by(hypotheses.id).limit(_PART)
        while ids := list(connection.scalars(part.where(hypotheses.id > last))):
            yield name, last, ids
            last = ids[-1]


def _holding(connection: Connection, run: str, text: str, places: Sequence[Place], last: str, to: str) -> Sequence[str]:
    """Ids of a part whose records hold the text somewhere; their texts are looked at closely afterwards."""
    hypotheses, prompts = schema.hypotheses.c, schema.prompts.c
    # As records have it, which are JSON.
    wanted = json.dumps(text, ensure_ascii=False)[1:-1]
    which: list[ColumnElement[bool]] = []
    if "prompt" in places:
        which.append(prompts.record.icontains(wanted, autoescape=True))
    if set(places) - {"prompt"}:
        which.append(hypotheses.record.icontains(wanted, autoescape=True))
    joined = schema.hypotheses.outerjoin(schema.prompts, prompts.sha == hypotheses.prompt_sha)
    query = select(hypotheses.id).select_from(joined).where(hypotheses.run == run, or_(*which))
    return connection.scalars(query.where(hypotheses.id > last, hypotheses.id <= to).order_by(hypotheses.id)).all()


def _hits(connection: Connection, run: str, id_: str, text: str, places: Sequence[Place]) -> list[Hit]:
    hypotheses, prompts = schema.hypotheses.c, schema.prompts.c
    joined = schema.hypotheses.outerjoin(schema.prompts, prompts.sha == hypotheses.prompt_sha)
    query = select(hypotheses.record, prompts.record).select_from(joined)
    record, prompt = connection.execute(query.where(hypotheses.run == run, hypotheses.id == id_)).one()
    hypothesis = Hypothesis.model_validate_json(record)
    asked = [message.content for message in MESSAGES.validate_json(prompt)] if prompt is not None else []
    texts: dict[Place, list[str]] = {
        "prompt": asked,
        "reasoning": [hypothesis.reasoning],
        "reply": [hypothesis.text],
    }
    wanted, hits = re.compile(re.escape(text), re.IGNORECASE), []
    for place in places:
        for each in texts[place]:
            if (first := wanted.search(each)) is None:
                continue
            start, end = first.span()
            times = sum(1 for _, _ in zip(wanted.finditer(each), range(_COUNTED), strict=False))
            before, behind = each[max(0, start - _AROUND) : start], each[end : end + _AROUND]
            hits.append(Hit(run, hypothesis.task_id, id_, place, before, first.group(), behind, times))
    return hits
