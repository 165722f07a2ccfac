"""The page on driven tests shows tasks that are run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from gristmill.verifiers import Task, problems
from tests.verifiers.code.driven.everyday import TASKS

PAGE = Path(__file__).resolve().parents[4] / "docs/driven.md"


def test_the_examples_are_the_everyday_tasks_that_are_tested() -> None:
    rows: list[Any] = []
    for block in re.findall("^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        rows += [row for row in yaml.safe_load(block) if row["id"] in TASKS]
    shown = {row["id"]: Task.model_validate(row) for row in rows}
    assert list(shown) == list(TASKS)
    for name, task in shown.items():
        assert problems(task) == []
        (test,), (wanted,) = task.tests, TASKS[name].task(name).tests
        assert test.model_dump() == wanted.model_dump() | {
            field: getattr(wanted, field).strip("\n") + "\n" for field in ("drive", "judge")
        }


def test_the_first_example_has_no_mistakes() -> None:
    block = re.search("^```json\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert block is not None
    assert problems(Task.model_validate(json.loads(block[1]))) == []
