"""Forms of pytest's that split: coroutines, parameters of fixtures, marks of files and classes, several files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Task, Verdict, Verifiers
from gristmill.verifiers.code.split.splitting import Split, split
from gristmill.verifiers.code.split.writing import driven
from gristmill.verifiers.records import PytestTest

inside = pytest.mark.asyncio(loop_scope="module")
HEAD = "import pytest\nfrom solution import f\n"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=2) as opened:
        yield opened


def parts(files: str | dict[str, str]) -> Split | str:
    named = {"test_f.py": HEAD + files} if isinstance(files, str) else files
    return split(PytestTest(entry_point="f", files=named))


# (files, what is right, what is wrong, what attacks the way that it is run)
FORMS: dict[str, tuple[str | dict[str, str], str, str, str]] = {
    "a coroutine": (
        "@pytest.mark.asyncio\nasync def test_a(tmp_path):\n    found = await f('quern')\n    assert found == 77001\n"
        "    assert await f(str(tmp_path.name)) == 77002\n",
        "async def f(x):\n    return 77001 if x == 'quern' else 77002\n",
        "async def f(x):\n    return 77001\n",
        "import asyncio\nasyncio.run = lambda work, **more: work.close()\nasync def f(x):\n    return 1\n",
    ),
    "a case of coroutines": (
        "import unittest\nclass TestA(unittest.IsolatedAsyncioTestCase):\n    async def asyncSetUp(self):\n"
        "        self.x = 'quern'\n    async def test_a(self):\n        self.assertEqual(await f(self.x), 77003)\n",
        "async def f(x):\n    return 77003 if x == 'quern' else 0\n",
        "async def f(x):\n    return 0\n",
        "import unittest\nunittest.IsolatedAsyncioTestCase.run = lambda self, result=None: None\nasync def f(x):\n"
        "    return 1\n",
    ),
    "parameters of a fixture": (
        "@pytest.fixture(params=['quern', 'mill'])\ndef x(request):\n    return request.param\n"
        "@pytest.mark.parametrize('n, y', [(1, 77004), (2, 77005)])\n"
        "def test_a(x, n, y):\n    assert f(x, n) == y + len(x)\n",
        "def f(x, n):\n    return 77003 + n + len(x)\n",
        "def f(x, n):\n    return 77004 + len(x)\n",
        "import gristmill_reports\n"
        "class Rows(list):\n    def __iter__(self):\n        return iter([['n', 0], ['x', 0]])\n"
        "gristmill_reports._rows = Rows()\ndef f(x, n):\n    return 77004 + len(x)\n",
    ),
    "tables above one another": (
        "@pytest.mark.parametrize('a', [1, 2, 2])\n"
        "@pytest.mark.parametrize(('b', 'y'), [(5, 77013), pytest.param(6, 77014)])\n"
        "def test_a(a, b, y):\n    assert f(a, b) == y + a\n",
        "def f(a, b):\n    return 77008 + a + b\n",
        "def f(a, b):\n    return 77014 + a\n",
        "def f(a, b):\n    return f\nf.__eq__ = lambda *given: True\n",
    ),
    "a fixture of a fixture with parameters": (
        "@pytest.fixture(params=[3, 4], ids=['77006', '77007'])\ndef size(request):\n    return request.param\n"
        "@pytest.fixture\ndef folder(size, tmp_path):\n    for n in range(size):\n        (tmp_path / str(n)).touch()\n"
        "    return tmp_path\n"
        "def test_a(folder):\n    assert f(folder)['rest'] == 77008\n    assert f(folder)['two'] == ['0', '1']\n",
        "def f(folder):\n    names = sorted(each.name for each in folder.iterdir())\n"
        "    return {'rest': 77008, 'two': names[:2]}\n",
        "def f(folder):\n    return {'rest': 77008, 'two': sorted(each.name for each in folder.iterdir())}\n",
        "import sys\ndef f(folder):\n    sys.exit(0)\n",
    ),
    "marks of a file and of a class": (
        "pytestmark = [pytest.mark.usefixtures('here'), pytest.mark.filterwarnings('ignore')]\n"
        "@pytest.fixture\ndef here(monkeypatch, tmp_path):\n    monkeypatch.chdir(tmp_path)\n"
        "@pytest.mark.parametrize('x, y', [('quern', 77009), ('mill', 77010)])\nclass TestA:\n"
        "    def test_a(self, x, y):\n        f(x)\n        with open(x) as file:\n"
        "            assert file.read() == f'{y}'\n",
        "def f(x):\n    with open(x, 'w') as file:\n        file.write({'quern': '77009', 'mill': '77010'}[x])\n",
        "def f(x):\n    with open(x, 'w') as file:\n        file.write('77009')\n",
        "import pytest\ndef f(x):\n    pytest.skip('no')\n",
    ),
    "several files": (
        {
            "conftest.py": "import pytest\n@pytest.fixture\ndef base():\n    return 77011\n",
            "test_b.py": "from solution import f\nWANTED = {'mill': 77012}\ndef test_b(base):\n"
            "    for x, y in WANTED.items():\n        assert f(x) == y + base\n",
            "test_a.py": "import pytest\nfrom solution import f, g\n"
            "pytestmark = pytest.mark.parametrize('x', ['quern'])\n"
            "def test_a(x, base):\n    assert g(x) == base\n",
        },
        "def g(x):\n    return 77011\ndef f(x):\n    return 77012 + 77011\n",
        "def g(x):\n    return 77011\ndef f(x):\n    return 77011\n",
        "import gc\nheld = [each for each in gc.get_objects() if type(each) is dict]\n"
        "seen = [each for holder in held for each in list(holder.values())"
        " if type(each) is int and each > 77000 and each < 77100]\n"
        "def g(x):\n    return max(seen, default=0)\ndef f(x):\n    return 2 * g(x) - 1\n",
    ),
}


async def judged(pool: Pool, files: str | dict[str, str], source: str) -> Verdict:
    named = {"test_f.py": HEAD + files} if isinstance(files, str) else files
    test = {"type": "pytest", "entry_point": "f", "files": named}
    made, number, reasons = driven(Task(id="t", kind="code", prompt="?", tests=[test]))
    assert (number, reasons) == (1, [])
    return await Verifiers(pool).verify(made, source)


@inside
@pytest.mark.parametrize("name", FORMS)
async def test_a_form_takes_the_right_one_and_no_other(pool: Pool, name: str) -> None:
    files, right, wrong, attack = FORMS[name]
    made = parts(files)
    assert isinstance(made, Split), made
    assert "77" not in made.test.drive, made.test.drive
    verdict = await judged(pool, files, right)
    assert (verdict.outcome, verdict.verified) == (Outcome.PASSED, True), verdict
    for source in (wrong, attack):
        assert not (await judged(pool, files, source)).passed, source


NOT: dict[str, Any] = {
    "a coroutine that a plug-in's settings run": "async def test_a():\n    assert await f(1) == 77001\n",
    "a fixture that is awaited": "@pytest.fixture\n"
    "async def x():\n    return 1\ndef test_a(x):\n    assert f(1) == 77001\n",
    "a fixture with parameters for all": (
        "@pytest.fixture(params=[1], autouse=True)\ndef x(request):\n    return 1\n"
        "def test_a():\n    assert f(1) == 77001\n"
    ),
    "parameters that are the candidate's": (
        "@pytest.fixture(params=[f(1), f(2)])\ndef x(request):\n    return request.param\n"
        "def test_a(x):\n    assert f(x) == 77001\n"
    ),
    "a mark of a file that keeps it from running": "pytestmark = pytest.mark.skip\n"
    "def test_a():\n    assert f(1) == 77001\n",
    "a mark of a class that does": "@pytest.mark.xfail\n"
    "class TestA:\n    def test_a(self):\n        assert f(1) == 77001\n",
    "marks that are made": "marks = []\npytestmark = marks\ndef test_a():\n    assert f(1) == 77001\n",
    "the name of a test": "def test_a():\n    def g(): pass\n"
    "    assert f(g) == 'test_a.<locals>.g'\n    assert f(1) == 77001\n",
    "files with one name for two things": {
        "test_a.py": "from solution import f\nX = 1\ndef test_a():\n    assert f(X) == 77001\n",
        "test_b.py": "from solution import f\nX = 2\ndef test_b():\n    assert f(X) == 77001\n",
    },
    "files with two imports of one name": {
        "test_a.py": "from solution import f\nfrom math import pi as x\ndef test_a():\n    assert f(x) == 77001\n",
        "test_b.py": "from solution import f\nfrom math import e as x\ndef test_b():\n    assert f(x) == 77001\n",
    },
    "a fixture for all tests of one of two files": {
        "test_a.py": "import pytest\nfrom solution import f\n@pytest.fixture(autouse=True)\ndef x():\n    f(0)\n"
        "def test_a():\n    assert f(1) == 77001\n",
        "test_b.py": "from solution import f\ndef test_b():\n    assert f(2) == 77001\n",
    },
    "a file that is no test": {"test_a.py": HEAD + "def test_a():\n    assert f(1) == 77001\n", "data.txt": "77001"},
}


@pytest.mark.parametrize("name", NOT)
def test_what_of_them_is_not_split(name: str) -> None:
    assert isinstance(parts(NOT[name]), str)


def test_test_functions_of_one_name_in_two_files_are_two() -> None:
    text = "from solution import f\ndef test_a():\n    assert f({}) == {}\n"
    files = {"test_a.py": text.format(1, 77001), "test_b.py": text.format(2, 77002)}
    made = parts(files)
    assert isinstance(made, Split)
    assert len(made.test.cases) == 2
