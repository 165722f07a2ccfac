"""Commands of the loop: run, runs, show, graph. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

import typer

__all__ = ["graph"]


def graph() -> None:
    """Print the loop as a Mermaid picture, drawn from the graph itself."""
    from gristmill.graph.build import mermaid

    typer.echo(mermaid(), nl=False)
