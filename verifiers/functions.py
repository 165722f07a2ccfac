"""A verifier out of a plain function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.stopwatch import busy
from gristmill.verifiers.plugins import ContractError
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["FunctionVerifier", "from_function"]

Answer = bool | float | tuple[bool | float, str]
Function = Callable[[Task, str], Answer]


class FunctionVerifier:
    """Judges by a function ``(task, reply) → bool, share, or (bool or share, feedback)``, on the judge's side.

    The function must not run what it is given: it sees text. True or a share of 1 passes. What it raises, and an
    answer that is no share in [0, 1], are its fault or the reply's: `Verifiers` finds out by a canary.
    """

    kind = "function"
    version = 1

    def __init__(self, function: Function, kind: str) -> None:
        self.name = function.__name__
        self.kind = kind
        self._function = function

    def problems(self, task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; a function's own attribute of that name is asked."""
        ask = getattr(self._function, "problems", None)
        return [] if ask is None else list(ask(task))

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`."""
        with busy():
            answer = self._function(task, solution)
        value, feedback = answer if isinstance(answer, tuple) else (answer, "")
        try:
            score = float(value)
        except (TypeError, ValueError):
            score = math.nan
        if not (math.isfinite(score) and 0 <= score <= 1):
            raise ContractError(self._function, f"{str(value)[:100]}, which is no share from 0 to 1")
        outcome = Outcome.PASSED if score == 1 else Outcome.FAILED
        return Verdict(
            outcome=outcome,
            score=score,
            strength=Strength.TESTED,
            feedback=str(feedback),
            verifier=f"{self.name}/{self.version}",
        )


class _FunctionClass:
    """What `gristmill.verifiers.registry.VerifierClass` asks for, over a function."""

    def __init__(self, function: Function, kind: str) -> None:
        self.name = function.__name__
        self.version = FunctionVerifier.version
        self._made = FunctionVerifier(function, kind)

    def __call__(self, pool: Jobs, *, confirm: bool = True) -> FunctionVerifier:
        return self._made

    def problems(self, task: Task) -> list[str]:
        return self._made.problems(task)


def from_function(plugin: Any, kind: str) -> Any:
    """What a plug-in names, as a class of verifiers: a class stays as it is, a function becomes one.

    Raises:
        UserError: it is neither.
    """
    if (reads := getattr(plugin, "reads", "reply")) not in ("reply", "code"):
        raise UserError(f"the verifier of {kind!r}: reads: {reads!r} is neither 'reply' nor 'code'")
    if isinstance(plugin, type) or hasattr(plugin, "problems"):
        missing = [name for name in ("name", "version", "problems") if not hasattr(plugin, name)]
        if not missing and (hasattr(plugin, "verify") or callable(plugin)):
            return plugin
        raise UserError(f"the verifier of {kind!r} lacks {', '.join(missing or ['verify'])}; see docs/plugins.md")
    if callable(plugin) and hasattr(plugin, "__name__"):
        return _FunctionClass(plugin, kind)
    raise UserError(f"the verifier of {kind!r} is a {type(plugin).__name__}, neither a class nor a function")
