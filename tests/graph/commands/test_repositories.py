"""The example repository, from its failing tests to patches that git takes, by the commands of docs/repositories.md."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.verifiers.repositories.making import git, made

ROOT = Path(__file__).parents[3]
EXAMPLE, PAGE = ROOT / "examples/repository", ROOT / "docs/repositories.md"


Call = Callable[..., str]
HALF = "half.py\n```python\ndef half(x):\n    return {}\n```"


@pytest.fixture
def call(forked_gristmill: str, tmp_path: Path, bubblewrap: str) -> Call:
    """What a command prints, errors included, once it has ended as it should."""

    def called(*arguments: str, code: int = 0) -> str:
        sandboxed = arguments[0] in ("run", "verify") or "from-tests" in arguments or "--run-references" in arguments
        command = [forked_gristmill, *arguments, *(("--sandbox", "bubblewrap") if sandboxed else ())]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    return called


def write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_folder_that_has_gone_is_the_users_mistake_and_nothing_is_lost(tmp_path: Path, call: Call) -> None:
    test = "from half import half\n\n\ndef test_half():\n    assert half(4) == 2\n"
    made(tmp_path / "repository", {"half.py": "def half(x):\n    return x\n", "test_half.py": test})
    repo = {"path": "repository", "editable": ["half.py"], "tests": ["test_half.py::test_half"]}
    task = {"id": "t", "kind": "code", "prompt": "Mend it.", "repo": repo}
    write(tmp_path / "tasks.jsonl", [task])
    replies = [
        {"task_id": "t", "round": at, "text": HALF.format(value)} for at, value in enumerate(["x - 1", "x // 2"])
    ]
    write(tmp_path / "replies.jsonl", replies)
    run = ("run", "tasks.jsonl", "--name", "a", "--model", "replay:replies.jsonl", "--hypotheses", "1")
    call(*run, "--accept", "together", "--rounds", "1")
    (tmp_path / "repository").rename(tmp_path / "moved")
    again = (*run, "--accept", "together", "--rounds", "2", "--resume")
    for command in (
        again,
        ("verify", "tasks.jsonl", "replies.jsonl", "--out", "v.jsonl"),
        ("tasks", "check", "tasks.jsonl"),
    ):
        said = call(*command, code=2)
        assert f"{str(tmp_path / 'repository')!r} is no folder" in " ".join(said.split())
    export = ("export", "a", "--accept", "judged", "--out", "rows.jsonl")
    said = call(*export, code=2)
    assert "is no folder: rows are worded by what that repository holds" in " ".join(said.split())
    assert not (tmp_path / "rows.jsonl").exists()
    call(*export, "--prompts", "asked", "--replies", "given")
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 1
    # The same commit in another folder is the same task.
    write(tmp_path / "tasks.jsonl", [task | {"repo": repo | {"path": "moved"}}])
    call(*again)
    assert "+    return x // 2" in call("show", "a", "--task", "t", "--best")


@pytest.mark.slow
def test_five_mistakes_are_mended_from_recorded_replies(tmp_path: Path, call: Call) -> None:
    library = tmp_path / "library"
    subprocess.run(["sh", str(EXAMPLE / "make.sh"), str(library)], check=True, capture_output=True)
    found = ("tasks", "from-tests", str(library), "--failing")
    (row,) = re.findall(r"^```text\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "page.jsonl").write_text(" ".join(row.split()) + "\n")
    assert "no mistakes" in call("tasks", "check", "page.jsonl")
    call(*found, "--pick", "all", "--out", "tasks.jsonl")
    tasks = [json.loads(line) for line in (tmp_path / "tasks.jsonl").read_text().splitlines()]
    assert len(tasks) == 5
    assert all(len(task["repo"]["tests"]) == 11 for task in tasks), "its own, and the ten that pass"
    replay = ("--model", f"replay:{EXAMPLE / 'replies.jsonl'}", "--rounds", "3", "--hypotheses", "1")
    call("run", "tasks.jsonl", "--name", "a", *replay, "--accept", "together")
    patches = [call("show", "a", "--task", task["id"], "--best") for task in tasks]
    tree = f"commit {git(library, 'rev-parse', 'HEAD')} "
    assert "4 as split, 1 as together; --accept says" in call("export", "a", "--out", "verified", code=1)
    assert "0 verified, 4 as split, 1 as together" in call("export", "a", "--accept", "together", "--out", "patches")
    assert "0 of 5 rows are verified" in (tmp_path / "patches/README.md").read_text()
    accepted = [json.loads(line) for line in (tmp_path / "patches/data/train.jsonl").read_text().splitlines()]
    assert {(row["outcome"], row["verified"]) for row in accepted} == {("passed", False)}
    # Of the one, all that is wanted can be guessed: a place in a queue, and who is next.
    (together,) = [row["task"] for row in accepted if row["strength"] == "together"]
    assert together == "tests/test_holds.py::test_asking_twice_keeps_the_place"
    assert {row["strength"] for row in accepted} == {"split", "together"}
    assert "4 rows" in call("export", "a", "--accept", "split", "--out", "split.jsonl")
    call("export", "a", "--include-unverified", "--out", "rows.jsonl")
    exported = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    shown = call("show", "a")
    assert "5 passed (4 as split, 1 as together)" in shown
    assert (shown.count("passed (split)"), shown.count("passed (together)")) == (4, 1)
    assert "verified     0 of" in shown
    passed = [row for row in exported if row["outcome"] == "passed"]
    assert {(row["strength"], row["verified"]) for row in passed} == {("split", False), ("together", False)}
    assert {row["task"] for row in passed} == {task["id"] for task in tasks}
    assert all(row["tree"].startswith(tree) for row in exported if row["verifier"] != "parse/1")
    rows = [{"task_id": task["id"], "id": "a", "text": patch} for task, patch in zip(tasks, patches, strict=True)]
    write(tmp_path / "patches.jsonl", rows)
    write(tmp_path / "patch.jsonl", rows[:1])
    for accept, outcome, file in (("together", "passed", "patches"), ("verified", "refused", "patch")):
        call("verify", "tasks.jsonl", f"{file}.jsonl", "--accept", accept, "--no-confirm", "--out", f"{accept}.jsonl")
        verdicts = [json.loads(line) for line in (tmp_path / f"{accept}.jsonl").read_text().splitlines()]
        assert {each["outcome"] for each in verdicts} == {outcome}
        assert {each["strength"] for each in verdicts} == (
            {"split", "together"} if accept == "together" else {"together"}
        )
        assert all(each["tree"].startswith(tree) for each in verdicts)
    for number, said in ((1, "0 of 1 references pass"), (0, "1 of 1 references pass, 1 of them as `split`")):
        write(tmp_path / "references.jsonl", [tasks[0] | {"reference": patches[number]}])
        assert said in call("tasks", "check", "references.jsonl", "--run-references", code=number)
    for patch in patches:
        git(library, "apply", "--check", given=patch.encode())
        git(library, "apply", given=patch.encode())
    plain = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(plain, cwd=library, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
