"""`gristmill watch`: the page's own sentence, live, in a terminal, in lines and as JSON; Ctrl-C ends it alone."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from typer.testing import CliRunner

from gristmill.graph.campaign import run_campaign
from gristmill.graph.commands.viewing.looking import how_to_look
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Request
from gristmill.graph.storage.store import Store
from gristmill.graph.view.own.run import run_page
from gristmill.graph.view.registry import Asked
from gristmill.trainers.cli import app
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

TEST = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})
TASKS = [Task(id=name, kind="code", prompt=f"Ask {name}.", tests=(TEST,)) for name in ("easy", "hard\x1b[2J")]
PROGRAM = "from gristmill.trainers.cli import main; main()"


@contextmanager
def going_on(folder: Path) -> Iterator[threading.Event]:
    """A run whose second round waits until the event is set, or the block ends."""
    go, begun = threading.Event(), threading.Event()

    def answer(request: Request) -> str:
        if request.round:
            begun.set()
            assert go.wait(120)
        return f"```python\ndef f(x):\n    return {request.round}, {request.sample}\n```"

    def find(task: Task, solution: str) -> Verdict:
        right = task.id == "easy" and "return 1" in solution
        outcome = Outcome.PASSED if right else Outcome.FAILED
        return Verdict(outcome=outcome, score=float(right), strength=Strength.TESTED, verifier="v/1")

    async def work() -> None:
        config = RunConfig.of(model="scripted", hypotheses=2, rounds=2, calls=50)
        proposer, judge = ScriptedProposer(answer), ScriptedJudge(find)
        await run_campaign(TASKS, config, name="night", store=store, proposer=proposer, verifiers=judge)

    with Store.open(folder) as store:
        worker = threading.Thread(target=lambda: asyncio.run(work()))
        worker.start()
        try:
            assert begun.wait(120)
            yield go
        finally:
            go.set()
            worker.join()


def test_a_line_for_every_change_until_the_end(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, "watch", "night", "--json", "--workspace", str(tmp_path)]
    with going_on(tmp_path) as go, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline())]
        go.set()
        told += [json.loads(line) for line in process.stdout]
        assert process.wait(timeout=60) == 0
    first, last = told[0], told[-1]
    assert first["status"] == "running"
    assert first["flight"]
    assert first["tasks"] == {"searching": 2}
    assert last["status"] == "finished"
    assert last["tasks"] == {"solved": 1, "ended unsolved": 1}
    assert last["best"] == {"value": 1.0, "calls": last["best"]["calls"], "hypothesis": last["best"]["hypothesis"]}
    assert last["best"]["hypothesis"].startswith("easy/1/")
    assert last["spent"]["calls"] == 8
    assert last["budget"]["calls"] == 50
    events = [each["event"] for each in told]
    assert events == sorted(events)
    with Store.open(tmp_path) as store:
        page = run_page(store, Asked("run", "night"))
        assert page is not None
        assert last["sentence"] == page.sentence, "the page and the terminal say the same"
    done = CliRunner().invoke(app, ["watch", "night", "--workspace", str(tmp_path)])
    assert done.exit_code == 0
    assert done.output == f"night finished: {page.sentence}\n"
    missing = CliRunner().invoke(app, ["watch", "nought", "--workspace", str(tmp_path)])
    assert missing.exit_code == 2
    assert "no run 'nought'" in missing.output


def test_in_a_terminal_ctrl_c_ends_the_watching_alone(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", PROGRAM, "watch", "night", "--workspace", str(tmp_path)]
    more = {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    with going_on(tmp_path):
        process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=os.environ | more)
        os.close(theirs)
        seen = ""
        while "in flight: " not in seen:
            seen += os.read(ours, 4096).decode("utf-8", "replace")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        with suppress(OSError):  # Linux says so that nobody holds the other end any more
            while more_of_it := os.read(ours, 4096):
                seen += more_of_it.decode("utf-8", "replace")
    os.close(ours)
    assert "0 of 2 tasks solved" in seen
    assert "tasks: … 2 searching" in seen
    assert "Traceback" not in seen
    assert "\x1b[2J" not in seen, "what a task is called steers no terminal"
    with Store.open(tmp_path) as store:
        assert store.get_run("night").status == "finished"


def test_it_ends_with_where_more_is_and_no_password_is_in_a_line_to_copy(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.create_run("night", RunConfig(), TASKS)
        store.set_status("night", "finished", seconds=1)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", PROGRAM, "watch", "night", "--workspace", str(tmp_path)]
    subprocess.run(command, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"}, check=True, timeout=120)
    os.close(theirs)
    seen = ""
    with suppress(OSError):
        while part := os.read(ours, 4096):
            seen += part.decode("utf-8", "replace")
    os.close(ours)
    where = f" --workspace {tmp_path}"
    assert f"more: gristmill show night{where}, or in the browser: gristmill view{where}" in seen
    look = how_to_look("postgresql://me:secret@localhost/runs", "night")
    assert "secret" not in look
    assert "localhost/runs" in look
