"""Task generators. `list-functions`: one expression over a list, with whole combinations held out."""

from __future__ import annotations

from gristmill.verifiers.records import Task

__all__ = ["generate_list_functions"]


def generate_list_functions(*, seed: int, train: int = 96, gate: int = 80, test: int = 192) -> list[Task]:
    """Tasks of the kind code, each a filter × reduction (× map) with its parameters and a phrasing.

    No filter × reduction combination occurs in two splits. Each task carries its `split`, a tag
    ``combo:FILTER/REDUCTION``, a reference solution, hidden and public cases, and
    ``settings.template``, so that a reply is one expression.
    """
    raise NotImplementedError
