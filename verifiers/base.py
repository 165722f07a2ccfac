"""The contract of a verifier."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

from gristmill.sandbox.records import Profile
from gristmill.verifiers.records import Evidence, Seeds, Task, Verdict
from gristmill.verifiers.testing.scored import SEARCH

__all__ = [
    "Building",
    "Consistent",
    "Examining",
    "Explaining",
    "HoldingOut",
    "Placed",
    "Replicating",
    "Reproducing",
    "Secretive",
    "Shelf",
    "Splitting",
    "Verifier",
    "unknown_settings",
]


@runtime_checkable
class Verifier(Protocol):
    """Evidence → verdict, for the tasks of one kind.

    A verifier is made with a `gristmill.sandbox.Pool` and must never run a candidate outside it. It never raises
    for anything that a candidate does; when the infrastructure fails for good, the verdict is `unscored` with
    score None.
    """

    name: str
    version: int
    kind: str

    def problems(self, task: Task) -> list[str]:
        """What is wrong with a task of this kind, one sentence each, naming the field; empty when it can be judged."""
        ...

    async def verify(self, task: Task, solution: str) -> Verdict:
        """Judge one extracted solution (source code, an answer, …) against a task that has no `problems`."""
        ...


@runtime_checkable
class Explaining(Protocol):
    """A verifier that can also say, for a task's owner, what its hidden tests have shown."""

    async def explain(self, task: Task, solution: str) -> tuple[Verdict, Evidence]:
        """As `Verifier.verify`, with the evidence beside the verdict."""
        ...


@runtime_checkable
class Consistent(Protocol):
    """A verifier some of whose verdicts a judge process decides: it sets `Verdict.apart` in those."""

    async def together(self, task: Task, judged: Sequence[tuple[str, Verdict]]) -> list[bool]:
        """The consistency run of several (solution, pending verdict): whether plain execution passes each.

        Tests and candidate share a process there, in a sandbox that is used for nothing else and is thrown away; the
        booleans are all that leaves it.

        Raises:
            SandboxError: nothing may be concluded about the solutions.
        """
        ...


@runtime_checkable
class Examining(Protocol):
    """A verifier that can try a task's own tests, without any candidate."""

    async def examine(self, task: Task) -> list[str]:
        """What the author of a task without `problems` should know of its tests, one sentence each.

        Raises:
            SandboxError: nothing may be concluded about the task.
        """
        ...


@runtime_checkable
class HoldingOut(Protocol):
    """A verifier whose tasks may hold out instances, or seeds and a split of their data, from every search."""

    async def held_out(self, task: Task, solution: str, seeds: Seeds = SEARCH) -> Evidence:
        """The solution's `scores` and `score` on what is held out; None and nothing where a task holds out nothing.

        Of a score test the held-out instances, by those seeds; what is trained is trained by its final seeds.

        For the owner, when a winner is announced: no model is asked any more for the task afterwards.

        Raises:
            SandboxError: nothing may be concluded about the solution.
        """
        ...


@runtime_checkable
class Replicating(Protocol):
    """A verifier whose tasks may have evaluators that draw: it can be told which seeds they draw by."""

    async def replicate(self, task: Task, solution: str, seeds: Seeds) -> tuple[Verdict, Evidence]:
        """As `Explaining.explain`, by those seeds; the `replicates` of the verdict are in their order."""
        ...


@runtime_checkable
class Reproducing(Protocol):
    """A verifier that can also evaluate as plain Python does, without any boundary between the two sides."""

    async def reproduces(self, task: Task, solution: str, verdict: Verdict, seeds: Seeds) -> bool:
        """Whether plain Python, evaluator and candidate in one process, comes to the scores that one seed has given.

        In a sandbox that is used for nothing else and is thrown away; one bit leaves it.

        Raises:
            SandboxError: nothing may be concluded about the solution.
        """
        ...


@runtime_checkable
class Placed(Protocol):
    """A verifier that says in which sandbox it judges a solution."""

    def profile(self, task: Task, solution: str) -> Profile:
        """What a worker must hold to run it."""
        ...


@runtime_checkable
class Splitting(Protocol):
    """A verifier that can split what it cannot judge apart, for an owner who takes passes of strength `split`."""

    splits: bool
    """Whether it does; `Verifiers` sets it."""


@runtime_checkable
class Secretive(Protocol):
    """A verifier that draws from a secret what a candidate must not guess: equal secrets give equal judgements."""

    secret: bytes
    """Never put into a verdict, and never shown to a sandbox. `Verifiers` sets it; by itself it is drawn anew."""


class Shelf(Protocol):
    """Where what solutions have made is kept, by the sha256 of its bytes.

    Whoever takes something down looks whether it has that name: a shelf is not believed.
    """

    async def keep(self, name: str, made: bytes) -> None:
        """Keep it; again is once."""
        ...

    async def find(self, name: str) -> bytes | None:
        """What was kept under that name, or None."""
        ...


@runtime_checkable
class Building(Protocol):
    """A verifier whose solutions may build on what an earlier one made: `Task.best` names it, `Verdict.construction`
    what this one made."""

    shelf: Shelf
    """`Verifiers` sets it; by itself it is one that forgets with the process."""


def unknown_settings(task: Task, allowed: Collection[str]) -> list[str]:
    """One sentence for each setting of a task that is none of `allowed`: it says something that nobody heeds."""
    sentences = []
    for name in task.settings:
        if name not in allowed:
            from difflib import get_close_matches

            near = get_close_matches(name, allowed, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(sorted(allowed)) or 'none'}"
            sentences.append(f"settings.{name}: means nothing for the kind {task.kind}; {hint}")
    return sentences
