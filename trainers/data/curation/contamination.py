"""Rows without what they share with held-out tasks, and the report that says which went, for which of them.

As GPT-3 was decontaminated (Brown et al. 2020, appendix C), runs of 13 words decide, and what else shows a copy: an id,
a prompt's words as a whole, a program's structure. Departures: words that many training tasks share are a template's
and count for nothing; tasks of one family (`siblings`) share its words, and are told apart by their whole prompts and
by their solutions; a copied solution is found under other names.

The report may be published with the rows. It names held-out tasks by their ids, and what was shared by its sha256.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gristmill.graph.records import Trajectory
from gristmill.sandbox.records import Record
from gristmill.trainers.data.curation.heldout import DecontaminationConfig, HeldOut, Overlap
from gristmill.trainers.data.curation.words import masked, runs, words
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Task

__all__ = ["REASONS", "Decontamination", "Match", "decontaminate"]

HELD_OUT = ("gate", "test", "validation")
"""Splits that are kept from training: their rows are not held against themselves."""
REASONS = {
    "id": "of a held-out task or a near-copy of one",
    "prompt": "of a held-out task or a near-copy of one",
    "words": "shares words with a held-out task",
    "structure": "solves as a held-out task is solved",
}
"""How a match is counted among what was left out."""
_TEXTS = (
    *("prompt", "completion", "chosen", "rejected", "messages", "conversations", "completions"),
    *("instruction", "output", "system", "history", "responses_create_params"),
)
_SPECIFIED = ("specification", "reward_model", "verifier_metadata")
_SAID = ("content", "value", "input", "reasoning_content")


class Match(Record):
    """A row that was left out, the held-out task for which it was, and why.

    `by` is `id`, `prompt` (a near-copy, or the prompt within another), `words` or `structure`; `sha256` is of the words
    or the form that both have; `words` are these themselves, where they were asked for.
    """

    task: str
    hypothesis: str | None
    source: str
    held_out: str
    by: str
    sha256: str
    words: str | None = None


class Decontamination(Record):
    """What rows were held against, and what came of it."""

    config: DecontaminationConfig = DecontaminationConfig()
    checked: dict[str, int] = {}
    """Held-out tasks by source."""
    unchecked: dict[str, str] = {}
    """What was to be checked and could not be, each with the reason."""
    rows: int = 0
    dropped: dict[str, dict[str, int]] = {}
    """Rows that were left out, by source and by what."""
    templates: int = 0
    """Runs of words that were excluded, as many training tasks share them."""
    matches: tuple[Match, ...] = ()


def decontaminate(
    rows: Sequence[dict[str, Any]],
    held_out: HeldOut,
    trajectories: Sequence[Trajectory],
    *,
    own: frozenset[str] = frozenset(),
    unchecked: Mapping[str, str] | None = None,
    show_words: bool = False,
) -> tuple[list[dict[str, Any]], Decontamination]:
    """The rows that share nothing with held-out tasks, in their order, and the report.

    Which rows stay does not depend on their order, and of rows that stayed all stay. What `Match.by` means stands with
    `HeldOut`; words are a template's where `config.template` of the tasks that are left share them, or a quarter of
    them, three at least, with whatever numbers.

    Args:
        rows: of any format, made from `trajectories`.
        own: sources that are splits of the same run: rows of held-out splits are not held against them.
        unchecked: what could not be read, for the report.
        show_words: have the shared words in the report, which then tells what is in held-out tasks.
    """
    tasks = {trajectory.task.id: trajectory.task for trajectory in trajectories}
    solutions = {
        (trajectory.run, step.hypothesis.id): step.hypothesis.solution
        for trajectory in trajectories
        for step in trajectory.steps
    }
    of_task: dict[tuple[str, frozenset[str]], Overlap | None] = {}
    found: dict[int, Overlap] = {}
    seen: dict[int, tuple[set[str], set[str]]] = {}
    for at, row in enumerate(rows):
        without = own if row["split"] in HELD_OUT else frozenset()
        task = tasks.get(str(row["task"]))
        if task is not None:
            key = task.id, without
            if key not in of_task:
                of_task[key] = held_out.by_task(task, without)
            match = of_task[key] or held_out.by_structure(_programs(row, task, solutions), without)
            if match is not None:
                found[at] = match
                continue
        seen[at] = _seen(row, held_out)
    templates: set[str] = set()
    while True:
        templates = _templates({at: shared for at, (shared, _) in seen.items() if at not in found}, rows, held_out)
        more = {}
        for at, (_, exact) in seen.items():
            if at not in found:
                row = rows[at]
                without = own if row["split"] in HELD_OUT else frozenset()
                match = held_out.by_words(exact, templates, row.get("tags") or (), without)
                if match is not None:
                    more[at] = match
        if not more:
            break
        # A template's tasks may be gone now: then its words are no template's any more.
        found |= more
    matches = [_match(rows[at], found[at], show_words) for at in sorted(found)]
    by: dict[str, Counter[str]] = defaultdict(Counter)
    for each in matches:
        by[each.source][each.by] += 1
    return [row for at, row in enumerate(rows) if at not in found], Decontamination(
        config=held_out.config,
        checked=held_out.sizes,
        unchecked=dict(unchecked or {}),
        rows=len(rows),
        dropped={source: dict(sorted(counts.items())) for source, counts in sorted(by.items())},
        templates=len(templates),
        matches=tuple(matches),
    )


def _programs(row: Mapping[str, Any], task: Task, solutions: Mapping[tuple[str, str], str | None]) -> Iterator[str]:
    """The solutions that a row holds."""
    for name in ("hypothesis", "rejected_hypothesis"):
        if (solution := solutions.get((str(row["run"]), str(row.get(name))))) is not None:
            yield solution
    for text in row.get("completions") or ():
        if (solution := extract(task, text).solution) is not None:
            yield solution
    if task.reference is not None and any(name in row for name in _SPECIFIED):
        yield task.reference


def _seen(row: Mapping[str, Any], held_out: HeldOut) -> tuple[set[str], set[str]]:
    """The runs of words of a row that held-out tasks have: numbers aside, and to the letter."""
    shared: set[str] = set()
    exact: set[str] = set()
    for text in _texts(row):
        for run in runs(words(text), held_out.config.words):
            if (form := masked(run)) in held_out.masked:
                shared.add(form)
                if held_out.has(run):
                    exact.add(run)
    return shared, exact


def _texts(row: Mapping[str, Any]) -> Iterator[str]:
    """All that a row says, without where it comes from."""
    for name in _TEXTS:
        yield from _strings(row.get(name))
    for name in _SPECIFIED:
        said = row.get(name)
        if isinstance(said, Mapping):
            said = said.get("ground_truth") or said.get("task")
        if said:
            task = json.loads(said)
            yield from (text for text in (task.get("prompt"), task.get("reference")) if text)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name in _SAID:
            yield from _strings(value.get(name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def _templates(shared: Mapping[int, set[str]], rows: Sequence[Mapping[str, Any]], held_out: HeldOut) -> set[str]:
    """The runs, numbers aside, that many of the tasks share."""
    of: dict[str, set[str]] = defaultdict(set)
    tasks = set()
    for at, forms in shared.items():
        task = str(rows[at]["task"])
        tasks.add(task)
        for form in forms:
            of[form].add(task)
    enough = min(held_out.config.template, max(3, -(-len(tasks) // 4)))
    return {form for form, sharing in of.items() if len(sharing) >= enough}


def _match(row: Mapping[str, Any], found: Overlap, show_words: bool) -> Match:
    return Match(
        task=str(row["task"]),
        hypothesis=row.get("hypothesis"),
        source=found.name.source,
        held_out=found.name.task,
        by=found.by,
        sha256=hashlib.sha256(found.what.encode("utf-8", "surrogatepass")).hexdigest(),
        words=found.what if show_words and found.by in ("words", "prompt") else None,
    )
