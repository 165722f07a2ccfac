"""Program-aided mathematics: a program's result is judged like an answer, and the program knows none."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers.mathematics.programs import program_in
from gristmill.verifiers.mathematics.verifier import MathVerifier
from gristmill.verifiers.records import Outcome, Task, Verdict


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def verifier(bubblewrap: str) -> AsyncIterator[MathVerifier]:
    async with Pool.open("bubblewrap") as pool:
        yield MathVerifier(pool)


async def judged(verifier: MathVerifier, gold: str, source: str, *, program: bool = True) -> Verdict:
    limits = {"wall_seconds": 5, "cpu_seconds": 5}
    task = Task.model_validate(
        {"id": "t", "kind": "math", "prompt": "?", "answer": gold, "settings": {"program": program}, "limits": limits}
    )
    return await verifier.verify(task, f"Let me compute it.\n```python\n{source}\n```\n")


RIGHT = [
    (r"\frac{1}{3}", "from sympy import *\nx = symbols('x')\nanswer = integrate(x**2, (x, 0, 1))"),
    (r"\frac{1}{3}", "from sympy import *\nx = symbols('x')\ndef answer():\n    return integrate(x**2, (x, 0, 1))"),
    (r"\{1, 2\}", "from sympy import *\nx = symbols('x')\nanswer = solve(x**2 - 3*x + 2, x)"),
    (r"\{1, 2\}", "from sympy import *\nx = symbols('x')\nprint('thinking')\nprint(solve(x**2 - 3*x + 2, x))"),
    (r"\ln 2", "from sympy import *\nprint(log(2))"),
    (r"\ln 2", "from sympy import *\nanswer = log(2)"),
    (r"1+2i", "from sympy import *\nprint(1 + 2*I)"),
    (r"(3, 2)", "answer = (3, 2)"),
    (r"[0, 1)", "from sympy import *\nanswer = Interval.Ropen(0, 1)"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "from sympy import *\nanswer = Matrix([[1, 2], [3, 4]])"),
    (r"2\sqrt{3}", "from sympy import *\nprint(sqrt(12))"),
    ("5050", "print(sum(range(101)))"),
]


@pytest.mark.asyncio(loop_scope="module")
async def test_what_a_program_answers_is_judged_like_an_answer(verifier: MathVerifier) -> None:
    for gold, source in RIGHT:
        verdict = await judged(verifier, gold, source)
        assert verdict.outcome is Outcome.PASSED, (source, verdict.feedback)
        assert verdict.verified


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("answer = 6", Outcome.FAILED),
        ("answer = '5 or 6'", Outcome.FAILED),
        ("raise ValueError('no')", Outcome.ERROR),
        ("x = 5", Outcome.ERROR),
        ("answer = (", Outcome.ERROR),
        ("while True: pass", Outcome.TIMEOUT),
        ("import os; os._exit(0)", Outcome.ERROR),
        (
            "class Five:\n def __eq__(self, other): return True\n def __str__(self): return 'x'\nanswer = Five()",
            Outcome.INVALID,
        ),
        ("answer = 'x' * 10**6", Outcome.INVALID),
        ("import random; answer = random.SystemRandom().randint(6, 10**9)", Outcome.FLAKY),
        ("from sympy import *\nx = symbols('x')\nanswer = Integral(1, (x, 0, 5))", Outcome.INVALID),
        (
            "import gc, sys\nfound = [o for o in gc.get_objects() if isinstance(o, dict) and 'gold' in o]\n"
            "import os\nanswer = len(found) + len([v for v in os.environ.values() if '5' in v]) * 0",
            Outcome.FAILED,
        ),
    ],
)
async def test_a_program_that_is_wrong_or_hostile_does_not_pass(
    verifier: MathVerifier, source: str, outcome: Outcome
) -> None:
    verdict = await judged(verifier, "5", source)
    assert verdict.outcome is outcome, verdict.feedback
    assert not verdict.passed


@pytest.mark.asyncio(loop_scope="module")
async def test_without_the_setting_a_program_is_not_run(verifier: MathVerifier) -> None:
    assert not (await judged(verifier, "5", "x = 2\nanswer = x + 3", program=False)).passed


@pytest.mark.asyncio(loop_scope="module")
async def test_a_reply_without_a_program_is_still_read(verifier: MathVerifier) -> None:
    task = Task(id="t", kind="math", prompt="?", answer="5", settings={"program": True})
    assert (await verifier.verify(task, "\\boxed{5}")).passed


def test_the_setting_is_true_or_false() -> None:
    problems = MathVerifier.problems(Task(id="t", kind="math", prompt="?", answer="5", settings={"program": "yes"}))
    assert problems[0].startswith("settings.program")


@pytest.mark.parametrize(
    ("reply", "source"),
    [
        ("```python\nanswer = 1\n```\nIt prints:\n```\ne - 2\n```\nSo \\boxed{e - 2}.", "answer = 1"),
        ("```python\nanswer = 1\n```\nand better:\n```py\nanswer = 2\n```", "answer = 2"),
        ("```Python3 \nanswer = 1\n```\n```latex\ne\n```", "answer = 1"),
        ("```\nanswer = 1\n```", "answer = 1"),
        ("1. Run\n   ```python\n   answer = 1\n   ```", "answer = 1"),
        ("```python\nanswer = 1", "answer = 1"),
        ("```text\nmy notes\n```\nThe answer is \\boxed{5}.", None),
        ("```python\n\n```\n\\boxed{5}", None),
        ("\\boxed{5}", None),
    ],
)
def test_the_program_in_a_reply_is_not_what_it_prints(reply: str, source: str | None) -> None:
    program = program_in(reply)
    assert (program and program.strip()) == source
