"""The group `recipe`: published systems as graphs of this project's own stages. Heavy imports wait inside."""

from __future__ import annotations

import typer

from gristmill.trainers.commands.recipes.isheep import isheep
from gristmill.trainers.commands.recipes.rank import rank
from gristmill.trainers.commands.recipes.reinforce import reinforce
from gristmill.trainers.commands.recipes.ser import ser

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Run a published system by stages of ours.")
app.command()(isheep)
app.command()(ser)
app.command()(rank)
app.command()(reinforce)


@app.callback()
def _group() -> None:
    """Run a published system by stages of ours."""
