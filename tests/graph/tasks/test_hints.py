"""What a task's author meant: names of other tools, published rows, settings that nobody heeds, no references."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gristmill.graph.tasks.loading import TaskFileError, load_tasks
from gristmill.trainers.cli import app

CASE = {"args": [1], "expected": 2}


def row(case: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    tests = [{"type": "cases", "entry_point": "f", "cases": [case or CASE]}]
    return {"id": "t", "kind": "code", "prompt": "?", "tests": tests} | more


def driven(case: dict[str, Any]) -> dict[str, Any]:
    return row(tests=[{"type": "driven", "drive": "", "judge": "", "cases": [case]}])


def complaint(tmp_path: Path, value: dict[str, Any]) -> str:
    file = tmp_path / "tasks.jsonl"
    file.write_text(json.dumps(value) + "\n")
    with pytest.raises(TaskFileError) as caught:
        load_tasks(file)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (row({"args": [1], "output": 2}), "did you mean `expected`?"),
        (row({"input": [1], "expected": 2}), "did you mean `args`?"),
        (row({"args": [1], "expected_output": 2}), "did you mean `expected`?"),
        (driven({"input": {}, "expected": 2}), "did you mean `given`?"),
        (driven({"args": [1], "expected": 2}), "did you mean `given`?"),
        (driven({"given": {}, "output": 2}), "did you mean `expected`?"),
        (row(limits={"timeout": 5}), "did you mean `wall_seconds`?"),
        (row(limits={"memory": 5}), "did you mean `memory_mb`?"),
        (row(timeout=5), "did you mean `limits.wall_seconds`?"),
        (row(tests=[{"type": "stdio", "cases": [{"input": "1", "stdout": "2"}]}]), "did you mean `stdin`?"),
        (row(tests=[{"type": "stdio", "cases": [{"stdin": "1", "output": "2"}]}]), "rename `output` to `stdout`"),
        (row(tests=[{"type": "python", "entry_point": "f", "test": "assert f(1)"}]), "rename `test` to `code`"),
    ],
)
def test_a_name_of_another_tool_is_answered_with_ours(tmp_path: Path, value: dict[str, Any], hint: str) -> None:
    assert hint in complaint(tmp_path, value)


@pytest.mark.parametrize(
    "value",
    [
        row(public=[CASE]),
        row({**CASE, "hidden": True}),
        row(tests=[{"type": "cases", "entry_point": "f", "cases": [CASE], "visibility": "public"}]),
    ],
)
def test_who_may_see_a_test_is_said_by_the_field_that_it_stands_in(tmp_path: Path, value: dict[str, Any]) -> None:
    said = complaint(tmp_path, value)
    assert "tests that a model may see stand in `public_tests`, hidden ones in `tests`" in said


def test_one_mistake_in_the_only_case_is_one_problem(tmp_path: Path) -> None:
    said = complaint(tmp_path, row({"args": [1], "expcted": 2}))
    assert said.endswith("line 1: `tests[0].cases[0].expcted` is not a field of a task; did you mean `expected`?")
    assert "`tests[0].cases` is empty" in complaint(
        tmp_path, row(tests=[{"type": "cases", "entry_point": "f", "cases": []}])
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("humaneval", dict.fromkeys(("task_id", "prompt", "entry_point", "canonical_solution", "test"), "x")),
        ("mbpp", {"task_id": 1, "text": "?", "code": "x", "test_list": ["assert f(1)"], "test_setup_code": ""}),
        ("gsm8k", {"question": "?", "answer": "9*2=18\n#### 18"}),
        ("math500", {"problem": "?", "solution": "x", "answer": "1", "level": 1}),
        ("ifeval", {"key": 1, "prompt": "?", "instruction_id_list": [], "kwargs": []}),
    ],
)
def test_a_published_row_is_recognised_with_the_command_for_it(tmp_path: Path, name: str, value: Any) -> None:
    said = complaint(tmp_path, value)
    assert f"gristmill tasks import {name} {tmp_path / 'tasks.jsonl'} --out tasks.jsonl" in said


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (row(settings={"prefx": "def f(x):"}), "did you mean `prefix`?"),
        (row(settings={"shots": 3}), "settings.shots: means nothing for the kind code"),
        ({"id": "m", "kind": "math", "prompt": "?", "answer": "1", "settings": {"tolerence": 1}}, "`tolerance`?"),
        ({"id": "m", "kind": "math", "prompt": "?", "answer": "1", "settings": {"seeds": 1}}, "settings.seeds"),
    ],
)
def test_a_setting_that_nobody_heeds_is_a_mistake(tmp_path: Path, value: dict[str, Any], hint: str) -> None:
    assert hint in complaint(tmp_path, value)


def test_no_reference_at_all_is_no_success(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(json.dumps(row()) + "\n")
    done = CliRunner().invoke(app, ["tasks", "check", str(file), "--run-references"])
    assert done.exit_code == 1
    assert "nothing was judged" in done.output
    assert "0 of 0" not in done.output
