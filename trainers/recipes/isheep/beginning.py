"""How a run of the recipe begins, or goes on as it was begun."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from gristmill.graph.commands.alerts.telling import Alerts
from gristmill.graph.judging.secret import kept_secret
from gristmill.graph.models.base import Proposer
from gristmill.graph.resuming import widened
from gristmill.graph.storage.store import Store
from gristmill.sandbox.base import Jobs
from gristmill.sandbox.errors import UserError
from gristmill.trainers.improve.context import Progress
from gristmill.trainers.improve.drawn import DrawnSplits
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.recipes.isheep.config import IsheepConfig
from gristmill.trainers.recipes.isheep.context import Flock
from gristmill.trainers.recipes.isheep.drawing.family import family
from gristmill.trainers.recipes.isheep.seeds import seeds

__all__ = ["flock_of"]

_CONFIG = "isheep"


def flock_of(
    config: IsheepConfig,
    name: str,
    *,
    resume: bool,
    store: Store,
    home: Path,
    pool: Jobs,
    proposer: Callable[[str | None], Proposer],
    base: Path,
    progress: Progress,
    alerts: Alerts | None = None,
    scoring: Callable[[], Proposer] | None = None,
) -> Flock:
    """The context of a run, whose configuration is kept from now on.

    Raises:
        UserError: the name is taken and `resume` was not asked for; or there is nothing to resume, or it was begun with
            another configuration.
    """
    records, improving = StageRecords(store, name), config.improving
    if resume:
        begun = records.read(_CONFIG, IsheepConfig)
        if begun is None:
            raise UserError(f"there is no run of I-SHEEP {name!r} to resume in {store.location}")
        widened(f"the run {name!r}", begun, config, ())
    if records.begun() is None:
        # Before it is begun: a kill between the two must leave nothing that cannot be gone on with.
        records.write(_CONFIG, config)
    records.begin(improving, seeds(), resume=resume)
    key = config.measuring.draw_key
    secret = kept_secret(store, name) if key is None else hashlib.sha256(key.encode()).digest()
    return Flock(
        name=name,
        config=improving,
        splits=DrawnSplits(improving.drawn, seed=config.run.seed, secret=secret, find=family),
        home=home,
        store=store,
        pool=pool,
        proposer=proposer,
        base=base,
        progress=progress,
        bare=True,
        recipe=config,
        alerts=alerts or Alerts(),
        scoring=scoring,
    )
