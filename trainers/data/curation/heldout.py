"""What must not be trained on, made ready to be looked up: words, prompts and solutions of held-out tasks."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.sandbox.wire.files import with_heads
from gristmill.trainers.data.curation.words import masked, neighbours, runs, words
from gristmill.verifiers.extraction.canonical import canonical
from gristmill.verifiers.languages.parsing import parse
from gristmill.verifiers.records import Task

__all__ = ["DecontaminationConfig", "HeldOut", "Name", "Overlap", "shapes", "siblings"]


class DecontaminationConfig(Record):
    """From when on a row counts as taken from a held-out task."""

    words: int = Field(13, ge=5, description="words in a row that it must share with a prompt or a solution")
    near_copy: float = Field(0.95, gt=0, le=1, description="likeness of a prompt to a held-out one, by runs of 3 words")
    elements: int = Field(30, ge=1, description="of a syntax tree; shorter solutions are anybody's: return sum(xs)")
    template: int = Field(10, ge=3, description="training tasks that share words from which these are a template's")


class Name(NamedTuple):
    """A held-out task: of which source, and its id there."""

    source: str
    task: str


class Overlap(NamedTuple):
    """What a row shares with a held-out task: by what (`id`, `prompt`, `words` or `structure`), and what it is."""

    name: Name
    by: str
    what: str


def siblings(tags: Iterable[str]) -> frozenset[str]:
    """The families of a task by its tags: tasks that share one are made from one template, and share its words."""
    tags = list(tags)
    found = {tag for tag in tags if tag.startswith("family:")}
    if any(tag.startswith("combo:") for tag in tags):
        found |= {tag for tag in tags if ":" not in tag}
    return frozenset(found)


def shapes(solution: str, elements: int) -> Iterator[str]:
    """The forms of a program and of each of its functions and classes, names and layout aside; short ones left out."""
    for part in (solution, *_parts(solution)):
        form = canonical(part)
        if form is not None and len(form.split()) >= elements:
            yield form


def _parts(solution: str) -> Iterator[str]:
    try:
        source = with_heads(solution)
        module = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    if len(module.body) > 1:
        yield from (ast.get_source_segment(source, node) or "" for node in module.body if isinstance(node, kinds))


class HeldOut:
    """An index of held-out tasks.

    Args:
        sources: tasks by where they are from, say ``{"gate": […], "humaneval": […]}``. Of a task that two sources have,
            the first is named.
    """

    def __init__(self, sources: Mapping[str, Sequence[Task]], config: DecontaminationConfig | None = None) -> None:
        self.config = config or DecontaminationConfig()
        self.sizes = {source: len(tasks) for source, tasks in sources.items()}
        self._families: dict[Name, frozenset[str]] = {}
        self._ids: dict[str, list[Name]] = defaultdict(list)
        self._prompts: dict[Name, list[str]] = {}
        self._of_three: dict[tuple[str, ...], list[Name]] = defaultdict(list)
        self._threes: dict[Name, int] = {}
        self._runs: dict[str, list[Name]] = defaultdict(list)
        self._shapes: dict[str, list[Name]] = defaultdict(list)
        for source, tasks in sources.items():
            for task in tasks:
                self._add(Name(source, task.id), task)
        self.masked = frozenset(map(masked, self._runs))

    def _add(self, name: Name, task: Task) -> None:
        self._families[name] = siblings(task.tags)
        self._ids[task.id].append(name)
        said = self._prompts[name] = words(task.prompt)
        threes = neighbours(said)
        self._threes[name] = len(threes)
        for three in threes:
            self._of_three[three].append(name)
        for text in (said, words(task.reference or "")):
            for run in runs(text, self.config.words):
                self._runs[run].append(name)
        for shape in set(shapes(task.reference or "", self.config.elements)):
            self._shapes[shape].append(name)

    def by_task(self, task: Task, without: frozenset[str] = frozenset()) -> Overlap | None:
        """Whether a task is held out, a near-copy of one, or holds the whole prompt of one.

        A sibling of a held-out task counts only if its prompt has the same words. A prompt within another counts where
        it is long enough to be nobody's but its own, whether its words are a template's or not.

        Args:
            without: sources that are not asked.
        """
        for name in self._ids.get(task.id, ()):
            if name.source not in without:
                return Overlap(name, "id", task.id)
        said, families = words(task.prompt), siblings(task.tags)
        threes = neighbours(said)
        shared = Counter(name for three in threes for name in self._of_three.get(three, ()))
        for name, count in sorted(shared.items(), key=lambda each: (-each[1], each[0])):
            if name.source in without:
                continue
            theirs = self._threes[name]
            if families & self._families[name]:
                copied = said == self._prompts[name]
            else:
                alike = count / (len(threes) + theirs - count)
                long = len(self._prompts[name]) >= self.config.words
                copied = alike >= self.config.near_copy or (long and count == theirs)
            if copied:
                return Overlap(name, "prompt", " ".join(self._prompts[name]))
        return None

    def by_words(
        self, found: Iterable[str], templates: frozenset[str] | set[str], tags: Iterable[str], without: frozenset[str]
    ) -> Overlap | None:
        """The first of these runs of words that is a held-out task's, of no sibling, and of no template."""
        families = siblings(tags)
        for run in sorted(found):
            if masked(run) in templates:
                continue
            for name in self._runs.get(run, ()):
                if name.source not in without and not families & self._families[name]:
                    return Overlap(name, "words", run)
        return None

    def by_structure(self, solutions: Iterable[str], without: frozenset[str]) -> Overlap | None:
        """The first held-out solution of which one of these programs, or a function of it, is a copy."""
        for solution in solutions:
            for shape in shapes(solution, self.config.elements):
                for name in self._shapes.get(shape, ()):
                    if name.source not in without:
                        return Overlap(name, "structure", shape)
        return None

    def has(self, run: str) -> bool:
        """Whether a held-out task has this run of words."""
        return run in self._runs
