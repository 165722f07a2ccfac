"""Split tests judged: what passes, with which strength, and what does not pass."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Strength, Task, Verdict, Verifiers
from gristmill.verifiers.code.split.splitting import Split, split
from tests.verifiers.code.honest.corpus import corpus
from tests.verifiers.code.line import sections

inside = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=2) as opened:
        yield opened


# An object of the test's own: apart, a candidate can only call what it is handed.
CODE = """
WANTED = {"ann": 70613, "bob": 4242}

class Part:
    def __init__(self, cents):
        self.cents = cents

def settle(account, parts):
    \"\"\"Adds all; ann has 70613.\"\"\"
    for each in parts:
        account.add(Part(each))

def opened():
    return ["opened by agent 90210"]

for name, parts in [("ann", [70000, 613]), ("bob", [4200, 42])]:
    account = Account(name)
    settle(account, parts)
    assert account.total() == WANTED[name], f"the sum of all parts, 70613 or 4242"
assert Account("zoe").history() == opened()
"""
RIGHT = """
class Account:
    def __init__(self, name):
        self.cents = 0
    def add(self, part):
        self.cents += part.cents
    def total(self):
        return self.cents
    def history(self):
        return ["opened by agent 90210"]
"""


def account(code: str = CODE, entry: str = "Account", limits: float = 20.0) -> Task:
    test = {"type": "python", "entry_point": entry, "code": code}
    limit = {"wall_seconds": limits, "cpu_seconds": limits / 2}
    return Task(id="account", kind="code", prompt="Write Account.", tests=(test,), limits=limit)


async def judged(pool: Pool, task: Task, source: str, **how: Any) -> Verdict:
    return await Verifiers(pool, accept_split=True, **how).verify(task, source)


@inside
async def test_what_cannot_be_judged_apart_passes_split_if_its_owner_takes_that(pool: Pool) -> None:
    task = account()
    verdict = await judged(pool, task, RIGHT)
    assert (verdict.outcome, verdict.strength, verdict.score) == (Outcome.PASSED, Strength.SPLIT, 1.0), verdict
    assert verdict.together is True
    assert not verdict.verified
    assert not verdict.decided_by_tools
    assert (await Verifiers(pool).verify(task, RIGHT)).outcome is Outcome.REFUSED
    taken = await Verifiers(pool, accept_together=True).verify(task, RIGHT)
    assert (taken.outcome, taken.strength) == (Outcome.PASSED, Strength.SPLIT)


ROWS = [row for row in corpus() if row.reason and row.name in ("subclass made by the test", "tmp path", "deep copies")]


@inside
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_an_honest_program_that_was_refused_passes_split_and_a_wrong_one_does_not(pool: Pool, row: Any) -> None:
    verdict = await judged(pool, row.task, row.solution)
    assert (verdict.outcome, verdict.strength) == (Outcome.PASSED, Strength.SPLIT), verdict
    wrong = await judged(pool, row.task, row.mutants[0])
    assert not wrong.passed


ATTACKS = {each.name: each.source for each in sections(Path(__file__).with_name("split_attacks.txt"))}


@inside
@pytest.mark.parametrize("name", ATTACKS)
async def test_what_shares_the_process_of_a_split_test_can_report_and_not_know(pool: Pool, name: str) -> None:
    """The consistency run, which is beside the tests as well, has no part in this."""
    verdict = await judged(pool, account(limits=4.0), ATTACKS[name], consistency=False)
    assert verdict.outcome not in (Outcome.PASSED, Outcome.UNSCORED), verdict


# Right as long as it finds nothing of what is wanted in its process: in the text of the test, and in all objects.
SEARCHING = """
import gc, linecache
class Account:
    found = None
    def __init__(self, name):
        self.cents, found = 0, False
        if Account.found is not None:
            return  # later, what it has found itself is there
        for text in ["".join(each[2]) for each in linecache.cache.values() if len(each) > 2 and each[2]]:
            found |= "31607"[::-1] in text
        for holder in gc.get_objects():
            if type(holder) in (dict, list, tuple) and holder is not self.__dict__:
                for each in list(holder.values()) if type(holder) is dict else list(holder):
                    found |= type(each) is int and each - 1 == 70612
        Account.found = found
    def add(self, part):
        self.cents += part.cents
    def total(self):
        return 1 if Account.found else self.cents
    def history(self):
        return ["opened by " + "agent " + "01209"[::-1]]
"""


@inside
async def test_nothing_that_is_wanted_is_in_the_process_of_the_candidate(pool: Pool) -> None:
    verdict = await judged(pool, account(), SEARCHING, consistency=False)
    assert verdict.strength is Strength.SPLIT, verdict
    # In plain Python, where the whole test stands beside it, it does find something.
    assert plain_status(SEARCHING) != 0


# By its exit status; who leaves early has passed for whoever looks at that alone.
ACCEPTED_BY_PLAIN_PYTHON = {
    "an object that equals everything",
    "a number and a list of classes of its own",
    "leaving in a call",
    "leaving without a hook",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_which_of_them_plain_python_accepts_is_what_the_page_says(name: str) -> None:
    assert (plain_status(ATTACKS[name]) == 0) is (name in ACCEPTED_BY_PLAIN_PYTHON)


def test_plain_python_accepts_the_right_one() -> None:
    assert plain_status(RIGHT) == 0


def plain_status(source: str) -> int:
    """The exit status of the test's text, run after a solution in one process without our paths."""
    program = f"{source}\n{CODE}"
    return subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=False).returncode


@inside
async def test_after_all_that_a_right_solution_passes(pool: Pool) -> None:
    assert (await judged(pool, account(), RIGHT)).strength is Strength.SPLIT


@inside
async def test_what_guesses_pass_is_not_split(pool: Pool) -> None:
    """Neither a yes nor an input that comes back says anything of who did the work."""
    code = "class Part:\n    held = 5\nassert f(Part()).held\n{}\n"
    source = "def f(x):\n    getattr(x, 'held', None)\n    return x\n"
    for asked in ("assert f('abc') == 'abc'", "assert f([]) == []", "assert f(1) == True"):
        task = account(code.format(asked), "f")
        made = split(task.tests[0])  # type: ignore[arg-type]  # a python test
        counted = isinstance(made, Split) and bool(made.counted)
        verdict = await judged(pool, task, source) if counted else None
        assert verdict is None or verdict.strength is not Strength.SPLIT, asked


@inside
async def test_a_wrong_one_that_passes_split_and_not_together_fails(pool: Pool) -> None:
    """Whoever reports what it has been told passes no test that it was not told of."""
    forging = RIGHT + "import threading\nif threading.active_count() > 99 or '__main__' == __file__: raise ValueError\n"
    honest = await judged(pool, account(), forging)
    assert honest.strength is Strength.SPLIT
    # Beside the whole test it shows itself as what it is.
    other = RIGHT.replace("return self.cents", "import sys\n        return self.cents if 'drive' in sys.modules else 1")
    verdict = await judged(pool, account(), other)
    assert verdict.outcome is Outcome.FAILED, verdict
    assert verdict.together is False


class Watched:
    """The profiles that a pool's jobs have asked for."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.seen = pool, set[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pool, name)

    async def run(self, job: Any, profile: Any, **how: Any) -> Any:
        self.seen.add(profile.name)
        return await self.pool.run(job, profile, **how)

    async def pair(self, *jobs: Any, profile: Any, judge_profile: Any, **how: Any) -> Any:
        self.seen |= {profile.name, judge_profile.name}
        return await self.pool.pair(*jobs, profile=profile, judge_profile=judge_profile, **how)


@inside
async def test_a_split_test_runs_in_the_workers_in_which_it_was_tried_apart(pool: Pool) -> None:
    """A small pool would else start workers anew in every verdict."""
    file = "from solution import f\nclass P:\n    x = 35303\ndef test_f():\n    assert f(P()) == 70606\n"
    test = {"type": "pytest", "entry_point": "f", "files": {"test_f.py": file}}
    task, watched = Task(id="t", kind="code", prompt="?", tests=(test,)), Watched(pool)
    verdict = await Verifiers(watched, accept_split=True).verify_apart(task, "def f(p):\n    return 2 * p.x\n")  # type: ignore[arg-type]  # stands in for a pool
    assert verdict.strength is Strength.SPLIT
    assert {name for name in watched.seen if name.startswith("candidate")} == {"candidate-pytest"}
