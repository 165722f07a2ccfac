"""Holes that attacks have found stay closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Strength, Task, Verifiers
from gristmill.verifiers.code.compare import equal
from gristmill.verifiers.code.test_types import Setting

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASES = {"type": "cases", "entry_point": "f", "cases": [{"args": [3], "expected": 4}]}
ASSERTS = {"type": "python", "entry_point": "f", "code": "assert f(3) == 4"}
# What a candidate can send in the place of its process: frames on whatever socket it finds.
SEND = """
import gc, os, socket
def send(text):
    for each in gc.get_objects():
        if isinstance(each, socket.socket):
            try:
                each.sendall(len(text).to_bytes(4, "big") + text)
            except OSError:
                pass
def f(x):
    send(%r)
    os._exit(0)
"""
HUGE = '{"$i":"' + "f" * 5000 + '"}'


def task(test: dict[str, Any], *, public: bool = False) -> Task:
    tests = {"public_tests": [test]} if public else {"tests": [test]}
    return Task(id="attacked", kind="code", prompt="Answer.", limits={"wall_seconds": 4.0}, **tests)


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=1) as opened:
        yield opened


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize(
    "frame",
    [
        '{"raised":{"type":%s,"message":%s,"line":%s}}',
        '{"load_error":{"type":%s,"message":%s,"line":%s}}',
        '{"unencodable":%s,"a":%s,"b":%s}',
        '{"missing":%s,"a":%s,"b":%s}',
        '[2,{"own":%s,"text":%s,"type":%s}]',
        '[2,{"own":"E","text":"t","type":"ValueError","args":[%s,%s,%s]}]',
    ],
)
@pytest.mark.parametrize("test", [CASES, ASSERTS], ids=["cases", "python"])
async def test_numbers_that_cannot_be_written_do_not_make_a_candidate_unscored(
    pool: Pool, test: dict[str, Any], frame: str, public: bool
) -> None:
    source = SEND % (frame % (HUGE, HUGE, HUGE)).encode()
    verdict = await Verifiers(pool, consistency=False).verify(task(test, public=public), source)
    assert verdict.outcome not in (Outcome.PASSED, Outcome.UNSCORED)


@pytest.mark.parametrize("name", ["dict", "set", "array", "deque", "str", "int"])
@pytest.mark.parametrize("test", [CASES, ASSERTS], ids=["cases", "python"])
async def test_a_named_tuple_by_the_name_of_a_builtin_is_an_answer_like_any_other(
    pool: Pool, test: dict[str, Any], name: str
) -> None:
    source = f"from collections import namedtuple\ndef f(x):\n    return namedtuple({name!r}, 'a b')('x', 'y')\n"
    verdict = await Verifiers(pool, consistency=False).verify(task(test, public=True), source)
    assert verdict.outcome is Outcome.FAILED


LYING = """
class Number:
    x = 8
    def __init__(self, *args):
        pass
    def __str__(self):
        return "8.0"
    def __format__(self, how):
        return "8.0"
    def __int__(self):
        return 8
    __len__ = __index__ = __floor__ = __round__ = __enter__ = __call__ = __int__
    def __float__(self):
        return 8.0
    def is_like(self, other):
        return True
    def __iter__(self):
        return iter([8])
    def __exit__(self, *error):
        return False
    def size(self):
        return self
    def __sub__(self, other):
        return 0.0
    __rsub__ = __sub__
    def __contains__(self, other):
        return True
    def __add__(self, other):
        return self
    __radd__ = __iadd__ = __add__
    def __abs__(self):
        return 0.0
    def __bool__(self):
        return False
    def __repr__(self):
        return "8.0"
    def __mul__(self, other):
        return 0.0
    def __getitem__(self, place):
        return 0.0
"""
HONEST = """
class Number:
    def __init__(self, x, y=0):
        self.x = x
    def __mul__(self, other):
        return Number(self.x * other)
    def __add__(self, other):
        return Number(self.x + other.x)
    def __abs__(self):
        return abs(self.x)
    def __str__(self):
        return str(self.x)
    def __len__(self):
        return self.x
"""


@pytest.mark.parametrize(
    "code",
    [
        "assert abs(Number(3, 4).size() - 5.0) < 1e-9",
        "assert abs(5.0 - Number(3, 4).size()) < 1e-9",
        "assert 5 in Number(3, 4)",
        "assert abs(Number(3, 4) + -5.0) < 1e-9",
        "distance = Number(3, 4) + -5.0\nassert distance * distance < 1e-9",
        "assert (Number(3, 4) + -5.0)[0] < 1e-9",
        "assert abs(Number(3, 4) + (Number(1, 1) + -5.0)) < 1e-9",
        "assert str(Number(3, 4) + 5.0) == '8.0'",
        "assert f'{Number(3, 4) + 5.0}' == '8.0'",
        "assert '%s' % (Number(3, 4) + 5.0) == '8.0'",
        "assert '{}'.format(5.0 + Number(3, 4)) == '8.0'",
        "assert int(Number(3, 4) + 5.0) == 8",
        "assert float(Number(3, 4) + 5.0) == 8.0",
        "assert 'abcdefghi'[Number(3, 4) + 5.0] == 'i'",
        "assert len(Number(3, 4) + 5.0) == 8",
        "assert hex(Number(3, 4) + 5.0) == '0x8'",
        "import math\nassert math.floor(Number(3, 4) + 5.0) == 8",
        "assert round(Number(3, 4) + 5.0) == 8",
        "assert (Number(3, 4) + 5.0).x == 8",
        "assert (Number(3, 4) + 5.0).is_like(8) is True",
        "assert (Number(3, 4) + 5.0)() == 8",
        "assert list(Number(3, 4) + 5.0) == [8]",
        "with (Number(3, 4) + 5.0) as x:\n    assert x == 8",
        "import math\nassert math.isclose(Number(3, 4) + 5.0, 8)",
        "x = Number(3, 4)\nx += 5.0\nassert str(x) == '8.0'",
        "assert Number(3, 4) in Number(3, 4)",
        # The wanted value may stand in an object that the test has made, and its class is the candidate's too.
        "assert abs(Number(3, 4) - Number(5, 0)) < 1e-9",
        "assert str(Number(3, 4) - Number(5, 0)) == '0.0'",
        "assert (Number(3, 4) + Number(1, 1)).x == 8",
        "total = sum([Number(3, 4), Number(1, 1)], Number(0, 0))\nassert str(total) == '8.0'",
        "assert abs(Number(3) + Number(4)) == 7",
        "assert repr(Number(3, 4) + 5.0) == '8.0'",
        "assert not Number(3, 4)",
        "assert not (Number(3, 4) + 5.0)",
    ],
)
async def test_what_a_candidates_operators_decide_is_never_called_verified(pool: Pool, code: str) -> None:
    test = {"type": "python", "entry_point": "Number", "code": code}
    verdict = await Verifiers(pool, consistency=False).verify(task(test), LYING)
    assert not verdict.verified
    assert verdict.strength is Strength.FORWARDED


async def test_operators_of_one_object_alone_leave_a_pass_verified(pool: Pool) -> None:
    code = "assert str(Number(3)) == '3' and len(Number(3)) == 3 and Number(3).x == 3"
    test = {"type": "python", "entry_point": "Number", "code": code}
    assert (await Verifiers(pool).verify(task(test), HONEST)).verified


@pytest.mark.parametrize(
    "test",
    [
        {
            "type": "python",
            "entry_point": "f",
            "code": "def check_it(a, b):\n    assert a == b\ncheck_it(f('in'), 'out')",
        },
        {
            "type": "pytest",
            "entry_point": "f",
            "files": {
                "test_f.py": "import pytest\nfrom solution import f\n"
                "@pytest.mark.parametrize('a, b', [('in', 'out'), ('inner', 'outer')])\n"
                "def test_f(a, b):\n    assert f(a) == b\n"
            },
        },
    ],
    ids=["python", "pytest"],
)
async def test_names_of_hidden_checks_hold_no_input(pool: Pool, test: dict[str, Any]) -> None:
    verdict = await Verifiers(pool, consistency=False).verify(task(test), "def f(x):\n    return x\n")
    assert verdict.outcome is Outcome.FAILED
    names = [check.name.partition("/")[2] for check in verdict.checks]
    assert len(set(names)) == len(names)
    assert not any(word in name.replace("check_it, line", "") for name in names for word in ("in", "out"))


async def test_a_signalling_nan_equals_nothing_and_raises_nothing() -> None:
    for rule in ("exact", "tolerance", "multiset", "unordered"):
        assert not equal(Decimal(1), Decimal("sNaN"), rule)


async def test_a_confirming_run_never_keeps_the_order_of_the_first(pool: Pool) -> None:
    setting = Setting(pool, "", task(CASES).limits, None, public=False)  # type: ignore[arg-type]  # the order needs no profile
    for number in range(2, 6):
        for seed in range(60):
            shuffled = Setting(**{**vars(setting), "shuffle": Random(seed)}).order(number)
            assert sorted(shuffled) == list(range(number))
            assert shuffled != setting.order(number)


# Each puts what it has learned (MARK, which its source does not hold) where a model might read why it does not load.
CARRIERS = {
    "the message": "raise ValueError(MARK)",
    "the type": "raise type('E' + MARK, (Exception,), {})",
    "a syntax error": "raise SyntaxError(MARK)",
    "a name error": "raise NameError(f\"name '{MARK}' is not defined\", name=MARK)",
    "an import error": "raise ModuleNotFoundError(f\"No module named '{MARK}'\", name=MARK)",
    "an import": "__import__('m' + MARK)",
    "a note": "e = ValueError(); e.add_note(MARK); raise e",
    "a forged frame": """tell('{"load_error":{"line":1,"message":"MARK","type":"EMARK"}}')""",
    "a forged name": """tell('{"missing":"MARK"}')""",
    "a forged type": """tell('[2,{"own":"EMARK","text":"MARK","type":"EMARK","lines":[["MARK",1]]}]')""",
}
TELLING = """
import gc, os, socket
MARK = str(32221 + 1)
def tell(text):
    frame = text.replace("MARK", MARK).encode()
    for each in gc.get_objects():
        if isinstance(each, socket.socket):
            try:
                each.sendall(len(frame).to_bytes(4, "big") + frame)
            except OSError:
                pass
    os._exit(0)
"""
PRINTS = {"type": "stdio", "cases": [{"stdin": "", "stdout": "1"}]}


@pytest.mark.parametrize(("test", "public"), [(CASES, True), (CASES, False), (ASSERTS, True), (PRINTS, False)])
async def test_a_load_error_carries_nothing_out(pool: Pool, test: dict[str, Any], public: bool) -> None:
    for how, statement in CARRIERS.items():
        verdict = await Verifiers(pool).verify(task(test, public=public), TELLING + statement)
        assert verdict.outcome is not Outcome.PASSED
        assert "32222" not in verdict.feedback, how
