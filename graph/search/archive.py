"""Parts of a population, each of which a newcomer takes only from whom it resembles: families and a grid of features.

Both keep what is different alive where one sorted list of the best would soon hold one idea in many spellings. They are
folds: rows come in the order of places, and the same rows give the same archive.

`Grid` is MAP-Elites (Mouret & Clune, arXiv 1504.04909): features that the task's author declares with fixed bounds, one
elite a cell. Departure: bounds never move, so that no cell drifts; what lies outside counts to the outermost cell.

`Families` are for tasks without features: deterministic crowding (Mahfoud 1995) by descent. A hypothesis from scratch
founds a family; a child takes the place of its first parent's family if it is not worse. Departure: nothing measures
likeness; the first parent stands for what is alike. Truncation to the best solved trap-5 × 6 in 1 of 10 runs, families
in 10 of 10 (`benchmarks/strategies.py`).

Both compare by `Row.merit` only, so that a choice is the same for score·k + b with k > 0.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple, Protocol, Self

from gristmill.graph.records import STARTS
from gristmill.graph.search.rows import Rank, Row

__all__ = ["Archive", "Axis", "Families", "Grid", "archive"]


class Axis(NamedTuple):
    """A feature with its bounds, cut into `bins` of equal width."""

    name: str
    low: float
    high: float
    bins: int = 10

    @classmethod
    def read(cls, text: str) -> Self:
        """From ``NAME=LOW:HIGH`` or ``NAME=LOW:HIGH:BINS``, e.g. ``length=0:4000:20``.

        Raises:
            ValueError: it is written otherwise, or has no width.
        """
        name, sign, bounds = text.partition("=")
        numbers = bounds.split(":")
        if not name or not sign or len(numbers) not in (2, 3):
            raise ValueError(f"{text!r} is not NAME=LOW:HIGH:BINS, e.g. length=0:4000:20")
        try:
            axis = cls(name, float(numbers[0]), float(numbers[1]), int(numbers[2]) if len(numbers) == 3 else 10)
        except ValueError:
            raise ValueError(f"{text!r}: bounds are numbers and bins a whole number") from None
        if not (math.isfinite(axis.low) and math.isfinite(axis.high) and axis.low < axis.high and axis.bins >= 1):
            raise ValueError(f"{text!r}: the bounds must be finite and rise, and there must be at least one bin")
        return axis

    def bin(self, value: float) -> int:
        """The bin of a value; -1 where there is none."""
        if math.isnan(value):
            return -1
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return min(int(share * self.bins), self.bins - 1)


class Archive(Protocol):
    """The living part of a population."""

    def add(self, row: Row) -> bool:
        """Take a row; whether it has made something better, which another one that is as good has not."""
        ...

    def put(self, row: Row) -> bool:
        """Take one that comes from elsewhere: the best of another island."""
        ...

    def pick(self, chance: random.Random, among: int = 1) -> Row:
        """The best of so many that are drawn; there must be one."""
        ...

    def best(self) -> Row:
        """The best; of equals the earlier one. There must be one."""
        ...

    def rows(self) -> list[Row]:
        """All, best first."""
        ...

    def __len__(self) -> int: ...


class _Ordered:
    """Rows, best first, any of which can be drawn."""

    def __init__(self) -> None:
        self._order: list[Row] = []

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._order)

    def pick(self, chance: random.Random, among: int = 1) -> Row:
        """The best of so many that are drawn."""
        return self._order[min(chance.randrange(len(self._order)) for _ in range(among))]

    def best(self) -> Row:
        """The first."""
        return self._order[0]

    def rows(self) -> list[Row]:
        """All, best first."""
        return list(self._order)

    def _place(self, row: Row, old: Row | None) -> None:
        if old is not None:
            del self._order[bisect_left(self._order, old.rank, key=_rank)]
        insort(self._order, row, key=_rank)


class Families(_Ordered):
    """At most `size` families, each by its living member.

    Args:
        size: how many are founded; later ones from scratch take the place of the worst family if they are better.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._family: dict[str, int] = {}
        self._living: list[Row] = []
        self._starts: set[str] = set()

    def add(self, row: Row) -> bool:
        """A child goes to its first parent's family, whoever else was its parent.

        What is built on a program of the task's founds a family, as what comes from scratch does: where every search
        begins with one program, all of it would be one family.
        """
        if row.place.round == STARTS:
            self._starts.add(row.id)
        parent = next(iter(row.parents), None)
        number = self._family.get(parent) if parent is not None and parent not in self._starts else None
        if number is None:
            return self.put(row)
        self._family[row.id] = number
        living = self._living[number]
        if row.merit < living.merit or row.content == living.content:
            return False
        self._replace(number, row)
        return row.merit > living.merit

    def put(self, row: Row) -> bool:
        """Found a family, or take the place of the worst."""
        if len(self._living) < self._size:
            self._family[row.id] = len(self._living)
            self._living.append(row)
            self._place(row, None)
            return True
        worst = self._order[-1]
        if row.merit <= worst.merit:
            return False
        self._replace(self._family[worst.id], row)
        return True

    def _replace(self, number: int, row: Row) -> None:
        self._place(row, self._living[number])
        self._living[number] = row
        self._family[row.id] = number


class Grid(_Ordered):
    """One elite for each cell of the declared features."""

    def __init__(self, axes: tuple[Axis, ...]) -> None:
        super().__init__()
        self._axes = axes
        self._elite: dict[tuple[int, ...], Row] = {}

    def add(self, row: Row) -> bool:
        """Where its cell is empty or its elite is worse; what lacks a feature has no cell."""
        if len(row.features) != len(self._axes):
            return False
        cell = tuple(axis.bin(value) for axis, value in zip(self._axes, row.features, strict=True))
        old = self._elite.get(cell)
        if -1 in cell or (old is not None and row.merit <= old.merit):
            return False
        self._place(row, old)
        self._elite[cell] = row
        return True

    put = add


def archive(axes: tuple[Axis, ...], size: int) -> Archive:
    """A grid where features are declared, else families."""
    return Grid(axes) if axes else Families(size)


def _rank(row: Row) -> Rank:
    return row.rank
