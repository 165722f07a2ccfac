"""Mathematics by property: right answers pass in several forms; wrong, trivial and degenerate ones never do."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers.mathematics.property_catalogue import PROPERTIES, check_problems
from gristmill.verifiers.mathematics.verifier import MathVerifier
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def verifier(bubblewrap: str) -> AsyncIterator[MathVerifier]:
    async with Pool.open("bubblewrap") as pool:
        yield MathVerifier(pool, confirm=False)


async def judged(verifier: MathVerifier, check: dict[str, Any], answer: str) -> Verdict:
    task = Task(id="t", kind="math", prompt="?", check=check)
    assert verifier.problems(task) == []
    verdict, evidence = await verifier.explain(task, f"\\boxed{{{answer}}}")
    (shown,) = evidence.checks
    assert shown.place == "check"
    if verdict.passed:
        assert shown.detail.startswith(f"{verdict.feedback}\n"), "evidence says what was checked"
    return verdict


# (check, right answers with the strength that they must reach, wrong or degenerate answers)
CASES: dict[str, tuple[dict[str, Any], list[tuple[str, Strength]], list[str]]] = {
    "antiderivative": (
        {"property": "antiderivative", "of": r"x\cos x"},
        [
            (r"x\sin x+\cos x", Strength.PROVED),
            (r"x\sin x+\cos x + C", Strength.PROVED),
            (r"F(x)=\cos x + x \sin x - 7", Strength.PROVED),
        ],
        [
            r"\int x\cos x dx",
            r"x\sin x",
            r"x \sin x+\cos x + Cx",
            r"x\sin x-\cos x",
            r"x\cos x",
            r"x\sin x+\cos x+\lfloor x \rfloor",
            "f(x)",
            "C",
            "0",
        ],
    ),
    "antiderivative with a logarithm": (
        {"property": "antiderivative", "of": r"\frac{1}{x}"},
        [(r"\ln|x|+C", Strength.PROVED), (r"\ln x", Strength.PROVED)],
        [r"-\frac{1}{x^2}", r"\ln x + x", r"\int \frac{1}{x} dx", r"\log x"],
    ),
    "general solution of an equation": (
        {"property": "ode", "equation": "y''+y=0", "constants": 2},
        [
            (r"C_1\cos x+C_2\sin x", Strength.PROVED),
            (r"y=A\sin x+B\cos x", Strength.PROVED),
            (r"A\cos(x+B)", Strength.PROVED),
        ],
        [
            r"A\cos x+AB\sin x",
            r"A(\cos x+B\sin x)",
            r"A\cos x+|B|\sin x",
            r"A^2\cos x+B\sin x",
            r"\sqrt{A}\cos x+B\sin x",
            r"C_1\cos x",
            "0",
            r"\sin x",
            r"C_1\cos x+C_2\cos x",
            r"C_1\sin x+2C_2\sin\frac{x}{2}\cos\frac{x}{2}",
            "C_1e^x+C_2e^{-x}",
            r"A\sin x+B\cos x+C",
            "y",
        ],
    ),
    "general solution with a double root": (
        {"property": "ode", "equation": "y''-4y'+4y=0", "constants": 2},
        [("y=(A+Bx)e^{2x}", Strength.PROVED), ("C_1e^{2x}+C_2xe^{2x}", Strength.PROVED)],
        ["Ae^{2x}+Be^{2x}", "(A+Bx)e^{-2x}", "(A+Bx^2)e^{2x}", "(A+Bx)e^{2x}+1"],
    ),
    "initial value problem": (
        {"property": "ode", "equation": r"\frac{dy}{dx} = 2xy", "conditions": [{"at": "0", "value": "3"}]},
        [("3e^{x^2}", Strength.PROVED), ("y(x)=3e^{x^2}", Strength.PROVED)],
        ["e^{x^2}", "3e^x", "0", "Ce^{x^2}", "2xy", "3"],
    ),
    "roots": (
        {"property": "roots", "of": "x^3-6x^2+11x-6=0"},
        [
            ("1,2,3", Strength.PROVED),
            (r"\{3,1,2\}", Strength.PROVED),
            (r"x=1\text{ or }x=2\text{ or }x=3", Strength.PROVED),
        ],
        ["1,2", "1,2,3,3", "1,2,4", r"\{\}", "x^3-6x^2+11x-6=0", "1,2,3,4", "x", "(x-1)(x-2)(x-3)", "[1,3]"],
    ),
    "complex roots": (
        {"property": "roots", "of": "x^2+1", "domain": "complex"},
        [("i,-i", Strength.PROVED), (r"\pm i", Strength.PROVED)],
        ["i", "1,-1", "x", r"\sqrt{x}", "0"],
    ),
    "irrational roots": (
        {"property": "roots", "of": "x^2=2"},
        [(r"\pm\sqrt2", Strength.PROVED), (r"-\frac{2}{\sqrt2}, \sqrt2", Strength.PROVED)],
        [r"\sqrt2", "1.414,-1.414", "1.41421356237309504880,-1.41421356237309504880"],
    ),
    "system": (
        {"property": "system", "equations": ["x+y=5", "x-y=1"], "variables": ["x", "y"]},
        [
            ("(3,2)", Strength.PROVED),
            ("x=3,y=2", Strength.PROVED),
            ("(x,y)=(3,2)", Strength.PROVED),
            ("y=2, x=3", Strength.PROVED),
        ],
        ["(2,3)", "x=3", "x+y=5, x-y=1", "(y+1,2)", "(3,2),(3,2)", "(3,2,1)", "x=3,y=3"],
    ),
    "system with four solutions": (
        {"property": "system", "equations": ["x^2+y^2=25", "xy=12"], "variables": ["x", "y"], "count": 4},
        [("(3,4),(4,3),(-3,-4),(-4,-3)", Strength.PROVED), (r"\{(4,3),(3,4),(-4,-3),(-3,-4)\}", Strength.PROVED)],
        ["(3,4),(4,3)", "(3,4),(4,3),(3,4),(4,3)", "(3,4),(4,3),(-3,-4),(-4,3)"],
    ),
    "inequality": (
        {"property": "inequality", "of": "x^2<4"},
        [("(-2,2)", Strength.PROVED), ("-2<x<2", Strength.PROVED)],
        ["[-2,2]", "(-2,3)", "x<2", "x^2<4", "(-2,2]", r"0 \leq x^2 < 4", "(-2,0)", "2", r"\emptyset"],
    ),
    "inequality with a pole": (
        {"property": "inequality", "of": r"\frac{x-1}{x+2}\geq 0"},
        [(r"(-\infty,-2)\cup[1,\infty)", Strength.PROVED), (r"[1,\infty)\cup(-\infty,-2)", Strength.PROVED)],
        [r"(-\infty,-2]\cup[1,\infty)", r"[1,\infty)", r"\frac{x-1}{x+2}\geq 0"],
    ),
    "factorisation": (
        {"property": "factorisation", "of": "x^4-1"},
        [("(x-1)(x+1)(x^2+1)", Strength.PROVED), ("(x^2+1)(1+x)(x-1)", Strength.PROVED)],
        ["x^4-1", "(x^2-1)(x^2+1)", "(x-1)(x+1)(x^2-1)", "(x-1)(x+1)", "1(x^4-1)", r"x(x^3-\frac{1}{x})"],
    ),
    "prime factors": (
        {"property": "prime_factors", "of": 360},
        [
            (r"2^3 \cdot 3^2 \cdot 5", Strength.PROVED),
            ("5*3^2*2^3", Strength.PROVED),
            (r"3 \times 3 \times 2^3 \times 5", Strength.PROVED),
        ],
        ["360", r"2^3\cdot 45", r"2^3\cdot 3^2", r"2^3 \cdot 3^2 \cdot 5 \cdot 1", r"4\cdot 90", "1"],
    ),
    "factor": (
        {"property": "factor", "of": 10403},
        [("101", Strength.PROVED), ("103", Strength.PROVED), ("d=101", Strength.PROVED)],
        ["1", "10403", "7", r"\frac{10403}{2}", "x", "-101", "0"],
    ),
    "prime": (
        {"property": "prime", "of": 1000003},
        [("(2,2,3,166667)", Strength.PROVED), ("2,166667,3,2", Strength.PROVED)],
        ["(2,2,3)", "(1,2,3,166667)", "(2,166667)", "(2,6,166667)", "2", "(1000002,2,3,166667)"],
    ),
    "counterexample": (
        {
            "property": "counterexample",
            "variables": ["n"],
            "domain": "positive integer",
            "claim": "n^2+n+41",
            "is": "prime",
        },
        [("40", Strength.PROVED), ("n=41", Strength.PROVED)],
        ["1", "39", "0", "-1", "n", "40.5", "m=40"],
    ),
    "counterexample in two variables": (
        {
            "property": "counterexample",
            "variables": ["a", "b"],
            "domain": "real",
            "claim": "(a+b)^2=a^2+b^2",
            "given": ["a > 0"],
        },
        [("(1,1)", Strength.PROVED), ("a=1,b=2", Strength.PROVED)],
        ["(0,1)", "(1,0)", "1", "(-1,2)", "(a,b)"],
    ),
    "recurrence": (
        {"property": "recurrence", "equation": "a_n=2a_{n-1}+1", "initial": {"0": 0}},
        [("2^n-1", Strength.PROVED), ("a_n=2^n-1", Strength.PROVED), (r"\frac{4^n-1}{2^n+1}", Strength.PROVED)],
        ["2^n", "a_n=2a_{n-1}+1", "2a_{n-1}+1", "n", "2a(n-1)+1", "2^m-1", "2^n-1+0^n", r"\sum_{k=0}^{n-1} 2^k"],
    ),
    "fibonacci": (
        {"property": "recurrence", "equation": "F(n)=F(n-1)+F(n-2)", "function": "F", "initial": {"0": 0, "1": 1}},
        [
            (
                r"\frac{1}{\sqrt5}\left(\left(\frac{1+\sqrt5}{2}\right)^n-\left(\frac{1-\sqrt5}{2}\right)^n\right)",
                Strength.PROVED,
            )
        ],
        ["F(n-1)+F(n-2)", r"\frac{1}{\sqrt5}\left(\frac{1+\sqrt5}{2}\right)^n", "n", "F(n)"],
    ),
    "sequence": (
        {"property": "sequence", "terms": [1, 3, 6, 10], "more": [15, 21, 28]},
        [
            (r"\frac{n(n+1)}{2}", Strength.TESTED),
            (r"\binom{n+1}{2}", Strength.TESTED),
            ("a_n = n(n+1)/2", Strength.TESTED),
        ],
        ["n^2", "3", "2n-1", r"\frac{n(n+1)}{2}+(n-1)(n-2)(n-3)(n-4)", "a_{n-1}+n", r"\sum_{k=1}^n k"],
    ),
    "closed form": (
        {
            "property": "closed_form",
            "at": [1, 2, 3, 5, 8, 12, 20],
            "program": "def brute(n):\n    return sum(k * k for k in range(n + 1))\n",
        },
        [(r"\frac{n(n+1)(2n+1)}{6}", Strength.TESTED), (r"\frac{n^3}{3}+\frac{n^2}{2}+\frac{n}{6}", Strength.TESTED)],
        [r"\frac{n(n+1)}{2}", r"\sum_{k=1}^n k^2", "n^2", "204", r"\frac{n^3}{3}"],
    ),
    "inverse matrix": (
        {"property": "matrix", "of": r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "identity": "inverse"},
        [
            (r"\begin{pmatrix}-2&1\\3/2&-1/2\end{pmatrix}", Strength.PROVED),
            (r"\begin{bmatrix}-2&1\\1.5&-0.5\end{bmatrix}", Strength.PROVED),
        ],
        [
            r"\begin{pmatrix}1&0\\0&1\end{pmatrix}",
            r"\begin{pmatrix}-2&1\\3/2&1/2\end{pmatrix}",
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^{-1}",
            "A^{-1}",
            "(1,2)",
        ],
    ),
    "eigenvector": (
        {"property": "matrix", "of": r"\begin{pmatrix}2&1\\1&2\end{pmatrix}", "identity": "eigenvector", "value": "3"},
        [("(1,1)", Strength.PROVED), (r"\begin{pmatrix}5\\5\end{pmatrix}", Strength.PROVED)],
        ["(0,0)", "(1,-1)", "3", "(1,1,1)", "(x,x)"],
    ),
    "commuting matrix": (
        {"property": "matrix", "of": r"\begin{pmatrix}2&1\\1&2\end{pmatrix}", "identity": "commutes"},
        [
            (r"\begin{pmatrix}0&1\\1&0\end{pmatrix}", Strength.PROVED),
            (r"\begin{pmatrix}1&7\\7&1\end{pmatrix}", Strength.PROVED),
        ],
        [
            r"\begin{pmatrix}1&0\\0&1\end{pmatrix}",
            r"\begin{pmatrix}2&1\\1&2\end{pmatrix}",
            r"\begin{pmatrix}0&0\\0&0\end{pmatrix}",
            r"\begin{pmatrix}0&1\\0&0\end{pmatrix}",
        ],
    ),
    "convex optimum": (
        {"property": "optimum", "objective": "x^2+y^2", "variables": ["x", "y"], "constraints": ["x+y=1"]},
        [(r"(\frac12,\frac12)", Strength.PROVED), ("x=1/2,y=1/2", Strength.PROVED)],
        ["(0,1)", "(0,0)", "(1/3,2/3)", r"\frac12", "(x,1-x)"],
    ),
    "optimum that is not convex": (
        {"property": "optimum", "objective": "x^4-2x^2", "variables": ["x"], "constraints": [r"x \geq 0"]},
        [("1", Strength.NUMERIC), ("x=1", Strength.NUMERIC)],
        ["0", "-1", "2", "x"],
    ),
    "greatest value": (
        {
            "property": "optimum",
            "objective": "xy",
            "sense": "max",
            "variables": ["x", "y"],
            "constraints": ["x+2y=8", r"x \geq 0", r"y \geq 0"],
        },
        [("(4,2)", Strength.NUMERIC)],
        ["(8,0)", "(2,3)", "(0,4)", "8"],
    ),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CASES)
async def test_a_property_passes_what_is_right_and_nothing_else(verifier: MathVerifier, name: str) -> None:
    check, right, wrong = CASES[name]
    for answer, strength in right:
        verdict = await judged(verifier, check, answer)
        assert verdict.outcome is Outcome.PASSED, (answer, verdict.feedback)
        assert verdict.strength is strength, (answer, verdict.strength)
    for answer in wrong:
        verdict = await judged(verifier, check, answer)
        assert verdict.outcome in (Outcome.FAILED, Outcome.INVALID), (answer, verdict.outcome, verdict.feedback)


def test_every_property_has_its_cases_and_its_judge() -> None:
    assert {check["property"] for check, _, _ in CASES.values()} == set(PROPERTIES)
    worker = importlib.import_module("gristmill.verifiers.mathematics.guest.judge.check_property")
    assert set(worker._CHECKS) == set(PROPERTIES)


@pytest.mark.parametrize(
    ("check", "field"),
    [
        ({"property": "integral"}, "check.property"),
        ({}, "check.property"),
        ({"property": "roots"}, "check.of"),
        ({"property": "roots", "of": 3}, "check.of"),
        ({"property": "roots", "of": ""}, "check.of"),
        ({"property": "roots", "of": "x", "domain": "quaternions"}, "check.domain"),
        ({"property": "roots", "of": "x", "colour": "red"}, "check.colour"),
        ({"property": "prime", "of": "seven"}, "check.of"),
        ({"property": "prime", "of": True}, "check.of"),
        ({"property": "system", "equations": "x=1", "variables": ["x"]}, "check.equations"),
        ({"property": "sequence", "terms": [1, "2"], "more": [3]}, "check.terms"),
        ({"property": "ode", "equation": "y'=y", "conditions": [{"at": "0"}]}, "check.conditions[0].value"),
        ({"property": "matrix", "of": "1", "identity": "eigenvector"}, "check.value"),
        ({"property": "recurrence", "equation": "a_n=a_{n-1}", "initial": {"first": 1}}, "check.initial"),
    ],
)
def test_a_task_file_s_mistake_is_named_with_its_field(check: dict[str, Any], field: str) -> None:
    assert any(problem.startswith(f"{field}:") for problem in check_problems(check)), check_problems(check)


def test_a_task_has_an_answer_or_a_check_and_not_both() -> None:
    check = {"property": "roots", "of": "x"}
    assert MathVerifier.problems(Task(id="t", kind="math", prompt="?", check=check, answer="0"))
    assert MathVerifier.problems(Task(id="t", kind="math", prompt="?"))


@pytest.mark.asyncio(loop_scope="module")
async def test_a_check_that_cannot_be_computed_fails_nobody_as_wrong(verifier: MathVerifier) -> None:
    verdict = await judged(verifier, {"property": "roots", "of": "x + + ="}, "1")
    assert verdict.outcome is Outcome.ERROR
    broken = {"property": "closed_form", "at": [1, 2], "program": "def brute(n):\n    return 1 / 0\n"}
    assert (await judged(verifier, broken, "n")).outcome is Outcome.ERROR


@pytest.mark.asyncio(loop_scope="module")
async def test_a_brute_force_program_that_hangs_is_cut_off(verifier: MathVerifier) -> None:
    check = {"property": "closed_form", "at": [1], "program": "def brute(n):\n    while True: pass\n"}
    task = Task.model_validate(
        {"id": "t", "kind": "math", "prompt": "?", "check": check, "limits": {"wall_seconds": 1, "cpu_seconds": 1}}
    )
    assert (await verifier.verify(task, "\\boxed{n}")).outcome is Outcome.ERROR
