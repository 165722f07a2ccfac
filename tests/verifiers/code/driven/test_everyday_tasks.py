"""The everyday tasks are what they say: counts, sources, wrong variants, and driven forms without a problem or warning.

What passes and fails is run by `check_everyday.py`, in plain CPython.
"""

from __future__ import annotations

import ast

import pytest

from gristmill.verifiers import problems
from gristmill.verifiers.registry import warnings
from tests.verifiers.code.driven.everyday_files import HELD_BACK, EverydayTask, opened, read

OPEN = list(opened())
HELD = read(HELD_BACK)


def test_there_are_sixty_over_many_libraries_and_twenty_are_held_back() -> None:
    assert len(OPEN) >= 40
    assert len(HELD) == 20
    assert len({task.library for task in OPEN}) >= 12
    assert len({task.id for task in (*OPEN, *HELD)}) == len(OPEN) + len(HELD)


@pytest.mark.parametrize("task", [*OPEN, *HELD], ids=lambda task: task.id)
def test_a_task_is_whole(task: EverydayTask) -> None:
    assert task.source.startswith("https://")
    assert len(task.wrong) == 5
    for source in (task.pytest, task.right, *task.wrong.values()):
        ast.parse(source)
    assert problems(task.pytest_task()) == []
    if task.driven is not None:
        assert problems(task.task()) == []
        assert warnings(task.task()) == []
