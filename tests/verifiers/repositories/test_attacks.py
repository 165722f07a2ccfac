"""Patches that want a pass without mending anything: those that plain pytest rejects do not pass.

Tests and code share a process here, so some that plain pytest takes pass as `together`, and are refused unless the
owner takes that; the table in docs/security.md says which, and each of its rows is tried here.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from gristmill.sandbox.pool import Pool
from gristmill.verifiers.attacks import beside_tests, patches
from gristmill.verifiers.attacks.catalogue import ATTACKS, OTHERS
from gristmill.verifiers.attacks.records import Attack, Family
from gristmill.verifiers.attacks.secrets import hidden_words
from gristmill.verifiers.attacks.suite import attack_task, limited, prepared
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.extraction.repositories import patched_tree
from gristmill.verifiers.records import Outcome, Strength, Task
from gristmill.verifiers.registry import Verifiers, problems
from gristmill.verifiers.repositories.patches import PatchError
from gristmill.verifiers.repositories.trees import tree_of
from tests.verifiers.repositories.making import made
from tests.verifiers.repositories.naive import accepted

TESTS = """\
from shop import price


def test_price():
    assert price(2) == 40017


def test_nothing():
    assert price(0) == 0
"""
FILES = {
    "shop.py": "def price(number):\n    return 19991 * number\n",
    "tests/__init__.py": "",
    "tests/test_other.py": "def test_sum():\n    assert 1 + 1 == 2\n",
    "tests/test_shop.py": TESTS,
    "pyproject.toml": "",
}
NAMES = ("tests/test_shop.py::test_price", "tests/test_shop.py::test_nothing")
RIGHT = "shop.py\n```python\ndef price(number):\n    return 20000 * number + 17 * (number > 0)\n```"
BY_NAME = {attack.name: attack for attack in (*ATTACKS, *OTHERS)}
ROOT = Path(__file__).resolve().parents[3]


def table() -> dict[str, tuple[str, str]]:
    """The mechanisms of the page on security, each with the verdict and with what plain pytest makes of it."""
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8").split("### Repositories\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", page, flags=re.MULTILINE)
    return {name: (verdict, plain) for name, verdict, plain in rows}


TABLE = table()


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    folder = tmp_path_factory.mktemp("repository")
    made(folder, FILES)
    repo = {"path": str(folder), "editable": ["**"], "tests": NAMES}
    task = Task.model_validate({"id": "t", "kind": "code", "prompt": "?", "repo": repo})
    assert problems(task) == []
    return limited(task, 1.0)


def patch_of(task: Task, name: str) -> str:
    ((_, patch),) = prepared(task, [BY_NAME[name]])
    return patch


def test_the_table_has_every_mechanism_for_repositories_and_more() -> None:
    assert {each.name for each in OTHERS if each.family is Family.REPOSITORIES} <= set(TABLE) <= set(BY_NAME)
    assert len(TABLE) >= 40
    assert {plain for _, plain in TABLE.values()} == {"takes it", "rejects it"}
    # What plain pytest rejects passes nowhere.
    assert not [name for name, (verdict, plain) in TABLE.items() if verdict == "`together`" and plain == "rejects it"]


def test_a_patch_that_changes_what_decides_is_invalid(task: Task) -> None:
    assert task.repo is not None
    tree = tree_of(task.repo)
    for attack in patches.ATTACKS:
        patch = patch_of(task, attack.name)
        with pytest.raises(PatchError):
            patched_tree(tree, task.repo, patch)
        # A model's reply that says the same is told why; of two sections it becomes one, as any two changes do.
        assert extract(task, patch).solution is None or attack.name == "two-sections-of-one-file"
        assert TABLE[attack.name][0] == "`invalid`"


@pytest.mark.third
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [name for name, (verdict, _) in TABLE.items() if verdict != "`invalid`"])
async def test_a_mechanism_gets_the_verdict_of_the_table(pool: Pool, task: Task, name: str) -> None:
    verifiers = Verifiers(pool, accept_together=True)
    verdict = await verifiers.verify(task, patch_of(task, name))
    said = "together" if verdict.passed else verdict.outcome.value.replace("_", " ")
    assert f"`{said}`" in TABLE[name][0].split(" or "), verdict
    assert verdict.strength is Strength.TOGETHER
    assert not verdict.verified
    assert not any(word in verdict.feedback for word in hidden_words(task))
    assert "assert price" not in verdict.feedback


@pytest.mark.third
@pytest.mark.parametrize("name", TABLE)
def test_plain_pytest_makes_of_it_what_the_table_says(task: Task, name: str) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("no bwrap to run patches in")
    assert accepted(FILES, patch_of(task, name)) is (TABLE[name][1] == "takes it")


def test_the_script_of_a_team_takes_what_is_right_and_only_that(task: Task) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("no bwrap to run patches in")
    assert accepted(FILES, extract(task, RIGHT).solution or "")
    assert not accepted(FILES, extract(task, RIGHT.replace("17", "18")).solution or "")


@pytest.mark.whole_on_docker
@pytest.mark.asyncio(loop_scope="module")
async def test_the_suite_names_what_passes_beside_the_tests(pool: Pool, task: Task) -> None:
    wanted: list[Attack] = [
        *(BY_NAME[name] for name in ("constant-none", "equal-object", "os-exit-at-import", "tests-deleted")),
        *(BY_NAME[name] for name in ("answers-read-in-the-tests", "reports-for-the-tests", "hedged")),
    ]
    assert hidden_words(task) == {"40017"}
    report = await attack_task(task, wanted, Verifiers(pool, accept_together=True), at_a_time=2)
    assert report.clean, report
    assert (report.tried, report.inapplicable) == (6, 1)
    assert set(report.together) == {"equal-object", "answers-read-in-the-tests"}
    report = await attack_task(task, wanted[1:2], Verifiers(pool), at_a_time=1)
    assert [each.outcome for each in report.attempts] == [Outcome.REFUSED]


def test_those_of_the_one_family_are_of_repositories_alone() -> None:
    assert all(attack.make for attack in (*patches.ATTACKS, *beside_tests.ATTACKS))
    names = [attack.name for attack in (*ATTACKS, *OTHERS)]
    assert len(names) == len(set(names))
