"""Notes what is seen of attempts while one candidate is judged, in the place where it is seen.

Whoever judges with evidence listens by `noting`; elsewhere `note` does nothing. What is noted goes into the owner's
evidence alone, and decides nothing.
"""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any, Final

from gristmill.sandbox.records import Ending, Report
from gristmill.verifiers.incidents.record import Incident, Mechanism

__all__ = ["Noted", "note", "note_exit", "note_judged", "note_raised", "note_report", "noting", "unnoted"]

_ENDINGS: Final = {
    Ending.TIMEOUT: Mechanism.TIME,
    Ending.OUT_OF_MEMORY: Mechanism.MEMORY,
    Ending.OUTPUT_LIMIT: Mechanism.OUTPUT,
}
# A judge's word for a line closed at the other end. Who sends what cannot be used is given up, and ends so too.
_ENDED: Final = "it has ended"
# What ends a test, or the process that runs it, in plain execution.
_ENDS: Final = frozenset(("SystemExit", "KeyboardInterrupt", "GeneratorExit"))


class Noted:
    """What was noted."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[Mechanism, str]] = Counter()

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """All of it, in the order of `Mechanism`; there are few, as each detail is a word of ours."""
        order = list(Mechanism)
        found = sorted(self.counts.items(), key=lambda each: (order.index(each[0][0]), each[0][1]))
        return tuple(Incident(mechanism=what, times=times, detail=detail) for (what, detail), times in found)


_NOTED: ContextVar[Noted | None] = ContextVar("gristmill_incidents", default=None)


@contextlib.contextmanager
def noting() -> Iterator[Noted]:
    """Collect what is noted inside, in tasks and threads that are begun there too."""
    noted = Noted()
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)


@contextlib.contextmanager
def unnoted() -> Iterator[None]:
    """Note nothing inside: what runs there is not the candidate, but a task's reference or a canary."""
    token = _NOTED.set(None)
    try:
        yield
    finally:
        _NOTED.reset(token)


def note(mechanism: Mechanism, detail: str = "", times: int = 1) -> None:
    """Note a mechanism. `detail` is a word of ours, or nothing."""
    if times > 0 and (noted := _NOTED.get()) is not None:
        noted.counts[mechanism, detail] += times


def note_raised(kind: str) -> None:
    """Note what a candidate's process says that it raised, by the name of a builtin exception."""
    if kind == "PermissionError":
        note(Mechanism.PERMISSION)
    elif kind in _ENDS:
        note(Mechanism.CONTROL, kind)


def note_report(report: Report) -> None:
    """Note how a job that held the candidate has ended, as it is known from outside."""
    if (mechanism := _ENDINGS.get(report.ending)) is not None:
        note(mechanism)
    elif report.ending is not Ending.FAILED:
        return
    elif report.note.startswith("its worker was lost"):
        note(Mechanism.WORKER)
    elif report.note.startswith("disk limit"):
        note(Mechanism.DISK)
    elif report.exit_status is not None and report.exit_status < 0:
        note(Mechanism.SIGNAL, _name(-report.exit_status))


def note_exit(report: Report) -> None:
    """Note of a job that had more to answer that it has ended by itself, if it has; a signal is `note_report`'s."""
    if report.ending in (Ending.FINISHED, Ending.FAILED) and (report.exit_status or 0) >= 0 and not report.note:
        note(Mechanism.EXIT)


def note_judged(messages: Sequence[dict[str, Any]], candidate: Report) -> None:
    """Note what a judge's process has told of the candidate at the other end of its line; its words are ours."""
    for each in messages:
        end = each.get("end")
        last = end if type(end) is dict else each if "lost" in each else {}
        if last.get("broken"):
            note(Mechanism.MESSAGE)
        elif last.get("late"):
            note(Mechanism.TIME)
        elif last.get("lost") == _ENDED:
            note_exit(candidate)
        note(Mechanism.CONTROL, times=int(last.get("steered") or 0))
        if type(load := each.get("load")) is dict:
            note_raised(str(load.get("type")))
        if type(detail := each.get("detail")) is dict and detail.get("raised"):
            note_raised(str(detail.get("error")).partition(":")[0])


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
