"""What was seen of attempts on the judge in a run, by mechanism: what is known, and what honest programs do as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from gristmill.graph.storage.store import Store
from gristmill.graph.view.registry import Asked
from gristmill.verifiers.incidents.record import BREACHES, Incident, Mechanism

__all__ = ["KIND", "WORDS", "AttacksPage", "Group", "Row", "Words", "attacks_page", "told"]

KIND = "attacks"
PAGE = 100


class Words(NamedTuple):
    """A mechanism for people."""

    name: str
    known: str
    """What is known of it, and no more."""
    honest: str
    """When a program that only wants to solve its task does the same."""


WORDS: Final[Mapping[Mechanism, Words]] = {
    Mechanism.MESSAGE: Words(
        "a message of its own",
        "its process sent on the line to the judge what our part of that process never sends; it was given up",
        "not known of any",
    ),
    Mechanism.EXTRA: Words(
        "more answers than questions",
        "its process answered more often than it was asked; what came too much was not read",
        "not known of any",
    ),
    Mechanism.WORKER: Words(
        "workers brought down",
        "its workers were lost one after another, the last beside one that stayed well",
        "by a crash that takes the sandbox with it",
    ),
    Mechanism.PERMISSION: Words(
        "something was not permitted",
        "a call of it raised PermissionError, by its own word: a file, a socket or a program, say",
        "by writing a file",
    ),
    Mechanism.CONTROL: Words(
        "errors that end a test",
        "it raised, or passed on, what would have ended or skipped a test in plain execution",
        "by sys.exit",
    ),
    Mechanism.EXIT: Words(
        "left without an answer",
        "its process ended, by no signal and no limit, and had not given all answers in the form that is agreed",
        "by os._exit",
    ),
    Mechanism.SIGNAL: Words(
        "ended by a signal",
        "a signal that nobody outside sent ended its process; SIGSYS is the kernel's for some calls, or its own",
        "by a crash, of a library say",
    ),
    Mechanism.DISK: Words("limit of files", "it wrote more than it may hold", "by big files"),
    Mechanism.MEMORY: Words("limit of memory", "it took more memory than it may", "by big values"),
    Mechanism.TIME: Words("limit of time", "it did not end in time", "by being slow"),
    Mechanism.OUTPUT: Words("limit of output", "it printed or sent more than it may", "by long output"),
    Mechanism.OVERTURNED: Words(
        "passed apart only",
        "it passed where the judge runs apart from it, and not in plain execution, with its tests in one process",
        "by values that it keeps and changes later",
    ),
    Mechanism.BESIDE: Words(
        "passes beside its tests only",
        "it fails apart from its tests, and passes in plain execution, where whoever shares the process can forge that",
        "by what is lost on the way to the judge: identity, say",
    ),
    Mechanism.UNCONFIRMED: Words(
        "did not pass again", "it passed, and did not on a fresh worker", "by chance, or by leaning on the time"
    ),
}


class Group(NamedTuple):
    """A mechanism with how many hypotheses it was seen of."""

    mechanism: Mechanism
    words: Words
    hypotheses: int


class Row(NamedTuple):
    """A hypothesis with what was seen of it."""

    id: str
    seen: Sequence[tuple[str, str]]
    """(mechanism in words, how often and what)."""


@dataclass(frozen=True, slots=True)
class AttacksPage:
    """What the page of attacks shows."""

    run: str
    sentence: str
    groups: Sequence[tuple[str, Sequence[Group]]]
    """(heading, mechanisms) of those that were seen."""
    only: Mechanism | None
    rows: Sequence[Row]
    first: int
    count: int
    page: int
    pages: int


def attacks_page(store: Store, asked: Asked) -> AttacksPage | None:
    """The page of `/attacks/RUN`; None where there is no such run."""
    run, page = asked.owner, asked.number("page")
    if run not in {each.name for each in store.runs()}:
        return None
    judged, found = store.glances.machine.incidents(run)
    only = next((each for each in Mechanism if each.value == asked.options.get("of")), None)
    seen = {id_: rows for id_, rows in found.items() if only in (None, *(each.mechanism for each in rows))}
    ids = sorted(seen, key=lambda id_: (min(map(_weight, seen[id_])), id_))
    some = ids[page * PAGE : (page + 1) * PAGE]
    return AttacksPage(
        run=run,
        sentence=_sentence(judged, found),
        groups=_groups(found),
        only=only,
        rows=[Row(id_, [told(each) for each in seen[id_]]) for id_ in some],
        first=page * PAGE + 1,
        count=len(ids),
        page=page,
        pages=-(-len(ids) // PAGE),
    )


def _sentence(judged: int, found: Mapping[str, Sequence[Incident]]) -> str:
    sure = sum(any(each.mechanism in BREACHES for each in rows) for rows in found.values())
    parts = [f"Of {judged:,} judged {sure:,} did what no answer to a task needs"]
    if others := len(found) - sure:
        parts.append(f"{others:,} more did what stops attacks and honest mistakes alike")
    return "; ".join(parts) + "."


def _groups(found: Mapping[str, Sequence[Incident]]) -> list[tuple[str, Sequence[Group]]]:
    counts = {
        mechanism: sum(any(each.mechanism is mechanism for each in rows) for rows in found.values())
        for mechanism in Mechanism
    }
    parts = {
        "What no answer needs": BREACHES,
        "What honest programs do too": tuple(each for each in Mechanism if each not in BREACHES),
    }
    groups = [
        (heading, [Group(each, WORDS[each], counts[each]) for each in mechanisms if counts[each]])
        for heading, mechanisms in parts.items()
    ]
    return [(heading, some) for heading, some in groups if some]


def _weight(incident: Incident) -> int:
    """Where it stands: what no answer needs comes first."""
    return list(Mechanism).index(incident.mechanism)


def told(incident: Incident) -> tuple[str, str]:
    """(mechanism, what and how often), in words."""
    often = f"{incident.times:,} times" if incident.times > 1 else ""
    return WORDS[incident.mechanism].name, ", ".join(filter(None, (incident.detail, often)))
