"""Which verifier judges which kind of task, and the one door through which everything is judged."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from gristmill.sandbox.errors import GristmillError, SandboxError, UserError
from gristmill.sandbox.records import Job
from gristmill.sandbox.sharing import on_behalf_of
from gristmill.sandbox.stopwatch import timing
from gristmill.verifiers.base import (
    Building,
    Consistent,
    Examining,
    HoldingOut,
    Placed,
    Reproducing,
    Secretive,
    Shelf,
    Splitting,
    Verifier,
)
from gristmill.verifiers.extraction.forms.starting import start_problems
from gristmill.verifiers.faults import Canaries, FreshJobs, verdict_by_seeds
from gristmill.verifiers.functions import from_function
from gristmill.verifiers.incidents.noting import noting
from gristmill.verifiers.incidents.watching import WatchedJobs
from gristmill.verifiers.judging import beside, holds_out, unscored
from gristmill.verifiers.plugins import BUILT_IN, KINDS, is_file
from gristmill.verifiers.records import Evidence, Seeds, Task, Verdict
from gristmill.verifiers.settling import PAUSE_SECONDS, TRIES, admitted, reason, settled, shown_together
from gristmill.verifiers.testing.scored import SEARCH
from gristmill.verifiers.trained.external.program import Commanded, OwnTrainer

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["UnknownKindError", "VerifierClass", "Verifiers", "kinds", "problems", "verifier_class", "warnings"]


class UnknownKindError(UserError):
    """A task asks for a kind that no installed verifier judges."""


class VerifierClass(Protocol):
    """What a kind names: built in, by an entry point of the group ``gristmill.verifiers``, or in a file."""

    name: str
    version: int

    def __call__(self, pool: Jobs, *, confirm: bool = True) -> Verifier:
        """A verifier that runs candidates in `pool` and, if `confirm`, re-runs a pass on a fresh worker."""
        ...

    def problems(self, task: Task) -> list[str]:
        """`Verifier.problems` as a static method: reachable without a pool, and quick."""
        ...


def kinds() -> tuple[str, ...]:
    """The kinds of task that can be judged here, sorted."""
    return KINDS.names()


def verifier_class(kind: str) -> VerifierClass:
    """The class that judges `kind`, imported now.

    Raises:
        UnknownKindError: no built-in or installed verifier has that kind.
        UserError: it belongs to a plug-in that cannot be imported, or to a file that is not trusted.
    """
    if unknown := _unknown(kind):
        raise UnknownKindError(unknown)
    named = KINDS.load(kind)
    chosen: VerifierClass = named if kind in BUILT_IN else from_function(named, kind)
    return chosen


def problems(task: Task) -> list[str]:
    """What is wrong with a task, one sentence each, naming the field; empty when it can be judged."""
    if why := _unknown(task.kind) or KINDS.untrusted(task.kind):
        return [why]
    if task.best is not None or task.bar:
        return [f"{'bar' if task.bar else 'best'}: names what a search has kept, and a search sets it; leave it out"]
    return [*start_problems(task), *verifier_class(task.kind).problems(task)]


def warnings(task: Task) -> list[str]:
    """What the author of a task without `problems` should know, one sentence each; most kinds have nothing to say."""
    warn = getattr(verifier_class(task.kind), "warnings", None)
    return list(warn(task)) if callable(warn) else []


def _unknown(kind: str) -> str | None:
    if is_file(kind) or kind in kinds():
        return None
    return f"kind: nobody judges {kind!r}; the kinds known here are {', '.join(kinds())}"


class Verifiers:
    """All verifiers over one pool. A verdict's `seconds` are measured here, for all of them.

    Args:
        pool: where candidates and judges run.
        confirm: re-run a pass on fresh workers before it counts.
        consistency: where a judge process decided, tests and candidate also run together (see `settle`). False is for
            trying what the boundary holds by itself, as the suites of attacks do.
        accept_split: a test that cannot be judged apart is split where it can be, and passes with the strength `split`.
        accept_together: what only passes together is a pass of strength `together`, not `refused`; includes the former.
        secret: what searched functions are judged with (see `gristmill.verifiers.trained.secret`): one a run, so that
            all its candidates get the same trainings; drawn anew if None.
        shelf: where what solutions make is kept, for later ones to build on; with this object if None.
        trainer: the owner's program that scores `command` tasks; it runs outside of `pool`, with all of their rights.
    """

    def __init__(
        self,
        pool: Jobs,
        *,
        confirm: bool = True,
        consistency: bool = True,
        accept_split: bool = False,
        accept_together: bool = False,
        secret: bytes | None = None,
        shelf: Shelf | None = None,
        trainer: OwnTrainer | None = None,
    ) -> None:
        self._pool, self._trainer = WatchedJobs(pool), trainer
        self._shelf = shelf
        self._secret = secrets.token_bytes(32) if secret is None else secret
        self._confirm = confirm
        self._consistency = consistency
        self._accept_together = accept_together
        self._accept_split = accept_split or accept_together
        self._made: dict[str, Verifier] = {}
        self._canaries = Canaries()

    def for_kind(self, kind: str) -> Verifier:
        """The verifier of a kind, made once.

        Raises:
            UnknownKindError: see `verifier_class`.
        """
        if kind not in self._made:
            self._made[kind] = self._make(kind, self._pool)
        return self._made[kind]

    def _make(self, kind: str, pool: Jobs, *, confirm: bool = True) -> Verifier:
        verifier = verifier_class(kind)(pool, confirm=confirm and self._confirm)
        if isinstance(verifier, Secretive):
            verifier.secret = self._secret
        if isinstance(verifier, Commanded):
            verifier.trainer = self._trainer
        if isinstance(verifier, Building):
            self._shelf = verifier.shelf = self._shelf or verifier.shelf
        if isinstance(verifier, Splitting):
            verifier.splits = self._accept_split
        return verifier

    async def verify(self, task: Task, solution: str, *, seeds: Seeds = SEARCH) -> Verdict:
        """Judge one solution, the consistency run included. Never raises for anything a candidate does.

        Whoever asks a model again for the same task takes `verify_apart`, and `settle_all` when that is over.
        `seeds`, here and below: which replicates of a score test with `repeats`, or trainings with a reward or loss.
        ``Seeds(first=4, count=8)`` are eight more of the search's own, ``Seeds(draw="re-score")`` are fresh ones.

        Raises:
            UnknownKindError: see `verifier_class`.
        """
        return await self.settle(task, solution, await self.verify_apart(task, solution, seeds=seeds))

    async def verify_apart(self, task: Task, solution: str, *, seeds: Seeds = SEARCH) -> Verdict:
        """Judge one solution apart from its tests; where a judge process decided, the verdict is `pending`.

        The pool has already told a lost worker from a candidate that brings workers down (that one's verdict is
        its own failure: nobody may choose to be unscored). What is left as `SandboxError` is this machine's trouble:
        it is tried again, and then the verdict is `unscored`. What else a verifier raises is told apart by a canary
        (see `gristmill.verifiers.faults`).

        Raises:
            UnknownKindError: see `verifier_class`.
        """
        verdict, _ = await self._tried(task, solution, seeds, explain=False)
        return verdict

    async def explain_apart(self, task: Task, solution: str, *, seeds: Seeds = SEARCH) -> tuple[Verdict, Evidence]:
        """The verdict of `verify_apart`, and beside it what only the task's owner may read.

        A verifier that keeps nothing back has no more to say than its verdict's checks.
        """
        with noting() as noted:
            verdict, evidence = await self._tried(task, solution, seeds, explain=True)
        return verdict, (evidence or beside(task, verdict)).model_copy(update={"incidents": noted.incidents})

    async def explain(self, task: Task, solution: str, *, seeds: Seeds = SEARCH) -> tuple[Verdict, Evidence]:
        """The verdict of `verify`, with its evidence: see `explain_apart`."""
        verdict, evidence = await self.explain_apart(task, solution, seeds=seeds)
        verdict = await self.settle(task, solution, verdict)
        return verdict, evidence.model_copy(update={"reason": reason(verdict)})

    async def examine(self, task: Task) -> list[str]:
        """What trying a task's tests shows: see `gristmill.verifiers.base.Examining`, errors too; mostly nothing."""
        verifier = self.for_kind(task.kind)
        return await verifier.examine(task) if isinstance(verifier, Examining) else []

    async def held_out(self, task: Task, solution: str, *, seeds: Seeds = SEARCH) -> Evidence | None:
        """See `gristmill.verifiers.base.HoldingOut`, errors too; None where nothing is held out."""
        verifier = self._make(task.kind, FreshJobs(self._pool))
        if not isinstance(verifier, HoldingOut) or not holds_out(task):
            return None
        return await verifier.held_out(task, solution, seeds)

    async def stands(self, task: Task, solution: str, verdict: Verdict) -> bool:
        """See `gristmill.verifiers.judging.Standing`; only of kinds that say where they judge."""
        verifier = self.for_kind(task.kind)
        if verdict.verifier != f"{verifier.name}/{verifier.version}" or not isinstance(verifier, Placed):
            return False
        profile = verifier.profile(task, solution)
        if not self._pool.info(profile).image:
            # Which image it is, is known when its first worker has started.
            await self._pool.run(Job(program="gristmill.sandbox.guest.canary:echo", request=""), profile)
        return verdict.sandbox == self._pool.info(profile).label

    async def settle(self, task: Task, solution: str, verdict: Verdict) -> Verdict:
        """The verdict after the consistency run: see `settle_all`."""
        (done,) = await self.settle_all(task, [(solution, verdict)])
        return done

    async def settle_all(self, task: Task, judged: Sequence[tuple[str, Verdict]]) -> list[Verdict]:
        """The verdicts on several (solution, verdict) of one task after the consistency run; settled ones stay.

        Tests and candidate run together, as in plain execution, in a sandbox that serves nothing else and is thrown
        away. It sees hidden values, so it comes after everything that could still be shown to a model for this task,
        and one bit leaves it; `gristmill.verifiers.settling.settled` says what that makes of a verdict. Trouble of
        this machine leaves those that were pending unscored.
        """
        pending = [(solution, verdict) for solution, verdict in judged if verdict.pending]
        verifier = self.for_kind(task.kind)
        if not pending or not isinstance(verifier, Consistent):
            return [verdict for _, verdict in judged]
        name = f"{verifier.name}/{verifier.version}"
        bits = iter(await shown_together(verifier, task, pending))

        def after(verdict: Verdict, bit: bool | str) -> Verdict:
            if isinstance(bit, str):
                return unscored(f"its consistency run could not be had: {bit}", verifier=name)
            return settled(verdict, bit, accept_together=self._accept_together)

        return [after(verdict, next(bits)) if verdict.pending else verdict for _, verdict in judged]

    async def rescore(self, task: Task, solution: str, seeds: Seeds) -> Verdict:
        """See `gristmill.verifiers.judging.Rescoring`; it confirms what was found, and is not confirmed itself."""
        fresh = self._make(task.kind, FreshJobs(self._pool), confirm=False)
        return (await self._tried(task, solution, seeds, explain=False, by=fresh))[0]

    async def reproduces(self, task: Task, solution: str, verdict: Verdict, seeds: Seeds) -> bool | None:
        """See `gristmill.verifiers.judging.Rescoring`; of score tests only."""
        verifier = self.for_kind(task.kind)
        # What was evaluated beside the solution has nothing to be reproduced by.
        unasked = task.scored is None or task.scored.timed or task.scored.together or not self._consistency
        if unasked or not isinstance(verifier, Reproducing):
            return None
        with on_behalf_of(task.kind, task.id):
            for attempt in range(TRIES):
                try:
                    return await verifier.reproduces(task, solution, verdict, seeds)
                except SandboxError:
                    if attempt + 1 == TRIES:
                        raise
                    await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
        return None

    async def _tried(
        self, task: Task, solution: str, seeds: Seeds, *, explain: bool, by: Verifier | None = None
    ) -> tuple[Verdict, Evidence | None]:
        verifier = by or self.for_kind(task.kind)
        evidence = None
        with timing() as watch, on_behalf_of(task.kind, task.id):
            for attempt in range(TRIES):
                try:
                    verdict, evidence = await verdict_by_seeds(verifier, task, solution, seeds, explain=explain)
                    self._canaries.sings(task, solution)
                    break
                except SandboxError as error:
                    verdict = unscored(str(error), verifier=f"{verifier.name}/{verifier.version}")
                    await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
                except GristmillError:
                    raise
                except Exception as fault:  # noqa: BLE001  # whose it is, is found out
                    fresh = self._make(task.kind, FreshJobs(self._pool))
                    verdict, evidence = await self._canaries.blame(fresh, task, solution, fault)
                    break
        verdict = admitted(verdict, accept_together=self._accept_together, accept_split=self._accept_split)
        verdict = verdict.model_copy(update={"seconds": watch.seconds})
        if not self._consistency:
            verdict = verdict.model_copy(update={"apart": None})
        return verdict, evidence
