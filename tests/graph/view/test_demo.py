"""`gristmill view --demo`: what comes with the package is shown, nothing is written, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from gristmill.trainers.cli import app


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_recorded_search_is_shown_and_takes_nothing(tmp_path: Path, end: signal.Signals) -> None:
    program = "from gristmill.trainers.cli import main; main()"
    command = [sys.executable, "-c", program, "view", "--demo", "--port", "0"]
    places = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=places, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "This is a recording" in process.stderr.readline()
        address = process.stdout.readline().strip().rstrip("/")
        assert "packing" in httpx.get(address).text
        shown = httpx.get(f"{address}/run/packing").text
        assert "Best 0.666327" in shown
        assert "20 of " in shown or "20 calls" in shown
        token = {"authorization": "Bearer x"}
        assert "nothing can be written here" in httpx.post(f"{address}/mailbox/packing?id=x", headers=token).text
        assert list(tmp_path.iterdir())
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(own + 10, 19), "a run beside it goes first"
        process.send_signal(end)
        said = process.stderr.read()
        assert "token" not in said
    assert process.returncode == 0, said
    assert not list(tmp_path.iterdir())


def test_the_recording_is_a_bundle_too_and_has_its_own_workspace(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["view", "--demo", "--bundle", str(tmp_path / "demo")])
    assert done.exit_code == 0, done.output
    assert "Best 0.666327" in next((tmp_path / "demo" / "pages").glob("run-packing-*.html")).read_text("utf-8")
    done = CliRunner().invoke(app, ["view", "--demo", "--workspace", str(tmp_path)])
    assert done.exit_code == 2
    assert "--workspace" in done.stderr
