"""How to look at what goes on, said where it begins."""

from __future__ import annotations

import shlex

__all__ = ["how_to_look"]


def how_to_look(workspace: str, run: str | None = None) -> str:
    """The commands, in a line.

    Args:
        workspace: as it was named on the command line; a password in it is not said.
        run: its name, where there is one run to follow.
    """
    from gristmill.graph.storage.workspace import option_for

    where = option_for(workspace)
    page = shlex.join(["gristmill", "view", *where])
    if run is None:
        return f"to look: {page}"
    return f"to look: {shlex.join(['gristmill', 'watch', run, *where])}, or in the browser: {page}"
