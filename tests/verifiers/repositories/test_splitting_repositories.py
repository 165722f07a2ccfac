"""Patches of which the tests can be split: whose pass is `split`, whose stays `together`, and what cheats get."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers.code.repository.parting import parts_of
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict
from gristmill.verifiers.registry import Verifiers, problems
from tests.verifiers.repositories.making import made

TESTS = """\
import pytest

import shop.money
from shop import Basket, price

PRICES = [(1, 20011), (3, 60033)]


@pytest.mark.parametrize(("number", "cents"), PRICES)
def test_price(number, cents):
    assert price(number) == cents


class TestBasket:
    def test_sum(self, basket):
        basket.put("tea", 2)
        assert basket.cents() == 40022

    def test_money(self):
        assert shop.money.words(1995) == "19 euros 95"


def test_negative():
    with pytest.raises(ValueError):
        price(-1)
"""
CONFTEST = """\
import pytest
from shop import Basket


@pytest.fixture
def basket():
    return Basket()
"""
FILES: dict[str, str | bytes] = {
    "src/shop/__init__.py": "from shop.goods import Basket, price\n",
    "src/shop/goods.py": """\
def price(number):
    if number < 0:
        raise ValueError(number)
    return 20010 * number


class Basket:
    def __init__(self):
        self._goods = []

    def put(self, name, number):
        self._goods.append((name, number))

    def cents(self):
        return sum(price(number) for _, number in self._goods)
""",
    "src/shop/money.py": "def words(cents):\n    return f'{cents // 100} euros {cents % 100}'\n",
    "tests/conftest.py": CONFTEST,
    "tests/test_shop.py": TESTS,
}
NAMES = ("test_price", "TestBasket::test_sum", "TestBasket::test_money", "test_negative")
RIGHT = "src/shop/goods.py\n<<<<<<< SEARCH\n    return 20010 * number\n=======\n    {}\n>>>>>>> REPLACE"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["bubblewrap", "docker"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=1) as opened:
        yield opened


def task_of(folder: Path, files: Mapping[str, str | bytes], **repo: object) -> Task:
    made(folder, files)
    names = [f"tests/test_shop.py::{name}" for name in NAMES]
    asked = {"path": str(folder), "editable": ["src"], "tests": names} | repo
    task = Task.model_validate({"id": "t", "kind": "code", "prompt": "?", "repo": asked})
    assert problems(task) == []
    return task


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return task_of(tmp_path_factory.mktemp("repository"), FILES)


async def judged(pool: Pool, task: Task, reply: str, accept: str = "split") -> Verdict:
    solution = extract(task, reply).solution
    assert solution is not None
    verifiers = Verifiers(pool, accept_split=accept == "split", accept_together=accept == "together")
    return await verifiers.verify(task, solution)


def test_what_stands_beside_the_patched_files_says_nothing_of_what_is_wanted(task: Task) -> None:
    assert task.repo is not None
    parts = parts_of(task.repo)
    assert isinstance(parts, tuple), parts
    (part,) = parts
    assert len(part.test.cases) == 4
    for wanted in ("20011", "60033", "40022", "19 euros", "test_price", "TestBasket", "solution."):
        assert wanted not in part.test.drive
    assert "from shop import" in part.test.drive
    assert "import shop.money" in part.test.drive
    assert "shop" not in part.test.judge.replace("shop.money.words", "")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_right_patch_is_split_where_that_is_taken(pool: Pool, task: Task) -> None:
    right = RIGHT.format("return 20011 * number")
    verdict = await judged(pool, task, right)
    assert (verdict.outcome, verdict.strength) == (Outcome.PASSED, Strength.SPLIT), verdict
    assert not any((verdict.verified, verdict.decided_by_tools, verdict.pending))
    assert verdict.tree


@pytest.mark.slow
@pytest.mark.whole_on_docker
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("accept", "strength"), [("together", Strength.SPLIT), ("verified", Strength.TOGETHER)])
async def test_who_takes_less_takes_it_too_and_others_refuse_it(
    pool: Pool, task: Task, accept: str, strength: Strength
) -> None:
    verdict = await judged(pool, task, RIGHT.format("return 20011 * number"), accept)
    assert verdict.strength is strength
    assert verdict.outcome is (Outcome.PASSED if accept == "together" else Outcome.REFUSED)


WRONG = {
    "another-number": ("return 20012 * number", Outcome.FAILED),
    # All of these pass in plain pytest, so that `--accept together` would take them.
    "equals-everything": (
        "return type('Any', (), {'__eq__': lambda s, o: True, '__radd__': lambda s, o: s})()",
        Outcome.REFUSED,
    ),
    "reads-the-tests": (
        "import pathlib, re\n    found = pathlib.Path('tests/test_shop.py').read_text()\n"
        "    return int(re.search(r'\\(1, (\\d+)', found)[1]) * number",
        Outcome.REFUSED,
    ),
    "looks-for-what-is-wanted-in-frames": (
        "import sys\n    frame = sys._getframe()\n    while frame:\n"
        "        if 'PRICES' in frame.f_globals:\n            return frame.f_globals['PRICES'][0][1] * number\n"
        "        frame = frame.f_back\n    return 0",
        Outcome.REFUSED,
    ),
    "empties-the-test-functions": (
        "import gc, types\n    for each in gc.get_objects():\n"
        "        if type(each) is types.FunctionType and each.__name__ in ('test_price', 'test_sum', 'test_money'):\n"
        "            each.__code__ = (lambda *a, **k: None).__code__\n    return 0",
        None,
    ),
    "patches-the-reporter": (
        "import sys\n    for module in list(sys.modules.values()):\n"
        "        for name in ('report', 'reported', 'play'):\n"
        "            if callable(vars(module).get(name)):\n                setattr(module, name, lambda *a, **k: [])\n"
        "    return 20010 * number",
        Outcome.FAILED,
    ),
}


@pytest.mark.slow
@pytest.mark.whole_on_docker
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", WRONG)
async def test_a_cheat_is_never_split(pool: Pool, task: Task, name: str) -> None:
    body, outcome = WRONG[name]
    verdict = await judged(pool, task, RIGHT.format(body))
    assert not verdict.passed, verdict
    assert outcome is None or verdict.outcome is outcome, verdict
    assert verdict.strength is Strength.TOGETHER
    assert "20011" not in verdict.feedback


KEPT = {
    "a helper beside the tests": (
        {"tests/test_shop.py": "from tests.help import x\n" + TESTS, "tests/help.py": "x = 1"},
        {},
    ),
    "a relative import": ({"tests/test_shop.py": "from .help import x\n" + TESTS, "tests/help.py": "x = 1"}, {}),
    "hooks": ({"tests/conftest.py": CONFTEST + "\n\ndef pytest_runtest_setup(item):\n    pass\n"}, {}),
    "all names": ({"tests/test_shop.py": "from shop import *\n" + TESTS}, {}),
    "public tests": ({}, {"public": ["tests/test_shop.py"]}),
    "plug-ins": ({}, {"plugins": ["pytest_asyncio.plugin"]}),
    "a class that inherits": ({"tests/test_shop.py": TESTS.replace("TestBasket:", "TestBasket(Exception):")}, {}),
    "a name twice": ({"tests/test_shop.py": TESTS + "\n\ndef test_negative():\n    assert 1\n"}, {}),
    "a skip": ({"tests/test_shop.py": TESTS.replace("def test_neg", "@pytest.mark.skipif(False)\ndef test_neg")}, {}),
}


@pytest.mark.parametrize("why", KEPT)
def test_what_cannot_be_split_is_not(tmp_path: Path, why: str) -> None:
    files, repo = KEPT[why]
    task = task_of(tmp_path, FILES | files, **repo)
    assert task.repo is not None
    assert isinstance(parts_of(task.repo), str)


GUESSED = TESTS.replace("20011", "0").replace("60033", "0").replace("40022", "0")


@pytest.mark.slow
@pytest.mark.whole_on_docker
@pytest.mark.asyncio(loop_scope="module")
async def test_a_test_that_fails_at_the_commit_and_that_a_guess_passes_is_together(pool: Pool, tmp_path: Path) -> None:
    task = task_of(tmp_path, FILES | {"tests/test_shop.py": GUESSED})
    nothing = RIGHT.format("return 0")
    assert (await judged(pool, task, nothing)).outcome is Outcome.REFUSED
    verdict = await judged(pool, task, nothing, "together")
    assert (verdict.outcome, verdict.strength) == (Outcome.PASSED, Strength.TOGETHER)
