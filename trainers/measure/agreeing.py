"""Which replies to a task give the same answer: what a majority is counted by, and how far replies agree.

No verdict comes of this. Two answers of one form are one answer; two forms may still be equal (``1/2`` and ``0.5``),
which only the verifier's sandboxed comparison can tell: that they count as two makes agreement smaller, never larger.
Programs of two forms are one answer if they do the same on the inputs of the task's tests, where these can be read:
`vote` runs them, once for an evaluation, and whatever reads the stored one goes by that.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import AsyncExitStack

from pydantic import Field

from gristmill.graph.config import RunConfig
from gristmill.graph.storage.store import Store
from gristmill.sandbox.base import Jobs
from gristmill.sandbox.errors import InfrastructureError
from gristmill.sandbox.records import Record
from gristmill.verifiers.code.voting.behaviour import Behaviour, Input, alike, behaviour_of, inputs_of
from gristmill.verifiers.extraction.canonical import canonical
from gristmill.verifiers.records import Task
from gristmill.verifiers.registry import verifier_class

__all__ = ["Votes", "digest", "normal_form", "vote", "votes_of"]

_KIND = "votes"


class Votes(Record):
    """The answers that the replies to a code task give, told apart by what the programs do."""

    answers: dict[str, str | None] = Field(
        description="by hypothesis: a digest of the first program that does the same; None: it has no vote"
    )
    left_out: int = Field(0, description="replies whose program no sandbox could run; they have no vote either")


async def vote(store: Store, run: str, config: RunConfig, pool: Jobs | None) -> None:
    """Tell the programs of an evaluation apart by what they do, and keep that; what is kept already is not run again.

    Each different program of a task is run once. One that does not load, or gives nothing but errors, has no vote;
    one that shows only values which may not cross counts by its syntax.

    Args:
        config: of the run.
        pool: opened here where it is None, if there is something to run.

    Raises:
        InfrastructureError: no pool can be opened.
        StoreError: the votes cannot be kept.
    """
    kept = votes_of(store, run)
    async with AsyncExitStack() as stack:
        for trajectory in store.trajectories(run):
            task, before = trajectory.task, kept.get(trajectory.task.id)
            programs = {each.hypothesis.id: each.hypothesis.solution for each in trajectory.steps}
            if not inputs_of(task) or (before and not before.left_out and before.answers.keys() == programs.keys()):
                continue
            if pool is None:
                from gristmill.sandbox.pool import Pool

                pool = await stack.enter_async_context(Pool.open(config.sandbox, config.workers))
            store.documents.put(_KIND, run, task.id, await _votes(pool, task, programs))


def votes_of(store: Store, run: str) -> dict[str, Votes]:
    """By task, what `vote` has kept of an evaluation."""
    return store.documents.list(_KIND, run, Votes)


async def _votes(pool: Jobs, task: Task, programs: Mapping[str, str | None]) -> Votes:
    inputs = inputs_of(task)
    forms = {name: normal_form(task, solution) for name, solution in programs.items()}
    # One program for each form: what is written alike does alike.
    sources = {form: programs[name] or "" for name, form in reversed(forms.items()) if form is not None}
    order = [form for form in dict.fromkeys(forms.values()) if form is not None]

    async def run(form: str) -> Behaviour | None:
        try:
            return await behaviour_of(pool, task, sources[form], inputs)
        except InfrastructureError:
            return None

    behaviours = dict(zip(order, await asyncio.gather(*map(run, order)), strict=True))
    answers = await asyncio.to_thread(_answers, behaviours, inputs)
    lost = sum(form is not None and behaviours[form] is None for form in forms.values())
    return Votes(answers={name: answers.get(form) for name, form in forms.items()}, left_out=lost)


def _answers(behaviours: Mapping[str, Behaviour | None], inputs: tuple[Input, ...]) -> dict[str | None, str | None]:
    """By form, the digest of the first form that does the same; nothing of those that have no vote."""
    groups: list[tuple[Behaviour, str]] = []
    answers: dict[str | None, str | None] = {}
    for form, found in behaviours.items():
        if found is None or found.showing == "nothing":
            continue
        answer = digest(form)
        if found.showing == "outputs":
            answer = next((name for first, name in groups if alike(first, found, inputs)), answer)
            if answer == digest(form):
                groups.append((found, answer))
        answers[form] = answer
    return answers


def digest(form: str) -> str:
    """What stands for a normal form in an evaluation."""
    return hashlib.sha256(form.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def normal_form(task: Task, solution: str | None) -> str | None:
    """The answer that a solution gives, as its kind's verifier normalises it; None where it gives none.

    A verifier says so by a static method `normal_form(task, solution)`, as those of mathematics and reasoning do. Where
    it has none, a program counts without its layout, comments and the names of its own, anything else by its words.

    Raises:
        UnknownKindError: see `gristmill.verifiers.registry.verifier_class`.
    """
    if solution is None or not solution.strip():
        return None
    own = getattr(verifier_class(task.kind), "normal_form", None)
    if callable(own):
        said = own(task, solution)
        return None if said is None else str(said)
    return canonical(solution, _entry_points(task)) or " ".join(solution.split())


def _entry_points(task: Task) -> frozenset[str]:
    """The names by which tests call a solution."""
    names: set[str] = set()
    for test in (*task.public_tests, *task.tests):
        point = getattr(test, "entry_point", None)
        names |= {point} if isinstance(point, str) else set(point or ())
    return frozenset(names)
