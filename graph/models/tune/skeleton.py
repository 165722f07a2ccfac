"""A program as a form with numbers in it."""

from __future__ import annotations

import ast
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from gristmill.graph.models.mutate.constants import within, written
from gristmill.graph.models.mutate.places import Program, parsed
from gristmill.graph.models.mutate.rules import Domain, Rules
from gristmill.graph.models.mutate.sites import LiteralSite, literal_value, sites_of

__all__ = ["Skeleton", "differ_in_numbers_only", "skeleton"]

_MOST = 64
"""Numbers that are fitted at most; a program with more is a table, and its numbers are left alone."""


@dataclass(frozen=True)
class Skeleton:
    """What stays of a program when its numbers change, and the numbers.

    Places of lists and bounds of `range` are none of them; nor is what may only be one of a few choices.
    """

    source: str
    key: str
    values: tuple[int | float, ...]
    domains: tuple[Domain | None, ...]
    rules: Rules

    def rounded(self, values: Sequence[float]) -> tuple[int | float, ...]:
        """The nearest numbers that the program may have: whole ones where it has whole ones, within their domains."""
        return tuple(
            within(float(new), old, domain) for new, old, domain in zip(values, self.values, self.domains, strict=True)
        )

    def filled(self, values: Sequence[int | float]) -> str:
        """The program with these numbers."""
        program = parsed(self.source)
        assert program is not None, "it was parsed before"
        for literal, value in zip(_numbers(program, self.rules), values, strict=True):
            if literal_value(literal.site.node) != value:
                literal.site.put(written(value))
        return program.text()


def skeleton(source: str, rules: Rules) -> Skeleton | None:
    """The form and the numbers of a program; None where it does not parse or has no number that could be fitted."""
    program = parsed(source)
    try:
        numbers = _numbers(program, rules) if program is not None else []
    except RecursionError:  # nested too deeply
        numbers = []
    if program is None or not 0 < len(numbers) <= _MOST:
        return None
    values = tuple(_number(literal) for literal in numbers)
    for literal, value in zip(numbers, values, strict=True):
        # A number's sort stays, whatever its value, and its sign is part of it.
        literal.site.put(ast.Constant(value=type(value).__name__))
    for slot in program.slots:
        slot.put_back()
    key = hashlib.sha256(ast.dump(program.tree).encode("utf-8", "surrogatepass")).hexdigest()
    return Skeleton(source, key, values, tuple(literal.domain for literal in numbers), rules)


def differ_in_numbers_only(one: str, two: str, rules: Rules) -> bool:
    """Whether two programs have one form: what one gains over the other, its numbers gain."""
    first, second = skeleton(one, rules), skeleton(two, rules)
    return first is not None and second is not None and first.key == second.key


def _numbers(program: Program, rules: Rules) -> list[LiteralSite]:
    return [
        literal
        for literal in sites_of(program, rules).literals
        if not isinstance(literal_value(literal.site.node), bool | str | type(None))
        and math.isfinite(_number(literal))
        and not (literal.domain.choices if literal.domain else literal.indexing)
    ]


def _number(literal: LiteralSite) -> int | float:
    value = literal_value(literal.site.node)
    assert isinstance(value, int | float)
    # The optimiser reckons in floats; a larger whole number is no parameter.
    return value if isinstance(value, float) or abs(value) < 2**53 else math.inf
