"""What users and machines do wrong: one clear message, the right exit code, no traceback, and work done is kept."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TASK = {
    "id": "double",
    "kind": "code",
    "prompt": "Double a number.",
    "tests": [{"type": "cases", "entry_point": "f", "cases": [{"args": [3], "expected": 6}]}],
}
RIGHT = "def f(n):\n    return 2 * n\n"


def rows(path: str | Path, *values: Any) -> str:
    Path(path).write_text("".join((value if isinstance(value, str) else json.dumps(value)) + "\n" for value in values))
    return str(path)


def fails(code: int, wanted: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        arguments, capture_output=True, text=True, timeout=240, env={**os.environ, "NO_COLOR": "1", **environment}
    )
    output = done.stdout + done.stderr
    assert done.returncode == code, output
    assert "Traceback" not in output
    assert "Error: " in done.stderr
    assert wanted in " ".join(done.stderr.split()), output
    return output


def without_prompt() -> dict[str, Any]:
    return {key: value for key, value in TASK.items() if key != "prompt"}


def misspelt(field: str, written: str) -> Any:
    return json.loads(json.dumps(TASK).replace(f'"{field}"', f'"{written}"'))


TASK_FILES: list[tuple[str, list[Any], str]] = [
    ("empty", [], "t.jsonl: the file is empty"),
    ("binary", ["\x7fELF\x00\x01"], "t.jsonl: this is a binary file"),
    ("broken line 7", [*({**TASK, "id": str(n)} for n in range(6)), '{"id": '], "t.jsonl, line 7: broken JSON"),
    ("unknown kind", [{**TASK, "kind": "poem"}], "line 1: task 'double': kind: nobody judges 'poem'; the kinds known"),
    ("missing field", [without_prompt()], "t.jsonl, line 1: the field `prompt` is missing"),
    ("duplicate id", [TASK, TASK], "t.jsonl, line 2: `id`: 'double' is already the id of the task on line 1"),
    (
        "a test's field misspelt",
        [misspelt("entry_point", "entrypoint")],
        "`tests[0].entrypoint` is not a field of a task; did you mean `entry_point`?",
    ),
    (
        "a test's field missing",
        [misspelt("entry_point", "entrypoint")],
        "the field `tests[0].entry_point` is missing",
    ),
    (
        "a case's field misspelt",
        [misspelt("expected", "expectd")],
        "`tests[0].cases[0].expectd` is not a field of a task; did you mean `expected`?",
    ),
    ("no tests", [{**TASK, "tests": []}], "t.jsonl, line 1: task 'double': tests"),
]


@pytest.mark.parametrize(("content", "wanted"), [case[1:] for case in TASK_FILES], ids=[case[0] for case in TASK_FILES])
def test_a_bad_task_file_is_told(content: list[Any], wanted: str, workspace: Path, forked_gristmill: str) -> None:
    path = rows("t.jsonl", *content)
    candidates = rows("c.jsonl", {"task_id": "double", "id": "1", "text": RIGHT})
    fails(2, wanted, forked_gristmill, "tasks", "check", path)
    fails(2, wanted, forked_gristmill, "verify", path, candidates, "--out", "v.jsonl")
    assert not Path("v.jsonl").exists()


@pytest.mark.parametrize("command", ["run", "improve", "eval"])
def test_a_bad_task_file_is_told_before_a_model_is_loaded(command: str, workspace: Path, forked_gristmill: str) -> None:
    name, content, wanted = TASK_FILES[2]
    assert name == "broken line 7"
    fails(2, wanted, forked_gristmill, command, rows("t.jsonl", *content))


def test_a_plug_in_that_cannot_be_imported_is_named(workspace: Path, forked_gristmill: str) -> None:
    about = workspace / "site" / "broken_plugin-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[gristmill.verifiers]\npoetry = broken_plugin:Poetry\n")
    (workspace / "site" / "broken_plugin.py").write_text("import a_library_that_is_not_there\n")
    tasks = rows("t.jsonl", {**TASK, "kind": "poetry"})
    wanted = (
        "the plug-in 'broken_plugin:Poetry', which stands for the kind 'poetry', cannot be imported: "
        "ModuleNotFoundError: No module named 'a_library_that_is_not_there'"
    )
    fails(2, wanted, forked_gristmill, "tasks", "check", tasks, PYTHONPATH=str(workspace / "site"))


def test_no_such_file(workspace: Path, forked_gristmill: str) -> None:
    tasks = rows("t.jsonl", TASK)
    for arguments in (
        ["tasks", "check", "no.jsonl"],
        ["verify", "no.jsonl", "no.jsonl", "--out", "v.jsonl"],
        ["verify", tasks, "no.jsonl", "--out", "v.jsonl"],
        ["run", "no.jsonl"],
        ["improve", "no.jsonl"],
        ["tasks", "import", "gsm8k", "no.jsonl"],
    ):
        fails(2, "no.jsonl: no such file; check the path", forked_gristmill, *arguments)


def test_a_candidate_for_an_unknown_task(workspace: Path, forked_gristmill: str) -> None:
    candidates = rows("c.jsonl", {"task_id": "duoble", "id": "1", "text": RIGHT})
    wanted = "c.jsonl, line 1: `task_id`: no task has the id 'duoble'; did you mean 'double'?"
    fails(2, wanted, forked_gristmill, "verify", rows("t.jsonl", TASK), candidates, "--out", "v.jsonl")


def test_an_output_that_exists_or_has_no_folder(workspace: Path, forked_gristmill: str) -> None:
    tasks = rows("t.jsonl", TASK)
    candidates = rows("c.jsonl", {"task_id": "double", "id": "1", "text": RIGHT})
    for out, wanted in (
        ("c.jsonl", "c.jsonl exists already"),
        ("no/v.jsonl", "the folder no does not exist"),
        (".", "is a folder"),
    ):
        fails(2, wanted, forked_gristmill, "verify", tasks, candidates, "--out", out)
    assert json.loads(Path("c.jsonl").read_text())["text"] == RIGHT


def test_a_model_that_nobody_knows(workspace: Path, forked_gristmill: str) -> None:
    for command in ("run", "improve"):
        output = fails(2, "nonsense", forked_gristmill, command, rows("t.jsonl", *splits()), "--model", "nonsense")
        assert "local" in output


def test_a_run_that_exists_or_is_unknown(workspace: Path, forked_gristmill: str, bubblewrap: str) -> None:
    tasks = rows("t.jsonl", TASK)
    rows("r.jsonl", {"text": RIGHT})
    run = [forked_gristmill, "run", tasks, "--name", "night", "--model", "replay:r.jsonl", "--sandbox", "bubblewrap"]
    subprocess.run(run, check=True, capture_output=True, timeout=240)
    fails(2, "night", *run)
    output = fails(2, "'day'", forked_gristmill, "export", "day", "--out", "set")
    assert "night" in output
    fails(2, "vicuna", forked_gristmill, "export", "night", "--format", "vicuna", "--out", "set")
    assert not Path("set").exists()


def test_a_sandbox_that_nobody_knows(workspace: Path, forked_gristmill: str) -> None:
    candidates = rows("c.jsonl", {"task_id": "double", "id": "1", "text": RIGHT})
    arguments = ["verify", rows("t.jsonl", TASK), candidates, "--out", "v.jsonl", "--sandbox", "chroot"]
    fails(2, "auto, docker, bubblewrap", forked_gristmill, *arguments)


def test_no_sandbox_is_infrastructure(workspace: Path, forked_gristmill: str) -> None:
    candidates = rows("c.jsonl", {"task_id": "double", "id": "1", "text": RIGHT})
    arguments = ["verify", rows("t.jsonl", TASK), candidates, "--out", "v.jsonl", "--sandbox", "docker"]
    fails(3, "Docker", forked_gristmill, *arguments, DOCKER_HOST="unix:///nowhere/docker.sock")
    assert not Path("v.jsonl").exists()


def test_an_unreachable_server_is_infrastructure(workspace: Path, forked_gristmill: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        model = f"openai:m@http://127.0.0.1:{closed.getsockname()[1]}/v1"
    fails(3, "127.0.0.1", forked_gristmill, "run", rows("t.jsonl", TASK), "--model", model)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr}")
    try:
        yield folder
    finally:
        for _ in range(50):
            if subprocess.run(["umount", str(folder)], capture_output=True).returncode == 0:
                break
            time.sleep(0.1)


def fill(disk: Path, leave: int) -> None:
    with (disk / "filler").open("wb") as file:
        file.write(b"x" * (os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - leave))


def test_a_full_disk_is_infrastructure_and_keeps_what_was_judged(
    workspace: Path, small_disk: Path, forked_gristmill: str, bubblewrap: str
) -> None:
    texts = [f"# {n}\n{RIGHT}" for n in range(60)]
    candidates = rows("c.jsonl", *({"task_id": "double", "id": str(n), "text": text} for n, text in enumerate(texts)))
    fill(small_disk, 8192)
    out = small_disk / "v.jsonl"
    arguments = [
        forked_gristmill,
        "verify",
        rows("t.jsonl", TASK),
        candidates,
        "--out",
        str(out),
        "--sandbox",
        "bubblewrap",
    ]
    fails(3, "No space left on device; what was written before is kept", *arguments)
    assert len([json.loads(line) for line in out.read_text().splitlines()]) > 5
    (small_disk / "filler").unlink()
    subprocess.run([*arguments, "--resume"], check=True, capture_output=True, timeout=240)
    verdicts = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["id"], row["outcome"]) for row in verdicts] == [(str(n), "passed") for n in range(60)]


def test_a_full_disk_ends_generate_and_run_with_three(
    workspace: Path, small_disk: Path, forked_gristmill: str, bubblewrap: str
) -> None:
    fill(small_disk, 8192)
    out = str(small_disk / "t.jsonl")
    fails(3, "No space left on device", forked_gristmill, "tasks", "generate", "list-functions", "--out", out)
    (small_disk / "filler").unlink()
    Path(out).unlink()
    tasks = rows("t.jsonl", *({**TASK, "id": f"t{n}", "prompt": f"Double it. {'x' * 3000}"} for n in range(200)))
    rows("r.jsonl", {"text": RIGHT + "# " + "y" * 3000})
    output = fails(
        3,
        "",
        forked_gristmill,
        "run",
        tasks,
        "--model",
        "replay:r.jsonl",
        "--sandbox",
        "bubblewrap",
        "--workspace",
        str(small_disk),
    )
    assert "full" in output.lower()


def test_a_read_only_workspace_is_infrastructure(workspace: Path, small_disk: Path, forked_gristmill: str) -> None:
    tasks = rows("t.jsonl", TASK)
    candidates = rows("c.jsonl", {"task_id": "double", "id": "1", "text": RIGHT})
    rows("r.jsonl", {"text": RIGHT})
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    fails(3, "", forked_gristmill, "run", tasks, "--model", "replay:r.jsonl", "--workspace", str(small_disk))
    out = str(small_disk / "v.jsonl")
    fails(3, "Read-only file system", forked_gristmill, "verify", tasks, candidates, "--out", out)
    fails(3, "Read-only file system", forked_gristmill, "tasks", "generate", "list-functions", "--out", out)


def splits() -> list[dict[str, Any]]:
    return [{**TASK, "id": name, "split": name} for name in ("train", "gate", "test")]
