"""Mathematical answers: right ones in any form pass; restated, hedged, hanging and hostile ones do not."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers.mathematics.answers import unfit
from gristmill.verifiers.mathematics.extraction import final_answers, normal
from gristmill.verifiers.mathematics.guest.judge.trees import check
from gristmill.verifiers.mathematics.jobs import ask
from gristmill.verifiers.mathematics.verifier import MathVerifier
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def verifier(bubblewrap: str) -> AsyncIterator[MathVerifier]:
    async with Pool.open("bubblewrap") as pool:
        yield MathVerifier(pool, confirm=False)


@pytest.mark.asyncio(loop_scope="module")
async def test_repeating_the_problem_is_no_answer(verifier: MathVerifier) -> None:
    prompt = r"Simplify $\sqrt{50} + \sqrt{18}$ and $(x+1)^2 - x^2$."
    for gold, restated, solved in [
        (r"8\sqrt{2}", r"\sqrt{50}+\sqrt{18}", r"\sqrt{128}"),
        ("2x+1", "(x+1)^2-x^2", "1+2x"),
    ]:
        task = Task(id="t", kind="math", prompt=prompt, answer=gold)
        assert (await verifier.verify(task, rf"\boxed{{{restated}}}")).outcome is Outcome.INVALID
        assert (await verifier.verify(task, rf"\boxed{{{solved}}}")).passed


async def judged(verifier: MathVerifier, gold: str, reply: str, **settings: object) -> Verdict:
    return await verifier.verify(Task(id="t", kind="math", prompt="?", answer=gold, settings=settings), reply)


@pytest.mark.asyncio(loop_scope="module")
async def test_evidence_has_what_was_read_and_what_is_expected_and_the_verdict_has_neither_s_comparison(
    verifier: MathVerifier,
) -> None:
    task = Task(id="t", kind="math", prompt="?", answer="7919")
    verdict, evidence = await verifier.explain(task, r"So it is \boxed{7918}.")
    (shown,) = evidence.checks
    assert (shown.outcome, shown.place, shown.value, shown.expected) == (Outcome.FAILED, "answer", "7918", "7919")
    assert "7919" not in verdict.model_dump_json()
    assert verdict == await verifier.verify(task, r"So it is \boxed{7918}.")


RIGHT = [
    ("10", r"The cost is \boxed{\$10}.", Strength.EXACT),
    ("1/2", "The answer is 0.5.", Strength.EXACT),
    ("18", "5 + 13 = 18\n#### 18", Strength.EXACT),
    ("1,319", r"\boxed{1319}", Strength.EXACT),
    (r"2\sqrt{2}", r"\boxed{\sqrt{8}}", Strength.PROVED),
    (r"\sin(2x)", r"\boxed{2\sin x\cos x}", Strength.PROVED),
    ("x+1", r"\boxed{1+x}", Strength.EXACT),
    ("5", r"\boxed{x=5}", Strength.EXACT),
    (r"\{1,2\}", r"\boxed{\{2,1\}}", Strength.EXACT),
    (".1", r"\boxed{10\%}", Strength.PROVED),
]


@pytest.mark.asyncio(loop_scope="module")
async def test_right_answers_pass_in_any_form(verifier: MathVerifier) -> None:
    for gold, reply, strength in RIGHT:
        verdict = await judged(verifier, gold, reply)
        assert verdict.outcome is Outcome.PASSED, (gold, reply, verdict)
        assert verdict.verified
        assert verdict.strength in (strength, Strength.EXACT, Strength.PROVED), (gold, verdict.strength)


WRONG = [
    ("5", r"\boxed{6}"),
    ("5", r"\boxed{3=5}"),
    ("5", r"\boxed{2+3}"),
    (r"\frac{1}{3}", r"\boxed{\int_0^1 x^2 dx}"),
    ("10", r"\boxed{10\%}"),
    ("5", r"It is \boxed{5} or \boxed{6}."),
    ("5", r"\boxed{5, 6}"),
    ("5", r"\boxed{__import__('os').system('id')}"),
    ("5", r"\boxed{(lambda: 5)()}"),
    ("5", "\\boxed{\u0665}"),
    ("5", "The answer is $5$ or 6"),
    ("5", "The answer is 5 or 6"),
    ("5", "I get 6, so the answer is not 5"),
    ("5", "It is about 5 squared metres"),
    ("5", r"\boxed{\text{between } 4 \text{ and } 5}"),
    ("5", r"\boxed{2x = 5}"),
    ("5", r"\boxed{x = 3 = 5}"),
    ("55", r"\boxed{\sum_{i=1}^{10} i}"),
    ("120", r"\boxed{1 \cdot 2 \cdot 3 \cdot 4 \cdot 5}"),
    ("0", r"\boxed{10^{-20}}"),
    ("5", ""),
    ("5", r"\boxed{}"),
    (r"\frac{\pi}{4}", r"\boxed{0.785398}"),
    ("3^{2025}", r"\boxed{2^{2025}}"),
    ("$n=2, 3, 4$", r"\boxed{n=1, 2, 3}"),
    ("(0, 1)", r"\boxed{(0, 1.5)}"),
    ("5", r"\boxed{" + "(" * 400 + "5" + ")" * 400 + "}"),
    ("5", r"\boxed{5" + "0" * 5000 + "}"),
    ("5", "5\n" * 1000 + "and so on"),
]


@pytest.mark.asyncio(loop_scope="module")
async def test_wrong_restated_hedged_and_hostile_answers_do_not_pass(verifier: MathVerifier) -> None:
    for gold, reply in WRONG:
        verdict = await judged(verifier, gold, reply)
        assert verdict.outcome in (Outcome.FAILED, Outcome.INVALID, Outcome.TIMEOUT), (gold, reply[:80], verdict)
        assert verdict.score == 0.0


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.slow
async def test_what_hangs_is_cut_off_and_the_pool_serves_on(verifier: MathVerifier) -> None:
    for reply in (r"\boxed{9^{9^{9^{9^9}}}}", r"\boxed{(10^{9})!}"):
        verdict = await judged(verifier, "1", reply)
        assert not verdict.passed
        assert verdict.outcome is not Outcome.UNSCORED
    assert (await judged(verifier, "x+1", r"\boxed{1+x}")).passed


@pytest.mark.asyncio(loop_scope="module")
async def test_percent_is_what_the_task_says(verifier: MathVerifier) -> None:
    assert (await judged(verifier, "10", r"\boxed{10\%}", percent="number")).passed
    assert not (await judged(verifier, ".1", r"\boxed{10\%}", percent="number")).passed


@pytest.mark.asyncio(loop_scope="module")
async def test_the_feedback_never_tells_the_answer(verifier: MathVerifier) -> None:
    verdict = await judged(verifier, "7310", r"\boxed{12}")
    assert "7310" not in verdict.model_dump_json()


def test_a_task_without_an_answer_cannot_be_judged() -> None:
    assert MathVerifier.problems(Task(id="t", kind="math", prompt="?")) == [
        "answer: a math task needs the expected answer, or a `check` that names a property"
    ]
    assert MathVerifier.problems(Task(id="t", kind="math", prompt="?", answer="1", settings={"percent": "both"}))


@pytest.mark.parametrize(
    "tree",
    [
        "__import__('os')",
        "Integer.__class__",
        "(lambda: 1)()",
        "Symbol('x').args",
        "Add('__import__(\\'os\\').getcwd()', Integer(1))",
        "Matrix([['1+1']])",
        "Float('1+1')",
        "Float('1', '15')",
        "Symbol('x', real='1+1')",
        "Pow('9', Integer(2))",
        "open('/etc/passwd')",
        "[x for x in (1, 2)]",
        "f'{1}'",
        "Integer(9) ** Integer(9)",
        "sympify('1')",
        "Integer(1" + "0" * 20000 + ")",
        "Add(" * 4000 + ")" * 4000,
    ],
)
def test_a_tree_that_is_not_constructors_alone_is_refused(tree: str) -> None:
    assert check(tree) is not None


@pytest.mark.parametrize(
    "tree",
    [
        "Interval(-oo, Integer(0))",
        "Symbol('x', real=True)",
        "Float('0.5', precision=53)",
        "Function('f')(Symbol('x'))",
        "Rational(1, 2)",
    ],
)
def test_trees_that_sympy_writes_are_accepted(tree: str) -> None:
    assert check(tree) is None


FORGED = [{"is": "value", "tree": "open('/etc/passwd')"}, {"is": "value"}, {"is": "list", "parts": ["1"]}, {}]


@pytest.mark.parametrize("form", FORGED)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_forged_form_is_refused_by_the_job_that_would_judge_it(
    verifier: MathVerifier, form: dict[str, Any]
) -> None:
    compared = {"gold": "1", "form": form, "settings": {}}
    checked = {"check": {"property": "prime", "above": 1}, "form": form}
    for function, request in (("read_and_compare:compare", compared), ("check_property:check_property", checked)):
        outcome, message = await ask(verifier._pool, function, request)
        assert outcome is None
        refused = unfit(message)
        assert refused is not None
        assert refused.outcome is Outcome.INVALID


def test_extraction_finds_the_final_answer_only() -> None:
    assert final_answers(r"First \boxed{3}." "\n" r"No: \boxed{4}.") == ["4"]
    assert final_answers(r"\boxed{\frac{1}{2}}") == [r"\frac{1}{2}"]
    assert final_answers("so\n#### 12") == ["12"]
    assert final_answers("The answer is: $x^2$.") == ["x^2"]
    assert final_answers("one\ntwo") == []
    assert final_answers("5 - 2 = 3\nSo Tom has 3 pens left.") == ["3"]
    assert final_answers("The answer is **42**.") == ["42"]
    assert final_answers("The answer is 28 percent.") == ["28%"]
    assert final_answers("The final answer is $14{,}916$. I hope it is correct.") == ["14{,}916"]
    assert final_answers("Answer: sqrt(2)") == ["sqrt(2)"]
    assert final_answers("so it follows.\n\n$$x = 5$$") == ["x = 5"]
    assert normal(r"\left( 1,\!000 \right).") == "(1000)"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.slow
async def test_worked_solutions_of_math_500_pass_against_their_answers(
    verifier: MathVerifier, shared_data: Path
) -> None:
    with gzip.open(shared_data / "math500" / "math500.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    failed = [row["answer"] for row in rows if not (await judged(verifier, row["answer"], row["solution"])).passed]
    assert failed == []


def pair_settings(row: dict[str, Any]) -> dict[str, Any]:
    """How the suite that a labelled pair comes from reads percent, commas and rounded decimals."""
    options = row["options"]
    settings: dict[str, Any] = {"percent": "number"} if row["source"].startswith("nemo-skills") else {}
    if options.get("match_types") == ["expr"]:
        settings["decimal"] = "comma"
    if "precision" in options:
        settings["digits"] = options["precision"]
    return settings


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.slow
async def test_every_labelled_pair_gets_its_label(verifier: MathVerifier, shared_data: Path) -> None:
    lines = (shared_data / "math_equiv" / "pairs.jsonl").read_text("utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if not row["conflicting"] and not row["suspect"]]
    assert len(rows) == 175
    wrong = []
    for row in rows:
        verdict = await judged(verifier, row["gold"], row["answer"], **pair_settings(row))
        if verdict.passed is not row["expected"]:
            wrong.append((row["gold"][-80:], row["answer"][-80:], row["expected"], verdict.feedback))
    assert wrong == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.slow
async def test_no_labelled_wrong_pair_passes(verifier: MathVerifier, shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "math_equiv" / "pairs.jsonl").read_text("utf-8").splitlines()]
    wrong = [row for row in rows if not row["expected"] and not row["conflicting"] and not row["suspect"]]
    assert len(wrong) > 20
    for row in wrong:
        verdict = await judged(verifier, row["gold"], rf"\boxed{{{row['answer']}}}")
        assert not verdict.passed, row
