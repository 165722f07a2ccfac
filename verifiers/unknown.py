"""Settings that mean nothing for a kind of task: each is a mistake, since it says something that nobody heeds."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill.verifiers.records import Task

__all__ = ["unknown_settings"]


def unknown_settings(task: Task, known: Collection[str]) -> list[str]:
    """One sentence for each setting of a task that is none of `known`."""
    found = []
    for name in task.settings:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(sorted(known)) or 'none'}"
            found.append(f"settings.{name}: means nothing for the kind {task.kind}; {hint}")
    return found
