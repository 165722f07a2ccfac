"""What a score test may say, and which sentences its author reads where it may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gristmill.graph.tasks.loading import load_tasks
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.code.scored.problems import score_problems, score_warnings
from gristmill.verifiers.code.task import task_problems
from gristmill.verifiers.records import Direction, Outcome, ScoreTest, Strength, Task, Verdict

EVALUATE = "def evaluate(candidate, instance):\n    return candidate(instance)\n"
GOOD: dict[str, Any] = {
    "type": "score",
    "entry_point": "f",
    "code": EVALUATE,
    "instances": [{"name": "small", "n": 2}, 3, [1, 2]],
    "held_out": [7],
    "direction": "minimize",
}


def _task(**changes: Any) -> Task:
    return Task(id="t", kind="code", prompt="p", tests=({**GOOD, **changes},))


def test_instances_are_called_by_their_name_or_place() -> None:
    test = _task().scored
    assert test is not None
    assert test.names == ("small", "1", "2")
    assert list(score_problems(_task())) == []


def test_direction_and_target_of_the_test_are_the_tasks() -> None:
    task = _task(target=1.5)
    assert (task.direction, task.target) == (Direction.MINIMIZE, 1.5)
    assert Task.model_validate_json(task.model_dump_json()) == task
    assert Task(id="t", kind="code", prompt="p").direction is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"entry_point": []}, "tests[0].entry_point: name at least one"),
        ({"entry_point": "a b"}, "tests[0].entry_point: 'a b' is no Python name"),
        ({"entry_point": "map"}, "tests[0].entry_point: `candidate.map` is the candidate's own"),
        ({"code": "def f(:"}, "tests[0].code: is no Python program"),
        ({"code": "x = 1"}, "tests[0].code: defines no function `evaluate(candidate, instance)`"),
        ({"code": "async def evaluate(c, i):\n    return c(i)"}, "line 1: `evaluate` must be a plain function"),
        ({"code": "def evaluate(candidate):\n    return candidate(1)"}, "line 1: `evaluate` must take two arguments"),
        ({"code": "\ndef evaluate(c, i):\n    return 1.0"}, "line 2: `evaluate` never uses the candidate (`c`)"),
        ({"code": "def evaluate(c, i):\n    c(i)"}, "line 1: `evaluate` returns nothing that could be a score"),
        ({"code": f"import solution\n{EVALUATE}"}, "tests[0].code: line 1: imports the solution"),
        ({"code": f"import inspect\n{EVALUATE}x = inspect.getsource"}, "line 4: `getsource` looks into"),
        ({"instances": [{"name": "1"}, 2]}, "tests[0].instances[1]: is called '1', as instances[0] is"),
        ({"public": [0, 3]}, "tests[0].public[1]: there is no instances[3]; the last one is 2"),
        ({"main": ""}, "tests[0].main: name the number that counts"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:40],
)
def test_what_is_wrong_is_said_with_its_field(changes: dict[str, Any], words: str) -> None:
    assert any(words in problem for problem in task_problems(_task(**changes)))


def test_a_score_test_stands_alone_in_tests() -> None:
    test = ScoreTest.model_validate(GOOD)
    two = Task(id="t", kind="code", prompt="p", tests=(test, test))
    assert any("stands alone" in problem for problem in score_problems(two))
    public = Task(id="t", kind="code", prompt="p", public_tests=(test,))
    assert any("a score test stands in `tests`" in problem for problem in score_problems(public))


def test_task_and_test_may_not_say_different_things() -> None:
    task = Task(id="t", kind="code", prompt="p", tests=(GOOD,), direction="maximize", target=1.0)
    assert any(problem.startswith("direction: ") for problem in score_problems(task))
    assert not any(problem.startswith("target: ") for problem in score_problems(task))


@pytest.mark.parametrize("field", ["instances", "direction", "code", "entry_point"])
def test_what_is_missing_is_named_with_file_and_line(tmp_path: Path, field: str) -> None:
    row = {"id": "t", "kind": "code", "prompt": "p", "tests": [{k: v for k, v in GOOD.items() if k != field}]}
    file = tmp_path / "tasks.jsonl"
    file.write_text(json.dumps(row))
    with pytest.raises(UserError, match=rf"tasks\.jsonl, line 1: the field `tests\[0\]\.{field}` is missing"):
        load_tasks(file)


def test_no_target_is_infinite() -> None:
    with pytest.raises(ValidationError):
        _task(target=float("inf"))


def test_what_is_held_out_twice_is_told() -> None:
    task = _task(held_out=[3, 4])
    assert task.scored is not None
    said = list(score_warnings(task, task.scored))
    assert [each.partition(":")[0] for each in said] == ["code", "held_out[0]"]


def test_a_verdict_keeps_the_scores_of_instances() -> None:
    verdict = Verdict(
        outcome=Outcome.PASSED, score=1.5, strength=Strength.TESTED, verifier="code/1", scores={"small": 1.0, "1": 2.0}
    )
    assert Verdict.model_validate_json(verdict.model_dump_json()).scores == {"small": 1.0, "1": 2.0}
