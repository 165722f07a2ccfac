"""Curves with intervals, drawn here as SVG: places of a picture, no script and no style of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Change", "Changes", "Chart", "Dot", "Line", "Point", "course_chart", "shares_chart"]

WIDTH, HEIGHT = 480.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 18.0, 10.0, 38.0
_ROW = 42.0


@dataclass(frozen=True, slots=True)
class Dot:
    """One point, with its interval and what is said where it is pointed at."""

    x: float
    y: float
    words: str
    low: float | None = None
    high: float | None = None
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """Points that belong together."""

    name: str
    dots: Sequence[Dot]


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over two axes, each with its ticks as (value, text)."""

    label: str
    across: str
    up: str
    lines: Sequence[Line]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    even: bool = False
    """Whether the diagonal is drawn, on which both axes are alike."""

    width = WIDTH
    height = HEIGHT
    left = _LEFT
    right = WIDTH - _RIGHT
    top = _TOP
    bottom = HEIGHT - _BOTTOM

    def x(self, value: float) -> float:
        """Where a value stands across."""
        return _place(value, [at for at, _ in self.x_ticks], _LEFT, WIDTH - _RIGHT)

    def y(self, value: float) -> float:
        """Where a value stands up."""
        return _place(value, [at for at, _ in self.y_ticks], HEIGHT - _BOTTOM, _TOP)

    def path(self, line: Line) -> str:
        """A line's points, as SVG has them."""
        return " ".join(f"{self.x(dot.x):.1f},{self.y(dot.y):.1f}" for dot in line.dots)


@dataclass(frozen=True, slots=True)
class Point:
    """A share from 0 to 1, with its interval and what is said where it is pointed at."""

    value: float
    words: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was measured twice."""

    name: str
    before: Point
    after: Point


@dataclass(frozen=True, slots=True)
class Changes:
    """Shares before and after, a row each, over one axis from 0 to 1."""

    label: str
    across: str
    rows: Sequence[Change]

    width = WIDTH
    left = _RIGHT
    right = WIDTH - _RIGHT
    ticks = tuple((each / 4, f"{25 * each}%") for each in range(5))

    @property
    def bottom(self) -> float:
        """Where the rows end."""
        return _TOP + _ROW * len(self.rows)

    @property
    def height(self) -> float:
        """Of the whole picture."""
        return self.bottom + _BOTTOM

    def x(self, value: float) -> float:
        """Where a share stands across."""
        return _place(value, (0.0, 1.0), self.left, self.right)

    def y(self, row: int) -> float:
        """Where a row begins."""
        return _TOP + _ROW * row


def shares_chart(label: str, across: str, up: str, lines: Sequence[Line]) -> Chart:
    """Shares from 0 to 1 over whole numbers: rounds, iterations."""
    return Chart(label, across, up, lines, _whole(lines), [(each / 4, f"{25 * each}%") for each in range(5)])


def course_chart(label: str, across: str, up: str, lines: Sequence[Line]) -> Chart:
    """Any numbers over whole ones: checkpoints; what goes up from 0 where it can."""
    ys = [dot.y for line in lines for dot in line.dots]
    return Chart(label, across, up, lines, _whole(lines), _ticks(min(0.0, *ys), max(0.0, *ys)))


def _whole(lines: Sequence[Line]) -> list[tuple[float, str]]:
    numbers = sorted({dot.x for line in lines for dot in line.dots}) or [0.0]
    first, last = numbers[0], max(numbers[-1], numbers[0] + 1)
    step = max(1, round((last - first) / 10))
    ticks = [(float(at), str(at)) for at in range(int(first), int(last) + 1, step)]
    if ticks[-1][0] < last:
        ticks.append((last, ""))
    return ticks


def _ticks(least: float, most: float) -> list[tuple[float, str]]:
    most = most if most > least else least + 1
    return [(at := least + (most - least) * each / 4, f"{at:.3g}") for each in range(5)]


def _place(value: float, ticks: Sequence[float], low: float, high: float) -> float:
    least, most = ticks[0], ticks[-1]
    return low + (high - low) * (min(max(value, least), most) - least) / (most - least)
