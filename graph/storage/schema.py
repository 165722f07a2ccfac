"""The store's tables. A record stands whole, as JSON text, beside the few columns that queries need.

JSON is kept as text because verdicts may hold NaN and infinity, which PostgreSQL's JSON type refuses. There are no
foreign keys: rows of one transaction are written in groups by table, and nothing is ever deleted from below a run.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, Table, Text

__all__ = [
    "VERSION",
    "calls",
    "documents",
    "events",
    "hypotheses",
    "metadata",
    "prompts",
    "reflections",
    "runs",
    "tasks",
    "trajectories",
    "verdicts",
    "versions",
]

VERSION = 3

metadata = MetaData()

versions = Table(
    "store_version",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("gristmill", Text, nullable=False),  # the release that made the store: who else could export from it?
)

runs = Table(
    "runs",
    metadata,
    Column("name", Text, primary_key=True),
    Column("purpose", Text, nullable=False, default="search"),
    Column("config", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("detail", Text, nullable=False, default=""),
    Column("created", Float, nullable=False),  # seconds since the epoch
    Column("seconds", Float, nullable=False, default=0.0),  # wall time of all sessions so far
)

tasks = Table(
    "tasks",
    metadata,
    Column("run", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("record", Text, nullable=False),
)

prompts = Table(
    "prompts",
    metadata,
    Column("sha", Text, primary_key=True),  # content-addressed, so shared by all runs
    Column("record", Text, nullable=False),
)

hypotheses = Table(
    "hypotheses",
    metadata,
    Column("run", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("task_id", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("sample", Integer, nullable=False),
    Column("prompt_sha", Text, nullable=False),
    Column("record", Text, nullable=False),
    Index("hypotheses_by_task", "run", "task_id"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("run", Text, primary_key=True),
    Column("hypothesis_id", Text, primary_key=True),
    Column("task_id", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("score", Float),
    Column("verified", Boolean, nullable=False),
    Column("record", Text, nullable=False),
    Index("verdicts_by_task", "run", "task_id"),
)

reflections = Table(
    "reflections",
    metadata,
    Column("run", Text, primary_key=True),
    Column("task_id", Text, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("record", Text, nullable=False),
)

trajectories = Table(
    "trajectories",
    metadata,
    Column("run", Text, primary_key=True),
    Column("task_id", Text, primary_key=True),
    Column("stop", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("best", Text),
    Column("solved", Boolean, nullable=False),
    Column("seconds", Float, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("run", Text, primary_key=True),
    Column("hypothesis_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("started", Float, nullable=False),
    Column("finished", Float),  # null: in flight, or cut off by a kill
    Column("prompt_tokens", BigInteger, nullable=False, default=0),
    Column("completion_tokens", BigInteger, nullable=False, default=0),
    # What counts of it in the budget: what it was charged, and until that is known the most that it may cost.
    Column("spent_tokens", BigInteger, nullable=False, default=0),
    Column("spent_money", BigInteger, nullable=False, default=0),  # 10^-12 of a dollar
    Column("model", Text, nullable=False, default=""),
    Column("finish", Text, nullable=False, default=""),
    Column("seconds", Float, nullable=False, default=0.0),
)

events = Table(
    "events",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("run", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("record", Text, nullable=False),
    Index("events_by_run", "run", "number"),
)

documents = Table(
    "documents",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("record", Text, nullable=False),
    Column("at", Float, nullable=False),  # seconds since the epoch
)
