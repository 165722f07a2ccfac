"""The open problems that a `program` task may name: statement, rule, direction, best known value and its source.

Best known values are those whose constructions were checked exactly here, cut to the digits that all of them share
with the published figure (rounded down where more is better, up where less is), so that they can be reached.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

from gristmill.sandbox.records import Limits, Record
from gristmill.verifiers.constructions.statements import FAMILIES, ProblemFamily
from gristmill.verifiers.records import Direction, Task

__all__ = ["OpenProblem", "problem", "problem_names", "task_of"]

_LIMITS = Limits.of_processor(60, memory_mb=1024, output_kb=8192)


class OpenProblem(Record):
    """One problem with its numbers filled in."""

    name: str
    title: str
    statement: str
    direction: Direction
    best: str
    source: str
    evaluator: str
    options: dict[str, Any]
    seconds: float

    @property
    def best_known(self) -> Fraction:
        """The best known value as the exact number that its decimals denote."""
        return Fraction(self.best)

    def prompt(self) -> str:
        """The whole text of a task: what is asked, in which form, by which rule it is scored, and what is known."""
        better = "larger" if self.direction is Direction.MAXIMIZE else "smaller"
        return (
            f"{self.statement}\n\nThe {better} the score the better. Best known: {self.best} ({self.source}). "
            "The score is computed exactly from the numbers that you return, each float standing for the binary "
            "fraction that it holds: there is no tolerance, and NaN, infinities, booleans and text are refused."
        )


@cache
def _all() -> dict[str, OpenProblem]:
    return {name: _filled(name, family, values) for family in FAMILIES for name, values in family.members.items()}


def _filled(name: str, family: ProblemFamily, values: dict[str, Any]) -> OpenProblem:
    return OpenProblem(
        name=name,
        title=family.title.format(**values),
        statement=family.statement.format(**values),
        direction=family.direction,
        best=str(values["best"]),
        source=str(values["source"]),
        evaluator=f"gristmill.verifiers.constructions.guest.{family.evaluator}",
        options={key: values[key] for key in family.options},
        seconds=family.seconds,
    )


def problem_names() -> tuple[str, ...]:
    """Names that `Task.problem` may hold, in the catalogue's order."""
    return tuple(_all())


def problem(name: str) -> OpenProblem:
    """The problem of that name.

    Raises:
        KeyError: there is none.
    """
    return _all()[name]


def task_of(name: str, **fields: Any) -> Task:
    """The task of a problem: a minute of processor time, passed at the best known value unless `fields` name a target.

    Raises:
        KeyError: there is no such problem.
    """
    asked = problem(name)
    given = {"direction": asked.direction, "tags": ("open-problem",), "limits": _LIMITS} | fields
    return Task(id=f"program/{name}", kind="program", prompt=asked.prompt(), problem=name, **given)
