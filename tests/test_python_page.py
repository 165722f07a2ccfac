"""docs/python.md says what works: its blocks are run, TRL's trainer included."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import gristmill.graph
import gristmill.sandbox
import gristmill.trainers
import gristmill.verifiers

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)\n```\n", (ROOT / "docs" / "python.md").read_text("utf-8"), re.DOTALL)


def test_every_package_has_the_version() -> None:
    rooms = (gristmill.sandbox, gristmill.verifiers, gristmill.graph, gristmill.trainers)
    assert {room.__version__ for room in rooms} == {version("gristmill")}


def test_the_blocks_about_replies_print_what_they_say(bubblewrap: str, tmp_path: Path) -> None:
    done = run("\n".join(BLOCKS[:2]), tmp_path)
    assert done.returncode == 0, done.stderr
    said = re.findall(r"^ *print\(.*\)  # (.*)$", "\n".join(BLOCKS[:2]), re.MULTILINE)
    assert said
    assert done.stdout.splitlines() == said


@pytest.mark.slow
def test_trl_trains_with_the_reward(
    bubblewrap: str, tiny_model: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl")
    monkeypatch.setenv("GRISTMILL_SANDBOX", bubblewrap and "bubblewrap")
    cases = [{"args": [3], "expected": 6}]
    task = {"id": "d", "kind": "code", "prompt": "f", "tests": [{"type": "cases", "entry_point": "f", "cases": cases}]}
    Path("tasks.jsonl").write_text(json.dumps(task))
    block = BLOCKS[2].replace('"path/to/model"', repr(str(tiny_model)))
    # A step on the processor is enough, and what it logs shows that rewards have come.
    few = 'output_dir="grpo", max_steps=1, logging_steps=1, report_to=[], use_cpu=True, bf16=False,'
    namespace: dict[str, Any] = {}
    exec(block.replace('output_dir="grpo",', few), namespace)
    log = namespace["trainer"].state.log_history
    assert log[0]["rewards/verified/mean"] == 0.0, "the tiny model writes nothing that is right"


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"GRISTMILL_SANDBOX": "bubblewrap"},
    )
