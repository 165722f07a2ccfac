"""A search over a program of several files, from a folder to a folder: diffs, ledger and winner go by file."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.verifiers.code.test_several_files import FILES

EVALUATOR = "def evaluate(candidate, instance):\n    return float(candidate(instance))\n"
BETTER = "`plan/rules.py`\n<<<<<<< SEARCH\n    return n\n=======\n    return n + 1\n>>>>>>> REPLACE\n"
BEST = "`helper.py`\n```python\ndef twice(n):\n    return 5 * n\n```\n"
OUT = "../helper.py\n```python\ndef twice(n):\n    return 500 * n\n```\n"


def test_a_package_is_searched_shown_and_written_by_file(
    forked_gristmill: str, tmp_path: Path, bubblewrap: str
) -> None:
    def call(*arguments: str, code: int = 0) -> str:
        command = [forked_gristmill, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    for path, text in FILES.items():
        (tmp_path / "begun" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "begun" / path).write_text(text)
    test = {"type": "score", "entry_point": "solve", "code": EVALUATOR, "instances": [2], "direction": "maximize"}
    row = {"id": "p", "kind": "code", "prompt": "Make it large.", "tests": [test], "reference": FILES}
    row |= {"settings": {"main_file": "solver.py", "start": "begun"}}
    (tmp_path / "tasks.jsonl").write_text(json.dumps(row) + "\n")
    replies = [{"task_id": "p", "round": at, "text": text} for at, text in enumerate((BETTER, BEST, OUT))]
    (tmp_path / "replies.jsonl").write_text("".join(json.dumps(each) + "\n" for each in replies))
    assert "1 of 1 references pass" in call(
        "tasks", "check", "tasks.jsonl", "--run-references", "--sandbox", "bubblewrap"
    )
    run = ("run", "tasks.jsonl", "--name", "a", "--model", "replay:replies.jsonl", "--hypotheses", "1")
    call(*run, "--rounds", "3", "--patience", "9", "--sandbox", "bubblewrap")
    family = call("show", "a", "--task", "p", "--family")
    for words in (
        "diff --git a/plan/rules.py b/plan/rules.py",
        "+    return n + 1",
        "diff --git a/helper.py b/helper.py",
    ):
        assert words in family
    prompts = call("show", "a", "--task", "p", "--prompt")
    assert "`plan/rules.py`:\n" in prompts.replace("     user | ", "").replace("assistant | ", "")
    assert "Answer with files" in prompts
    assert "helper.py: +" in prompts
    assert "`.` or `..`" in call("show", "a", "--task", "p")
    call("winner", "a", "--out", "won/")
    assert (tmp_path / "won/helper.py").read_text() == "def twice(n):\n    return 5 * n\n"
    assert "n + 1" in (tmp_path / "won/plan/rules.py").read_text()
    evidence = json.loads((tmp_path / "won.json").read_text())
    assert sorted(evidence["files"]) == sorted(FILES)
    assert evidence["score"] == 15.0
    assert "name a new or empty folder" in call("winner", "a", "--out", "won", "--force", code=2)
    assert sorted(each.name for each in tmp_path.iterdir() if "helper" in each.name) == []


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("nowhere", "settings.start: there is no folder"),
        ("linked", "is a link: copy it in"),
        ({"solver.py": 3}, "must be texts by path"),
        ({"other.py": "X = 1\n"}, "settings.start: there is no file solver.py"),
        ({"solver.py": "def solve(n): return 1\n", "../x.py": "X = 1\n"}, "settings.start: '../x.py' has a part"),
        ({"solver.py": "def solve(n) return 1\n"}, "it does not parse"),
    ],
)
def test_a_start_that_is_no_package_is_told_with_its_field(tmp_path: Path, start: object, words: str) -> None:
    from gristmill.graph.tasks.loading import TaskFileError, load_tasks

    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/solver.py").symlink_to("/etc/hostname")
    test = {"type": "score", "entry_point": "solve", "code": EVALUATOR, "instances": [2], "direction": "maximize"}
    settings = {"main_file": "solver.py", "start": start}
    row = {"id": "p", "kind": "code", "prompt": "x", "tests": [test], "settings": settings}
    (tmp_path / "tasks.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(TaskFileError, match=re.escape(words)):
        load_tasks(tmp_path / "tasks.jsonl")
