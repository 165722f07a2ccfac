"""The smallest job there is: proves that a worker forks, confines, talks and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import Context

__all__ = ["echo"]


def echo(context: Context) -> None:
    """Send the request back."""
    context.send(context.request)
