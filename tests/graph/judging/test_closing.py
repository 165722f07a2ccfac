"""The close of a search: the best is looked at again before it is announced, in real sandboxes, and after kills."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import Closing, TaskStanding
from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Task
from gristmill.verifiers.records import Verdict
from tests.forked import Forker

EVALUATOR = "def evaluate(candidate, instance):\n    return candidate(instance)"


@pytest.fixture(params=["bubblewrap", "docker"])
def backend(request: pytest.FixtureRequest) -> str:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    return str(request.param)


def scored(code: str = EVALUATOR, instances: Sequence[Any] = (1, 2), **test: Any) -> Task:
    row = {"type": "score", "entry_point": "f", "code": code, "instances": list(instances), **test}
    about = {
        "id": "t",
        "kind": "code",
        "prompt": "Write f(x), a large number.",
        "tests": [{"direction": "maximize"} | row],
    }
    return Task.model_validate(about)


def search(
    folder: Path, backend: str, task: Task, programs: Sequence[str], resume: bool = False, **knobs: Any
) -> tuple[TaskStanding, dict[str, Verdict], ScriptedProposer]:
    """One run whose model says these programs, one a round; how its task stands in the end, and the verdicts."""
    known = dict(enumerate(programs))
    model = ScriptedProposer(lambda request: f"```python\n{known[request.round]}\n```")
    config = RunConfig.of(hypotheses=1, rounds=len(programs), patience=99, novelty=False, **knobs)

    async def campaign() -> None:
        async with Pool.open(backend, size=2) as pool:
            await run_campaign([task], config, name="r", store=store, proposer=model, pool=pool, resume=resume)

    with Store.open(folder) as store:
        asyncio.run(campaign())
        verdicts = {hypothesis.id: verdict for hypothesis, verdict in store.steps("r", "t") if verdict is not None}
        return store.standings("r")[0], verdicts, model


def closing_of(standing: TaskStanding) -> Closing:
    assert standing.closing is not None
    return standing.closing


def test_the_winner_is_scored_again_and_on_what_was_held_out(backend: str, tmp_path: Path) -> None:
    asked = scored(held_out=[10, 20])
    standing, verdicts, _ = search(tmp_path, backend, asked, ["def f(x):\n    return x", "def f(x):\n    return 2 * x"])
    closing = closing_of(standing)
    assert (closing.winner, closing.confirmed, standing.best) == ("t/1/0", True, "t/1/0")
    (only,) = closing.finalists
    assert (only.score, only.rescore, only.held_out, only.reproduced) == (3.0, 3.0, 30.0, True)
    won = verdicts["t/1/0"]
    assert (won.outcome, won.score, won.together, won.verified) == (Outcome.PASSED, 3.0, True, True)
    assert won.unsettled.together is None


# What it overfits are the two instances that the search is steered by.
OVERFIT = "def f(x):\n    return {1: 100, 2: 100}.get(x, 0)"


def test_who_overfits_is_told_by_what_was_held_out(backend: str, tmp_path: Path) -> None:
    standing, _, _ = search(tmp_path, backend, scored(held_out=[10]), ["def f(x):\n    return x", OVERFIT])
    won = closing_of(standing).of_winner
    assert won is not None
    assert (won.hypothesis, won.score, won.rescore, won.held_out) == ("t/1/0", 100.0, 100.0, 0.0)


# In plain Python the evaluator's frame is above it.
ONLY_APART = """import sys
def f(x):
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "evaluate":
            return 0
        frame = frame.f_back
    return 50 * x"""


def test_a_score_that_exists_only_apart_is_failed_and_the_next_best_steps_up(backend: str, tmp_path: Path) -> None:
    standing, verdicts, _ = search(tmp_path, backend, scored(), ["def f(x):\n    return x", ONLY_APART])
    closing = closing_of(standing)
    assert (closing.winner, standing.best, standing.score) == ("t/0/0", "t/0/0", 1.5)
    (fallen,) = closing.stepped_down
    assert (fallen.hypothesis, fallen.score, fallen.reproduced) == ("t/1/0", 75.0, False)
    assert "only apart" in fallen.stepped_down
    verdict = verdicts["t/1/0"]
    assert (verdict.outcome, verdict.together, verdict.verified) == (Outcome.FAILED, False, False)
    assert verdict.score == float("-inf")
    # What the search goes by, and a model may know, is as it was.
    assert (verdict.unsettled.outcome, verdict.unsettled.score) == (Outcome.PASSED, 75.0)


RECOGNISES = {
    "chance": "import random\ndef f(x):\n    return random.random()",
    "the clock": "import time\ndef f(x):\n    return time.time()",
}


@pytest.mark.parametrize("program", RECOGNISES.values(), ids=RECOGNISES)
def test_who_scores_otherwise_when_it_is_scored_again_steps_down(bubblewrap: str, tmp_path: Path, program: str) -> None:
    standing, verdicts, _ = search(tmp_path, "bubblewrap", scored(), ["def f(x):\n    return -x", program])
    closing = closing_of(standing)
    assert closing.winner == "t/0/0"
    (fallen,) = closing.stepped_down
    assert "not found again" in fallen.stepped_down
    assert verdicts["t/1/0"].outcome is Outcome.FLAKY


def test_what_a_close_has_found_is_no_part_of_what_a_search_goes_on_with(bubblewrap: str, tmp_path: Path) -> None:
    programs = ["def f(x):\n    return x", ONLY_APART, "def f(x):\n    return 2 * x"]
    search(tmp_path, "bubblewrap", scored(held_out=[31337]), programs[:2])
    standing, verdicts, model = search(tmp_path, "bubblewrap", scored(held_out=[31337]), programs, resume=True)
    (asked,) = model.requests
    assert "75" in str(asked.messages)  # the search's score of what was refuted since
    assert not [word for word in ("31337", "1.5e", "only apart", "flaky") if word in str(asked.messages)]
    closing = closing_of(standing)
    # Nothing is looked at twice: who had stepped down is no finalist any more.
    assert [each.hypothesis for each in closing.finalists] == ["t/2/0"]
    assert verdicts["t/1/0"].outcome is Outcome.FAILED


def test_an_open_problem_is_scored_again(bubblewrap: str, tmp_path: Path) -> None:
    grid = "[((2 * i + 1) / 12, (2 * j + 1) / 12, 0.0625 - e) for i in range(6) for j in range(6)][:26]"
    steady = f"def construct():\n    e = 0.01\n    return {grid}"
    chance = f"import random\ndef construct():\n    e = random.random() / 1000\n    return {grid}"
    task = Task(id="t", kind="program", problem="circles_26", prompt="Pack.", target=1.9)
    standing, verdicts, _ = search(tmp_path, "bubblewrap", task, [steady, chance, chance + "\n# another"])
    closing = closing_of(standing)
    assert standing.best == closing.winner
    for each in closing.finalists:
        assert each.reproduced is None
        # What is made anew by chance is flaky where it is worse, and stands where it is as good.
        flaky = verdicts[each.hypothesis].outcome is Outcome.FLAKY
        assert flaky is bool(each.stepped_down) is (float(each.rescore or 0) < float(each.score or 0))
    assert not any(each.stepped_down for each in closing.finalists if each.hypothesis == "t/0/0")


# What one seed is worth to a solution is another thing for each of them.
NOISY = """import random
def evaluate(candidate, instance, seed):
    value = candidate(instance)
    return value + random.Random(f"{seed} {value}").gauss(0, 3)
"""


def test_under_noise_replicates_decide_and_not_the_luck_of_the_search(bubblewrap: str, tmp_path: Path) -> None:
    programs = [f"def f(x):\n    return {value}" for value in (9, 1, 2, 3)]
    asked = scored(NOISY, instances=[1], held_out=[1], repeats=1)
    standing, verdicts, _ = search(tmp_path, "bubblewrap", asked, programs)
    closing = closing_of(standing)
    won = closing.of_winner
    assert won is not None
    assert (closing.noisy, standing.best, won.replicates, won.reproduced) == (True, "t/0/0", 18, True)
    assert won.low is not None
    assert won.high is not None
    assert won.low < float(won.rescore or 0) < won.high
    assert won.held_out is not None
    # No seed of the search is one of the race: the best of many is best by luck, too.
    assert won.rescore != won.score
    assert sum(each.replicates for each in closing.finalists) <= 12 * len(programs)
    assert {verdict.outcome for verdict in verdicts.values()} == {Outcome.PASSED}


def test_without_confirming_nothing_is_looked_at_again(bubblewrap: str, tmp_path: Path) -> None:
    standing, _, _ = search(tmp_path, "bubblewrap", scored(), ["def f(x):\n    return x"], confirm=False)
    assert (standing.best, standing.closing) == ("t/0/0", None)


@pytest.fixture(scope="module")
def killed() -> Iterator[str]:
    with Forker("tests.graph.judging.closing_kill:command") as forker:
        yield forker.command


def looks(killed: str, folder: Path, how: str, count: int, noisy: str) -> tuple[int, TaskStanding, list[str], set[str]]:
    """One session: how it ended, how the task stands then, what it looked at, and what was stored of that before."""
    log, stored = folder / "log", set[str]()
    log.unlink(missing_ok=True)
    if how == "resume":
        with Store.open(folder) as store:
            stored = {
                f"{by_id[id_.rsplit('/', 1)[0]]} #{id_.rsplit('/', 1)[1]}"
                for by_id in [{hypothesis.id: str(hypothesis.solution) for hypothesis, _ in store.steps("r", "t")}]
                for id_ in store.documents.list("rescored", "r", Verdict)
            }
    arguments = [killed, str(folder), str(log), how, str(count), noisy]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    with Store.open(folder) as store:
        return done.returncode, store.standings("r")[0], log.read_text().splitlines(), stored


@pytest.mark.parametrize(("noisy", "every"), [("steady", 2), ("noisy", 60)])
def test_a_close_that_is_killed_ends_as_one_that_is_not(killed: str, tmp_path: Path, noisy: str, every: int) -> None:
    _, whole, once, _ = looks(killed, tmp_path / "whole", "new", 0, noisy)
    assert closing_of(whole).stepped_down
    how = "new"
    for _ in range(200):
        code, standing, looked, stored = looks(killed, tmp_path / "killed", how, every, noisy)
        assert not stored & set(looked)
        how = "resume"
        if code == 0:
            break
        assert standing.stop is None
    assert standing == whole
    assert len(once) == len(set(once))
