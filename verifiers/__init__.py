"""Evidence → verdict. Names are imported on first use, so that `gristmill --help` stays quick."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill.verifiers.base import Verifier
    from gristmill.verifiers.extraction.replies import extract
    from gristmill.verifiers.records import (
        Candidate,
        Check,
        Direction,
        Evidence,
        Outcome,
        Seeds,
        Strength,
        Task,
        Verdict,
    )
    from gristmill.verifiers.registry import UnknownKindError, Verifiers, kinds, problems
    from gristmill.verifiers.standing.judge import StandingJudge, judge, judge_async

    __version__: str

_HOME = {
    name: module
    for module, names in (
        ("base", "Verifier"),
        ("extraction.replies", "extract"),
        ("records", "Candidate Check Direction Evidence Outcome Seeds Strength Task Verdict"),
        ("registry", "UnknownKindError Verifiers kinds problems"),
        ("standing.judge", "StandingJudge judge judge_async"),
    )
    for name in names.split()
}

__all__ = [
    "Candidate",
    "Check",
    "Direction",
    "Evidence",
    "Outcome",
    "Seeds",
    "StandingJudge",
    "Strength",
    "Task",
    "UnknownKindError",
    "Verdict",
    "Verifier",
    "Verifiers",
    "__version__",
    "extract",
    "judge",
    "judge_async",
    "kinds",
    "problems",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("gristmill.sandbox").__version__
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
