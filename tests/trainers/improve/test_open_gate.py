"""An open gate draws tasks until it knows; a poisoned round, and one that has lost elsewhere, leave the old adapter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gristmill.graph.records import Reply, Request
from gristmill.graph.storage.store import Store
from gristmill.sandbox.pool import Pool
from gristmill.trainers.data.curate import CurateConfig
from gristmill.trainers.improve.asking.deciding import decision_about
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.context import Mill
from gristmill.trainers.improve.gating.config import GateConfig
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.improve.rounds import run_rounds
from gristmill.trainers.records import Improvement
from gristmill.trainers.viewing.differing import gate_tasks
from tests.trainers.improve.test_drawn import DRAWN, FEW, Learner, splits
from tests.trainers.improve.test_rounds import Copying, Killed, Stopping


class Poisoned(Learner):
    """The second round's adapter has learned wrong answers, whatever its rows said; none keeps what it could before."""

    async def propose(self, request: Request) -> Reply:
        reply = await super().propose(request)
        if self.adapter and ("round-2" in self.adapter or request.task_id.startswith("kept")):
            return reply.model_copy(update={"text": "\\boxed{1}"})
        number = request.task_id.rpartition("-")[2]
        return reply.model_copy(update={"text": f"\\boxed{{{number}}}"}) if "kept" in request.task_id else reply


@pytest.mark.bubblewrap
async def test_batches_until_it_is_decided_over_kills_and_what_is_lost_elsewhere(
    tmp_path: Path, bubblewrap: str
) -> None:
    drawn = DRAWN.model_copy(update={"gate_tasks": 40})
    gate = GateConfig(gate="open", gate_batch=4, gate_most=40, sampled_tasks=2)
    config = ImproveConfig(rounds=2, drawn=drawn, strata=FEW, gate=gate, curate=CurateConfig(outweigh=20))
    config = config.model_copy(update={"method": Copying(), "run": config.run.changed(hypotheses=8, model="x")})
    kept = tmp_path / "kept.jsonl"
    rows = [{"id": f"kept-{n}", "kind": "math", "prompt": f"{n:b}?", "answer": str(n)} for n in range(100, 130)]
    kept.write_text("".join(json.dumps(row) + "\n" for row in rows))
    losing = config.model_copy(update={"rounds": 1, "gate": gate.model_copy(update={"retention": str(kept)})})

    async with Pool.open("bubblewrap", 1) as pool:

        async def turn(config: ImproveConfig, name: str, asked: list[str], stop: str = "never") -> Improvement:
            with Store.open(tmp_path) as store:
                mill = Mill(
                    name=name,
                    config=config,
                    splits=splits(drawn=config.as_drawn),
                    home=tmp_path / name,
                    store=store,
                    pool=pool,
                    proposer=lambda adapter: Poisoned(adapter, asked),
                    base=tmp_path,
                    progress=Stopping(stop),
                )
                return await run_rounds(mill)

        asked: list[str] = []
        with pytest.raises(Killed):
            await turn(config, "night", asked, "gate tasks 5 to 8, the new")
        improvement = await turn(config, "night", asked)
        lost = await turn(losing, "day", [])

    first, second = (round_.gate for round_ in improvement.rounds)
    assert first
    assert first.kept
    assert (first.after.passed, first.after.total) == (8, 8), "two batches were enough"
    assert first.e_value == pytest.approx(511 / 9)
    assert {name: ok for name, ok, _ in first.guards}["pass@8"]
    assert second
    assert not second.kept
    assert "8 lost of 8: not better" in second.reason
    assert improvement.adapter
    assert improvement.adapter.endswith("night-round-1")
    refused = lost.rounds[0].gate
    assert refused
    assert not refused.kept
    assert "refused, for it has lost elsewhere: retention: -100.0 points" in refused.reason
    assert lost.adapter is None
    with Store.open(tmp_path) as store:
        told = [decision_about(store, name) for name in ("night-round-1", "night-round-2", "day-round-1", "other")]
        runs = frozenset(run.name for run in store.runs())
        shown = gate_tasks(StageRecords(store, "night"), improvement.rounds[1], runs)
        assert shown
        assert (shown.wins, shown.losses) == (0, 8)
        # Both replies of every batch are where the page says: the first passed, the second did not.
        links = [link for each in shown.lost for link in (each.before, each.after) if link is not None]
        verdicts = [found[1] for link in links if (found := store.glances.one(link.owner, link.id))]
        assert [verdict and verdict.passed for verdict in verdicts] == [True, False] * 8
    assert [each and (each.kept, each.gate) for each in told] == [
        (True, "open"),
        (False, "open"),
        (False, "open"),
        None,
    ]
