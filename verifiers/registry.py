"""Which verifier judges which kind of task, and the one door through which everything is judged."""

from __future__ import annotations

import asyncio
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Protocol

from gristmill.sandbox.errors import SandboxError, UserError
from gristmill.sandbox.stopwatch import timing
from gristmill.verifiers.base import Verifier
from gristmill.verifiers.functions import from_function, load_file
from gristmill.verifiers.judging import unscored
from gristmill.verifiers.records import Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["UnknownKindError", "VerifierClass", "Verifiers", "kinds", "problems", "trust_files", "verifier_class"]

_GROUP = "gristmill.verifiers"
_BUILT_IN = {
    "code": "gristmill.verifiers.code.verifier:CodeVerifier",
    "math": "gristmill.verifiers.mathematics.verifier:MathVerifier",
    "instruction": "gristmill.verifiers.instructions.verifier:InstructionVerifier",
    "program": "gristmill.verifiers.constructions.verifier:ProgramVerifier",
    "reasoning": "gristmill.verifiers.reasoning.verifier:ReasoningVerifier",
    "reward": "gristmill.verifiers.trained.reward.verifier:RewardVerifier",
    "loss": "gristmill.verifiers.trained.loss.verifier:LossVerifier",
}
_UNTRUSTED = (
    "kind: {kind!r} names a file of code, which would run here with all your rights; if you trust it, say "
    "`gristmill --plugin-files …`"
)
_TRIES = 3
_PAUSE_SECONDS = 0.05


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


_trusted = False


def trust_files(trust: bool = True) -> None:
    """Let tasks name their verifier as ``path.py:Name``. Such a file is run here, with all rights of this process.

    Off until whoever starts the process says so: a file of tasks is data, and data runs no code.
    """
    global _trusted
    _trusted = trust


def _is_file(kind: str) -> bool:
    return ".py:" in kind


@cache
def _installed() -> dict[str, str]:
    found: list[EntryPoint] = sorted(entry_points(group=_GROUP), key=lambda point: point.value)
    # A plug-in cannot take over a built-in kind: what `code` means must not depend on what else is installed.
    return {point.name: point.value for point in found} | _BUILT_IN


def kinds() -> tuple[str, ...]:
    """The kinds of task that can be judged here, sorted."""
    return tuple(sorted(_installed()))


def verifier_class(kind: str) -> VerifierClass:
    """The class that judges `kind`, imported now.

    Raises:
        UnknownKindError: no built-in or installed verifier has that kind.
        UserError: it belongs to a plug-in that cannot be imported, or to a file that is not trusted.
    """
    if _is_file(kind):
        if not _trusted:
            raise UserError(_UNTRUSTED.format(kind=kind))
        loaded: VerifierClass = load_file(kind)
        return loaded
    where = _installed().get(kind)
    if where is None:
        raise UnknownKindError(_unknown(kind))
    module, _, name = where.partition(":")
    try:
        named = getattr(import_module(module), name)
    except Exception as error:
        if kind in _BUILT_IN:
            raise
        raise UserError(
            f"the plug-in {where!r}, which judges tasks of the kind {kind!r}, cannot be imported: "
            f"{type(error).__name__}: {error}. Mend or uninstall the package that brings it"
        ) from error
    found: VerifierClass = named if kind in _BUILT_IN else from_function(named, kind)
    return found


def problems(task: Task) -> list[str]:
    """What is wrong with a task, one sentence each, naming the field; empty when it can be judged."""
    if _is_file(task.kind) and not _trusted:
        return [_UNTRUSTED.format(kind=task.kind)]
    if not _is_file(task.kind) and task.kind not in _installed():
        return [_unknown(task.kind)]
    return verifier_class(task.kind).problems(task)


def _unknown(kind: str) -> str:
    return f"kind: nobody judges {kind!r}; the kinds known here are {', '.join(kinds())}"


class Verifiers:
    """All verifiers over one pool. A verdict's `seconds` are measured here, for all of them."""

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        self._pool = pool
        self._confirm = confirm
        self._made: dict[str, Verifier] = {}

    def for_kind(self, kind: str) -> Verifier:
        """The verifier of a kind, made once.

        Raises:
            UnknownKindError: see `verifier_class`.
        """
        if kind not in self._made:
            self._made[kind] = verifier_class(kind)(self._pool, confirm=self._confirm)
        return self._made[kind]

    async def verify(self, task: Task, solution: str) -> Verdict:
        """Judge one solution. Never raises for anything a candidate does.

        The pool has already told a lost worker from a candidate that brings workers down (that one's verdict is
        its own failure: nobody may choose to be unscored). What is left as `SandboxError` is this machine's trouble:
        it is tried again, and then the verdict is `unscored`.

        Raises:
            UnknownKindError: see `verifier_class`.
        """
        verifier = self.for_kind(task.kind)
        with timing() as watch:
            for attempt in range(_TRIES):
                try:
                    verdict = await verifier.verify(task, solution)
                    break
                except SandboxError as error:
                    verdict = unscored(str(error), verifier=f"{verifier.name}/{verifier.version}")
                    await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
        return verdict.model_copy(update={"seconds": watch.seconds})
