"""Wrong answers of every known kind are refused, right ones pass in every spelling, and undone work is called so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import sympy

from gristmill.sandbox.pool import Pool
from gristmill.verifiers.mathematics.guest.judge.comparing import compare
from gristmill.verifiers.mathematics.guest.judge.evaluation import undone
from gristmill.verifiers.mathematics.guest.judge.forms import wrong_form
from gristmill.verifiers.mathematics.guest.judge.points import POINTS, points
from gristmill.verifiers.mathematics.guest.judge.prompt_hints import hints
from gristmill.verifiers.mathematics.guest.judge.text.latex import Unreadable
from gristmill.verifiers.mathematics.guest.judge.text.reading import read
from gristmill.verifiers.mathematics.guest.judge.trees import check, rebuild
from gristmill.verifiers.mathematics.jobs import ask
from gristmill.verifiers.mathematics.settings import settings_problems
from gristmill.verifiers.mathematics.verifier import MathVerifier
from gristmill.verifiers.records import Outcome, Strength, Task
from gristmill.verifiers.registry import warnings
from tests.verifiers.mathematics.answer_kinds import RIGHT, UNDONE, WRONG


def comparison(prompt: str, gold: str, answer: str, **settings: Any) -> dict[str, Any]:
    """What the two jobs find, in this process: the texts are ours."""
    expected = read(gold, settings)
    try:
        form = read(answer, settings)
    except Unreadable as error:
        return {"equal": False, "refused": str(error)}
    if (wrong := wrong_form(form)) is not None:
        return {"equal": False, "refused": wrong}
    return compare(expected, form, {**settings, "hints": hints(prompt)})


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_answers_are_refused_by_mechanism(kind: str) -> None:
    taken = [
        (gold, answer)
        for prompt, gold, answers in WRONG[kind]
        for answer in answers
        if comparison(prompt, gold, answer)["equal"]
    ]
    assert taken == []


@pytest.mark.parametrize("kind", RIGHT)
def test_right_answers_pass_in_every_spelling(kind: str) -> None:
    refused = [
        (gold, answer, finding)
        for prompt, gold, answers in RIGHT[kind]
        for answer in answers
        if not (finding := comparison(prompt, gold, answer))["equal"]
    ]
    assert refused == []


def test_there_are_enough_of_both() -> None:
    assert sum(len(answers) for rows in WRONG.values() for _, _, answers in rows) >= 120
    assert sum(len(answers) for rows in RIGHT.values() for _, _, answers in rows) >= 150


@pytest.mark.parametrize(("prompt", "gold", "answers"), UNDONE)
def test_what_is_left_to_be_worked_out_is_no_value_unless_the_task_allows_expressions(
    prompt: str, gold: str, answers: list[str]
) -> None:
    for answer in answers:
        assert comparison(prompt, gold, answer).get("refused") == "unevaluated", answer
        still = "\\int" in answer or "\\sum" in answer
        assert comparison(prompt, gold, answer, expressions=True)["equal"] is not still, answer


def test_agreement_at_points_alone_is_never_more_than_numeric() -> None:
    for gold, answer in ((r"2\ln x", r"\ln(x^2)"), (r"|\sin x|", r"\sqrt{1-\cos^2 x}")):
        finding = comparison("?", gold, answer)
        assert (finding["equal"], finding["how"]) in ((True, "numeric"), (True, "symbolic")), finding
    assert comparison("?", r"2\ln x", r"\ln(x^2)")["how"] == "numeric"


def test_points_are_irrational_the_same_again_and_others_for_another_answer() -> None:
    x = sympy.Symbol("x", real=True)
    first, again = ([point[x] for point in points(x**2, answer)] for answer in (x**2 + 1, x**2 + 1))
    assert first == again
    assert len(first) > POINTS
    assert sum(not value.is_rational for value in first) >= len(first) - POINTS // 6
    assert not set(first[1:6]) & {point[x] for point in points(x**2, x**2 + 2)}
    assert not set(first[1:6]) & {point[x] for point in points(x**2 + 3, x**2 + 1)}


def test_breaks_that_are_written_into_an_answer_are_tried_on_both_sides() -> None:
    x = sympy.Symbol("x", real=True)
    tried = [float(point[x]) for point in points(x, sympy.sqrt(x**2 - 14 * x + 49))]
    assert any(6.9 < each < 7 for each in tried)
    assert any(7 < each < 7.1 for each in tried)


def test_whether_an_answer_is_evaluated_is_seen_where_it_is_judged() -> None:
    """A reading job that was taken over may claim nothing: there is no field for it in a form."""
    assert wrong_form({"is": "value", "tree": "Integer(5)", "open": []}) is not None
    assert undone(rebuild("Add(Pow(Integer(40), Integer(2)), Mul(Integer(-1), Pow(Integer(3), Integer(2))))"))
    assert undone(rebuild("Integral(Symbol('x'), Tuple(Symbol('x'), Integer(0), Integer(1)))")) == {"Integral"}
    assert not undone(rebuild("Mul(Integer(2), Pow(Integer(2), Rational(1, 2)))"))


FORGED = [
    {"is": "clock", "numbers": [1, 2, 3, 4], "half": ""},
    {"is": "clock", "numbers": [True, 5], "half": ""},
    {"is": "clock", "numbers": [3, 10], "half": "pm'"},
    {"is": "choice", "name": "CC", "value": {"is": "text", "text": "a"}},
    {"is": "choice", "name": "C", "value": {"is": "value", "tree": "exit()"}},
    {"is": "text", "text": "<script>"},
    {"is": "named", "name": "x; import os", "value": {"is": "text", "text": "a"}},
    {"is": "value", "tree": "Integer(5)", "unit": "dollars^99999999999"},
    {"is": "value", "tree": "Integer(5)", "unit": "nothing^1"},
    {"is": "value", "tree": "Integer(5)", "decimal": "yes"},
    {"is": "value", "tree": "Symbol('__import__(\\'os\\')')"},
    {"is": "value", "tree": "Symbol('__import__')"},
    {"is": "value", "tree": "S('1+1')"},
    {"is": "value", "tree": "Function('f', eval=1)"},
    {"is": "value", "tree": "Function('f').mro()"},
    {"is": "value", "tree": "Add(*[Integer(1)])"},
    {"is": "value", "tree": "(Integer(5), exec)"},
    {"is": "value", "tree": "Integer(5) if 1 else 2"},
    {"is": "value", "tree": "(x := Integer(5))"},
    {"is": "value", "tree": "getattr(Integer, 'mro')()"},
    {"is": "value", "tree": "S.register"},
    {"is": "value", "tree": "true.__class__"},
    {"is": "value", "tree": "Matrix(1, 1, lambda i, j: 1)"},
    {"is": "value", "tree": "f'{Integer(5)}'"},
    {"is": "value", "tree": "b'5'"},
    {"is": "value", "tree": "Integer(5)\n"},
]


@pytest.mark.parametrize("form", FORGED[:-1])
def test_a_form_that_no_reading_job_of_ours_says_is_refused(form: dict[str, Any]) -> None:
    assert wrong_form(form) is not None


def test_a_tree_is_built_by_constructors_and_never_run() -> None:
    assert rebuild("Add(Integer(1), Rational(1, 2), Mul(Integer(-1), oo), S.Half)").args
    assert rebuild("Float('0.5', precision=53)") == sympy.Float("0.5", precision=53)
    for name in ("exec", "open", "sympify", "S.__class__", "Symbol.__init__"):
        assert check(f"{name}(Integer(1))") is not None
        with pytest.raises(ValueError, match="no answer needs"):
            rebuild(f"{name}(Integer(1))")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def verifier(bubblewrap: str) -> AsyncIterator[MathVerifier]:
    async with Pool.open("bubblewrap") as pool:
        yield MathVerifier(pool)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_two_jobs_say_so_too(verifier: MathVerifier) -> None:
    def task(gold: str, prompt: str = "?", **settings: object) -> Task:
        return Task(id="t", kind="math", prompt=prompt, answer=gold, settings=settings)

    undone_here = await verifier.verify(task("1591"), r"\boxed{40^2-3^2}")
    assert undone_here.outcome is Outcome.INVALID
    assert "not evaluated" in undone_here.feedback
    assert (await verifier.verify(task("1591", expressions=True), r"\boxed{40^2-3^2}")).passed
    for gold, prompt, wrong in (
        ("3:10:20", "?", "3:10:25"),
        ("x^2", "?", r"x^2+\sin(997\pi x)"),
        ("x^2", "?", r"x^2+\{0\}"),
        ("2024-03-04", "?", "2024-04-03"),
        ("5", "How many dollars?", "5 cents"),
        ("(1,2)", "Find the vertex.", "1<x<2"),
    ):
        verdict = await verifier.verify(task(gold, prompt), rf"\boxed{{{wrong}}}")
        assert verdict.outcome in (Outcome.FAILED, Outcome.INVALID), (wrong, verdict)
    for gold, right in (("18", "{18}"), (r"\frac12", r"\cos 60^\circ"), ("7:3", "14:6"), (r"\$3.50", "USD 3.50")):
        verdict = await verifier.verify(task(gold), rf"\boxed{{{right}}}")
        assert verdict.passed, (right, verdict)
        assert verdict.strength in (Strength.EXACT, Strength.PROVED)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_job_that_reads_a_text_is_given_no_expected_answer(verifier: MathVerifier) -> None:
    """And the one that decides is given no text: only a form, which it refuses where it is none."""
    pool, asked = verifier._pool, []

    class Listening:
        """The pool itself, with what it is asked noted."""

        def __getattr__(self, name: str) -> object:
            return getattr(pool, name)

        async def run(self, job: Any, *args: Any, **options: Any) -> Any:
            asked.append(job)
            return await pool.run(job, *args, **options)

    listening: Any = Listening()
    task = Task(id="t", kind="math", prompt="Simplify.", answer=r"73\sqrt{2}")
    assert (await MathVerifier(listening, confirm=False).verify(task, r"\boxed{\sqrt{10658}}")).passed
    reading, deciding = asked
    assert "73" not in str(reading.request)
    assert set(reading.request) == {"text", "settings"}
    assert "10658}" not in str(deciding.request)
    assert set(deciding.request) == {"gold", "form", "settings", "prompt", "bare_log"}
    outcome, message = await ask(pool, "read_and_compare:compare", {**deciding.request, "form": r"\sqrt{10658}"})
    assert (outcome, message.get("wrong_form")) == (None, "it is no form that is known")


def test_an_author_is_warned_of_a_date_whose_order_is_not_declared() -> None:
    def task(answer: str, **settings: object) -> Task:
        return Task(id="t", kind="math", prompt="?", answer=answer, settings=settings)

    for answer in ("2024-03-04", "3/4/2024", "24-03-04", "4.3.2024", "March 4, 2024"):
        assert any("settings.date" in said for said in warnings(task(answer))), answer
    assert warnings(task("2024-03-04", date="ymd")) == []
    assert warnings(task("2024")) == warnings(task("3/4")) == warnings(task("1.5")) == []
    assert settings_problems({"expressions": "yes"}) != []
    assert settings_problems({"expressions": True}) == []
