"""`gristmill attack` as a user types it, in real sandboxes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

STRONG = {
    "id": "strong",
    "kind": "code",
    "prompt": "Double a number.",
    "public_tests": [{"type": "cases", "entry_point": "double", "cases": [{"args": [2], "expected": 4}]}],
    "tests": [
        {"type": "cases", "entry_point": "double", "cases": [{"args": [n], "expected": 2 * n} for n in (3, -4, 8)]}
    ],
}
WEAK = {
    "id": "weak[bold]",
    "kind": "code",
    "prompt": "Sort a list.",
    "tests": [
        {
            "type": "python",
            "entry_point": "ordered",
            "code": "assert ordered([1, 2]) == [1, 2]\nassert ordered([]) == []",
        }
    ],
}
MATH = {"id": "m", "kind": "math", "prompt": "1 + 1?", "answer": "2"}
OTHER = {"id": "o", "kind": "instruction", "prompt": "No commas.", "constraints": [{"id": "punctuation:no_comma"}]}


def attack(
    command: str, folder: Path, tasks: list[dict[str, Any]], *more: str, code: int
) -> subprocess.CompletedProcess[str]:
    (folder / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    done = subprocess.run([command, "attack", "tasks.jsonl", *more], capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_weak_tests_are_told_apart_from_strong_ones(workspace: Path, gristmill_command: str, backend: str) -> None:
    chosen = ("--only", "weak", "--only", "equal-object", "--sandbox", backend)
    done = attack(gristmill_command, workspace, [STRONG, WEAK, OTHER], *chosen, code=1)
    assert (
        "weak[bold]: the tests are too weak: passed by a candidate that answers with its first argument" in done.stderr
    )
    assert "strong: " not in done.stderr
    assert "1 tasks of other kinds are skipped" in done.stderr
    assert "HOLE" not in done.stderr


def test_strong_tests_are_clean(workspace: Path, gristmill_command: str, backend: str) -> None:
    chosen = ("--only", "weak", "--only", "exit-in-call", "--only", "input-in-an-error", "--sandbox", backend)
    done = attack(gristmill_command, workspace, [STRONG], *chosen, "--json", code=0)
    summary = json.loads(done.stdout)
    assert summary["clean"]
    (row,) = summary["tasks"]
    assert row["tried"] + row["inapplicable"] == summary["attacks"]
    assert row["tried"] > 20
    assert not any(row[field] for field in ("weak", "unverified", "masked", "holes", "leaks", "unscored"))


def test_a_math_task_is_attacked_by_replies(workspace: Path, gristmill_command: str, bubblewrap: str) -> None:
    chosen = ("--only", "hedged", "--only", "false-chain", "--only", "weak", "--sandbox", "bubblewrap", "--json")
    done = attack(gristmill_command, workspace, [MATH], *chosen, code=0)
    (row,) = json.loads(done.stdout)["tasks"]
    assert row["tried"] == 2
    assert not any(row[field] for field in ("holes", "leaks", "unscored"))


def test_every_attempt_is_written(workspace: Path, gristmill_command: str, bubblewrap: str) -> None:
    chosen = ("--only", "constant-none", "--only", "identity", "--sandbox", "bubblewrap", "--out", "attempts.jsonl")
    attack(gristmill_command, workspace, [WEAK], *chosen, code=1)
    (row,) = [json.loads(line) for line in Path("attempts.jsonl").read_text().splitlines()]
    outcomes = {attempt["attack"]: attempt["outcome"] for attempt in row["attempts"]}
    assert outcomes == {"constant-none": "failed", "identity": "passed"}
    done = attack(gristmill_command, workspace, [WEAK], *chosen, code=2)
    assert "exists already" in done.stderr
    attack(gristmill_command, workspace, [WEAK], *chosen, "--force", code=1)


def test_mistakes_are_named(workspace: Path, gristmill_command: str) -> None:
    done = attack(gristmill_command, workspace, [STRONG], "--only", "fork-bom", code=2)
    assert "did you mean 'fork-bomb'?" in done.stderr
    done = attack(gristmill_command, workspace, [OTHER], code=2)
    assert "no task of the kinds" in done.stderr
