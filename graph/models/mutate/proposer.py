"""``mutate``: no model; programs are changed and crossed by their syntax trees. Needs no network, and costs nothing."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from gristmill.graph.models.errors import ModelSetupError
from gristmill.graph.models.mutate.breeding import NothingToChangeError, cross, mutate
from gristmill.graph.models.mutate.rules import Rules
from gristmill.graph.models.mutate.starting import starting_programs
from gristmill.graph.records import Ground, Reply, Request, Tokens
from gristmill.verifiers.extraction.forms.starting import starts
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.languages.registry import language
from gristmill.verifiers.plugins import reads_code
from gristmill.verifiers.records import Task

__all__ = [
    "AWAY",
    "TRIES",
    "MutateProposer",
    "as_reply",
    "asks_python",
    "bred",
    "further",
    "ground_of",
    "need_python",
    "offspring",
    "seed_of",
    "tries_of",
]

_MORE = 0.35
"""Chance of a further change in one mutation, each time."""
_ANEW = 0.7
"""Chance that what stands away from its parent is grown from nothing, of programs with a vocabulary."""
AWAY = ("another", "fresh", "again")
"""Operators that ask for something else than what is there."""
TRIES, _NEAR = 32, 8
"""Tries for a program that was not there before, and after how many of them one change more is made."""


class MutateProposer:
    """Changes what the plan builds on, as its operator says; where it builds on nothing, what the task begins with."""

    name, model = "mutate", "mutate"
    adapter: str | None = None
    reads_prompts = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def takes(self, task: Task) -> bool:
        """Whether the task asks for a Python program."""
        return asks_python(task)

    def most_tokens(self, request: Request) -> Tokens:
        """None: no model is asked."""
        return Tokens()

    async def propose(self, request: Request) -> Reply:
        """A program.

        Raises:
            ModelSetupError: the task asks for something else than Python, or nobody searches.
        """
        started = time.perf_counter()
        ground = ground_of(request, self.name)
        # A parent may be a model's, of any length.
        text = await asyncio.to_thread(_reply, request, ground)
        return Reply(text=text, model=self.model, seconds=time.perf_counter() - started)


def ground_of(request: Request, name: str) -> Ground:
    """What a request stands on.

    Raises:
        ModelSetupError: nothing, or the task asks for no Python.
    """
    if request.ground is None:
        raise ModelSetupError(f"{name} works from a search's hypotheses, and there is no search here")
    need_python(request.ground.task, name)
    return request.ground


def asks_python(task: Task) -> bool:
    """Whether a task asks for a Python program of one file."""
    return task.repo is None and reads_code(task.kind) and language(task) is None


def need_python(task: Task, name: str) -> None:
    """Raises `ModelSetupError` where a task asks for something else than a Python program of one file."""
    if not asks_python(task):
        raise ModelSetupError(f"{name} changes Python programs, and task {task.id!r} ({task.kind}) asks for none")


def seed_of(request: Request, purpose: str) -> int:
    """A number of 64 bits for one place of a run: a hash of run, task, place and what it is for."""
    place = f"{purpose}\n{request.sampling.seed}\n{request.task_id}\n{request.round}\n{request.sample}"
    return int.from_bytes(hashlib.sha256(place.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def as_reply(task: Task, source: str) -> str:
    """The text of a reply from which just this program is read."""
    return source if extract(task, source).solution == source else f"```python\n{source}\n```\n"


def _reply(request: Request, ground: Ground) -> str:
    return as_reply(ground.task, bred(request, ground))


def bred(request: Request, ground: Ground, *, adjust: bool = False) -> str:
    """The program for one place: of its operator's tries the first that was not there before, or else the first of all.

    Each try has a number of its own, so a resumed run makes the same; nothing but its time is spent on it.
    """
    first = _bred(request, ground, 0, adjust=adjust)
    if ground.known is None or not ground.known(first):
        return first
    most = tries_of("adjust" if adjust else ground.operator)
    tries = (_bred(request, ground, each, adjust=adjust) for each in range(1, most))
    return next((each for each in tries if not ground.known(each)), first)


def tries_of(operator: str) -> int:
    """Tries that an operator has for what was not there before: a crossing has one.

    Two that cross into what is there have little to cross. Forced to give something else all the same, they give small
    changes of what everybody has, for an evaluation each, and the search is not told that crossing has stopped to pay.
    """
    return 1 if operator == "cross" else TRIES


def further(number: int) -> int:
    """By how many more changes a try departs: where all that is near was there, what is farther away is looked at
    (variable neighbourhood search, Mladenović & Hansen 1997)."""
    return number // _NEAR


def _bred(request: Request, ground: Ground, number: int, *, adjust: bool) -> str:
    """What one try gives; the parent again where nothing in it can change, which costs no evaluation."""
    purpose = f"mutate {number}" if number else "mutate"
    rules, chance = Rules.of(ground.task), random.Random(seed_of(request, purpose))
    parents = [step.hypothesis.solution for step in ground.parents if step.hypothesis.solution is not None]
    operator = "adjust" if adjust else ground.operator
    if ground.task.kind == "ranges":
        from gristmill.graph.models.mutate.intervals import bred_ranges  # and with it numpy

        begins = not parents and not number and (request.round, request.sample) == (0, 0) and not starts(ground.task)
        return bred_ranges(ground.task, parents, operator, chance, first=begins)
    if not parents:
        begun = starting_programs(ground.task)
        # What the task itself begins with is there already.
        if not number and not starts(ground.task) and request.round == 0 and request.sample < len(begun):
            return begun[request.sample]
        parents = [chance.choice(begun)]
    return offspring(parents, operator, rules, chance, more=further(number))


def offspring(parents: Sequence[str], operator: str, rules: Rules, chance: random.Random, *, more: int = 0) -> str:
    """What an operator of a plan makes of one or two programs, by so many changes `more`; the first again where nothing
    in it can change."""
    seed = chance.getrandbits(64)
    if operator == "cross" and len(parents) > 1:
        try:
            child = cross(parents[0], parents[1], rules, seed).source
            changes = more + (chance.random() < 0.3)
            return mutate(child, rules, seed, steps=changes).source if changes else child
        except NothingToChangeError:
            pass  # the two have nothing in common: one of them alone, then
    away = operator in AWAY
    steps = more + (3 if away else 1)
    while chance.random() < _MORE:
        steps += 1
    # Where what goes together is known, a formula that is all new is mostly one that can be used.
    anew = away and rules.vocabulary is not None and chance.random() < _ANEW
    steps = 1 if anew else steps
    try:
        return mutate(parents[0], rules, seed, steps=steps, constants_only=operator == "adjust", anew=anew).source
    except NothingToChangeError:
        return parents[0]
