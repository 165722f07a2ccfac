"""Baselines of a search are judged once; what the machine's load has spoiled is told, and judged again when asked."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from gristmill.graph.judging import baselines as made
from gristmill.graph.judging.baselines import Baseline, baselines
from gristmill.graph.judging.evaluations import TroubleError
from gristmill.graph.storage.entries import document
from gristmill.graph.storage.store import Store
from gristmill.verifiers.records import Outcome, Seeds, Strength, Task, Verdict
from gristmill.verifiers.registry import Verifiers
from gristmill.verifiers.trained.loss.problems import loss_task
from gristmill.verifiers.trained.verifier import FINAL


class Slow:
    """A judge on a machine that is too busy for so many final trainings."""

    def __init__(self, late: int) -> None:
        self.late = late
        self.asked = 0

    async def verify(self, task: Task, solution: str, *, seeds: Seeds) -> Verdict:
        del task, solution
        self.asked += 1
        if seeds.draw == FINAL and self.late:
            self.late -= 1
            outcome, says = Outcome.TIMEOUT, "Its calls took longer together than the limit of 60 s."
        else:
            outcome, says = Outcome.FAILED, ""
        scores = (0.5, 0.7) if outcome is Outcome.FAILED else ()
        return Verdict(
            outcome=outcome, score=0.6 if scores else 0.0, replicates=scores, feedback=says,
            strength=Strength.TESTED, verifier="loss/4", sandbox="none",
        )  # fmt: skip


async def test_a_baseline_that_met_its_limit_is_told_and_judged_again(tmp_path: Path) -> None:
    task = loss_task("preference_pairs")
    judge = Slow(late=1)
    with Store.open(tmp_path) as store:
        with pytest.raises(TroubleError, match="took longer together than the limit of 60 s"):
            await baselines(store, "night", task, cast("Verifiers", judge))
        found = await baselines(store, "night", task, cast("Verifiers", judge))
        assert found
        assert all(each.final == (0.5, 0.7) for each in found)
        asked = judge.asked
        assert await baselines(store, "night", task, cast("Verifiers", judge)) == found
        assert judge.asked == asked
        # An earlier release kept such a one without its final scores.
        spoiled = Baseline(name=found[0].name, search=0.6)
        store.save([document(made._KIND, "other", f"{task.id}\n{spoiled.name}", spoiled)])
        assert await baselines(store, "other", task, cast("Verifiers", judge)) == found
