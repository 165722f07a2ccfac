"""What programs do on the inputs of a task's tests: two that give the same outputs there give one answer.

No verdict comes of this, and nothing of it is told to a model. A program gets the inputs alone, as it does when it is
judged; what a test expects is not looked at. What its process sends is read as in every other job: a program that
lies about its outputs moves its own vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from gristmill.sandbox.wire.values import Bounds
from gristmill.verifiers.calling import Raised, Unencodable, Value, beside, calls_job, decode_answer, message_bounds
from gristmill.verifiers.code.compare import Rule, equal
from gristmill.verifiers.code.programs.compiling import profile_of
from gristmill.verifiers.code.test_types import literal_program_of
from gristmill.verifiers.records import CasesTest, Task

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["MOST_INPUTS", "Behaviour", "Input", "alike", "behaviour_of", "inputs_of"]

MOST_INPUTS = 64
"""Inputs that programs are told apart by, the public tests' first."""

Showing = Literal["outputs", "unreadable", "nothing"]


class Input(NamedTuple):
    """One call, and the rule by which the test that it is of compares values."""

    entry_point: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    rule: Rule = "exact"
    tolerance: float = 0.0


@dataclass(frozen=True)
class Behaviour:
    """What a program's process has sent: a message by input, None where it had ended before.

    `showing`: outputs; or nothing, where it did not load, or raised or ended on every input; or only values that may
    not cross, by which programs cannot be compared.
    """

    messages: tuple[bytes | None, ...]
    bounds: Bounds
    showing: Showing


def inputs_of(task: Task) -> tuple[Input, ...]:
    """The inputs that can be read out of a task's tests without running them, `MOST_INPUTS` at most.

    These are what `cases` call with, and test programs that only call and compare. Empty where there are none, and of
    tasks that are judged in another way.
    """
    if task.kind != "code" or task.repo is not None or task.scored is not None:
        return ()
    found: list[Input] = []
    for test in (*task.public_tests, *task.tests):
        if isinstance(test, CasesTest):
            how = (test.compare, test.tolerance)
            found += [Input(test.entry_point, case.args, case.kwargs, *how) for case in test.cases]
        elif (program := literal_program_of(test)) is not None:
            found += [Input(each.entry_point, each.args, each.kwargs) for each in program.assertions]
    # All calls of one entry point are made in one process.
    return tuple(sorted(found[:MOST_INPUTS], key=lambda each: each.entry_point))


async def behaviour_of(pool: Jobs, task: Task, solution: str, inputs: Sequence[Input]) -> Behaviour:
    """Run a program on the inputs, within the task's limits: one job for each entry point, which is mostly one.

    Raises:
        SandboxError: no sandbox can be had, so that nothing is known of the program.
    """
    bounds, profile = message_bounds(task.limits), profile_of(task, solution)
    messages: list[bytes | None] = []
    readings: set[Showing] = set()
    for point in dict.fromkeys(each.entry_point for each in inputs):
        calls = [(each.args, each.kwargs) for each in inputs if each.entry_point == point]
        report = await pool.run(calls_job(solution, point, calls, task.limits), profile)
        sent = report.messages[: len(calls)]
        readings |= await beside(report, partial(_showing, sent, bounds))
        messages += [*sent, *[None] * (len(calls) - len(sent))]
    best: Showing = "outputs" if "outputs" in readings else "unreadable" if "unreadable" in readings else "nothing"
    return Behaviour(tuple(messages), bounds, best)


def alike(one: Behaviour, other: Behaviour, inputs: Sequence[Input]) -> bool:
    """Whether both show the same on every input: equal values by the test's own rule, or an error of the same type.

    Where a process had ended before an input, as by a limit, the other's must have too. What may not cross is like
    nothing else. By a tolerance the answer may depend on which of the two comes first.
    """
    rows = zip(inputs, one.messages, other.messages, strict=True)
    return all(_same(input_, first, second, one.bounds) for input_, first, second in rows)


def _same(input_: Input, first: bytes | None, second: bytes | None, bounds: Bounds) -> bool:
    if first is None or second is None:
        return first is second
    match decode_answer(first, bounds), decode_answer(second, bounds):
        case Value(wanted), Value(given):
            return equal(wanted, given, input_.rule, input_.tolerance)
        case Raised(kind, _, _), Raised(other, _, _):
            return kind == other
    return False


def _showing(messages: Sequence[bytes], bounds: Bounds) -> set[Showing]:
    answers = (decode_answer(message, bounds) for message in messages)
    return {
        "outputs" if isinstance(each, Value) else "unreadable" if isinstance(each, Unencodable) else "nothing"
        for each in answers
    }
