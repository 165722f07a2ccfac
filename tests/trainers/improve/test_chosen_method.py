"""`improve` by another method than SFT: chosen by option or file, and given rows of its shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gristmill.graph.commands.settings import settle
from gristmill.graph.prompts.messages import messages_for, prompt_sha
from gristmill.graph.records import Hypothesis, Sampling, Step, StopReason, Trajectory
from gristmill.sandbox.errors import UserError
from gristmill.trainers.cli import app
from gristmill.trainers.data.curate import CurateConfig, curate
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.shaping import shaped
from gristmill.trainers.methods.dpo import DpoMethod
from gristmill.trainers.methods.fitting.shapes import FORMATS, mistake
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict


def task(name: str, split: str = "train") -> Task:
    cases = [{"args": [2], "expected": 4}]
    tests = [{"type": "cases", "entry_point": "f", "cases": cases}]
    return Task.model_validate(
        {"id": name, "kind": "code", "prompt": f"Write f for {name}.", "tests": tests, "split": split}
    )


def searched(name: str, *replies: tuple[str, bool]) -> Trajectory:
    """A task's search with these replies, of which those were verified."""
    asked_for = task(name)
    asked = messages_for(asked_for, profile="chat", round=0)
    steps = []
    for place, (text, good) in enumerate(replies):
        made = Hypothesis(
            id=f"{name}/0/{place}", task_id=name, round=0, sample=place, text=text, solution=text, parents=(),
            proposer="chat", model="m", sampling=Sampling(), prompt_sha=prompt_sha(asked),
        )  # fmt: skip
        outcome = Outcome.PASSED if good else Outcome.FAILED
        verdict = Verdict(outcome=outcome, score=float(good), strength=Strength.TESTED, verifier="code/1", sandbox="b")
        steps.append(Step(hypothesis=made, verdict=verdict))
    prompts = {prompt_sha(asked): asked}
    return Trajectory(run="r", task=asked_for, prompts=prompts, steps=tuple(steps), stop=StopReason.TARGET)


RIGHT, WRONG = "def f(n):\n    return 2 * n\n", "def f(n):\n    return n\n"
SEARCHES = [
    searched("mixed", (RIGHT, True), (WRONG, False)),
    searched("easy", (RIGHT, True)),
    searched("hard", (WRONG, False)),
    searched("held", (RIGHT, True), (WRONG, False)),
]


@pytest.mark.parametrize(
    ("kind", "tasks"),
    [
        ("sft", ["mixed", "easy"]),
        ("dpo", ["mixed"]),
        ("kto", ["mixed", "mixed", "easy"]),
        ("grpo", ["mixed"]),
        ("rloo", ["mixed"]),
    ],
)
def test_each_method_gets_rows_of_its_shape_and_of_no_task_that_was_left_out(kind: str, tasks: list[str]) -> None:
    config = CurateConfig()
    rows = curate(SEARCHES, held_out=[task("held", "gate")], config=config, profile="chat").rows
    found = shaped(kind, rows, SEARCHES, config=config, profile="chat")
    assert [row["task"] for row in found] == tasks
    assert [mistake(row, kind) for row in found] == [None] * len(found)
    assert kind in FORMATS


def test_a_file_chooses_the_method_by_kind_and_mistakes_are_told_at_their_line(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("method:\n  kind: dpo\n  sft_weight: 0.5\n")
    settled = settle(ImproveConfig(), {"learning_rate": 1e-4}, file=file)
    assert settled.config.method == DpoMethod(sft_weight=0.5, learning_rate=1e-4)
    assert settled.sources["sft_weight"] == f"{file}, line 3"
    file.write_text("method:\n  learning_rate: 0.001\n")
    assert settle(ImproveConfig(), {}, file=file).config.method.kind == "sft"
    for text, said in (
        ("method:\n  kind: dpo\n  group: 3\n", "line 3: method.group: Extra inputs"),
        ("method:\n  kind: reward_model\n", "line 1: method: Input tag 'reward_model'"),
        ("method:\n  epochs: -1\n", "line 2: method.epochs: Input should be greater than 0"),
    ):
        file.write_text(text)
        with pytest.raises(UserError, match=said):
            settle(ImproveConfig(), {}, file=file)


def test_a_dry_run_prints_the_plan_and_starts_nothing(
    workspace: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows: list[dict[str, Any]] = [
        task(f"{split}{number}", split).model_dump(mode="json", exclude_unset=True)
        for split in ("train", "gate", "test")
        for number in range(6)
    ]
    (workspace / "t.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    asked = ["improve", "t.jsonl", "--dry-run", "--base", str(tiny_model), "--tokens-per-second", "1000"]
    done = CliRunner().invoke(app, [*asked, "--method", "kto"], catch_exceptions=False)
    assert done.exit_code == 0
    said = " ".join(done.output.split())
    assert "by kto: 24 rows, 72 replies" in said
    head, *lines = [line.split("│") for line in done.output.splitlines() if line.startswith(("│", "┃"))]
    assert [cell.strip() for cell in head[0].split("┃")[-4:]] == ["1B", "8B", "32B", ""]
    table = {line[1].strip(): [cell.strip() for cell in line[2:-1]] for line in lines}
    assert len(table) == 10
    assert all(float(cell) >= 0 for cells in table.values() for cell in cells), "no figure is cut off"
    assert float(table["weights, GB"][-1]) == pytest.approx(65.6)
    assert float(table["hours of training"][-1]) > 100 * float(table["hours of training"][0])
    assert "…" not in done.output
    assert max(map(len, done.output.splitlines())) <= 80
    assert "train rate 1000" in said
    assert not (workspace / ".gristmill" / "improvements").exists()
    assert CliRunner().invoke(app, [*asked, "--method", "ppo"]).exit_code != 0
