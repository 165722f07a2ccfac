"""A verifier out of a plain function, and verifiers out of files that a task names."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.stopwatch import busy
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["FunctionVerifier", "from_function", "load_file"]

Answer = bool | float | tuple[bool | float, str]
Function = Callable[[Task, str], Answer]


class FunctionVerifier:
    """Judges by a function ``(task, reply) → bool, share, or (bool or share, feedback)``, on the judge's side.

    The function must not run what it is given: it sees text. True or a share of 1 passes. What it raises, and an
    answer that is no share in [0, 1], are an `error` with score 0: no reply may choose to be unscored.
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
        try:
            with busy():
                answer = self._function(task, solution)
            value, feedback = answer if isinstance(answer, tuple) else (answer, "")
            score = float(value)
            if not (math.isfinite(score) and 0 <= score <= 1):
                raise ValueError(f"{value!r} is no share from 0 to 1")
        except Exception as error:  # noqa: BLE001  # whatever a reply makes a plug-in raise is that reply's failure
            score, feedback, outcome = 0.0, f"The verifier could not judge this: {type(error).__name__}.", Outcome.ERROR
        else:
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


def from_function(found: Any, kind: str) -> Any:
    """What a plug-in names, as a class of verifiers: a class stays as it is, a function becomes one.

    Raises:
        UserError: it is neither.
    """
    if isinstance(found, type) or hasattr(found, "problems"):
        missing = [name for name in ("name", "version", "problems") if not hasattr(found, name)]
        if not missing and (hasattr(found, "verify") or callable(found)):
            return found
        raise UserError(f"the verifier of {kind!r} lacks {', '.join(missing or ['verify'])}; see docs/plugins.md")
    if callable(found) and hasattr(found, "__name__"):
        return _FunctionClass(found, kind)
    raise UserError(f"the verifier of {kind!r} is a {type(found).__name__}, neither a class nor a function")


def load_file(where: str) -> Any:
    """The class or function that ``path.py:Name`` names, the path being relative to the current folder.

    The file is run, here and now, with all rights of this process.

    Raises:
        UserError: there is no such file or name, or it cannot be run.
    """
    path, _, name = where.rpartition(":")
    file = Path(path).resolve()
    if not file.is_file():
        raise UserError(f"kind {where!r}: there is no file {file}")
    module_name = f"gristmill_plugin_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, file)
        if spec is None or spec.loader is None:
            raise UserError(f"kind {where!r}: {file} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[module_name]
            raise UserError(f"kind {where!r}: {file} cannot be run: {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise UserError(f"kind {where!r}: {file} defines no {name}")
    return from_function(getattr(module, name), where)
