"""What the compiler of one task may use: apart from what its programs may."""

from __future__ import annotations

from gristmill.sandbox.records import Limits
from gristmill.verifiers.languages.records import Language
from gristmill.verifiers.records import Task

__all__ = ["COMPILE_LIMITS", "compile_limits"]

COMPILE_LIMITS = "compile_limits"
"""The setting of a task that changes what its compiler may use."""


def compile_limits(task: Task, language: Language) -> Limits:
    """What compiling a solution of the task may use.

    Raises:
        ValueError: the task's setting is wrong.
    """
    given = task.settings.get(COMPILE_LIMITS) or {}
    return Limits.model_validate({**language.compile_limits.model_dump(), **given})
