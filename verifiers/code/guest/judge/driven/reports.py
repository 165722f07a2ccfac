"""What a split test's judge reads the candidate's reports by: each asked for once, in the judge's own order.

The judge's flow says how often each assertion is made. The first report of each occurrence counts: one that is missing
fails, and so does one that nobody has asked for at the end. A report is a claim, of plain values: nothing in it runs,
and what had no plain form is an object that equals nothing. Against reports that a candidate sends in the test's place,
again, in another order, or leaves out.

Judges import this as `gristmill_reports`, which docs/driven.md describes.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import re
import sys
import unittest
from collections.abc import Callable
from typing import Any

from gristmill.verifiers.code.guest.wire.library_values import value_of

__all__ = ["Reports", "Trying", "has_calls", "matches"]

_MOST = 100_000
Marks = list[tuple[str, Any, Any]]


class Opaque:
    """What has no plain form. Nothing is known of it but whether it says that it is true."""

    __slots__ = ("_truth",)
    __hash__ = None  # type: ignore[assignment]  # it is no member of anything

    def __init__(self, truth: bool) -> None:
        self._truth = truth

    def __bool__(self) -> bool:
        return self._truth

    def __eq__(self, other: object) -> bool:
        return False


class Trying:
    """What a judge is handed in the place of reports while guesses are tried: values of one assertion, no others.

    `asked` are the assertions that count, each time that one was asked for; `is_read` says that reports were wanted.
    """

    def __init__(self, site: int | None = None, inner: bool = True, value: Callable[[int], Any] = lambda at: None):
        self.asked: list[int] = []
        self.is_read = False
        self.asked_inner = False
        self.width = 1
        self.inner = inner
        self._site = site
        self._value = value

    def take(self, site: int) -> tuple[Any, ...] | None:
        """The values of the next report of an assertion; None if it is to be passed over."""
        self.asked.append(site)
        return (self._value(self.asked.count(site) - 1),) * self.width if site == self._site else None


class Reports:
    """The reports of one run of one test function.

    `values`: what `drive` has returned. `seen`: what was last asked for, and `inner` whether that is the solution's own
    result; else it is what the test asks of it.
    """

    case = unittest.TestCase()

    def __init__(self, values: Any, case: dict[str, Any]) -> None:
        self._trying = values if type(values) is Trying else None
        self._waiting: dict[tuple[int, tuple[Any, ...]], list[Any]] = {}
        self._rows: tuple[Any, ...] = ()
        self._inner = True
        self.seen: tuple[Any, ...] = ()
        if self._trying is not None:
            self._trying.is_read = True
            self._inner, values = self._trying.inner, []
        if type(values) is not list or len(values) > _MOST:
            raise AssertionError("no reports")
        self._reports = values

    @property
    def inner(self) -> bool:
        """See the class."""
        if self._trying is not None:
            self._trying.asked_inner = True
        return self._inner

    def _begin(self, names: list[str]) -> None:
        """Sort the reports by assertion and by the rows of parameters that they say they are of."""
        for each in self._reports:
            site, rows, inner, seen = each
            given = dict(rows)
            key = site, tuple(given.get(name) for name in names)
            self._waiting.setdefault(key, []).append((inner is True, seen))
        for waiting in self._waiting.values():
            waiting.reverse()

    def play(self, step: Callable[..., Any], marks: Marks) -> bool:
        """Run a judge's function for each row of its parameters, and say whether every report was asked for."""
        self._begin([name for name, _, _ in marks])
        tables = [[_row(names, row) for row in rows] for _, names, rows in marks]
        for places in itertools.product(*(range(len(table)) for table in tables)):
            self._rows = places
            given: dict[str, Any] = {}
            for table, place in zip(tables, places, strict=True):
                given |= table[place]
            step(self, **given)
        return not any(self._waiting.values())

    def next(self, site: int) -> bool:
        """Take the next report of an assertion that proves something where it holds.

        Raises:
            AssertionError: there is none.
        """
        if self._trying is None:
            return self.also(site)
        seen = self._trying.take(site)
        self.seen = seen or ()
        return seen is not None

    def also(self, site: int) -> bool:
        """Take the next report of an assertion that has to hold as well, and proves nothing: no guess is tried on it.

        Raises:
            AssertionError: there is none.
        """
        if not self.more(site) and self._trying is None:
            raise AssertionError("a report is missing")
        return self._trying is None

    def more(self, site: int) -> bool:
        """Take the next report of an assertion, if there is one."""
        waiting = self._waiting.get((site, self._rows))
        if not waiting:
            return False
        self._inner, seen = waiting.pop()
        self.seen = tuple(_made(each) for each in seen)
        return True

    def like(self, value: Any, level: int = 0) -> Any:
        """A wanted value in the plain form that what is reported has: objects as their fields."""
        if level > 50:
            return value
        kind = type(value)
        if kind in (list, tuple, set, frozenset):
            return kind(self.like(each, level + 1) for each in value)
        if kind is dict:
            return {key: self.like(each, level + 1) for key, each in value.items()}
        if isinstance(value, enum.Enum):
            return self.like(value.value, level + 1)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {each.name: self.like(getattr(value, each.name), level + 1) for each in dataclasses.fields(value)}
        if isinstance(value, BaseException):
            return kind.__name__, str(value)
        return value


def _row(names: list[str], row: Any) -> dict[str, Any]:
    values = getattr(row, "values", None) if type(row).__name__ == "ParameterSet" else None
    if values is None:
        values = row if len(names) > 1 else (row,)
    return dict(zip(names, values, strict=True))


def _made(value: Any, level: int = 0) -> Any:
    """A reported value, with what was marked in it made again."""
    kind = type(value)
    if level > 60:
        return value
    if kind in (list, tuple):
        return kind(_made(each, level + 1) for each in value)
    if kind is dict:
        if "\0is" in value:
            return _marked(value["\0is"], value.get("parts"), level)
        return {key: _made(each, level + 1) for key, each in value.items()}
    return value


def _marked(kind: Any, parts: Any, level: int) -> Any:
    if kind == "object":
        return Opaque(parts[0] is True)
    if kind == "call":
        mock: Any = sys.modules.get("unittest.mock") or __import__("unittest.mock").mock
        name, args, kwargs = parts
        return mock._Call((str(name), tuple(_made(args, level + 1)), dict(_made(kwargs, level + 1))))
    return value_of(str(kind), parts)


def matches(pattern: Any, text: Any) -> bool:
    """Whether ``pytest.raises(…, match=pattern)`` takes a message."""
    return re.search(pattern, text) is not None


def has_calls(calls: list[Any], wanted: list[Any], any_order: bool = False) -> bool:
    """Whether ``mock.assert_has_calls(wanted)`` holds."""
    if any_order:
        left = list(calls)
        for each in wanted:
            if each not in left:
                return False
            left.remove(each)
        return True
    return any(calls[at : at + len(wanted)] == list(wanted) for at in range(len(calls) - len(wanted) + 1))
