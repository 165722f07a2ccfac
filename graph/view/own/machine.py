"""What the store has of the machine under a run: sessions, gaps, waiting, and trouble outside of any candidate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gristmill.graph.storage.reading.machine import CallCounts, Session, Trouble
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import Run
from gristmill.graph.view.figures import duration
from gristmill.graph.view.registry import Asked, Tone

__all__ = ["KIND", "MachinePage", "machine_page"]

KIND = "machine"
_WAYS: dict[str, tuple[str, Tone]] = {
    "finished": ("✓ finished", "good"),
    "interrupted": ("◦ interrupted", "soft"),
    "failed": ("✗ failed", "bad"),
    "open": ("! ended without a word", "bad"),
}


class Shift(NamedTuple):
    """A session, in words."""

    began: str
    took: str
    word: str
    tone: Tone
    detail: str
    events: int
    gap: str
    """How long nobody had worked on it before; empty for the first."""


class Still(NamedTuple):
    """A quiet time, in words."""

    began: str
    took: str
    seconds: float


@dataclass(frozen=True, slots=True)
class MachinePage:
    """What the page of a run's machine shows."""

    run: Run
    sentence: str
    shifts: Sequence[Shift]
    quiets: Sequence[Still]
    calls: CallCounts
    troubles: Sequence[tuple[Trouble, Asked | None]]
    """With the page that shows it, where there is one."""


def machine_page(store: Store, asked: Asked) -> MachinePage | None:
    """The page of `/machine/RUN`; None where there is no such run."""
    run = next((each for each in store.runs() if each.name == asked.owner), None)
    if run is None:
        return None
    machine = store.glances.machine
    sessions, quiets = machine.sessions(run.name)
    calls, troubles = machine.calls(run.name), machine.troubles(run.name)
    return MachinePage(
        run=run,
        sentence=_sentence(sessions, calls, troubles),
        shifts=_shifts(sessions, run.status == "running"),
        quiets=[
            Still(_clock(each.began), duration(each.seconds), each.seconds) for each in quiets if each.seconds >= 1
        ],
        calls=calls,
        troubles=[
            (each, Asked("hypothesis", run.name, each.of) if each.what in ("unscored", "unanswered") else None)
            for each in troubles
        ],
    )


def _sentence(sessions: Sequence[Session], calls: CallCounts, troubles: Sequence[Trouble]) -> str:
    count = len(sessions)
    parts = [f"{count} {'session' if count == 1 else 'sessions'}", f"{calls.begun:,} calls"]
    if calls.again:
        parts.append(f"{calls.again:,} of them again, as a kill had cut them off")
    if calls.in_vain:
        parts.append(f"{calls.in_vain:,} in vain")
    if workers := sum(each.times for each in troubles if each.what == "worker"):
        parts.append(f"{workers:,} times trouble with a worker")
    if again := sum(each.times for each in troubles if each.what == "tried again"):
        parts.append(f"{again:,} further tries of calls")
    lost = sum(each.times for each in troubles if each.what == "unscored")
    parts.append(f"{lost:,} verdicts lost" if lost else "no verdict lost")
    return "; ".join(parts) + "."


def _shifts(sessions: Sequence[Session], running: bool) -> list[Shift]:
    """The newest first."""
    found = []
    for number, each in enumerate(sessions):
        word, tone = _WAYS[each.status]
        if running and each.status == "open" and number == len(sessions) - 1:
            word, tone = "… goes on, or was killed", "live"
        gap = duration(each.began - sessions[number - 1].last) if number else ""
        found.append(
            Shift(_clock(each.began), duration(each.last - each.began), word, tone, each.detail, each.events, gap)
        )
    return found[::-1]


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
