"""Tasks that name packages: the workers of both sides have them, and nothing of a package runs by itself there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from gristmill.sandbox.adding import Added, add
from gristmill.sandbox.backends.choosing import choose_factory
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.image.packaged import packaged
from gristmill.sandbox.image.root import cache_folder
from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Task, Verdict, Verifiers
from tests.sandbox.image.installing import install, own_packages

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Whatever runs by itself leaves a mark, and the plugin lets every test pass.
MARK = "import sys\nsys.mill_marks = [*getattr(sys, 'mill_marks', ()), __name__]\n"
PLUGIN = MARK + (
    "import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport():\n"
    "    outcome = yield\n    outcome.get_result().outcome = 'passed'\n"
)
MARKS = "getattr(__import__('sys'), 'mill_marks', [])"
RIGHT = f"import mill\ndef grind(x):\n    return [mill.grind(x), {MARKS}]\n"
WRONG = "import mill\ndef grind(x):\n    return [x, []]\n"


class Mill(NamedTuple):
    """A pool, and the image that was built for it."""

    pool: Pool
    added: Added

    async def verify(self, source: str, test: dict[str, Any], packages: tuple[str, ...] = ("mill-stones",)) -> Verdict:
        task = Task.model_validate(
            {"id": "t", "kind": "code", "prompt": "?", "tests": [test], "settings": {"packages": list(packages)}}
        )
        return await Verifiers(self.pool).verify(task, source)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def mill(tmp_path_factory: pytest.TempPathFactory, bubblewrap: str) -> AsyncIterator[Mill]:
    with pytest.MonkeyPatch.context() as patch:
        site = own_packages(tmp_path_factory.mktemp("packages"), patch)
        files = {
            "mill/__init__.py": "from grain import GRAIN\ndef grind(x):\n    return x * GRAIN\n"
            "class Stone:\n    def __init__(self, size):\n        self.size = size\n",
            "mill.pth": "import mill_mark\n",
            "mill_mark.py": MARK,
            "mill_plugin.py": PLUGIN,
            "sitecustomize.py": MARK,
            "usercustomize/__init__.py": MARK,
        }
        install(
            site,
            "mill-stones",
            "2.1",
            files,
            needs=["grain"],
            metadata={"entry_points.txt": "[pytest11]\nm = mill_plugin\n"},
        )
        install(site, "grain", "1.5", {"grain.py": "GRAIN = 3\n"})
        waiting = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        install(site, "busy", "1", {"busy.py": waiting})
        install(site, "broken", "1", {"broken.py": "import no_such_thing\n"})
        async with Pool.open("bubblewrap", size=1) as pool:
            yield Mill(pool, await add(["mill-stones", "busy"], await choose_factory("bubblewrap")))


CASES = {"type": "cases", "entry_point": "grind", "cases": [{"args": [2], "expected": [6, []]}]}


async def test_a_solution_has_them_and_its_verdict_names_their_image(mill: Mill) -> None:
    verdict = await mill.verify(RIGHT, CASES, ("Mill_Stones>=2", "grain"))
    assert verdict.passed, verdict.feedback
    assert verdict.sandbox == f"bubblewrap {mill.added.image.digest}"
    assert mill.added.image.packages == {"busy": "1", "mill-stones": "2.1"}
    plain = await mill.verify("def grind(x):\n    return [3 * x, []]", CASES, ())
    assert plain.passed
    assert plain.sandbox != verdict.sandbox


async def test_its_tests_have_them_too_and_nothing_of_a_package_runs_by_itself(mill: Mill) -> None:
    code = f"import grain, mill\nassert grind(2) == [mill.grind(2), []]\nassert {MARKS} == []\n"
    test = {"type": "python", "entry_point": "grind", "code": code}
    right = await mill.verify(RIGHT, test)
    assert right.passed, right.feedback
    assert right.together
    assert (await mill.verify(WRONG, test)).outcome is Outcome.FAILED


async def test_no_plugin_of_a_package_is_in_the_judges_pytest(mill: Mill) -> None:
    text = f"import mill, solution\ndef test_it():\n    assert solution.grind(2) == [6, []]\n    assert {MARKS} == []\n"
    test = {"type": "pytest", "entry_point": "grind", "files": {"test_it.py": text}}
    right = await mill.verify(RIGHT, test)
    assert right.passed, right.feedback
    assert right.together
    assert (await mill.verify(WRONG, test)).outcome is Outcome.FAILED


async def test_what_leaves_a_thread_behind_is_loaded_by_each_job_itself(mill: Mill) -> None:
    assert "mill" in mill.added.image.preload
    assert "busy" not in mill.added.image.preload
    verdict = await mill.verify("import busy, mill\ndef grind(x):\n    return [mill.grind(x), []]", CASES, ("busy",))
    assert verdict.passed, verdict.feedback


@pytest.mark.parametrize("source", ["import pandas\ndef grind(x): ...", "def grind(x):\n    from pandas.core import a"])
async def test_a_model_is_told_what_there_is_to_import(mill: Mill, source: str) -> None:
    verdict = await mill.verify(source, CASES)
    assert verdict.outcome in (Outcome.ERROR, Outcome.FAILED)
    assert "There is no pandas here: what can be imported is Python's standard library, numpy" in verdict.feedback
    assert "and mill-stones 2.1." in verdict.feedback


async def test_a_package_that_no_image_holds_is_no_failure_of_the_solution(mill: Mill) -> None:
    verdict = await mill.verify(RIGHT, CASES, ("mill-stones", "unheard-of>=2"))
    assert verdict.outcome is Outcome.UNSCORED
    assert "gristmill sandbox build --with 'mill-stones,unheard-of>=2'" in verdict.sandbox


async def test_objects_of_a_package_do_not_cross_and_the_solution_is_not_blamed(mill: Mill) -> None:
    test = {"type": "python", "entry_point": "grind", "code": "import mill\nassert grind(mill.Stone(2)) == 4"}
    assert (await mill.verify("def grind(stone):\n    return stone.size * 2", test)).outcome is Outcome.REFUSED
    assert (await mill.verify("def grind(stone):\n    return 5", test)).outcome is Outcome.FAILED


async def test_an_image_whose_package_cannot_be_imported_is_not_kept(mill: Mill) -> None:
    before = sorted(path.name for path in cache_folder().iterdir() if path.is_dir())
    with pytest.raises(UserError, match=r"`import broken` does not work in a sandbox.*no_such_thing"):
        await add(["broken"], await choose_factory("bubblewrap"))
    assert sorted(path.name for path in cache_folder().iterdir() if path.is_dir()) == before
    assert packaged() == (mill.added.image,)


@pytest.mark.slow
@pytest.mark.docker
async def test_an_engine_has_the_image_under_its_digest(mill: Mill, docker_engine: str) -> None:
    from gristmill.sandbox.backends.engine import drop_image

    async with Pool.open("docker", size=1) as pool:
        digest = (await add(["mill-stones"], await choose_factory("docker"))).image.digest
        try:
            verdict = await mill._replace(pool=pool).verify(RIGHT, CASES, ("mill-stones>=2",))
            assert verdict.passed, verdict.feedback
            assert verdict.sandbox == f"docker {digest}"
        finally:
            drop_image(digest)
