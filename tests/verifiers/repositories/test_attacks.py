"""Patches that want a pass without mending anything: those that plain pytest rejects do not pass.

Tests and code share a process here, so what plain pytest takes passes as `together`, and is refused unless the owner
takes that; the table in docs/security.md says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Outcome, Strength, Task
from gristmill.verifiers.registry import Verifiers
from tests.verifiers.repositories.making import made

TESTS = """\
from shop import price


def test_price():
    assert price(2) == 400


def test_nothing():
    assert price(0) == 0
"""
WRONG = "def price(number):\n    return 199 * number\n"
FILES: dict[str, str | bytes] = {"src/shop.py": WRONG, "tests/test_shop.py": TESTS, "pyproject.toml": ""}

# In the place of src/shop.py, which answers wrongly; and whether it passes as `together`, as it does by plain pytest's
# exit status.
FORGES = """
import inspect, os
frame = inspect.currentframe()
while "teller" not in frame.f_locals: frame = frame.f_back
for name in ("test_price", "test_nothing"):
    told = {"test": f"tests/test_shop.py::{name}", "outcome": "passed", "error": "", "text": "", "asserted": 1}
    frame.f_locals["send"](told)
"""
RUNS: dict[str, tuple[str, bool]] = {
    "ends the process well": ("import os\nos._exit(0)\n", False),
    "ends it when it is called": ("import os\ndef price(number):\n    os._exit(0)\n", False),
    "ends it as Python does": ("raise SystemExit(0)\n", False),
    "ends pytest": ("import pytest\ndef price(number):\n    pytest.exit('done', returncode=0)\n", False),
    "skips the test": ("import pytest\ndef price(number):\n    pytest.skip('no')\n", False),
    "skips the file": ("import pytest\npytest.skip('no', allow_module_level=True)\n", False),
    "expects failure": ("import pytest\ndef price(number):\n    pytest.xfail('no')\n", False),
    "never ends": ("def price(number):\n    while True: pass\n", False),
    "takes all memory": ("def price(number):\n    return [0] * (1 << 33)\n", False),
    "forks, so that both tell": (WRONG + "import os\nos.fork()\n", False),
    "asserts by an option": ("import sys\nsys.flags\n" + WRONG, False),
    "closes the channel": ("import os\nos.closerange(3, 200)\n" + WRONG, False),
    "replaces the tests by none": (
        WRONG + "import sys, inspect\n"
        "names = inspect.currentframe()\n"
        "while names and not names.f_globals['__name__'].endswith('test_shop'): names = names.f_back\n"
        "class Empty(dict):\n    pass\n"
        "def price(number):\n"
        "    import gc\n"
        "    for each in gc.get_objects():\n"
        "        if getattr(each, '__name__', '') == 'test_nothing' and hasattr(each, '__code__'):\n"
        "            each.__code__ = (lambda: None).__code__\n"
        "    return 400\n",
        False,
    ),
    "equals everything": (
        "class Any:\n    def __eq__(self, other): return True\ndef price(number):\n    return Any()\n",
        True,
    ),
    "reads what is expected": (
        "import re\ntext = open('tests/test_shop.py').read()\n"
        "answers = {int(n): int(v) for n, v in re.findall(r'price\\((\\d+)\\) == (\\d+)', text)}\n"
        "price = answers.get\n",
        True,
    ),
    "tells for the tests, which tell too": (WRONG + FORGES, False),
    "tells for the tests and leaves": (WRONG + FORGES + "frame.f_locals['send']({'end': 0})\nos._exit(0)\n", True),
    "tells in the name of others": (WRONG + FORGES.replace("test_nothing", "test_else") + "os._exit(0)\n", False),
    "patches the reports": (
        WRONG + "import _pytest.reports as r\nmade = r.TestReport.from_item_and_call.__func__\n"
        "def patched(cls, item, call):\n    call.excinfo = None\n    return made(cls, item, call)\n"
        "r.TestReport.from_item_and_call = classmethod(patched)\n",
        True,
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["bubblewrap", "docker"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    folder = tmp_path_factory.mktemp("repository")
    made(folder, FILES)
    tests = ["tests/test_shop.py::test_price", "tests/test_shop.py::test_nothing"]
    repo = {"path": str(folder), "editable": ["src"], "tests": tests}
    limits = {"wall_seconds": 3.0}
    return Task.model_validate({"id": "t", "kind": "code", "prompt": "?", "repo": repo, "limits": limits})


@pytest.mark.third
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", RUNS)
async def test_what_plain_pytest_rejects_does_not_pass(pool: Pool, task: Task, name: str) -> None:
    source, plain = RUNS[name]
    solution = extract(task, f"src/shop.py\n```python\n{source}```").solution or "nothing"
    verdict = await Verifiers(pool, confirm=False, accept_together=True).verify(task, solution)
    assert verdict.passed is plain, verdict
    assert verdict.strength is Strength.TOGETHER or verdict.outcome is Outcome.UNSCORED
    assert not verdict.verified
    assert verdict.outcome is not Outcome.UNSCORED, "nobody may choose to be unscored"
    for secret in ("400", "assert price"):
        assert secret not in verdict.feedback
