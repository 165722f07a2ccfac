"""What the examples in the words of tasks are worth: public tests, where the reference bears them out, and a measure of
the hidden ones. A test that lets a wrong value through, for an input whose docstring says what is right, passes what
everybody can see to be wrong."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Sequence
from typing import Any

from gristmill.graph.tasks.examples import Example, examples_of
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.code.literal_tests import Assertion, LiteralProgram
from gristmill.verifiers.code.test_types import literal_program_of
from gristmill.verifiers.judging import Judge
from gristmill.verifiers.records import CasesTest, CodeTest, Outcome, PytestTest, PythonTest, Task
from gristmill.verifiers.registry import Verifiers

__all__ = ["weaker_than_examples", "with_public_examples"]


async def with_public_examples(
    tasks: Sequence[Task], sandbox: str = "auto", workers: int | None = None
) -> tuple[list[Task], dict[str, list[str]]]:
    """The tasks, with the examples in their words as a public test each, as far as their references bear them out.

    Returns:
        The tasks, in their order, and by id the examples that were left out, as assertions.

    Raises:
        SandboxError: references cannot be run.
    """
    found = {task.id: fresh for task in tasks if task.reference is not None and (fresh := _fresh(task))}
    if not found:
        return list(tasks), {}
    kept: dict[str, tuple[Example, ...]] = {}
    async with Pool.open(sandbox, workers) as pool:
        judge = Verifiers(pool, confirm=False)
        asked = [task for task in tasks if task.id in found]
        for task, held in zip(asked, await asyncio.gather(*(_held(judge, t, found[t.id]) for t in asked)), strict=True):
            kept[task.id] = held
    made = [_with(task, kept[task.id]) if kept.get(task.id) else task for task in tasks]
    left = {id_: [each.assertion for each in examples if each not in kept[id_]] for id_, examples in found.items()}
    return made, {id_: each for id_, each in left.items() if each}


async def weaker_than_examples(tasks: Sequence[Task], sandbox: str, workers: int | None) -> dict[str, list[str]]:
    """What is to be said of tasks whose tests accept another value where the prompt says which is right, by id.

    Tests that only call and compare are read; for others the reference is run, with another value for that input.
    """
    said: dict[str, list[str]] = {}
    to_run: list[tuple[Task, Example]] = []
    for task in tasks:
        for example in examples_of(task):
            accepts = _accepts(task, example)
            if accepts:
                said.setdefault(task.id, []).append(example.assertion)
            elif accepts is None and task.reference is not None:
                to_run.append((task, example))
    trouble: dict[str, list[str]] = {}
    if to_run:
        try:
            async with Pool.open(sandbox, workers) as pool:
                judge = Verifiers(pool, confirm=False)
                passed = await asyncio.gather(*(_passes_otherwise(judge, *each) for each in to_run))
        except SandboxError as error:
            trouble = {task.id: [f"its tests were not tried on its examples: {error}"] for task, _ in to_run}
            passed = []
        for (task, example), accepted in zip(to_run, passed, strict=False):
            if accepted:
                said.setdefault(task.id, []).append(example.assertion)
    return {id_: [_words(each)] for id_, each in said.items()} | trouble


def _words(assertions: Sequence[str]) -> str:
    more = f" and {len(assertions) - 1} more" if len(assertions) > 1 else ""
    first = assertions[0].removeprefix("assert ")
    return (
        f"its tests are weaker than its examples: they accept another value where its prompt says {first}{more}; "
        "`tasks import --public-examples` makes tests of such examples"
    )


def _fresh(task: Task) -> tuple[Example, ...]:
    """The examples of a task that none of its public tests says word for word, where a test can be made of them."""
    if _model_test(task) is None:
        return ()
    told = {line for test in task.public_tests if isinstance(test, PythonTest) for line in _statements(test.code)}
    return tuple(each for each in examples_of(task) if ast.unparse(ast.parse(each.assertion)) not in told)


def _statements(code: str) -> list[str]:
    try:
        return [ast.unparse(each) for each in ast.parse(code).body]
    except (SyntaxError, ValueError, RecursionError):
        return []


def _model_test(task: Task) -> PythonTest | CasesTest | PytestTest | None:
    """The test from which those of the examples take their entry points and what is set up and shared."""
    tests = (*task.tests, *task.public_tests)
    return next((test for test in tests if isinstance(test, PythonTest | CasesTest | PytestTest)), None)


def _test_of(task: Task, examples: Sequence[Example]) -> PythonTest:
    model = _model_test(task)
    more: dict[str, Any] = {"setup": model.setup, "shared": model.shared} if isinstance(model, PythonTest) else {}
    point: Any = model.entry_point if model is not None else ""
    return PythonTest(entry_point=point, code="\n".join(each.assertion for each in examples), **more)


def _with(task: Task, examples: Sequence[Example]) -> Task:
    return task.model_copy(update={"public_tests": (*task.public_tests, _test_of(task, examples))})


async def _held(judge: Judge, task: Task, examples: tuple[Example, ...]) -> tuple[Example, ...]:
    """Those that hold of the reference: each assertion is a check of its own."""
    probe = task.model_copy(update={"tests": (), "public_tests": (_test_of(task, examples),)})
    verdict = await judge.verify(probe, task.reference or "")
    passed = [check.outcome is Outcome.PASSED for check in verdict.checks]
    # A reference that cannot be run bears out nothing.
    return tuple(each for each, held in zip(examples, passed, strict=False) if held and len(passed) == len(examples))


def _accepts(task: Task, example: Example) -> bool | None:
    """Whether all tests of a task accept a wrong value there; None if they must be run to know."""
    unread = False
    for test in (*task.public_tests, *task.tests):
        answer = _test_accepts(test, example)
        if answer is False:
            return False
        unread = unread or answer is None
    return None if unread else bool(task.tests or task.public_tests)


def _test_accepts(test: CodeTest, example: Example) -> bool | None:
    if isinstance(test, CasesTest):
        asked = [case for case in test.cases if (tuple(case.args), case.kwargs) == (example.args, example.kwargs)]
        return test.entry_point != example.function or not asked
    program: LiteralProgram | None = literal_program_of(test)
    if program is None:
        return None
    return all(_lets_through(each, example) for each in program.assertions)


def _lets_through(assertion: Assertion, example: Example) -> bool:
    if assertion.entry_point != example.function:
        return True
    if (assertion.args, assertion.kwargs) != (example.args, example.kwargs):
        return True
    try:
        return assertion.holds(_other(example.value))
    except Exception:  # noqa: BLE001  # what cannot even be compared does not pass
        return False


def _other(value: Any) -> Any:
    """A value of the same kind that is another one."""
    match value:
        case bool():
            return not value
        case int() | float() | complex():
            return value + 1
        case str():
            return value[:-1] or "other"
        case bytes():
            return value[:-1] or b"other"
        case list() | tuple():
            return value[:-1] if value else type(value)([0])
        case set() | frozenset():
            return type(value)([*value][1:]) if value else type(value)([0])
        case dict():
            return dict([*value.items()][1:]) if value else {0: 0}
    return 0


async def _passes_otherwise(judge: Judge, task: Task, example: Example) -> bool:
    """Whether the reference, with another value for the example's input, passes all tests of its task."""
    name = example.function
    # Calls that the function makes of itself get what they would: only what is asked from outside is another. Arguments
    # that cannot be compared (arrays) are not the example's.
    source = f"""{task.reference}


_gristmill_right, _gristmill_depth = {name}, [0]


def {name}(*args, **kwargs):
    if not _gristmill_depth[0]:
        try:
            if (args, kwargs) == ({example.args!r}, {example.kwargs!r}):
                return {_other(example.value)!r}
        except Exception:
            pass
    _gristmill_depth[0] += 1
    try:
        return _gristmill_right(*args, **kwargs)
    finally:
        _gristmill_depth[0] -= 1
"""
    return (await judge.verify(task, source)).passed
