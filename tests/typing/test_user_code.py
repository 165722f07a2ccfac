"""What a user writes is type-checked by `make lint`, as all of this folder is, and here it is run."""

from __future__ import annotations

from pathlib import Path

from gristmill.graph.search.conformance import conformance as strategy_conformance
from gristmill.sandbox import Pool
from gristmill.verifiers import Task
from tests.typing.judging import TASK, judged
from tests.typing.own_proposer import PROPOSER
from tests.typing.own_strategy import Halves
from tests.typing.own_verifier import verifier
from tests.typing.running import solved


async def test_a_verifier_of_ones_own_judges(bubblewrap: str) -> None:
    task = Task(id="t", kind="palindrome", prompt="Print one.")
    async with Pool.open("bubblewrap", size=1) as pool:
        verdicts = [await verifier(pool).verify(task, f"print({text!r})") for text in ("level", "levels")]
    assert [verdict.passed for verdict in verdicts] == [True, False]


def test_a_strategy_of_ones_own_keeps_the_contract() -> None:
    assert strategy_conformance(Halves) == []


async def test_candidates_are_judged_by_python(bubblewrap: str) -> None:
    wrong, right = await judged("bubblewrap")
    assert not wrong.passed
    assert right.verified


async def test_a_run_by_python_solves_its_task(bubblewrap: str, tmp_path: Path) -> None:
    summary, trajectories = await solved([TASK], PROPOSER, tmp_path, "bubblewrap")
    assert summary.solved == 1
    assert trajectories[0].steps
