"""Passes that did not stand, and what cannot be decided: where an attack that got past the judge would be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gristmill.graph.storage.entries import CLOSING
from gristmill.graph.storage.reading.machine import Doubt
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import Closing
from gristmill.graph.view.registry import Asked
from gristmill.verifiers.records import Outcome
from gristmill.verifiers.settling import reason

__all__ = ["KIND", "DoubtsPage", "Row", "doubts_page"]

KIND = "doubts"
PAGE = 100


class Row(NamedTuple):
    """A verdict that did not stand, with the reason."""

    doubt: Doubt
    why: str


@dataclass(frozen=True, slots=True)
class DoubtsPage:
    """What the page of doubts shows."""

    run: str
    sentence: str
    rows: Sequence[Row]
    stepped_down: Sequence[tuple[str, str]]
    """(hypothesis, why) of those that stood to be the best when a search ended, and are not."""
    first: int
    count: int
    page: int
    pages: int


def doubts_page(store: Store, asked: Asked) -> DoubtsPage | None:
    """The page of `/doubts/RUN`; None where there is no such run."""
    run = asked.owner
    if run not in {each.name for each in store.runs()}:
        return None
    machine = store.glances.machine
    page, count, some = asked.part(PAGE, lambda after, limit: machine.doubts(run, after=after, limit=limit))
    closings = store.documents.list(CLOSING, run, Closing)
    stepped = [(each.hypothesis, each.stepped_down) for found in closings.values() for each in found.stepped_down]
    return DoubtsPage(
        run=run,
        sentence=_sentence(count, len(stepped)),
        rows=[Row(each, reason(each.verdict) or _otherwise(each)) for each in some],
        stepped_down=stepped[:PAGE],
        first=page * PAGE + 1,
        count=count,
        page=page,
        pages=-(-count // PAGE),
    )


def _sentence(count: int, stepped: int) -> str:
    if not count and not stepped:
        return "Every verdict has stood."
    parts = [f"{count:,} {'verdict' if count == 1 else 'verdicts'} did not stand or cannot be decided"]
    if stepped:
        parts.append(f"{stepped:,} stood to be the best and did not come to their score again")
    return "; ".join(parts) + "."


def _otherwise(doubt: Doubt) -> str:
    """What is known where the consistency run has said nothing."""
    if doubt.verdict.outcome is Outcome.FLAKY:
        return "judged again, it came to something else"
    return doubt.verdict.feedback.strip().partition("\n")[0]
