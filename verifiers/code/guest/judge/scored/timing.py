"""The processor time of a solution beside that of a reference, for evaluators whose score it is.

Both run in processes like each other, on one core, in turns: block by block of inputs, first the one, then the other.
Their times are read from the kernel by what stands around them, on lines that neither has. Everything counts that a
solution does since it began to be loaded, in calls or between them, so work that is moved into its loading, into the
making of its answer, or to a time when nobody asks is paid for all the same. Against answers that compute themselves
when they are looked at: only plain values are taken.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

from gristmill.verifiers.code.guest.judge.proxies import Handle
from gristmill.verifiers.code.guest.judge.remote import RemoteCandidate

__all__ = ["Clock", "Stopwatch", "Timing"]

_RESAMPLES, _BLOCKS = 1000, 10
_MOST_DEPTH = 64


class Timing(NamedTuple):
    """What `candidate.timed` gives.

    Attributes:
        values: what the solution returned for each input, in order.
        expected: what the reference returned.
        ratio: the solution's time as a share of the reference's; less is faster.
        low, high: between which it is with 95%, by resampling the blocks.
        seconds: of processor time that the solution took since it began to be loaded.
        reference_seconds: the same of the reference.
    """

    values: list[Any]
    expected: list[Any]
    ratio: float
    low: float
    high: float
    seconds: float
    reference_seconds: float


class Clock:
    """The processor time of the process at the other end of a line."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def seconds(self) -> float:
        """Since that process was made.

        Raises:
            OSError: whoever tells it is gone.
        """
        self._socket.sendall(b"?")
        data = b""
        while len(data) < 8:
            more = self._socket.recv(8 - len(data))
            if not more:
                raise OSError("its process ended while it was timed")
            data += more
        return int.from_bytes(data, "little") / 1e9


class Stopwatch:
    """The two that are compared, from their loading on."""

    def __init__(self, candidate: RemoteCandidate, clock: Clock, reference: RemoteCandidate, beside: Clock) -> None:
        self.lines = (candidate, reference)
        self._clocks = (clock, beside)
        self._last = [clock.seconds(), beside.seconds()]
        self._before: tuple[list[float], list[float]] = ([], [])

    def loaded(self) -> None:
        """Both have been loaded: what that took is theirs."""
        for which in (0, 1):
            self._before[which].append(self._lap(which))

    def _lap(self, which: int) -> float:
        """What one has used since it was looked at last, whatever for."""
        try:
            now = self._clocks[which].seconds()
        except OSError as error:
            raise self.lines[which].give_up(str(error)) from None
        used, self._last[which] = now - self._last[which], now
        return used

    def timed(self, rows: list[tuple[Any, ...]], take: Callable[[RemoteCandidate, list[Any]], list[Any]]) -> Timing:
        """Both on all rows; `take` has one do its part and checks the form of what comes.

        Raises:
            ValueError: there are no rows.
            Exception: what the solution has raised.
        """
        if not rows:
            raise ValueError("there is nothing to time: give at least one input")
        taken: tuple[list[Any], list[Any]] = ([], [])
        laps: list[tuple[float, float]] = []
        for number, block in enumerate(_blocks(rows)):
            lap = [0.0, 0.0]
            for which in ((0, 1), (1, 0))[number % 2]:
                values = take(self.lines[which], block)
                lap[which] = self._lap(which)
                if which == 0 and not _is_plain(values):
                    raise self.lines[0].give_up("it answered a timed call with what is no plain value")
                taken[which].extend(values)
            laps.append((lap[0], lap[1]))
        # Loading is paid once, by whoever asks first; it is no part of what varies.
        fixed = [sum(self._before[which]) for which in (0, 1)]
        for each in self._before:
            each.clear()
        sums = [fixed[which] + sum(lap[which] for lap in laps) for which in (0, 1)]
        low, high = _interval(laps, fixed)
        return Timing(taken[0], taken[1], sums[0] / sums[1], low, high, sums[0], sums[1])


def _blocks(rows: list[Any]) -> list[list[Any]]:
    number = min(_BLOCKS, len(rows))
    cuts = [len(rows) * each // number for each in range(number + 1)]
    return [rows[start:end] for start, end in pairwise(cuts)]


def _interval(laps: list[tuple[float, float]], fixed: list[float]) -> tuple[float, float]:
    draw = random.Random(0)  # the same resamples for everybody
    ratios = []
    for _ in range(_RESAMPLES):
        some = draw.choices(laps, k=len(laps))
        ratios.append((fixed[0] + sum(one for one, _ in some)) / (fixed[1] + sum(other for _, other in some)))
    ratios.sort()
    return ratios[_RESAMPLES // 40], ratios[-1 - _RESAMPLES // 40]


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether nothing in it is an object of the other side, whose asking would be work that is not timed."""
    kind = type(value)
    if isinstance(value, Handle):
        return False
    if issubclass(kind, dict):
        return all(_is_plain(each, depth + 1) for pair in dict.items(value) for each in pair)
    if issubclass(kind, list | tuple | set | frozenset):
        if depth > _MOST_DEPTH:
            return False
        return all(_is_plain(each, depth + 1) for each in value)
    return kind.__module__ in ("builtins", "numpy", "collections", "decimal", "fractions", "datetime") and not callable(
        value
    )
