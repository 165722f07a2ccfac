"""Examples in the words of tasks: what is read, and what a test is worth that lets others through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.graph.judging.exemplary import weaker_than_examples, with_public_examples
from gristmill.graph.tasks.examples import Example, examples_of
from gristmill.graph.tasks.importers import import_tasks
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.records import CasesTest, Outcome, PythonTest, Task
from gristmill.verifiers.registry import Verifiers


def task(prompt: str, tests: str = "assert f(1) == 2", reference: str | None = None) -> Task:
    return Task(
        id="t",
        kind="code",
        prompt=prompt,
        tests=(PythonTest(entry_point="f", code=tests),),
        reference=reference,
    )


def documented(words: str) -> str:
    return f'def f(x):\n    """Says what it does.\n    {words}\n    """\n'


@pytest.mark.parametrize(
    ("words", "call", "value"),
    [
        (">>> f(2)\n    3", "f(2)", 3),
        (">>> f([1,\n    ...    2])\n    3\n", "", None),  # a doctest's continued line is no expression
        (">>> f('a')\n    {'k': [1,\n     2]}\n\n    More.", "f('a')", {"k": [1, 2]}),
        ("f(2) == 3", "f(2)", 3),
        ("f(2) => 3, as 2 + 1 is 3", "f(2)", 3),
        ("f(2) ==> 3", "f(2)", 3),
        ("f(2, key=(1, 2)) ➞ 'x'.", "f(2, key=(1, 2))", "x"),
        ("f(2) -> 3", "f(2)", 3),
        ("f(2) = 3", "f(2)", 3),
        ("f(2)  # => 3", "f(2)", 3),
        ("f(2) returns True.", "f(2)", True),
        ("f(2) should return -15.", "f(2)", -15.0),
        ("f(2) => true", "f(2)", True),
        ("f('(') => ')'", "f('(')", ")"),
        ("f([4.0, 3]) ==> ['A+', 'B']", "f([4.0, 3])", ["A+", "B"]),
        ("f(5) -> 19 - 5 - 6 = 8", "f(5)", 8),
        ("f(2) => 5, f(3)", "f(2)", 5),
        ("f(2) is the 3rd", "", None),
        ("f(2) => 3rd", "", None),
        ("f(n) => 3", "", None),
        ("f(__import__('os').system('x')) => 3", "", None),
        ("f(2) => g(3)", "", None),
        ("off(2) => 3, x.f(2) => 3", "", None),
        ("f(2) >= 3", "", None),
        (">>> f(2)\n\n    3", "", None),
    ],
)
def test_an_example_is_read_as_it_is_written(words: str, call: str, value: Any) -> None:
    for prompt in (documented(words), f"Write f.\n{words}\n"):
        found = [(each.call, each.value) for each in examples_of(task(prompt))]
        assert found == ([(call, value)] if call else [])
        assert [type(each) for _, each in found] == ([type(value)] if call else [])


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(args=st.lists(LITERALS, max_size=3), value=LITERALS, sign=st.sampled_from([" == ", " => ", " ➞ ", " -> "]))
def test_what_is_written_as_an_example_comes_back(args: list[Any], value: Any, sign: str) -> None:
    written = Example("f", tuple(args), {}, value)
    found = examples_of(task(f"Write f.\n{written.call}{sign}{value!r}\nand so on"))
    assert [repr(each) for each in found] == [repr(written)]


def test_the_text_of_a_prompt_is_never_run_and_takes_bounded_time() -> None:
    assert examples_of(task("f(" * 30_000)) == ()
    assert examples_of(task("f(1) => " + "[" * 50_000)) == ()
    assert len(examples_of(task("\n".join(f"f({n}) => {n}" for n in range(900))))) == 20


async def said(prompt: str, tests: str, reference: str | None = None) -> bool:
    return bool(await weaker_than_examples([task(prompt, tests, reference)], "bubblewrap", 1))


async def test_tests_that_only_compare_are_weighed_without_running_anything() -> None:
    prompt = documented("f(2) => [2, 4, 6]")
    assert await said(prompt, "assert f(1) == 2")
    assert await said(prompt, "def check(candidate):\n    assert candidate(3) == []\n")
    assert not await said(prompt, "assert f(2) == [2, 4, 6]")
    assert not await said(
        prompt, "def check(candidate):\n    assert candidate(3) == []\n    assert candidate(2) == [2, 4, 6]\n"
    )
    assert not await said("Write f.", "assert f(1) == 2")
    cases = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [2], "expected": [2, 4, 6]}]})
    whole = task(prompt)
    assert not await weaker_than_examples([whole.model_copy(update={"tests": (cases,)})], "bubblewrap", 1)
    assert not await weaker_than_examples([whole.model_copy(update={"public_tests": (cases,)})], "bubblewrap", 1)


@pytest.mark.bubblewrap
async def test_other_tests_are_tried_with_another_value(bubblewrap: str) -> None:
    reference = "def f(x):\n    return 1 if x < 2 else f(x - 1) + f(x - 2)\n"
    loop = "for n in range({}, 9):\n    assert f(n) == [1, 1, 2, 3, 5, 8, 13, 21, 34][n]\n"
    prompt = documented("f(4) => 5")
    assert await said(prompt, loop.format(5), reference)
    assert not await said(prompt, loop.format(3), reference)
    assert not await said(prompt, loop.format(5))


@pytest.mark.bubblewrap
async def test_examples_become_public_tests_where_the_reference_bears_them_out(bubblewrap: str) -> None:
    prompt = documented("f(2) => 3\n    f(3) => 5\n    f(0) => 1")
    given = [
        task(prompt, reference="def f(x): return x + 1"),
        task(prompt).model_copy(update={"id": "without"}),
        task("Write f.", reference="def f(x): return x + 1").model_copy(update={"id": "silent"}),
        task(prompt, reference="def f(x) return").model_copy(update={"id": "broken"}),
    ]
    made, left_out = await with_public_examples(given, "bubblewrap", 1)
    assert made[1:] == given[1:]
    assert made[0].tests == given[0].tests
    assert [test.code for test in made[0].public_tests if isinstance(test, PythonTest)] == [
        "assert f(2) == 3\nassert f(0) == 1"
    ]
    assert left_out["t"] == ["assert f(3) == 5"]
    assert len(left_out["broken"]) == 3
    again, _ = await with_public_examples(made[:1], "bubblewrap", 1)
    assert again == made[:1]


@pytest.mark.bubblewrap
async def test_what_humaneval_lets_through_is_named_and_refused_with_its_examples(
    bubblewrap: str, shared_data: Path
) -> None:
    tasks = import_tasks("humaneval", shared_data / "humaneval" / "HumanEval.jsonl.gz")
    assert sum(bool(examples_of(each)) for each in tasks) >= 140
    (weak,) = [each for each in tasks if each.id == "HumanEval/163"]
    assert not weak.public_tests
    assert (
        "generate_integers(2, 8) == [2, 4, 6, 8]" in (await weaker_than_examples([weak], "bubblewrap", 1))[weak.id][0]
    )
    [strong], left_out = await with_public_examples([weak], "bubblewrap", 1)
    assert not left_out
    assert not await weaker_than_examples([strong], "bubblewrap", 1)
    wrong = "def generate_integers(*ends):\n    return [n for n in (2, 4, 6, 8) if min(ends) <= n < max(ends)]"
    async with Pool.open("bubblewrap", 1) as pool:
        judge = Verifiers(pool, confirm=False)
        assert (await judge.verify(weak, wrong)).outcome is Outcome.PASSED
        verdict = await judge.verify(strong, wrong)
    assert verdict.outcome is Outcome.FAILED
    assert "[2, 4, 6]" in verdict.feedback
