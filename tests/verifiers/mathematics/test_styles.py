r"""How published sets and families of models say their final answer: right ones are read, wrong ones never pass.

`styles.jsonl` has a row for each style: where it is taken from, the task, a right and a wrong reply in it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.mathematics.verifier import MathVerifier
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict

STYLES = [json.loads(line) for line in Path(__file__).with_name("styles.jsonl").read_text("utf-8").splitlines()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def verifier(bubblewrap: str) -> AsyncIterator[MathVerifier]:
    async with Pool.open("bubblewrap") as pool:
        yield MathVerifier(pool, confirm=False)


async def judged(verifier: MathVerifier, prompt: str, answer: str, reply: str, settings: Any = None) -> Verdict:
    task = Task(id="t", kind="math", prompt=prompt, answer=answer, settings=settings or {})
    assert MathVerifier.problems(task) == []
    return await verifier.verify(task, extract(task, reply).solution or "")


@pytest.mark.asyncio(loop_scope="module")
async def test_no_right_style_fails_and_no_wrong_one_passes(verifier: MathVerifier) -> None:
    assert len(STYLES) >= 50
    assert all(row["source"] for row in STYLES)
    sides = [(side, row) for row in STYLES for side in ("right", "wrong")]
    verdicts = await asyncio.gather(
        *(judged(verifier, row["prompt"], row["answer"], row[side], row.get("settings")) for side, row in sides)
    )
    right = [(row["source"], each) for (side, row), each in zip(sides, verdicts, strict=True) if side == "right"]
    wrong = [(row["source"], each) for (side, row), each in zip(sides, verdicts, strict=True) if side == "wrong"]
    assert [source for source, each in right if each.outcome not in (Outcome.PASSED, Outcome.INVALID)] == []
    assert [source for source, each in wrong if each.outcome not in (Outcome.FAILED, Outcome.INVALID)] == []
    assert sum(each.passed for _, each in right) >= len(right) - 2


WORDED = r"""
**18 apples**
A: 18
A: $18
9*2 = 18
9 × $2 = **$18**
She makes $18 every day.
She sells 9 eggs at $2 each. So, she makes $18 every day at the market.
**Final Answer:**  18 dollars
The answer is `18`.
\boxed{\text{18 dollars}}
\boxed{18 \text{ dollars per day}}
\boxed{9\cdot2 = 18}
\boxed{\text{Total} = 18}
\boxed{\approx 18}
Total earnings: $18.00
<final_answer>18</final_answer>
"""
UNREAD = r"""
Janet makes eighteen dollars.
\boxed{18\ \Omega}
\boxed{x + y = 18}
\boxed{18 \text{ or } 18.0}
She makes $18 (9 eggs at $2).
"""
WRONG = r"""
It is never **18**
Is it 18?
Not 18, perhaps **19**
The result is **18** or **19**
9*3 = 18
9*2 = 18 = 19
2x = 18
18 = 9*3
{"answer": 18, "answer": 19}
sin x = 18
She makes 18 cents.
A: 18, 19
She would need 18
"""


@pytest.mark.asyncio(loop_scope="module")
async def test_answers_with_words_marks_and_money_are_read_or_invalid(verifier: MathVerifier) -> None:
    prompt = "How many dollars does she make every day?"
    for line in WORDED.strip().splitlines():
        assert (await judged(verifier, prompt, "18", line)).passed, line
    for line in UNREAD.strip().splitlines():
        assert (await judged(verifier, prompt, "18", line)).outcome is Outcome.INVALID, line
    for line in WRONG.strip().splitlines():
        assert (await judged(verifier, prompt, "18", line)).outcome in (Outcome.FAILED, Outcome.INVALID), line
    for reply in ("#### 18\nThe answer is: 19", "\\boxed{18}\nThe answer is: 19", "The answer is\n```\n19\n```"):
        assert not (await judged(verifier, prompt, "18", reply)).passed, reply


CLOSE: list[tuple[str, str, Any, bool]] = [
    ("0.5", "0.51", 0.02, True),
    ("0.5", "0.53", 0.02, False),
    ("100", "104", {"relative": 0.05}, True),
    ("100", "106", {"relative": 0.05}, False),
    ("100", "106", {"relative": 0.05, "absolute": 6}, True),
    ("-2.5", "2.5", {"relative": 0.01}, False),
    ("6.6e-34", r"6.63\times10^{-34}", {"relative": 0.05}, True),
    ("0.0136", r"\Delta p \approx 0.01361", {"absolute": 1e-4}, True),
    (r"\frac{\pi}{4}", "0.785", {"relative": 1e-3}, True),
    (r"5\text{ m}", r"501\text{ cm}", {"relative": 0.01}, True),
    (r"5\text{ m}", r"5.01\text{ cm}", {"relative": 0.01}, False),
    ("(1,2)", "(1.01,2.01)", 0.02, True),
    ("100", r"10^{10^{10^{10}}}", {"relative": 0.05}, False),
    ("100", "100+i", {"relative": 0.05}, False),
    ("100", "95<x<105", {"relative": 0.05}, False),
    ("100", r"100\pm1", {"relative": 0.05}, False),
    ("100", "99, 101", {"relative": 0.05}, False),
    ("100", r"\infty", {"relative": 0.05}, False),
    ("100", "100+x", {"relative": 0.05}, False),
]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_tolerance_is_absolute_or_relative_and_proves_nothing(verifier: MathVerifier) -> None:
    for gold, answer, tolerance, near in CLOSE:
        verdict = await judged(verifier, "?", gold, f"\\boxed{{{answer}}}", {"tolerance": tolerance})
        assert verdict.passed is near, (gold, answer, verdict)
        assert not near or (verdict.strength is Strength.NUMERIC and not verdict.verified)


@pytest.mark.parametrize("wrong", [0, -1, True, "5%", {}, {"relative": 2}, {"near": 1}, {"absolute": float("inf")}])
def test_a_tolerance_that_is_none_is_a_mistake(wrong: object) -> None:
    task = Task(id="t", kind="math", prompt="?", answer="1", settings={"tolerance": wrong})
    assert any("settings.tolerance" in problem for problem in MathVerifier.problems(task))


CURVES = [
    ("xy=1", r"y=\frac{1}{x}", Outcome.PASSED),
    ("xy=1", r"y=\frac{2}{x}", Outcome.FAILED),
    ("x^2+y^2=4", r"\frac{x^2}{4}+\frac{y^2}{4}=1", Outcome.PASSED),
    ("x^2+y^2=4", r"\sqrt{x^2+y^2}=2", Outcome.PASSED),
    ("x^2+y^2=4", r"\sqrt{x^2+y^2}=4", Outcome.FAILED),
    ("x^2+y^2-4x=0", "(x-2)^2+y^2=4", Outcome.PASSED),
    # The point (1, 2) is missing: nearly the line, and not it.
    ("y-2=3(x-1)", r"\frac{y-2}{x-1}=3", Outcome.INVALID),
    ("x+y=2", "|x+y|=2", Outcome.FAILED),
    ("x^2+y^2=4", "(x^2+y^2-4)(x-1)=0", Outcome.FAILED),
]


@pytest.mark.asyncio(loop_scope="module")
async def test_implicit_equations_are_one_where_their_curves_are(verifier: MathVerifier) -> None:
    for gold, answer, outcome in CURVES:
        verdict = await judged(verifier, "Which curve?", gold, f"\\boxed{{{answer}}}")
        assert verdict.outcome is outcome, (gold, answer, verdict)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_base_of_a_logarithm_is_explained_where_it_decided(verifier: MathVerifier) -> None:
    for gold, answer in ((r"\ln 2", r"\log 2"), (r"\log 2", r"\ln 2"), (r"x\ln x", r"x\log x")):
        verdict = await judged(verifier, "?", gold, f"\\boxed{{{answer}}}")
        assert verdict.outcome is Outcome.INVALID
        assert "base 10" in verdict.feedback
    for gold, answer in ((r"\ln 2", r"\log 3"), (r"\ln 2", r"\log_{10} 2")):
        assert (await judged(verifier, "?", gold, f"\\boxed{{{answer}}}")).outcome is Outcome.FAILED
    assert (await judged(verifier, "?", r"\log_{10} 2", r"\boxed{\log 2}")).passed


@pytest.mark.asyncio(loop_scope="module")
async def test_what_the_prompt_asks_for_may_stand_on_the_left(verifier: MathVerifier) -> None:
    assert (await judged(verifier, "Find $m+n$.", "73", r"\boxed{m+n=73}")).passed
    assert (await judged(verifier, r"What is $\cos\theta$?", r"\frac12", r"\boxed{\cos\theta=\frac12}")).passed
    assert (await judged(verifier, "Find $m+n+p$.", "73", r"\boxed{m+n=73}")).outcome is Outcome.INVALID
    for left in (r"\Delta p", r"v_{\text{max}}", "|AB|", "P(A|B)", r"\bar{x}", r"\text{area of }ABC"):
        assert (await judged(verifier, "?", r"\frac12", rf"\boxed{{{left}=\frac12}}")).passed, left
