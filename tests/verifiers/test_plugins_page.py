"""docs/plugins.md says what works: its files are written out and its commands are run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins.md"
FILES = dict(re.findall(r"`(\w+\.(?:py|jsonl))`:\n\n```\w+\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def gristmill(command: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The trainer's matrices are tiny: on a busy machine the threads of the linear algebra only wait for each other.
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([command, *arguments], cwd=folder, capture_output=True, text=True, check=False, env=alone)


def test_the_page_has_its_files() -> None:
    assert set(FILES) == {
        "wordcount.py",
        "tasks.jsonl",
        "replies.jsonl",
        "anagram.py",
        "test_anagram.py",
        "carts.py",
        "poles.py",
        "line.py",
    }


def test_the_function_judges_behind_its_flag_only(folder: Path, gristmill_command: str, bubblewrap: str) -> None:
    command = ("verify", "tasks.jsonl", "replies.jsonl", "--out", "verdicts.jsonl")
    assert " ".join(("gristmill", "--plugin-files", *command)) in PAGE.read_text("utf-8")
    refused = gristmill(gristmill_command, folder, *command)
    assert refused.returncode == 2
    assert "--plugin-files" in refused.stderr
    done = gristmill(gristmill_command, folder, "--plugin-files", *command, "--sandbox", "bubblewrap")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text("utf-8").splitlines()]
    assert [(row["id"], row["outcome"]) for row in rows] == [("short", "passed"), ("long", "failed")]
    assert "at most 10" in rows[1]["feedback"]
    behind = gristmill(
        gristmill_command, folder, *command, "--force", "--plugin-files", "--sandbox", "bubblewrap", "--workers", "1"
    )
    assert behind.returncode == 0, behind.stderr


def test_the_class_keeps_the_contract_as_the_page_proves_it(folder: Path, bubblewrap: str) -> None:
    command = "pytest test_anagram.py"
    assert f"$ {command}\n" in PAGE.read_text("utf-8")
    bin_ = Path(sys.executable).parent
    done = subprocess.run(
        # What the page says, with nothing of this repository's configuration, nor of pytest-asyncio.
        [*f"{bin_}/{command}".split(), "-p", "no:cacheprovider", "-p", "no:asyncio"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_a_fault_is_reported_as_the_plug_in_s_own(folder: Path, gristmill_command: str, bubblewrap: str) -> None:
    page = PAGE.read_text("utf-8")
    command, said = re.findall(r"\$ gristmill (verify .*)\n(a plug-in went wrong: .*)\n", page)[0]
    (folder / "wordcount.py").write_text(FILES["wordcount.py"].replace("split", "spilt"))
    for flags, traceback in (((), False), (("--debug",), True)):
        done = gristmill(gristmill_command, folder, *command.split(), *flags, "--sandbox", "bubblewrap", "--force")
        assert done.returncode == 3, "no canary can be judged either"
        assert done.stderr.count("a plug-in went wrong:") == 1
        assert said.replace("/home/me", str(folder.resolve())) in done.stderr
        assert ("Traceback" in done.stderr) is traceback
    rows = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text("utf-8").splitlines()]
    assert {row["outcome"] for row in rows} == {"unscored"}
    assert "wordcount.py, line 2, in at_most_ten" in rows[0]["sandbox"]
    # At a reply that is odd for it alone, the same fault is the reply's.
    (folder / "wordcount.py").write_text("def at_most_ten(task, reply):\n    return 1 / (len(reply) != 44)\n")
    done = gristmill(gristmill_command, folder, *command.split(), "--sandbox", "bubblewrap", "--force")
    rows = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text("utf-8").splitlines()]
    assert [(row["id"], row["outcome"], row["score"]) for row in rows] == [
        ("short", "error", 0.0),
        ("long", "passed", 1.0),
    ]
    assert "ZeroDivisionError" in rows[0]["feedback"]


def verdicts_of_baselines(
    folder: Path, command: str, kind: str, baselines: dict[str, str], *other: str
) -> dict[str, str]:
    """The outcomes of an environment's or a problem's own baselines, judged by the command as the page says."""
    make = PAGE.read_text("utf-8").split("`make_tasks.py`")[1].split("```python\n")[1].split("```")[0]
    if other:
        make = make.replace(other[0], other[1])
    done = subprocess.run([sys.executable, "-c", make], cwd=folder, capture_output=True, text=True, check=True)
    (task,) = (row for row in map(json.loads, done.stdout.splitlines()) if row["kind"] == kind)
    (folder / "tasks.jsonl").write_text(json.dumps(task))
    rows = [{"task_id": task["id"], "id": name, "text": source} for name, source in baselines.items()]
    (folder / "replies.jsonl").write_text("\n".join(map(json.dumps, rows)))
    arguments = ("tasks.jsonl", "replies.jsonl", "--out", "verdicts.jsonl", "--sandbox", "bubblewrap")
    assert gristmill(command, folder, "tasks", "check", "tasks.jsonl").returncode == 2
    judged = gristmill(command, folder, "--plugin-files", "verify", *arguments)
    assert judged.returncode == 0, judged.stderr
    return {
        row["id"]: row["outcome"]
        for row in map(json.loads, (folder / "verdicts.jsonl").read_text("utf-8").splitlines())
    }


def baselines_of(folder: Path, module: str, name: str) -> dict[str, str]:
    show = f"import json, {module}; print(json.dumps({module}.{name}.baselines))"
    done = subprocess.run([sys.executable, "-c", show], cwd=folder, capture_output=True, text=True, check=True)
    shown: dict[str, str] = json.loads(done.stdout)
    return shown


def test_a_reward_is_judged_in_an_environment_of_one_s_own(
    folder: Path, gristmill_command: str, bubblewrap: str
) -> None:
    rewards = baselines_of(folder, "carts", "Carts") | {
        "away": "def reward(obs, action, next_obs, info):\n    return abs(next_obs[:, 0])"
    }
    outcomes = verdicts_of_baselines(folder, gristmill_command, "reward", rewards)
    assert (outcomes["human"], outcomes["away"]) == ("passed", "failed")


def test_a_reward_is_judged_in_an_environment_of_gymnasium_s(
    folder: Path, gristmill_command: str, bubblewrap: str
) -> None:
    pytest.importorskip("stable_baselines3")
    rewards = baselines_of(folder, "poles", "Poles") | {
        "falling": "def reward(obs, action, next_obs, info):\n    return 0 * next_obs[:, 2] - 1",
        "counting": "n = [0]\ndef reward(obs, action, next_obs, info):\n    n[0] += 1\n    return n[0] + obs[:, 0]",
    }
    other = 'carts.py:Carts", id="carts", target=0.8', 'poles.py:Poles", id="poles", target=0.15'
    outcomes = verdicts_of_baselines(folder, gristmill_command, "reward", rewards, *other)
    assert outcomes == {"human": "passed", "falling": "failed", "counting": "invalid"}


def test_a_loss_is_judged_on_a_problem_of_one_s_own(folder: Path, gristmill_command: str, bubblewrap: str) -> None:
    pytest.importorskip("torch")
    outcomes = verdicts_of_baselines(folder, gristmill_command, "loss", baselines_of(folder, "line", "Line"))
    assert outcomes == {"human": "passed", "usual": "failed"}


def test_the_combinations_can_be_made(folder: Path) -> None:
    block = PAGE.read_text("utf-8").split("## Combine")[1].split("```python\n")[1].split("```")[0]
    code = block + "\nprint(Both.name, Either.name, Graded.name)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["both", "either", "graded"]


def test_files_that_cannot_be_used_are_named(folder: Path, gristmill_command: str) -> None:
    for kind, words in (
        ("nowhere.py:f", "no file"),
        ("wordcount.py:g", "defines no g"),
        ("broken.py:f", "cannot be run"),
    ):
        (folder / "broken.py").write_text("1 / 0")
        (folder / "tasks.jsonl").write_text(json.dumps({"id": "t", "kind": kind, "prompt": "p"}) + "\n")
        done = gristmill(gristmill_command, folder, "--plugin-files", "tasks", "check", "tasks.jsonl")
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
