"""Runs a few lines of Python as a job: what the conformance suite breaks rules with.

It is confined like every job and staged for the suite's own workers: it is the attacker, and must get no further.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["run"]


def run(context: JobContext) -> None:
    """Execute the request, which is source text, with `context` at hand."""
    exec(compile(str(context.request), "<probe>", "exec"), {"context": context, "__name__": "probe"})
