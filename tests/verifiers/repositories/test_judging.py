"""Patches of a repository, judged by its own tests: what passes, what fails, and what is said to whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.sandbox.pool import Pool
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Evidence, Outcome, Strength, Task, Verdict
from gristmill.verifiers.registry import Verifiers, problems, warnings
from tests.verifiers.repositories.making import made

TESTS = """\
import pytest

from shop import price
from tests.helping import same

PRICES = [(1, 200), (3, 540)]


@pytest.mark.parametrize(("number", "cents"), PRICES)
def test_price(number, cents):
    assert price(number) == cents


def test_none_cost_nothing():
    same(price(0), 0)


class TestWrong:
    def test_negative(self):
        with pytest.raises(ValueError):
            price(-1)
"""
FILES: dict[str, str | bytes] = {
    "src/shop/__init__.py": "def price(number):\n    return 199 * number\n",
    "tests/__init__.py": "",
    "tests/helping.py": "def same(one, other):\n    assert one == other\n",
    "tests/test_shop.py": TESTS,
    "tests/test_open.py": "from shop import price\n\n\ndef test_one():\n    assert price(1) == 200\n",
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--no-such-option'\n",
}
NAMES = tuple(f"tests/test_shop.py::{name}" for name in ("test_price", "test_none_cost_nothing", "TestWrong"))
RIGHT = """src/shop/__init__.py
```python
def price(number):
    if number < 0:
        raise ValueError(number)
    return 200 * number if number < 3 else 180 * number
```
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    folder = tmp_path_factory.mktemp("repository")
    made(folder, FILES)
    repo = {"path": str(folder), "editable": ["src"], "tests": NAMES}
    task = Task.model_validate({"id": "t", "kind": "code", "prompt": "?", "repo": repo})
    assert problems(task) == []
    return task


def open_too(task: Task) -> Task:
    assert task.repo is not None
    more = {"tests": (*NAMES, "tests/test_open.py::test_one"), "public": ("tests/test_open.py",)}
    return task.model_copy(update={"repo": task.repo.model_copy(update=more)})


async def judged(pool: Pool, task: Task, reply: str, *, accept: bool = True) -> tuple[Verdict, Evidence]:
    verifiers = Verifiers(pool, accept_together=accept)
    solution = extract(task, reply).solution
    assert solution is not None
    return await verifiers.explain(task, solution)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_right_patch_passes_as_together_and_only_where_that_is_taken(pool: Pool, task: Task) -> None:
    verdict, evidence = await judged(pool, task, RIGHT)
    assert (verdict.outcome, verdict.strength, verdict.score) == (Outcome.PASSED, Strength.TOGETHER, 1.0), evidence
    assert not verdict.verified
    assert not verdict.decided_by_tools
    assert verdict.tree.startswith("commit ")
    refused, evidence = await judged(pool, task, RIGHT, accept=False)
    assert refused.outcome is Outcome.REFUSED
    assert "its own word" in evidence.reason


@pytest.mark.whole_on_docker
@pytest.mark.asyncio(loop_scope="module")
async def test_a_wrong_patch_is_told_names_places_and_types_alone(pool: Pool, task: Task) -> None:
    verdict, evidence = await judged(pool, open_too(task), RIGHT.replace("180", "100").replace("< 0", "< -9"))
    assert verdict.outcome is Outcome.FAILED
    assert "tests/test_shop.py::test_price (tests/test_shop.py:10): raised AssertionError" in verdict.feedback
    assert "Public tests: 1 of 1 passed." in verdict.feedback
    assert not any(secret in verdict.feedback for secret in ("540", "300", "[", "DID NOT RAISE"))
    assert any("540" in shown.detail for shown in evidence.checks)


@pytest.mark.whole_on_docker
@pytest.mark.asyncio(loop_scope="module")
async def test_a_public_test_is_told_in_full(pool: Pool, task: Task) -> None:
    verdict, _ = await judged(pool, open_too(task), RIGHT.replace("200 *", "201 *"))
    assert "assert 201 == 200" in verdict.feedback
    assert "400" not in verdict.feedback


ENDS = {
    "raises when imported": ("raise KeyError(1)\n", Outcome.ERROR, "could not be collected"),
    "exits": ("import os\nos._exit(0)\n", Outcome.ERROR, "not reached|did not let"),
    "is slow": ("while True: pass\n", Outcome.TIMEOUT, "limit"),
}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.whole_on_docker
@pytest.mark.asyncio(loop_scope="module")
async def test_other_ends(pool: Pool, task: Task, how: str) -> None:
    source, outcome, words = ENDS[how]
    if outcome is Outcome.TIMEOUT:  # on a machine that is full of work, the start of pytest may take as long
        task = task.model_copy(update={"limits": task.limits.model_copy(update={"wall_seconds": 3.0})})
    verdict, _ = await judged(pool, task, f"src/shop/__init__.py\n```python\n{source}```")
    assert verdict.outcome is outcome, verdict
    assert any(word in verdict.feedback for word in words.split("|")), verdict.feedback


@pytest.mark.parametrize(
    ("repo", "words"),
    [
        ({"tests": ["tests/test_shop.py"]}, "names no test"),
        ({"tests": ["tests/test_shop.py::test_none"]}, "is not defined"),
        ({"tests": ["tests/none.py::test_a"]}, "does not hold"),
        ({"tests": ["src/shop/__init__.py::price"]}, "a reply could change it"),
        ({"tests": [NAMES[0], NAMES[0]]}, "twice"),
        ({"editable": ["tests/test_open.py"]}, "belongs to the tests"),
        ({"editable": ["../src"]}, "`..`"),
        ({"editable": ["lib"]}, "fits no file"),
        ({"public": ["tests"]}, "name whole files"),
        ({"setup": "def"}, "no Python"),
        ({"commit": "none"}, "no commit"),
        ({"path": "/none"}, "no folder"),
    ],
)
def test_mistakes_in_a_task_are_said(task: Task, repo: dict[str, object], words: str) -> None:
    assert task.repo is not None
    row = task.model_dump() | {"repo": task.repo.model_dump() | repo}
    assert any(words in each for each in problems(Task.model_validate(row)))


def test_what_tests_will_not_find_is_said(task: Task, tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    made(tmp_path, FILES | {"tests/big.bin": pointer})
    assert task.repo is not None
    large = task.model_copy(update={"repo": task.repo.model_copy(update={"path": str(tmp_path)})})
    assert not any("Git LFS" in each for each in warnings(task))
    assert any("1 files are pointers of Git LFS, 'tests/big.bin'" in each for each in warnings(large))
