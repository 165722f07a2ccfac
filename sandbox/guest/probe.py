"""Runs a few lines of Python as a job: what the conformance suite breaks rules with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import Context

__all__ = ["run"]


def run(context: Context) -> None:
    """Execute the request, which is source text, with `context` at hand."""
    exec(compile(str(context.request), "<probe>", "exec"), {"context": context, "__name__": "probe"})
