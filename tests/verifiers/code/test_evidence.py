"""Evidence: for every check where it stands, what came, what was wanted and which limit was met; for the owner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import CANDIDATE, Job, Profile, Report
from gristmill.verifiers import Evidence, Outcome, Task, Verifiers
from gristmill.verifiers.combine import all_of
from gristmill.verifiers.faults import FreshJobs
from gristmill.verifiers.records import CheckEvidence, Fault
from gristmill.verifiers.registry import verifier_class

pytestmark = pytest.mark.bubblewrap
pooled = pytest.mark.asyncio(loop_scope="module")
DOUBLE = "def f(n):\n    return 2 * n\nif __name__ == '__main__':\n    print(f(int(input())))\n"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


def asking(*tests: dict[str, Any], **more: Any) -> Task:
    return Task(id="t", kind="code", prompt="p", tests=tests, **more)


def python(code: str, **more: Any) -> dict[str, Any]:
    return {"type": "python", "entry_point": "f", "code": code, **more}


def cases(*pairs: tuple[Any, Any]) -> dict[str, Any]:
    rows = [{"args": [given], "expected": wanted} for given, wanted in pairs]
    return {"type": "cases", "entry_point": "f", "cases": rows}


PYTEST = (
    "import pytest\nfrom solution import f\n\n\n"
    "@pytest.mark.parametrize('n, wanted', [(1, 2), (3, 7)])\ndef test_f(n, wanted):\n    assert f(n) == wanted\n\n\n"
    "def test_idle():\n    assert [1] == [1]\n"
)
# test → (place, asked, value, expected) of the check that fails
WRONG: dict[str, tuple[dict[str, Any], tuple[str, str, str, str]]] = {
    "cases": (cases((1, 2), (3, 7)), ("cases[1]", "f(3)", "returned 6", "7")),
    "stdio": (
        {"type": "stdio", "cases": [{"stdin": "3\n", "stdout": "7\n"}]},
        ("cases[0]", r"'3\n'", r"printed '6\n'", r"'7\n'"),
    ),
    "read": (
        python("assert f(1) == 2\nassert f(3) == 7"),
        ("code: line 2", "assert f(3) == 7", "f(3) returned 6", "== 7"),
    ),
    "judged": (
        python("import math\n\nfor n, wanted in [(1, 2), (3, 7)]:\n    assert math.floor(f(n)) == wanted"),
        ("code: line 4", "assert math.floor(f(n)) == wanted", "f(3) returned 6", "== wanted, where wanted = 7"),
    ),
    "pytest": (
        {"type": "pytest", "entry_point": "f", "files": {"test_f.py": PYTEST}},
        ("files['test_f.py']: line 7", "assert f(n) == wanted", "f(3) returned 6", "== wanted, where wanted = 7"),
    ),
}


@pooled
@pytest.mark.parametrize("name", WRONG)
async def test_every_type_of_test_says_where_what_came_and_what_was_wanted(pool: Pool, name: str) -> None:
    test, (place, asked, value, expected) = WRONG[name]
    verdict, evidence = await Verifiers(pool, consistency=False).explain(asking(test), DOUBLE)
    assert verdict.outcome is Outcome.FAILED
    (wrong,) = [each for each in evidence.checks if each.outcome is not Outcome.PASSED]
    assert (wrong.place, wrong.asked, wrong.expected) == (f"tests[0].{place}", asked, expected)
    assert wrong.value.startswith(value)
    assert all(each.place.startswith("tests[0].") for each in evidence.checks)
    assert not any(check.detail for check in verdict.checks)
    # Whoever explains finds what whoever verifies finds.
    plain = await Verifiers(pool, consistency=False).verify(asking(test), DOUBLE)
    assert verdict.model_copy(update={"seconds": 0}) == plain.model_copy(update={"seconds": 0})


LIMITED = {
    "cpu_seconds": ("def f(n):\n    while True:\n        pass", "1 s"),
    "wall_seconds": ("import time\ndef f(n):\n    time.sleep(3600)", "1 s"),
    "memory_mb": ("def f(n):\n    return 'x' * (2 << 30)", "512 MiB"),
    "output_kb": ("def f(n):\n    print('x' * (1 << 20))\n    return 2", "64 KiB"),
}


@pooled
@pytest.mark.parametrize(
    "test", [cases((1, 2)), python("import math\nassert math.floor(f(1)) == 2")], ids=["cases", "python"]
)
@pytest.mark.parametrize("field", LIMITED)
async def test_a_limit_that_was_met_is_said_with_its_figure_and_field(
    pool: Pool, field: str, test: dict[str, Any]
) -> None:
    source, figure = LIMITED[field]
    limits = {"wall_seconds": 1 if field == "wall_seconds" else 60, "cpu_seconds": 1, "output_kb": 64}
    _, evidence = await Verifiers(pool, consistency=False).explain(asking(test, limits=limits), source)
    (wrong,) = evidence.checks
    assert wrong.limit.removeprefix("by its own word ").startswith(figure)
    assert wrong.limit.endswith(f"(`limits.{field}`)")


@pooled
async def test_no_solution_names_a_limit_that_it_did_not_meet(pool: Pool) -> None:
    liar = "def f(n):\n    raise ValueError('more than 64 MiB (`limits.value_mb` raises that)')"
    for test in (cases((1, 2)), python("import math\nassert math.floor(f(1)) == 2")):
        _, evidence = await Verifiers(pool, consistency=False).explain(asking(test), liar)
        (wrong,) = evidence.checks
        assert "`limits.value_mb`" in wrong.value
        assert not wrong.limit


SILENT = "from solution import f\n\ndef test_f():\n    assert f(1) == 2\n\n\ndef test_runs():\n    f(1)\n"
FAULTY = {
    "setup": (python("assert f(1) == 2 + x", setup="import math\nx = 1 / 0"), "setup: line 2", Fault.RAISES),
    "name": (python("def check(candidate):\n    assert candidate(1) == helper(1)"), "code: line 2", Fault.RAISES),
    "module": (python("import nothing_here\nassert f(1) == 2"), "code: line 1", Fault.RAISES),
    "idle": (python("import math\nassert f(1) == 2\nassert math.floor(2.5) == 2"), "code: line 3", Fault.NEVER_CALLS),
    "pytest": (
        {"type": "pytest", "entry_point": "f", "files": {"test_f.py": PYTEST}},
        "files['test_f.py']: line 10",
        Fault.NEVER_CALLS,
    ),
    "silent": (
        {"type": "pytest", "entry_point": "f", "files": {"test_f.py": SILENT}},
        "files['test_f.py']: line 7",
        Fault.ASSERTS_NOTHING,
    ),
    "cases": (cases((1, 2), (3, 6), (1, 5)), "cases[2]", Fault.CONTRADICTS),
    "asserts": (python("assert f(1) == 2\nassert f(3) == 6\nassert f(1) == 5"), "code: line 3", Fault.CONTRADICTS),
}


@pooled
@pytest.mark.parametrize("name", FAULTY)
async def test_a_test_that_is_at_fault_itself_is_named(pool: Pool, name: str) -> None:
    test, place, fault = FAULTY[name]
    _, evidence = await Verifiers(pool, consistency=False).explain(asking(test), DOUBLE)
    assert [(each.place, each.fault) for each in evidence.checks if each.fault] == [(f"tests[0].{place}", fault)]


@pooled
async def test_an_error_that_a_solution_has_a_part_in_is_no_fault_of_the_test(pool: Pool) -> None:
    for code in ("assert f(1)[0] == 2", "assert f(None) == 2", "x = f(1)\nassert x.real.nothing == 2", "f(1) + helper"):
        test = python(f"import math\n{code}", setup="helper = 'a'")
        _, evidence = await Verifiers(pool, consistency=False).explain(asking(test), DOUBLE)
        assert not any(each.fault for each in evidence.checks), code


class Listening(FreshJobs):
    """A pool that keeps what each candidate's job is sent."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.sent: list[Job] = []

    async def run(self, job: Job, profile: Profile = CANDIDATE, **how: Any) -> Report:
        self.sent.append(job)
        return await super().run(job, profile, **how)

    async def pair(self, candidate: Job, judge: Job, **how: Any) -> tuple[Report, Report]:
        self.sent.append(candidate)
        return await super().pair(candidate, judge, **how)


@pooled
@pytest.mark.parametrize("name", ["cases", "read", "judged"])
async def test_a_candidate_is_sent_the_same_whether_it_is_explained_or_not(pool: Pool, name: str) -> None:
    plain, explaining = Listening(pool), Listening(pool)
    test, _ = WRONG[name]
    await Verifiers(plain, consistency=False).verify(asking(test), DOUBLE)
    await Verifiers(explaining, consistency=False).explain(asking(test), DOUBLE)
    assert plain.sent == explaining.sent


@pooled
async def test_verifiers_made_of_others_tell_what_all_of_them_tell(pool: Pool) -> None:
    both = all_of(verifier_class("code"), verifier_class("code"))(pool)
    task = asking(cases((3, 7)))
    verdict, evidence = await both.explain(task, DOUBLE)  # type: ignore[attr-defined]  # it is `Explaining`
    assert verdict.outcome is Outcome.FAILED
    assert [each.value for each in evidence.checks] == ["returned 6"] * 2


def test_evidence_is_bounded_and_what_passed_gives_way_first() -> None:
    shown = [
        CheckEvidence(
            name=str(place), outcome=Outcome.FAILED if place % 50 == 7 else Outcome.PASSED, value="x" * 10_000
        )
        for place in range(2000)
    ]
    evidence = Evidence.of("code/1", shown)
    assert len(evidence.checks) + evidence.left_out == 2000
    assert {each.name for each in evidence.checks} >= {str(place) for place in range(7, 2000, 50)}
    assert [int(each.name) for each in evidence.checks] == sorted(int(each.name) for each in evidence.checks)
    assert len(evidence.model_dump_json()) < 200_000
