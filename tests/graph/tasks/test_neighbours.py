"""An evaluator's neighbours go along with it: to the judge's process, and to no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gristmill.graph.tasks.foreign.openevolve import import_openevolve
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Seeds, Verifiers
from gristmill.verifiers.registry import problems

inside = pytest.mark.asyncio(loop_scope="module")
EVALUATOR = """
import importlib, os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from helpers import grade
from deep.inner import SECRET


def evaluate(program_path):
    program = importlib.import_module("initial_program")
    return {"combined_score": grade(program.run(1)) + SECRET}
"""
HELPERS = "from deep import inner\n\ndef grade(value):\n    return float(value) * inner.SECRET\n"
PROGRAM = "def run(n):\n    return n + 1\n"
# Looks for the judge's module in all ways, and answers otherwise if it has it.
LOOKS = """
def run(n):
    try:
        import helpers
        return 1000
    except ImportError:
        pass
    import sys
    if {"helpers", "deep", "deep.inner", "evaluator"} & set(sys.modules):
        return 1000
    return n + 1
"""
# Has a module of that name itself: the judge's import is not touched by it.
SHADOWS = """
import sys, types
fake = types.ModuleType("helpers")
fake.grade = lambda value: 1e9
sys.modules["helpers"] = fake
try:
    open("helpers.py", "w").write("def grade(value): return 1e9")
except OSError:
    pass

def run(n):
    return n + 1
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


def folder(place: Path) -> Path:
    (place / "deep").mkdir()
    for path, text in {
        "initial_program.py": PROGRAM,
        "evaluator.py": EVALUATOR,
        "helpers.py": HELPERS,
        "deep/inner.py": "SECRET = 3.0\n",
        "unused.py": "import subprocess\n",
    }.items():
        (place / path).write_text(text)
    return place


@inside
async def test_the_neighbours_of_an_evaluator_are_its_own(pool: Pool, tmp_path: Path) -> None:
    imported = import_openevolve(str(folder(tmp_path)))
    test = imported.task.scored
    assert test is not None
    assert sorted(test.files) == ["deep/inner.py", "helpers.py"]
    assert any("for the evaluator alone" in note and "helpers.py" in note for note in imported.notes)
    assert problems(imported.task) == []
    verifiers = Verifiers(pool)
    for solution in (PROGRAM, LOOKS, SHADOWS):
        verdict = await verifiers.verify(imported.task, solution)
        assert (verdict.outcome, verdict.score) == (Outcome.PASSED, 9.0)
    verdict = await verifiers.verify(imported.task, PROGRAM)
    assert await verifiers.reproduces(imported.task, PROGRAM, verdict, Seeds()) is True


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("helpers.py", "import subprocess\n", r"helpers.py, line 1: it starts processes"),
        ("helpers.py", "import nowhere_at_all\n", "helpers.py, line 1: it imports `nowhere_at_all`"),
        ("helpers.py", "def grade(", "helpers.py is no Python program"),
    ],
)
def test_what_no_judge_can_do_is_refused_in_a_neighbour_too(tmp_path: Path, path: str, text: str, words: str) -> None:
    (folder(tmp_path) / path).write_text(text)
    with pytest.raises(UserError, match=words):
        import_openevolve(str(tmp_path))


def test_a_link_is_no_neighbour(tmp_path: Path) -> None:
    (folder(tmp_path) / "helpers.py").unlink()
    (tmp_path / "helpers.py").symlink_to("/etc/hostname")
    with pytest.raises(UserError, match="is a link"):
        import_openevolve(str(tmp_path))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../helpers.py", "empty, `.` or `..`"),
        ("/etc/helpers.py", "is absolute"),
        ("json.py", "'json' is a name of Python's"),
        ("numpy/linalg.py", "'numpy' is a name of Python's"),
        ("gristmill/wire.py", "'gristmill' is a name of Python's"),
        ("solution.py", "'solution' is a name of Python's"),
        ("a-b.py", "is no name of a module"),
        ("data.txt", "is no Python file"),
    ],
)
def test_paths_of_an_evaluators_modules_are_checked(tmp_path: Path, path: str, words: str) -> None:
    task = import_openevolve(str(folder(tmp_path))).task
    test = task.scored
    assert test is not None
    other = task.model_copy(update={"tests": (test.model_copy(update={"files": {path: "a = 1\n"}}),)})
    assert any("tests[0].files: " in each and words in each for each in problems(other))
