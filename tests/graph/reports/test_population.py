"""What a strategy holds: islands, archives and fronts, as they stand after a search."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Hypothesis, Request
from gristmill.graph.reports.population import population
from gristmill.graph.search.archive import Axis
from gristmill.graph.storage.store import Store
from gristmill.trainers.cli import app
from gristmill.verifiers.records import Check, Direction, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

TASK = Task(id="hill", kind="program", prompt="Go up.", problem="no", direction=Direction.MAXIMIZE, target=1e9)
AXIS = "length=0:400:4"


def answer(request: Request) -> str:
    number = request.round * 4 + request.sample
    return f"```python\nx = {number * 37 % 101}  # {'.' * (number * 53 % 300)}\n```"


def judge(task: Task, solution: str) -> Verdict:
    value = int(solution.split()[2])
    checks = tuple(
        Check(name=name, outcome=Outcome.PASSED if value % divisor == 0 else Outcome.FAILED)
        for name, divisor in (("even", 2), ("third", 3))
    )
    way, strength = Direction.MAXIMIZE, Strength.EXACT
    return Verdict(
        outcome=Outcome.FAILED, score=float(value), direction=way, strength=strength, checks=checks, verifier="v/1"
    )


async def searched(folder: Path, strategy: str, **more: object) -> dict[str, tuple[Hypothesis, float]]:
    """A search of 15 rounds; its hypotheses with their scores."""
    with Store.open(folder) as store:
        config = RunConfig.of(hypotheses=4, rounds=15, strategy=strategy, patience=99, same=99, **more)
        await run_campaign(
            [TASK], config, name="run", store=store, proposer=ScriptedProposer(answer), verifiers=ScriptedJudge(judge)
        )
        return {each.id: (each, verdict.score or 0.0) for each, verdict in store.each_step("run", "hill") if verdict}


async def test_each_cell_holds_the_best_that_was_in_it(tmp_path: Path) -> None:
    rows = await searched(tmp_path, "evolve", population=3, islands=3, features=(AXIS,))
    with Store.open(tmp_path) as store:
        held = population(store, "run", store.standings("run")[0])
    axis = Axis.read(AXIS)
    best: dict[tuple[int, int], float] = defaultdict(float)
    for each, score in rows.values():
        if each.solution is not None:
            cell = each.island, axis.bin(len(each.solution))
            best[cell] = max(best[cell], score)
    assert {(each.number, *one.cell): one.score for each in held.islands for one in each.members} == best
    assert held.cells == 4
    assert not held.front
    assert sum(each.hypotheses for each in held.islands) == len(rows)


async def test_the_front_names_who_is_best_at_which_instance(tmp_path: Path) -> None:
    rows = await searched(tmp_path, "pareto")
    with Store.open(tmp_path) as store:
        held = population(store, "run", store.standings("run")[0])
    assert {each.instance for each in held.front} == {"even", "third"}
    assert not held.islands
    for each in held.front:
        scores = [int(rows[id_][1]) for id_ in each.hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert all(score % {"even": 2, "third": 3}[each.instance] == 0 for score in scores)


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ("evolve", ("population of hill, by evolve: ", "archive of island 0, best first", "rows since it was better")),
        ("auto", ("population of hill, by auto: ", "front of hill: who is best at each of 2 instances")),
        ("reflect", ("the strategy reflect keeps no population",)),
    ],
)
async def test_people_are_shown_it(tmp_path: Path, strategy: str, words: tuple[str, ...]) -> None:
    await searched(tmp_path, strategy)
    shown = CliRunner().invoke(app, ["show", "run", "--population", "--workspace", str(tmp_path)])
    assert shown.exit_code == 0
    for each in words:
        assert each in shown.output
    told = CliRunner().invoke(app, ["show", "run", "--population", "--json", "--workspace", str(tmp_path)])
    assert json.loads(told.stdout)["strategy"] == strategy
