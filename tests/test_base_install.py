"""Every command on the base install: it works, or says in a line which extra it needs.

With GRISTMILL_BASE_PYTHON that is the interpreter of an environment in which nothing but the base install is, as CI
makes it. Elsewhere no environment is made, which would take a network: what only an extra brings cannot be imported in
this one then (see base_install.py).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.test_help import leaves

ROOT = Path(__file__).resolve().parents[1]
TASK = {
    "id": "double",
    "kind": "code",
    "split": "test",
    "prompt": "Write f(n) that doubles n.",
    "reference": "def f(n): return 2 * n",
    "tests": [{"type": "cases", "entry_point": "f", "cases": [{"args": [3], "expected": 6}]}],
}
ASSERTED = {"type": "python", "entry_point": "f", "code": "assert f(3) == 4711"}
FILES = {
    "t.jsonl": TASK,
    "p.jsonl": {**TASK, "tests": [ASSERTED]},
    "c.jsonl": {"task_id": "double", "id": "a", "text": "def f(n): return n + n"},
    "r.jsonl": {"text": "def f(n): return n + n"},
    "rows.jsonl": {"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]},
}
MODEL = ["--model", "replay:r.jsonl", "--sandbox", "bubblewrap"]
# (arguments, exit code, words); in this order, as later ones use what earlier ones made.
COMMANDS: list[tuple[list[str], int, str]] = [
    (["doctor"], 0, "sandbox bubblewrap: works"),
    (["sandbox", "build", "--backend", "bubblewrap"], 0, "image root"),
    (["sandbox", "list"], 0, "numpy"),
    (["sandbox", "check", "--backend", "bubblewrap", "--only", "there_is_no_network"], 0, "1 held"),
    (["tasks", "generate", "list-functions", "--out", "g.jsonl"], 0, "g.jsonl"),
    (["tasks", "check", "t.jsonl", "--run-references", "--sandbox", "bubblewrap"], 0, ""),
    (["new", "math", "begun"], 0, "gristmill verify begun/task.yaml"),
    (["tasks", "list", "t.jsonl"], 0, "double"),
    (["tasks", "import", "humaneval", "--out", "h.jsonl"], 2, "human"),
    (["verify", "t.jsonl", "c.jsonl", "--out", "v.jsonl", "--sandbox", "bubblewrap"], 0, "1 passed"),
    (["attack", "t.jsonl", "--only", "weak", "--sandbox", "bubblewrap"], 0, ""),
    (["run", "t.jsonl", *MODEL, "--name", "first"], 0, ""),
    (["search", "reward", "mountain_car", "--estimate"], 0, "nothing is stored"),
    (["search", "command", "true", "t.jsonl", "--estimate"], 0, "nothing is stored"),
    (["search", "ranges", "mountain_car", "human", "--estimate"], 0, "nothing is stored"),
    (["search", "loss", "digits_label_noise", "--estimate"], 2, "gristmill[losses]"),
    (["run", "t.jsonl", *MODEL, "--name", "told", "--alert", "json://127.0.0.1/key"], 2, "gristmill[alerts]"),
    (["run", "t.jsonl", *MODEL, "--name", "traced", "--trace"], 2, "gristmill[otel]"),
    (["runs"], 0, "first"),
    (["show", "first"], 0, "double"),
    (["view"], 2, "gristmill[view]"),
    (["watch", "first"], 0, "1 of 1 task solved"),
    (["winner", "first", "--out", "w.py"], 0, "wrote w.py.json"),
    (["next", "first"], 2, "nothing waits in the mailbox"),
    (["answer", "nobody", "c.jsonl"], 2, "no request has the id"),
    (["tasks", "drive", "p.jsonl", "--out", "d.yaml"], 0, "1 test is driven now"),
    (["tasks", "from-tests", ".", "--failing", "--out", "f.jsonl"], 2, "git"),
    (["config"], 0, "model"),
    (["graph"], 0, "propose"),
    (["export", "first", "--format", "sft", "--out", "rows"], 0, "1 verified"),
    (["audit", "rows", "--key", "k"], 2, "pip install 'gristmill[audit]'"),
    (["eval", "t.jsonl", *MODEL], 0, "100"),
    (["vllm", "install", "t.jsonl"], 2, "t.jsonl is no environment"),
    (["compare", "--tasks", "t.jsonl", *MODEL, "--profile", "chat", "--profile", "small"], 0, "0 won, 0 lost of 1"),
    (["regress", "t.jsonl", *MODEL], 0, "recorded t.baseline.json"),
    (["calibrate", "first"], 2, "no evaluation of several replies"),
    (["adapters"], 0, "no adapters"),
    (["adapters", "list"], 0, "no adapters"),
    (["adapters", "show", "a"], 2, "no adapter 'a'"),
    (["adapters", "compare", "a", "b"], 2, "no adapter 'a'"),
    (["adapters", "promote", "a"], 2, "no adapter 'a'"),
    (["adapters", "rollback"], 2, "nothing to go back to"),
    (["adapters", "merge", "a", "--out", "m"], 2, "no adapter 'a'"),
    (["train", "rows.jsonl"], 2, "pip install 'gristmill[train]'"),
    (["recipe", "isheep", "--dry-run"], 2, "pip install 'gristmill[train]'"),
    (["recipe", "ser", "g.jsonl"], 2, "g.jsonl: line 1: `chosen`"),
    (["recipe", "rank", "night", "first"], 2, "there is no SER 'night'"),
    (["recipe", "reinforce", "night", "g.jsonl", "--tasks", "t.jsonl"], 2, "g.jsonl: line 1: `chosen`"),
    (["improve", "g.jsonl"], 2, "pip install 'gristmill[train]'"),
]
ELSEWHERE = {
    "sandbox shell": "it is interactive; tests/sandbox/backends has it",
    "sandbox reap": "it removes what other tests of this machine use, and needs an engine",
}


def called_there(python: Path, folder: Path, commands: list[list[str]]) -> tuple[list[list[Any]], set[str]]:
    """The same as `called` for the base install, by the command of an environment that has nothing else."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"COLUMNS": "200"}
    answers: list[list[Any]] = []
    for arguments in commands:
        command = [str(python.with_name("gristmill")), *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, env=environment)
        answers.append([done.returncode, done.stdout + done.stderr])
    look = "import importlib.util, sys; print(*(name for name in sys.argv[1:] if not importlib.util.find_spec(name)))"
    names = ["scipy", "numpy", "pytest", "torch", "transformers", "sklearn", "lm_eval", "psycopg", "hypothesis"]
    missing = subprocess.run([python, "-c", look, *names], cwd=folder, capture_output=True, text=True, check=True)
    return answers, set(missing.stdout.split())


def called(folder: Path, commands: list[list[str]], *extras: str, **more: str) -> tuple[list[list[Any]], set[str]]:
    """Exit code and output of each command where only base and these extras are installed; what cannot be imported."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.base_install", json.dumps(commands), *extras],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / '.dev'}", "COLUMNS": "200"} | more,
    )
    assert done.returncode == 0, done.stderr
    *answers, blocked = [json.loads(line) for line in done.stdout.splitlines()]
    return answers, set(blocked)


@pytest.fixture(scope="module")
def said(bubblewrap: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    folder = tmp_path_factory.mktemp("base")
    for name, row in FILES.items():
        (folder / name).write_text(json.dumps(row) + "\n")
    commands = [arguments for arguments, _, _ in COMMANDS]
    python = os.environ.get("GRISTMILL_BASE_PYTHON")
    answers, blocked = called_there(Path(python), folder, commands) if python else called(folder, commands)
    assert not {"scipy", "numpy", "pytest"} & blocked
    assert {"torch", "sklearn", "hypothesis"} <= blocked
    return {" ".join(arguments): tuple(each) for (arguments, _, _), each in zip(COMMANDS, answers, strict=True)}


@pytest.mark.parametrize(("arguments", "code", "words"), COMMANDS, ids=[" ".join(each[:2]) for each, _, _ in COMMANDS])
def test_the_command_works_or_names_its_extra(
    said: dict[str, tuple[int, str]], arguments: list[str], code: int, words: str
) -> None:
    exit_code, text = said[" ".join(arguments)]
    assert exit_code == code, text
    assert words in text
    assert "Traceback" not in text


def test_every_command_is_among_them() -> None:
    shown = {" ".join(arguments[: len(leaf)]) for arguments, _, _ in COMMANDS for leaf in leaves()}
    assert {" ".join(leaf) for leaf in leaves()} <= shown | set(ELSEWHERE)


def test_the_readme_has_a_row_for_every_extra() -> None:
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])
    rows = set(re.findall(r"^\| `gristmill\[(\w+)\]` \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE))
    assert rows == extras - {"dev"}
