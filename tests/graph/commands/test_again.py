"""An owner judges a stored hypothesis once more: as the run judged it, whatever came of it, and nothing is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gristmill.graph.campaign import run_campaign
from gristmill.graph.commands.reports.again import say_again
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.storage import schema
from gristmill.graph.storage.entries import judged, replied
from gristmill.graph.storage.store import Store
from gristmill.sandbox.records import Limits
from gristmill.verifiers.constructions.catalogue import task_of
from gristmill.verifiers.judging import unscored

TASK = task_of("circles_26", target=1.9, limits=Limits(wall_seconds=5, cpu_seconds=5))
REPLIES = (
    "def construct(best=None):\n"
    "    return [((2 * i + 1) / 12, (2 * j + 1) / 12, 0.0625) for i in range(6) for j in range(6)][:26]",
    "def construct(best=None):\n    return [(x, y, r + 0.012) for x, y, r in best]",
)


def documents(store: Store) -> int:
    with store._reading() as connection:
        return int(connection.scalar(select(func.count()).select_from(schema.documents)) or 0)


@pytest.mark.bubblewrap
def test_it_is_judged_by_what_it_was_given_and_also_where_nothing_had_come(
    bubblewrap: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposer = ScriptedProposer(lambda request: f"```python\n{REPLIES[request.round]}\n```")
    config = RunConfig.of(hypotheses=1, rounds=2, patience=9, profile="chat", sandbox="bubblewrap")
    with Store.open(tmp_path) as store:
        asyncio.run(run_campaign([TASK], config, name="pack", store=store, proposer=proposer))
        (story,) = store.trajectories("pack")
        first, last = (step.hypothesis for step in story.steps)
        assert last.best is not None  # without which the program breaks
        before = documents(store)
        assert say_again(store, "pack", last.id, None, False)
        assert f"{last.id}: passed with score 1.937 again" in capsys.readouterr().out
        assert documents(store) == before

        store.create_run("lost", config, [TASK])
        store.save([*replied("lost", first, ()), judged("lost", first, unscored("the engine was gone"))])
        assert not say_again(store, "lost", first.id, None, False)
        assert f"{first.id}: failed with score 1.625, and then unscored\n" in capsys.readouterr().out
