"""`gristmill improve` with the small real model, end to end, and kill -9 between its stages."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.storage.store import Store
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.methods.base import TrainedAdapter

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.bubblewrap, pytest.mark.timeout(1800)]

OPTIONS = ["--hypotheses", "2", "--epochs", "2", "--sandbox", "bubblewrap", "--name", "night"]
QUIET = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}

# The command itself, but the process dies (SIGKILL) when it is about to keep the record of a stage that has ended.
DIES = """
import os, signal, sys
from gristmill.trainers.improve.records import StageRecords
keep, point = StageRecords.write, sys.argv.pop(1)
def write(self, stage, record):
    if stage == point:
        os.kill(os.getpid(), signal.SIGKILL)
    keep(self, stage, record)
StageRecords.write = write
from gristmill.trainers.cli import main
main()
"""


@pytest.fixture
def tasks(workspace: Path, small_model: Path, bubblewrap: str, gristmill_command: str) -> str:
    for package in ("trl", "peft", "datasets", "scipy"):
        pytest.importorskip(package)
    sizes = ["--train", "12", "--gate", "8", "--test", "8"]
    command = [gristmill_command, "tasks", "generate", "list-functions", *sizes, "--out", "tasks.jsonl"]
    subprocess.run(command, check=True, capture_output=True)
    return str(workspace / "tasks.jsonl")


def improve(tasks: str, place: Path, *more: str, dies_at: str = "") -> subprocess.CompletedProcess[str]:
    arguments = ["improve", tasks, "--workspace", str(place), *OPTIONS, *more]
    command = [sys.executable, "-c", DIES, dies_at, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, env=QUIET)
    assert done.returncode in ((-signal.SIGKILL,) if dies_at else (0, 1)), done.stdout + done.stderr
    return done


def ending(place: Path) -> dict[str, Any]:
    """The summary but for the clock, and with paths that do not name the workspace."""
    text = (place / ".gristmill/improvements/night/summary.json").read_text("utf-8")
    summary: dict[str, Any] = json.loads(text.replace(str(place), "WORKSPACE"))
    summary.pop("seconds")
    return summary


def test_one_round_leaves_a_table_a_dataset_an_adapter_and_a_report(tasks: str, workspace: Path) -> None:
    done = improve(tasks, workspace)
    folder = workspace / ".gristmill/improvements/night"
    summary = ending(workspace)
    (round_,) = summary["rounds"]
    assert (round_["hypotheses"], round_["tasks"], round_["unscored"]) == (24, 12, 0)
    assert 0 < round_["rows"] <= round_["verified"] <= 24
    assert summary["splits"] == {"train": 12, "gate": 8, "test": 8}
    assert summary["test_before"]["total"] == summary["test_after"]["total"] == 8

    rows = [json.loads(line) for line in (folder / "round-1/dataset/data/train.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == round_["rows"]
    trained = Path(round_["adapter"].replace("WORKSPACE", str(workspace)))
    assert (trained / "adapter_model.safetensors").stat().st_size > 1_000_000
    assert json.loads((trained / "provenance.json").read_text("utf-8"))["dataset"]["rows"] == round_["rows"]
    assert [step for step, _ in round_["loss"]] == list(range(1, len(round_["loss"]) + 1))
    assert round_["loss"]

    kept = round_["gate"]["kept"]
    assert done.returncode == (0 if kept else 1)
    assert (summary["adapter"] is not None) == kept
    assert round_["gate"]["reason"]
    assert "Warning" not in done.stdout + done.stderr
    assert "pass@1 with 95% intervals" in done.stdout
    assert round_["gate"]["reason"] in " ".join(done.stdout.split())
    page = (folder / "report.html").read_text("utf-8")
    assert "<svg" in page
    assert "<script" not in page

    again = improve(tasks, workspace, "--resume")
    assert "has ended; nothing to resume" in again.stdout
    assert again.returncode == done.returncode


def test_kills_between_the_stages_end_with_the_same_summary(tasks: str, workspace: Path) -> None:
    whole, killed = workspace / "whole", workspace / "killed"
    improve(tasks, whole, dies_at="gate-before")
    improve(tasks, whole, "--resume", dies_at="round-1/campaign")
    with Store.open(whole) as store:
        summary = store.summary("night-round-1")
        story = list(store.trajectories("night-round-1"))
    assert (summary.status, summary.hypotheses, summary.calls) == ("finished", 24, 24)
    for point in ("round-1/curated", "round-1/trained", "round-1/gate"):
        improve(tasks, whole, "--resume", dies_at=point)
    # Adapters are never overwritten: a training whose record was lost is repeated beside what it had left. In bfloat16
    # the two are alike and not equal, so the ends that are compared to the letter are those of one training.
    first, second = (_provenance(whole, f"night-round-1{more}") for more in ("", ".2"))
    assert first["dataset"] == second["dataset"]
    for (_, ours), (_, theirs) in zip(first["metrics"]["loss"], second["metrics"]["loss"], strict=True):
        assert ours == pytest.approx(theirs, rel=0.1)
    shutil.copytree(whole, killed)
    with Store.open(killed) as store:
        records = StageRecords(store, "night")
        trained = records.read("round-1/trained", TrainedAdapter)
        assert trained
        moved = killed / trained.path.relative_to(whole)
        records.write("round-1/trained", trained.model_copy(update={"path": moved}))

    improve(tasks, whole, "--resume")
    improve(tasks, killed, "--resume", dies_at="summary")
    improve(tasks, killed, "--resume")
    assert ending(killed) == ending(whole)
    assert ending(whole)["rounds"][0]["adapter"] == "WORKSPACE/.gristmill/adapters/night-round-1.2"
    for place in (whole, killed):
        assert (place / ".gristmill/improvements/night/report.html").exists()
        with Store.open(place) as store:
            assert store.summary("night-round-1") == summary, "a reply was bought again"
            assert list(store.trajectories("night-round-1")) == story


def _provenance(place: Path, adapter: str) -> dict[str, Any]:
    provenance: dict[str, Any] = json.loads(
        (place / ".gristmill/adapters" / adapter / "provenance.json").read_text("utf-8")
    )
    return provenance
