"""Checks the everyday tasks in plain CPython: `python tests/verifiers/code/driven/check_everyday.py [FILE or id …]`.

Of every task, each in a process of its own: the right solution passes pytest, and each wrong one fails it by a failed
test, not by what cannot be collected. Of the driven form: no problem and no warning; `drive` and `judge`, run in one
process, pass the right one and no wrong one; no case is passed by a guess.

Libraries are imported once a file, and a process is forked for each run; `--fresh` starts an interpreter for each
one of pytest.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import contextlib
import importlib
import inspect
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from gristmill.sandbox.wire.values import decode, encode
from gristmill.verifiers import problems
from gristmill.verifiers.code.driven.forms import forms, literals, tree
from gristmill.verifiers.code.guest.candidate.plain_form import NotPlainError, plain
from gristmill.verifiers.code.guest.judge.driven.deciding import Judging
from gristmill.verifiers.code.guest.judge.driven.guessing import guesses
from gristmill.verifiers.registry import warnings
from tests.verifiers.code.driven.everyday_files import FOLDER, EverydayTask, read

_SECONDS = 120
_PYTEST = ["-q", "-p", "no:cacheprovider", "--tb=short", "-c", "pytest.ini", "test_solution.py"]


def main() -> int:
    """Exit status 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", help="names of files or of tasks; all if none")
    parser.add_argument("--fresh", action="store_true", help="an interpreter of its own for each run of pytest")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        status = _file(options.one, set(options.which), options.fresh)
        sys.stdout.flush()
        os._exit(status)  # what the libraries' threads do at an interpreter's end is no matter here
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1"}
    status = 0
    for path in sorted([*FOLDER.glob("*.yaml"), *FOLDER.glob("*.jsonl")]):
        tasks = {each.id for each in read(path)}
        wanted = set(options.which) & tasks
        if options.which and not wanted and path.name not in options.which and path.stem not in options.which:
            continue
        more = ["--fresh"] * options.fresh
        command = [sys.executable, __file__, "--one", str(path), *more, *sorted(wanted)]
        status |= subprocess.run(command, env=environment, check=False).returncode != 0
    return status


def _file(path: Path, wanted: set[str], fresh: bool) -> int:
    tasks = [each for each in read(path) if not wanted or each.id in wanted]
    for name in sorted(set().union(*map(_imported, tasks))):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    found = 0
    for task in tasks:
        wrong = list(_wrong(task, fresh))
        found += len(wrong)
        print(f"{task.id}: " + ("ok" if not wrong else "".join(f"\n  {each}" for each in wrong)), flush=True)
    return 1 if found else 0


def _imported(task: EverydayTask) -> set[str]:
    names = {"pytest", "_pytest.terminal", *task.packages}
    texts = [task.right, task.pytest, *([task.driven["drive"], task.driven["judge"]] if task.driven else [])]
    for node in (node for text in texts for node in ast.walk(ast.parse(text))):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    # An optimizer's first use loads that, for seconds.
    return (names | ({"torch._dynamo"} if "torch" in names else set())) - {"solution"}


def _wrong(task: EverydayTask, fresh: bool) -> Iterator[str]:
    if len(task.wrong) != 5:
        yield f"{len(task.wrong)} wrong variants"
    status, text = _pytest(task, task.right, fresh)
    if status != 0:
        yield f"pytest: the right one: status {status}\n{text[-3000:]}"
    for what, source in task.wrong.items():
        status, text = _pytest(task, source, fresh)
        if status != 1:
            yield f"pytest: {what}: status {status}{text[-1500:] if status else ''}"
    if task.driven is None:
        return
    driven = task.task()
    yield from (f"problem: {each}" for each in problems(driven))
    yield from (f"warning: {each}" for each in warnings(driven))
    for case, outcome in enumerate(_driven(task, task.right)):
        if outcome != "passed":
            yield f"driven: the right one: case {case}: {outcome}"
    for what, source in task.wrong.items():
        if all(each == "passed" for each in _driven(task, source)):
            yield f"driven: {what}: passes"
    for case, guess in enumerate(_forked(_guessed, task)):
        if guess is not None:
            yield f"guess: case {case}: {guess}"


def _pytest(task: EverydayTask, source: str, fresh: bool) -> tuple[int, str]:
    """Exit status of pytest (0: all passed, 1: a test failed) and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "solution.py").write_text(source, "utf-8")
        (Path(folder) / "test_solution.py").write_text(task.pytest, "utf-8")
        (Path(folder) / "pytest.ini").write_text("[pytest]\n", "utf-8")
        if fresh:
            command = [sys.executable, "-B", "-m", "pytest", *_PYTEST]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS)
            return done.returncode, done.stdout + done.stderr
        said = Path(folder) / "said"
        found = _forked(_pytest_here, folder, said)
        return (found if isinstance(found, int) else -1), said.read_text("utf-8", "replace") + str(found)


def _pytest_here(folder: str, said: Path) -> int:
    import pytest

    os.chdir(folder)
    sys.path[:] = [folder, *(each for each in sys.path if Path(each) != Path(__file__).parent)]
    sys.dont_write_bytecode = True
    file = os.open(said, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    status = int(pytest.main(_PYTEST))
    sys.stdout.flush()
    return status


def _driven(task: EverydayTask, source: str) -> list[str]:
    """``passed``, or why not, for each case."""
    assert task.driven is not None
    return [str(_forked(_driven_here, task, source, case)) for case in task.driven["cases"]]


def _driven_here(task: EverydayTask, source: str, case: dict[str, Any]) -> str:
    assert task.driven is not None
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            given = case.get("given", {})
            values = _module("drive", task.driven["drive"]).drive(_module("solution", source), decode(encode(given)))
            values = asyncio.run(values) if inspect.iscoroutine(values) else values
            crossed = decode(encode(plain(values)))
        except NotPlainError as error:
            return f"refused: {error}"
        except Exception as error:
            return f"error: {type(error).__name__}: {error}"
        judging = Judging(task.driven["judge"])
        raised = judging.error(crossed, {**given, "expected": case.get("expected")})
        if raised is not None:
            return f"failed: {judging.described(raised)}: {crossed!r}"
        return "passed" if judging.asserted else "nothing asserted"


def _guessed(task: EverydayTask) -> list[str | None]:
    """For each case a guess that passes it."""
    (test,) = task.task().tests
    seen = [value for _, value in literals(tree(test.drive))]  # type: ignore[union-attr]
    judging = Judging(test.judge)  # type: ignore[union-attr]
    found: list[str | None] = []
    for each in test.cases:  # type: ignore[union-attr]
        case = {**each.given, "expected": each.expected}  # type: ignore[union-attr]
        tried = guesses(case, seen[:100], forms(test))  # type: ignore[arg-type]
        found.append(next((repr(guess) for guess in tried if judging.holds(guess, case)), None))
    return found


def _module(name: str, source: str) -> Any:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, f"<{name}>", "exec"), module.__dict__)
    return module


def _forked(work: Callable[..., Any], *given: Any) -> Any:
    """What work returns in a process of its own."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        signal.alarm(_SECONDS)
        try:
            told = pickle.dumps(work(*given))
        except BaseException as error:  # told by the parent
            told = pickle.dumps(f"{type(error).__name__}: {error}")
        with open(write_end, "wb") as file:
            file.write(told)
        os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as file:
        told = file.read()
    os.waitpid(child, 0)
    return pickle.loads(told) if told else "ended early or took too long"


if __name__ == "__main__":
    sys.exit(main())
