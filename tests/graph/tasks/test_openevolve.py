"""OpenEvolve's folders become tasks: the evaluator's text goes on, a proxy stands for the program, or it is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from gristmill.graph.models.mutate.starting import starting_programs
from gristmill.graph.tasks.foreign.openevolve import import_openevolve
from gristmill.graph.tasks.loading import load_tasks
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.trainers.cli import app
from gristmill.verifiers import Outcome, Verifiers

inside = pytest.mark.asyncio(loop_scope="module")
PROGRAM = """# EVOLVE-BLOCK-START
def guess(n):
    return n + 1
# EVOLVE-BLOCK-END


def run(n, scale=1):
    return scale * guess(n)
"""
WORSE = PROGRAM.replace("n + 1", "n")
RAISES = PROGRAM.replace("return n + 1", "raise ValueError('not today')")
# Of their own words, in the forms that OpenEvolve's examples have.
BY_SPEC = """
import importlib.util
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from openevolve.evaluation_result import (
    EvaluationResult,
)


def with_timeout(function, args, seconds):
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(function, *args).result(timeout=seconds)


def evaluate(program_path):
    began = time.time()
    spec = importlib.util.spec_from_file_location("program", program_path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    if not hasattr(program, "run"):
        return EvaluationResult(metrics={"combined_score": 0.0, "error": "no run"}, artifacts={})
    values = np.array([with_timeout(program.run, (n,), 5) for n in range(3)] + [program.run(3, scale=2)])
    metrics = {"combined_score": values.sum(), "largest": np.int64(values.max()), "note": "fine", "bad": float("nan")}
    return EvaluationResult(metrics=metrics | {"eval_time": time.time() - began}, artifacts={"values": list(values)})


def evaluate_stage1(program_path):
    return evaluate(program_path)
"""
BY_IMPORT = """from __future__ import annotations
import os
import sys
from importlib import __import__


def evaluate(program_path: str):
    try:
        folder = os.path.dirname(os.path.abspath(program_path))
        name = os.path.splitext(os.path.basename(program_path))[0]
        try:
            sys.path.insert(0, folder)
            program = __import__(name)
            found = program.run(4)
        finally:
            sys.path.remove(folder)
        return {"value": float(found), "half": found / 2, "seconds_taken": 1e9}
    except Exception as error:
        return {"value": 0.0, "error": str(error)}
"""
BY_MODULE = """
import importlib


def evaluate(program_path):
    program = importlib.import_module("initial_program")
    return {"combined_score": getattr(program, "run")(1)}
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


def folder(place: Path, evaluator: str, program: str = PROGRAM, config: str = "") -> Path:
    (place / "initial_program.py").write_text(program)
    (place / "evaluator.py").write_text(evaluator)
    if config:
        (place / "config.yaml").write_text(config)
    return place


@inside
@pytest.mark.parametrize(
    ("evaluator", "main", "good", "worse", "metrics"),
    [
        (BY_SPEC, None, 14.0, 9.0, {"largest": 8.0}),
        (BY_SPEC, "largest", 8.0, 6.0, {"combined_score": 14.0}),
        (BY_IMPORT, None, 3.75, 3.0, {"value": 5.0, "half": 2.5}),
        (BY_MODULE, None, 2.0, 1.0, {}),
    ],
)
async def test_an_evaluator_scores_by_a_proxy(
    pool: Pool, tmp_path: Path, evaluator: str, main: str | None, good: float, worse: float, metrics: dict[str, float]
) -> None:
    task = import_openevolve(str(folder(tmp_path, evaluator)), main=main).task
    verdict = await Verifiers(pool).verify(task, PROGRAM)
    assert (verdict.outcome, verdict.score, verdict.metrics) == (Outcome.PASSED, good, metrics)
    assert (await Verifiers(pool).verify(task, WORSE)).score == worse


@inside
async def test_a_result_with_an_error_in_words_is_no_score(pool: Pool, tmp_path: Path) -> None:
    swallows = import_openevolve(str(folder(tmp_path, BY_IMPORT))).task
    verdict, evidence = await Verifiers(pool).explain(swallows, RAISES)
    assert verdict.outcome is Outcome.INVALID
    assert "not today" in evidence.checks[0].detail


def test_the_command_writes_a_task_that_begins_with_the_program(tmp_path: Path) -> None:
    config = "prompt:\n  system_message: Find better numbers.\nevaluator:\n  timeout: 77\n"
    given = folder(tmp_path, BY_SPEC, config=config)
    out = tmp_path / "task.yaml"
    done = CliRunner().invoke(app, ["tasks", "import", "openevolve", str(given), "--out", str(out)])
    assert done.exit_code == 0, done.output
    for words in ("what counts is combined_score;", "reads a clock (line ", "not used: evaluate_stage1"):
        assert words in done.stderr
    (task,) = load_tasks(out)
    assert task.prompt.startswith("Find better numbers.")
    assert task.limits.wall_seconds == 77
    assert starting_programs(task) == (PROGRAM,)
    assert task.reference == PROGRAM


@pytest.mark.parametrize(
    ("evaluator", "words"),
    [
        ("import subprocess\n" + BY_MODULE, r"evaluator.py, line 1: it starts processes \(`subprocess`\)"),
        (
            BY_MODULE.replace("program =", "exec(open(program_path).read())\n    program ="),
            "line 6: it re|line 6: it runs",
        ),
        (BY_MODULE.replace("program =", "text = open(program_path).read()\n    program ="), "the program's own text"),
        ("import helpers\n" + BY_MODULE, "line 1: it imports `helpers`"),
        ("def evaluate(program_path):\n    return {'a': 1}", "does not load the program"),
        ("def score(program_path):\n    return 1", "defines no function `evaluate"),
        (BY_MODULE.replace('"run"', '"walk"'), "takes `walk` of the program"),
        ("def evaluate(", "is no Python program"),
    ],
)
def test_one_that_needs_the_program_beside_it_is_refused_with_the_reason(
    tmp_path: Path, evaluator: str, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        import_openevolve(str(folder(tmp_path, evaluator)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["openevolve"], "name the folder"),
        (["openevolve", "nowhere"], "no such file"),
        (["mbpp", "--main", "a"], "--main is of openevolve only"),
    ],
)
def test_what_was_asked_wrongly_is_said(workspace: Path, arguments: list[str], words: str) -> None:
    done: Any = CliRunner().invoke(app, ["tasks", "import", *arguments])
    assert done.exit_code == 2
    assert words in done.stderr
