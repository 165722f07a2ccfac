"""Workers that are lost while a run goes on cost it nothing, and its page of the machine tells of them."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.storage.store import Store
from gristmill.graph.view.own import VIEWS
from gristmill.graph.view.registry import Asked, registered
from gristmill.graph.view.rendering import Pages
from gristmill.sandbox.backends.bubblewrap import BubblewrapFactory
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.records import Task
from tests.sandbox.test_clones import Noting, inside

TASK = Task.model_validate(
    {
        "id": "one",
        "kind": "code",
        "prompt": "f(x)",
        "tests": [{"type": "cases", "entry_point": "f", "cases": [{"args": [1], "expected": 1}]}],
    }
)


@pytest.mark.bubblewrap
async def test_workers_that_are_killed_under_a_run_cost_no_verdict_and_are_told(
    tmp_path: Path, bubblewrap: str
) -> None:
    factory = Noting(BubblewrapFactory())
    config = RunConfig.of(hypotheses=1, rounds=1)
    killed: list[int] = []

    async def answer(request: object) -> str:
        # The first run has left its workers warm; they are gone before the second one is judged.
        if len(runs) == 2:
            for worker in factory.made:
                if worker.pid is not None:
                    killed.extend([*inside(worker.pid), worker.pid])
            for pid in killed:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return "```python\ndef f(x):\n    return x\n```"

    runs: list[str] = []
    with Store.open(tmp_path) as store:
        async with Pool(factory, size=1) as pool:
            for name in ("before", "during"):
                runs.append(name)
                proposer = ScriptedProposer(answer)
                summary = await run_campaign([TASK], config, name=name, store=store, proposer=proposer, pool=pool)
                assert (summary.solved, summary.unscored) == (1, 0)
        assert killed
        told = {name: store.glances.machine.troubles(name) for name in runs}
        assert told["before"] == []
        assert {(each.what, each.of) for each in told["during"]} == {("worker", "")}
        assert all("worker" in each.detail and each.times >= 1 for each in told["during"])
        views = registered(VIEWS)
        page = Pages(views).page("machine.html", views["machine"].page(store, Asked("machine", "during")))
    assert "trouble with a worker; no verdict lost." in page
    assert told["during"][0].detail[:40] in page
