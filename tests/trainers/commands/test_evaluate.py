"""`gristmill eval` as a user meets it: the installed command, a server on loopback, a real sandbox."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gristmill.graph.commands import progress
from gristmill.graph.commands.run_progress import RunProgress
from gristmill.graph.models.replay.server import Call, ReplayServer
from gristmill.graph.storage.store import Store
from gristmill.trainers.cli import app

pytestmark = pytest.mark.bubblewrap

TEST = {"type": "cases", "entry_point": "double", "cases": [{"args": [3], "expected": 6}]}
RIGHT = "```python\ndef double(x):\n    return 2 * x\n```"
WRONG = "```python\ndef double(x):\n    return x * x\n```"


@pytest.fixture
def tasks(workspace: Path, bubblewrap: str) -> Path:
    path = workspace / "doubling.jsonl"
    rows = [{"id": f"d/{n}", "kind": "code", "prompt": f"task {n}: double(x)", "tests": [TEST]} for n in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def number(call: Call) -> int:
    return next(n for n in range(4) if f"task {n}:" in call.messages[-1].content)


def test_a_killed_evaluation_goes_on_and_is_listed_only_when_asked_for(
    workspace: Path, tasks: Path, gristmill_command: str
) -> None:
    ended = threading.Event()

    def answer(call: Call) -> str:
        if number(call) >= 2:
            ended.wait()
        return RIGHT if number(call) % 2 else WRONG

    with ReplayServer(answer) as server:
        arguments = ["eval", str(tasks), "--model", f"openai:replay@{server.url}", "--sandbox", "bubblewrap"]
        arguments += ["--name", "base", "--json"]
        process = subprocess.Popen([gristmill_command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            deadline = time.monotonic() + 240
            # The store is there when the model is asked.
            while not server.calls or judged(workspace) < 2:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            process.kill()
            process.communicate()
            ended.set()
        before = len(server.calls)
        done = call(gristmill_command, "eval", str(tasks), "--name", "base", "--resume", "--json")
        assert sorted(number(asked) for asked in server.calls[before:]) == [2, 3]
    assert "resuming run base: 4 tasks, 2 ended, 2 replies there" in done.stderr
    assert "run base finished" in done.stderr
    assert "2 solved, 4 replies, 4 verdicts, 2 passed" in done.stderr
    share = json.loads(done.stdout)["pass_at"]["1"]
    assert (share["passed"], share["total"]) == (2, 4)
    assert "base" not in call(gristmill_command, "runs").stdout
    assert "base" in call(gristmill_command, "runs", "--all").stdout
    assert "base: finished" in call(gristmill_command, "show", "base").stdout
    refused = call(gristmill_command, "run", str(tasks), "--name", "base", "--resume", code=2)
    assert "gristmill eval --resume" in refused.stderr


def test_while_a_model_is_slow_the_heart_beats(tasks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beats = threading.Semaphore(0)

    def beat(self: RunProgress) -> None:
        real(self)
        beats.release()

    real = RunProgress.beat
    monkeypatch.setattr(RunProgress, "beat", beat)
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)

    def answer(call: Call) -> str:
        while beats.acquire(blocking=False):
            pass  # those from before the call
        for _ in range(3):  # the first may have begun before it
            beats.acquire()
        return "I do not know."

    with ReplayServer(answer) as server:
        arguments = ["eval", str(tasks), "--model", f"openai:replay@{server.url}", "--sandbox", "bubblewrap"]
        done = CliRunner().invoke(app, [*arguments, "--limit", "1", "--calls", "9"])
    assert done.exit_code == 0, done.output
    waiting = [line for line in done.stderr.splitlines() if line.startswith("0 of 1 tasks") and "in flight" in line]
    assert len(waiting) > 1
    assert "1 calls in flight (the longest for " in waiting[-1]
    assert "spent 1 of 9 calls" in waiting[-1]


def test_each_task_has_a_row_and_only_the_first_are_measured_where_that_is_asked_for(
    tasks: Path, gristmill_command: str
) -> None:
    rows = [{"task_id": f"d/{n}", "text": RIGHT if n % 2 else WRONG} for n in range(4)]
    Path("replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["eval", str(tasks), "--model", "replay:replies.jsonl", "--sandbox", "bubblewrap", "--workers", "1"]
    output = call(gristmill_command, *arguments, "--limit", "3", "--name", "three").stdout
    table = [line.split() for line in output.split("\n\n")[0].splitlines()]
    assert [(row[0], row[1], row[4]) for row in table[1:]] == [
        ("d/0", "0", "failed"),
        ("d/1", "1", "passed"),
        ("d/2", "0", "failed"),
    ]
    assert "pass@1  33.3%" in output


def judged(workspace: Path) -> int:
    with Store.open(workspace) as store:
        return sum(sum(store.summary(run.name).outcomes.values()) for run in store.runs())


def call(command: str, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([command, *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done
