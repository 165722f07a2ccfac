"""One way to cheat, and what it may know of the task that it is made for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from gristmill.verifiers.records import Task

__all__ = [
    "BESIDE_DRIVE",
    "EVERY",
    "FUNCTIONS",
    "JUDGED",
    "NOTHING",
    "PROGRAMS",
    "Attack",
    "Example",
    "Family",
    "Target",
]

EVERY: Final = frozenset(("cases", "stdio", "python", "pytest", "driven", "score"))
FUNCTIONS: Final = frozenset(("cases", "python", "pytest", "driven", "score"))
JUDGED: Final = frozenset(("python", "pytest"))
PROGRAMS: Final = frozenset(("stdio",))
BESIDE_DRIVE: Final = frozenset(("driven", "split"))
NOTHING: Final = "gristmill: this is no answer"
"""What a forging candidate answers where its forgery is not believed: no task wants it."""


class Family(StrEnum):
    """What an attack abuses."""

    EXITS = "exits"  # how a process ends, and markers of success
    EQUALITY = "equality"  # values that lie when they are compared
    REACH = "reach"  # expected values found in memory, files, frames, other processes
    RUNNER = "runner"  # the program that runs the tests, changed
    SHADOWING = "shadowing"  # modules, builtins and helpers that the tests use, replaced
    ORACLE = "oracle"  # comparisons of output, order, retries and state between calls
    CALLBACKS = "callbacks"  # what the tests hand over: functions that assert, formatters, mocks
    ENDINGS = "endings"  # context managers that swallow, iterators and coroutines that stop
    DECIDING = "deciding"  # operators and classes of the candidate's own that decide
    PROTOCOL = "protocol"  # proxies, callbacks, exceptions and iterators on the line to the tests
    RESOURCES = "resources"  # limits, and what stays behind: processes, files, shared memory
    ESCAPES = "escapes"  # other processes, sockets, namespaces, secrets of the machine
    UNSCORED = "unscored"  # trouble that looks like the infrastructure's
    DRIVEN = "driven"  # the process of drive, and what a split test reports from it
    MESSAGES = "messages"  # hidden inputs carried out in what is shown
    ALIASING = "aliasing"  # answers that are right when they are given, and changed later
    ANSWERS = "answers"  # replies to math and reasoning tasks that are wrong by construction, or run when evaluated
    FUNCTIONS = "functions"  # rewards and losses that keep state, look around, or know when they are checked
    REPOSITORIES = "repositories"  # patches that change what decides, or forge while a repository's tests run
    SCORES = "scores"  # numbers that an evaluator never gave, instances changed, time not counted
    WEAK = "weak"  # no forgery at all: candidates that only weak tests let through


@dataclass(frozen=True)
class Example:
    """One call that a solver may see, with its answer. For programs: one text in, one text out."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    expected: Any


@dataclass(frozen=True)
class Target:
    """What an attacker knows: the names that are asked for and what is public; never a hidden test.

    `reference` is the task's own solution, if it has one: some attacks are right in one run and wrong in another.
    """

    test_types: frozenset[str]
    names: tuple[str, ...]
    examples: tuple[Example, ...] = ()
    reference: str | None = None


@dataclass(frozen=True)
class Attack:
    """One mechanism. `gristmill.verifiers.attacks.writing` makes a candidate of it.

    Attributes:
        name: the mechanism, in kebab case.
        family: what it abuses.
        test_types: the types of tests where it can mean anything; ``timed`` is a score test that compares time,
            ``split`` a `python` or `pytest` test that is tried split as well.
        tries: what it tries, in a few words.
        source: Python text that defines ``answer(*args, **kwargs)``: every entry point becomes it, every program prints
            it. ``<<examples>>``, ``<<names>>``, ``<<reference>>`` and ``<<nothing>>`` stand for what a `Target` holds.
        make: for tasks of another kind than code, which `test_types` names then: the whole candidate, or None where
            it would not surely be wrong.
    """

    name: str
    family: Family
    test_types: frozenset[str]
    tries: str
    source: str = ""
    make: Callable[[Task], str | None] | None = field(default=None, compare=False)

    def by(self, source: str) -> Attack:
        """The same with this text behind its source: alone between parentheses, so that it stands as it is written."""
        return replace(self, source=self.source + source)

    @property
    def weak(self) -> bool:
        """Whether its passing says something about the tests, rather than about the judge."""
        return self.family is Family.WEAK

    @property
    def right(self) -> bool:
        """Whether tests that never look at an answer again may pass it: it is wrong only later."""
        return self.family is Family.ALIASING
