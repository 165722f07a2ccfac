"""`gristmill run`, `runs`, `show` and `graph` as a user meets them: the installed command, a real sandbox."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gristmill.graph.models.replay.server import Call, Failure, ReplayServer
from gristmill.graph.storage.store import Store

pytestmark = pytest.mark.bubblewrap

PUBLIC = {"type": "cases", "entry_point": "double", "cases": [{"args": [1], "expected": 2}]}
HIDDEN = {
    "type": "cases",
    "entry_point": "double",
    "cases": [{"args": [3], "expected": 6}, {"args": [0], "expected": 0}],
}
WRONG = "```python\ndef double(x):\n    return x * x\n```"
RIGHT = "```python\ndef double(x):\n    return 2 * x\n```"


@pytest.fixture
def tasks(workspace: Path, bubblewrap: str) -> Path:
    rows = [
        {
            "id": f"double/{number}",
            "kind": "code",
            "prompt": f"{number}: double(x)",
            "tests": [HIDDEN],
            "public_tests": [PUBLIC],
        }
        for number in range(4)
    ]
    path = workspace / "doubling.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def recording(workspace: Path) -> str:
    """Wrong at first, right once the evidence is shown."""
    rows = [{"round": 0, "text": WRONG}, {"round": 1, "text": RIGHT}]
    path = workspace / "replies.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"replay:{path}"


def call(command: str, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([command, *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


RUN = ("--sandbox", "bubblewrap", "--hypotheses", "2", "--rounds", "3")


def test_a_run_is_solved_after_reflection_and_can_be_shown(tasks: Path, recording: str, forked_gristmill: str) -> None:
    done = call(forked_gristmill, "run", str(tasks), "--model", recording, *RUN, "--json")
    summary = json.loads(done.stdout)
    assert (summary["run"], summary["status"], summary["solved"]) == ("doubling-1", "finished", 4)
    assert summary["outcomes"] == {"failed": 8, "passed": 8}
    assert [(each["task"], each["solved"]) for each in summary["table"]][2:] == [("double/2", True), ("double/3", True)]
    assert "run doubling-1 finished" in done.stderr
    again = call(forked_gristmill, "run", str(tasks), "--model", recording, *RUN)
    assert "doubling-2" in again.stdout
    assert again.stdout.count("to look: gristmill watch doubling-2, or in the browser: gristmill view\n") == 1
    assert "verified     8 of 16 scored (50.0%)" in again.stdout
    listed = json.loads(call(forked_gristmill, "runs", "--json").stdout)
    assert [(run["name"], run["solved"]) for run in listed] == [("doubling-1", 4), ("doubling-2", 4)]
    assert "doubling-2" in call(forked_gristmill, "runs").stdout
    assert "4 ended, 4 solved" in call(forked_gristmill, "show", "doubling-1").stdout
    story = call(forked_gristmill, "show", "doubling-1", "--task", "double/2").stdout
    assert "double/2/0/0: failed" in story
    assert "double/2/1/1: passed, score 1, built on double/2/0/0" in story
    steps = json.loads(call(forked_gristmill, "show", "doubling-1", "--task", "double/2", "--json").stdout)
    assert [step["verdict"]["outcome"] for step in steps] == ["failed", "failed", "passed", "passed"]
    finished = call(forked_gristmill, "run", str(tasks), "--name", "doubling-1", "--resume")
    assert "4 ended, 4 solved" in finished.stdout
    assert "has already finished" in finished.stdout


def test_a_reply_that_was_cut_off_is_named_and_the_model_is_told(
    tasks: Path, workspace: Path, forked_gristmill: str
) -> None:
    rows = [
        {"round": 0, "text": "```python\ndef double(x", "finish": "length", "tokens": {"completion": 9}},
        {"round": 1, "match": "It was cut off where it had reached the greatest length", "text": RIGHT},
    ]
    path = workspace / "short.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = call(forked_gristmill, "run", str(tasks), "--model", f"replay:{path}", *RUN, "--name", "short")
    assert "4 ended, 4 solved" in done.stdout
    assert "cut off      8 replies, which had reached --max-tokens" in done.stdout
    assert json.loads(call(forked_gristmill, "show", "short", "--json").stdout)["cut"] == 8
    shown = call(forked_gristmill, "show", "short", "--task", "double/0").stdout
    assert shown.count("cut off after 9 tokens") == 4, shown  # in how it was read and in the verdict, of two hypotheses


def test_options_come_from_a_file_and_the_command_line_goes_before_it(
    tasks: Path, recording: str, forked_gristmill: str
) -> None:
    Path("run.yaml").write_text(
        f"model: {recording}\nsearch: {{hypotheses: 3, rounds: 1}}\nsandbox: bubblewrap\nbudget: {{calls: 11}}\n"
    )
    done = call(forked_gristmill, "run", str(tasks), "--config", "run.yaml", "--hypotheses", "1", "--json")
    assert json.loads(done.stdout)["hypotheses"] == 4
    with Store.open(".") as store:
        config = store.get_run("doubling-1").config
    assert (config.search.hypotheses, config.search.rounds, config.budget.calls) == (1, 1, 11)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--hypotheses", "0"], "--hypotheses"),
        (["--strategy", "climb"], "best_of, evolve, iteration, pareto, reflect"),
        (["--config", "bad.yaml"], "hypothesis"),
        (["--config", "flat.yaml"], "search: {rounds: 5}"),
        (["--config", "broken.yaml"], "not a YAML file"),
        (["--config", "list.yaml"], "knobs by name"),
        (["--config", "none.yaml"], "none.yaml"),
        (["--resume"], "--name"),
        (["--config", "binary.yaml"], "not a YAML file"),
        (["--resume", "--name", "ghost"], "ghost"),
        (["--name", "a/b"], "run name"),
        (["--calls", "0"], "calls"),
        (["--workspace", "mysql://x/y"], "postgresql://"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    arguments: list[str], sentence: str, tasks: Path, recording: str, forked_gristmill: str
) -> None:
    Path("bad.yaml").write_text("hypothesis: 3\n")
    Path("flat.yaml").write_text("rounds: 5\n")
    Path("broken.yaml").write_text("a: [\n")
    Path("binary.yaml").write_bytes(b"\xff\xfe\x00")
    Path("list.yaml").write_text("- 3\n")
    done = call(forked_gristmill, "run", str(tasks), "--model", recording, *arguments, code=2)
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


@pytest.fixture
def slow_server() -> Iterator[ReplayServer]:
    def answer(call: Call) -> str:
        time.sleep(0.3)
        return WRONG if len(call.messages) < 4 else RIGHT

    with ReplayServer(answer) as server:
        yield server


def test_ctrl_c_keeps_the_work_and_says_how_to_go_on(
    tasks: Path, slow_server: ReplayServer, forked_gristmill: str, gristmill_command: str
) -> None:
    command = [
        gristmill_command,
        "run",
        str(tasks),
        "--name",
        "night",
        "--model",
        f"openai:replay@{slow_server.url}",
        *RUN,
    ]
    process = subprocess.Popen(
        [*command, "--concurrency", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while len(slow_server.calls) < 6:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=240)
    assert process.returncode == 130, stderr
    assert "--name night --resume" in stderr
    assert "Traceback" not in stderr
    with Store.open(".") as store:
        run = store.get_run("night")
        kept = store.summary("night").hypotheses
    assert run.status == "interrupted"
    assert kept >= 2
    asked = len(slow_server.calls)
    done = call(forked_gristmill, "run", str(tasks), "--name", "night", "--resume", "--json")
    summary = json.loads(done.stdout)
    assert (summary["status"], summary["solved"]) == ("finished", 4)
    assert len(slow_server.calls) - asked == summary["hypotheses"] - kept


def test_a_second_ctrl_c_ends_at_once_even_where_a_thread_computes(workspace: Path) -> None:
    """A thread cannot be cancelled: `asyncio.run` would wait for it, and the interpreter at its end again."""
    program = """
import asyncio, time
from gristmill.graph.commands.interrupts import run_interruptibly

async def work():
    try:
        print("begun", flush=True)
        await asyncio.sleep(600)
    finally:
        print("stopping", flush=True)
        await asyncio.shield(asyncio.to_thread(time.sleep, 600))

run_interruptibly(work())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "stopping\n"
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=240)
    assert process.returncode == 130
    assert stderr == "\nEnded at once; what was stored is kept.\n"


@pytest.mark.bubblewrap
def test_a_run_that_was_ended_at_once_has_lost_nothing_that_was_stored(
    tasks: Path, slow_server: ReplayServer, forked_gristmill: str, gristmill_command: str, bubblewrap: str
) -> None:
    model = f"openai:replay@{slow_server.url}"
    command = [gristmill_command, "run", str(tasks), "--name", "night", "--model", model, *RUN, "--concurrency", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while len(slow_server.calls) < 6:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=240)
    assert process.returncode == 130, stderr
    with Store.open(".") as store:
        kept = store.summary("night").hypotheses
    asked = len(slow_server.calls)
    assert kept <= asked  # what was asked or being stored at that moment may be lost, and is asked again
    done = call(forked_gristmill, "run", str(tasks), "--name", "night", "--resume", "--json")
    summary = json.loads(done.stdout)
    assert (summary["status"], summary["solved"]) == ("finished", 4)
    assert len(slow_server.calls) - asked == summary["hypotheses"] - kept


def test_a_server_that_refuses_in_the_middle_ends_the_run_with_its_work_kept_and_says_how_to_go_on(
    tasks: Path, forked_gristmill: str
) -> None:
    def failures() -> Iterator[Failure | None]:
        yield from [None] * 3
        while True:
            yield Failure(kind="status", status=401, message="no credit left")

    with ReplayServer(lambda call: WRONG, failures=failures()) as server:
        model = f"openai:replay@{server.url}"
        done = subprocess.run(
            [forked_gristmill, "run", str(tasks), "--name", "night", "--model", model, *RUN, "--concurrency", "1"],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 2, done.stderr
    assert "no credit left" in done.stderr
    assert f"gristmill run {tasks} --name night --resume" in done.stderr
    with Store.open(".") as store:
        assert store.get_run("night").status == "failed"
        assert store.summary("night").hypotheses == 3


def test_looking_makes_nothing(workspace: Path, forked_gristmill: str) -> None:
    for command in (["runs"], ["show", "night"]):
        assert "gristmill run" in call(forked_gristmill, *command, code=2).stderr
    assert not list(workspace.iterdir())


def test_the_picture_is_printed(forked_gristmill: str) -> None:
    assert "converge" in call(forked_gristmill, "graph").stdout
