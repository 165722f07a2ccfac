"""The smallest job there is: a worker counts as well only if it forks, confines, talks and reports.

The number that it echoes is new each time, so an answer that somebody kept from before proves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["echo"]


def echo(context: JobContext) -> None:
    """Send the request back."""
    context.send(context.request)
