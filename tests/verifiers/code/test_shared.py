"""Objects of shared source cross by value, stay the objects they are, and are equal by the judge's own class."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Strength, Task, Verifiers
from gristmill.verifiers.code.task import task_problems
from tests.verifiers.code.line import judged, sections, serve, wrong

HONEST = sections(Path(__file__).with_name("shared.txt"))
ATTACKS = sections(Path(__file__).with_name("shared_attacks.txt"))
NODE = "class Node:\n    def __init__(self, val):\n        self.val = val\n"


def said(row: Any) -> list[str]:
    names = [each.strip(",") for each in row.names]
    return wrong(judged(serve(row.source, names, row.shared), row.tests, names, shared=row.shared))


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in HONEST])
def test_apart_behaves_as_together(row: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    both = ModuleType("shared")
    monkeypatch.setitem(__import__("sys").modules, "shared", both)
    exec(compile(row.shared, "<shared>", "exec", dont_inherit=True), vars(both))
    together = dict(vars(both))
    exec(compile(row.source, "<solution>", "exec", dont_inherit=True), together)
    exec(row.tests, together)
    assert said(row) == []


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ATTACKS])
def test_no_shared_object_decides_what_it_is_equal_to(row: Any) -> None:
    assert said(row) != []


def test_what_it_raises_as_it_is_loaded_is_no_pass() -> None:
    tests = "assert f() == 1"
    assert wrong(judged(serve("def f():\n    return 1\n", ["f"], "1 / 0"), tests, ["f"], shared="1 / 0")) != []


def task(test: dict[str, Any]) -> Task:
    return Task(id="shared", kind="code", prompt="Answer.", tests=(test,))


@pytest.mark.parametrize(
    ("shared", "problem"),
    [
        ("class Node(", "shared: is no Python program"),
        ("def f():\n    pass\n", "`f` is an entry point"),
        ("f = 1", "`f` is an entry point"),
        ("from math import floor as f", "`f` is an entry point"),
        ("import solution", "imports the solution"),
        ("from solution import g", "imports the solution"),
        ("import sys\nsys._getframe()", "looks into the solution's process"),
        ("x = 1\n" * 200_000, "characters"),
    ],
)
def test_mistakes_in_it_are_found_without_running(shared: str, problem: str) -> None:
    for test in (
        {"type": "python", "entry_point": "f", "code": "assert f() == 1", "shared": shared},
        {"type": "pytest", "entry_point": ["f"], "files": {"test_f.py": "import solution"}, "shared": shared},
    ):
        (sentence,) = task_problems(task(test))
        assert problem in sentence
        assert sentence.startswith("tests[0].shared")


def test_names_within_it_are_free() -> None:
    shared = "class Tree:\n    def f(self):\n        f = 1\n        return f\n"
    assert task_problems(task({"type": "python", "entry_point": "f", "code": "assert f()", "shared": shared})) == []
    files = {"test_f.py": "import solution", "shared.py": ""}
    test = {"type": "pytest", "entry_point": "f", "files": files, "shared": shared}
    assert "would hide what is shared" in task_problems(task(test))[0]


PYTEST = "from shared import Node\nfrom solution import f\n\ndef test_f():\n    assert f(Node(2)).val == 3\n"


@pytest.mark.asyncio
@pytest.mark.parametrize("backend", ["docker", "bubblewrap"])
async def test_both_types_of_test_programs_have_it(backend: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("docker_engine" if backend == "docker" else "bubblewrap")
    right, wrong_ = "def f(n):\n    return Node(n.val + 1)\n", "def f(n):\n    return Node(n.val)\n"
    async with Pool.open(backend, size=1) as pool:
        for test in (
            {"type": "python", "entry_point": "f", "code": "assert f(Node(2)).val == 3", "shared": NODE},
            {"type": "pytest", "entry_point": "f", "files": {"test_f.py": PYTEST}, "shared": NODE},
        ):
            verdict = await Verifiers(pool).verify(task(test), right)
            assert (verdict.outcome, verdict.strength, verdict.together) == (Outcome.PASSED, Strength.TESTED, True)
            assert (await Verifiers(pool).verify(task(test), wrong_)).outcome is Outcome.FAILED
