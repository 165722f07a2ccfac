"""Kill -9, Ctrl-C and resume: nothing bought is lost, nothing stored is bought again, and the end is the same."""

from __future__ import annotations

import importlib.util
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from gristmill.graph.judging.ordering import RANKER_REWARD, RankerReward
from gristmill.graph.models.replay.server import Call, ReplayServer
from gristmill.graph.storage.store import Store
from gristmill.verifiers.records import Outcome, Verdict
from tests.forked import Forker

STRATEGIES = {
    "best_of": 1,
    "reflect": 0,
    "tree": 2,
    "evolve": 2,
    "pareto": 1,
    "auto": 2,
    "auto+two": 1,
    "evolve+two": 0,
}
"""Each with the rounds that are asked for ahead."""
SCRIPT = Path(__file__).with_name("killable.py")

# Every node of both graphs, and the middle of proposing, verifying and settling: where kills fall, in this order.
POINTS = [
    ("open", 1),
    ("propose", 3),
    ("replied", 15),
    ("verify", 4),
    ("judged", 9),
    ("rank", 5),
    ("converge", 6),
    ("reflect", 3),
    ("record", 4),
    ("settling", 30),
    ("settled", 5),
    ("close", 1),
]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("killable", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


KILLABLE: Any = _script()


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    def answer(call: Call) -> str:
        time.sleep(0.01)
        return str(KILLABLE.reply(call.seed))

    with ReplayServer(answer) as running:
        yield running


@pytest.fixture
def wide() -> Iterator[ReplayServer]:
    """Answers that seldom repeat one another, and not in the order in which they were asked for."""

    def answer(call: Call) -> str:
        time.sleep((call.seed or 0) % 5 / 200)
        return str(KILLABLE.reply(call.seed, KILLABLE.WIDE))

    with ReplayServer(answer) as running:
        yield running


@pytest.fixture(scope="module")
def killable() -> Iterator[str]:
    """For processes that kill themselves; those that are killed or stopped from here are started anew."""
    with Forker("tests.graph.killable:command") as forker:
        yield forker.command


def _start(workspace: Path, server: ReplayServer, how: str) -> list[str]:
    return [sys.executable, str(SCRIPT), str(workspace), server.url, how, "never", "1"]


def _run(
    killable: str,
    workspace: Path,
    server: ReplayServer,
    how: str,
    point: str = "never",
    count: int = 1,
    *search: str,
) -> tuple[int, str]:
    command = [killable, str(workspace), server.url, how, point, str(count), *search]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, done.stdout


def _story(workspace: Path) -> list[dict[str, Any]]:
    """Everything that must be equal: all of every trajectory but the clock."""
    with Store.open(workspace) as store:
        trajectories = [trajectory.model_dump(mode="json") for trajectory in store.trajectories(KILLABLE.NAME)]
    for trajectory in trajectories:
        trajectory.pop("seconds")
        # The server's port is part of the proposer's name.
        for step in trajectory["steps"]:
            step["hypothesis"].pop("proposer")
    return trajectories


def _database(workspace: Path) -> dict[str, Any]:
    """What the file holds, read behind the store's back."""
    engine = create_engine(f"sqlite:///{workspace}/.gristmill/gristmill.db")
    with engine.connect() as connection:
        seeds = connection.execute(text("SELECT id, json_extract(record, '$.sampling.seed') FROM hypotheses")).all()
        rows = {
            "hypotheses": {row[0]: row[1] for row in seeds},
            "verdicts": {
                row[0]: Verdict.model_validate_json(row[1]).unsettled.model_dump_json()
                for row in connection.execute(text("SELECT hypothesis_id, record FROM verdicts"))
            },
            "in_flight": set(
                connection.execute(text("SELECT hypothesis_id, attempt FROM calls WHERE finished IS NULL")).all()
            ),
        }
    engine.dispose()
    return rows


@pytest.mark.slow
def test_kills_spread_over_every_node_change_nothing(tmp_path: Path, server: ReplayServer, killable: str) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert _run(killable, whole, server, "new")[0] == 0
    unkilled_calls = len(server.calls)
    server.calls.clear()

    in_flight = 0
    for number, (point, count) in enumerate(POINTS):
        before = _database(killed) if number else {"hypotheses": {}, "verdicts": {}, "in_flight": set()}
        asked = len(server.calls)
        code, said = _run(killable, killed, server, "resume" if number else "new", point, count)
        assert code == -signal.SIGKILL, f"the kill at {point} never fell: {said}"
        after = _database(killed)
        print(
            f"kill {number + 1:2} at {said.strip()}: {len(after['hypotheses'])} hypotheses, "
            f"{len(after['verdicts'])} verdicts, {len(after['in_flight'] - before['in_flight'])} calls in flight"
        )
        again = {call.seed for call in server.calls[asked:]} & set(before["hypotheses"].values())
        assert not again, "a stored reply was bought again"
        assert before["verdicts"].items() <= after["verdicts"].items(), "a verdict was lost or changed"
        assert before["hypotheses"].items() <= after["hypotheses"].items()
        in_flight += len(after["in_flight"] - before["in_flight"])

    assert _run(killable, killed, server, "resume")[0] == 0
    assert _story(killed) == _story(whole)
    outcomes = {step["verdict"]["outcome"] for trajectory in _story(killed) for step in trajectory["steps"]}
    assert outcomes == {Outcome.PASSED, Outcome.FAILED, Outcome.REFUSED}
    repeats = sum(count - 1 for count in Counter(call.seed for call in server.calls).values())
    print(f"{len(server.calls)} calls, {unkilled_calls} unkilled: {repeats} repeats, {in_flight} were in flight")
    assert len(server.calls) - repeats == unkilled_calls
    assert repeats <= in_flight
    with Store.open(killed) as store:
        summary = store.summary(KILLABLE.NAME)
        assert summary.status == "finished"
        assert summary.calls == unkilled_calls + in_flight
        assert summary.repeated == in_flight


@pytest.mark.slow
def test_kills_from_outside_at_any_moment_change_nothing(tmp_path: Path, server: ReplayServer, killable: str) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert _run(killable, whole, server, "new")[0] == 0
    server.calls.clear()
    random_ = random.Random(11)
    how, in_flight = "new", 0
    for _ in range(6):
        process = subprocess.Popen(_start(killed, server, how), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        calls = len(server.calls)
        # By the number of calls and not by the clock, so that the kills fall into the work on any machine.
        wanted = calls + random_.randint(3, 25)
        while len(server.calls) < wanted and process.poll() is None:
            time.sleep(random_.random() / 200)
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
        how, in_flight = "resume", len(_database(killed)["in_flight"])
    assert _run(killable, killed, server, "resume")[0] == 0
    assert _story(killed) == _story(whole)
    repeats = sum(count - 1 for count in Counter(call.seed for call in server.calls).values())
    assert repeats <= in_flight


# Which point, and how often it is passed at most before the kill.
ANYWHERE = {
    "propose": 9,
    "call_started": 12,
    "replied": 12,
    "judged": 12,
    "verify": 5,
    "rank": 5,
    "converge": 5,
    "reflect": 5,
    "settling": 9,
}


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "ahead"), [*STRATEGIES.items()])
def test_kills_at_random_points_of_every_strategy_change_nothing(
    tmp_path: Path, wide: ReplayServer, killable: str, strategy: str, ahead: int
) -> None:
    search = (strategy, str(ahead))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert _run(killable, whole, wide, "new", "never", 1, *search)[0] == 0
    unkilled = len(wide.calls)
    wide.calls.clear()
    random_ = random.Random(f"{strategy} {ahead}")
    how, in_flight = "new", 0
    before: dict[str, Any] = {"hypotheses": {}, "verdicts": {}, "in_flight": set()}
    kills = 0
    for _ in range(5):
        point = random_.choice([*ANYWHERE])
        asked = len(wide.calls)
        code, _said = _run(killable, killed, wide, how, point, random_.randint(1, ANYWHERE[point]), *search)
        how, after = "resume", _database(killed)
        kills += code != 0
        assert not {call.seed for call in wide.calls[asked:]} & set(before["hypotheses"].values())
        assert before["verdicts"].items() <= after["verdicts"].items()
        assert before["hypotheses"].items() <= after["hypotheses"].items()
        in_flight += len(after["in_flight"] - before["in_flight"])
        before = after
    assert kills
    assert _run(killable, killed, wide, "resume", "never", 1, *search)[0] == 0
    assert _story(killed) == _story(whole)
    with Store.open(killed) as store:
        summary = store.summary(KILLABLE.NAME)
        assert (summary.calls, summary.repeated) == (unkilled + in_flight, in_flight)


def test_kills_of_a_run_in_a_rankers_order_change_nothing(tmp_path: Path, server: ReplayServer, killable: str) -> None:
    whole, killed, search = tmp_path / "whole", tmp_path / "killed", ("ranked", "0")
    assert _run(killable, whole, server, "new", "never", 1, *search)[0] == 0
    how = "new"
    for point, count in (("replied", 60), ("judged", 20), ("settled", 2)):
        code, said = _run(killable, killed, server, how, point, count, *search)
        assert code == -signal.SIGKILL, f"the kill at {point} never fell: {said}"
        how = "resume"
    assert _run(killable, killed, server, how, "never", 1, *search)[0] == 0
    assert _story(killed) == _story(whole)
    with Store.open(killed) as one, Store.open(whole) as other:
        spared = one.summary(KILLABLE.NAME).spared
        assert spared == other.summary(KILLABLE.NAME).spared > 0
        rewards = [
            {id_: (each.reward, each.strength) for id_, each in _ranked(store).items()} for store in (one, other)
        ]
    assert rewards[0] == rewards[1]


def _ranked(store: Store) -> dict[str, RankerReward]:
    return store.documents.list(RANKER_REWARD, KILLABLE.NAME, RankerReward)


def test_ctrl_c_stops_cleanly_and_the_run_goes_on(tmp_path: Path, server: ReplayServer, killable: str) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert _run(killable, whole, server, "new")[0] == 0
    server.calls.clear()
    process = subprocess.Popen(_start(stopped, server, "new"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while len(server.calls) < 40:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=240)
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in out
    with Store.open(stopped) as store:
        run = store.get_run(KILLABLE.NAME)
        assert (run.status, run.ended < run.tasks) == ("interrupted", True)
    kept = _database(stopped)["hypotheses"]
    asked = len(server.calls)
    assert _run(killable, stopped, server, "resume")[0] == 0
    assert not {call.seed for call in server.calls[asked:]} & set(kept.values())
    assert _story(stopped) == _story(whole)
