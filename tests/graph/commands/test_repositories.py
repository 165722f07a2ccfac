"""The example repository, from its failing tests to patches that git takes, by the commands of docs/repositories.md."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.verifiers.repositories.making import git

ROOT = Path(__file__).parents[3]
EXAMPLE, PAGE = ROOT / "examples/repository", ROOT / "docs/repositories.md"


def call(folder: Path, *arguments: str, code: int = 0) -> str:
    gristmill = str(Path(sys.executable).with_name("gristmill"))
    done = subprocess.run([gristmill, *arguments], cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_five_mistakes_are_mended_from_recorded_replies(tmp_path: Path, bubblewrap: str) -> None:
    library = tmp_path / "library"
    subprocess.run(["sh", str(EXAMPLE / "make.sh"), str(library)], check=True, capture_output=True)
    made = ("tasks", "from-tests", str(library), "--failing", "--sandbox", "bubblewrap")
    call(tmp_path, *made, "--pick", "6", code=2)
    (row,) = re.findall(r"^```text\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "page.jsonl").write_text(" ".join(row.split()) + "\n")
    assert "no mistakes" in call(tmp_path, "tasks", "check", "page.jsonl")
    call(tmp_path, *made, "--pick", "all", "--out", "tasks.jsonl")
    tasks = [json.loads(line) for line in (tmp_path / "tasks.jsonl").read_text().splitlines()]
    assert len(tasks) == 5
    assert all(len(task["repo"]["tests"]) == 11 for task in tasks), "its own, and the ten that pass"
    replay = ("--model", f"replay:{EXAMPLE / 'replies.jsonl'}", "--rounds", "3", "--hypotheses", "1")
    call(tmp_path, "run", "tasks.jsonl", "--name", "a", *replay, "--accept", "together", "--sandbox", "bubblewrap")
    patches = [call(tmp_path, "show", "a", "--task", task["id"], "--best") for task in tasks]
    rows = [{"task_id": task["id"], "id": "a", "text": text} for task, text in zip(tasks, patches, strict=True)]
    (tmp_path / "patches.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "patch.jsonl").write_text(json.dumps(rows[0]) + "\n")
    for accept, outcome, file in (("together", "passed", "patches.jsonl"), ("verified", "refused", "patch.jsonl")):
        judged = ("verify", "tasks.jsonl", file, "--accept", accept, "--sandbox", "bubblewrap", "--no-confirm")
        call(tmp_path, *judged, "--out", f"{accept}.jsonl")
        verdicts = [json.loads(line) for line in (tmp_path / f"{accept}.jsonl").read_text().splitlines()]
        assert {(each["outcome"], each["strength"]) for each in verdicts} == {(outcome, "together")}
        assert all(each["tree"].startswith(f"commit {git(library, 'rev-parse', 'HEAD')} ") for each in verdicts)
    for patch in patches:
        git(library, "apply", "--check", given=patch.encode())
        git(library, "apply", given=patch.encode())
    plain = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(plain, cwd=library, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
