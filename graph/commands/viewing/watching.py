"""The command `watch`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.options import Workspace
from gristmill.graph.commands.progress import LINE_EVERY
from gristmill.sandbox.plain import console_for, say, say_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rich.text import Text

    from gristmill.graph.storage.store import Store
    from gristmill.graph.view.own.run import RunPage

__all__ = ["watch"]


def watch(
    name: Annotated[str, typer.Argument(metavar="RUN", help="Name of the run.")],
    workspace: Workspace = ".",
    json_: Annotated[bool, typer.Option("--json", help="Print a line of JSON for every change.")] = False,
) -> None:
    """Follow a run in the terminal until it ends: what its page of `gristmill view` says, of the same store.

    It says in a sentence how far the run is, draws how the best grew over calls, counts tasks by phase and verdicts by
    outcome, and names the calls in flight. Where the output is no terminal it is a line now and then. It only reads;
    Ctrl-C ends the watching, not the run. Of a run that was killed nothing more comes, and it says for how long.

    \b
    Examples:
      gristmill watch night
      gristmill watch night --workspace work
      gristmill watch night --json
    """
    import asyncio
    import shlex

    from gristmill.graph.commands.interrupts import INTERRUPTED, run_interruptibly
    from gristmill.graph.storage.store import Store
    from gristmill.graph.storage.workspace import option_for

    with Store.open(workspace, create=False) as store:
        store.get_run(name)  # of a run that is not there, this says so
        shown = _as_json if json_ else _on_screen if console_for().is_terminal else _as_lines
        try:
            run_interruptibly(shown(store, name))
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise typer.Exit(INTERRUPTED) from None
    if shown is _on_screen:
        show, view = (
            shlex.join(["gristmill", *words, *option_for(workspace)]) for words in (("show", name), ("view",))
        )
        say(f"more: {show}, or in the browser: {view}")


async def _pages(store: Store, name: str) -> AsyncIterator[tuple[int, float, RunPage]]:
    """(the last event, seconds since it came, the page), at once, when something was stored, and now and then."""
    import asyncio
    import time
    from contextlib import aclosing

    from gristmill.graph.view.live import Watcher
    from gristmill.graph.view.own.run import run_page
    from gristmill.graph.view.registry import Asked

    latest, since = 0, time.monotonic()
    async with aclosing(Watcher(store).stored(name)) as stored:
        async for number in stored:
            if number is not None:
                latest, since = number, time.monotonic()
            page = await asyncio.to_thread(run_page, store, Asked("run", name))
            if page is None:
                return
            yield latest, time.monotonic() - since, page
            if page.run.status != "running":
                return


async def _as_json(store: Store, name: str) -> None:
    import json

    from gristmill.graph.commands.viewing.lines import record_of

    told = None
    async for event, _, page in _pages(store, name):
        if told != (event, page.run.status):
            told = event, page.run.status
            say_json(json.dumps(record_of(page, event), ensure_ascii=False))


async def _as_lines(store: Store, name: str) -> None:
    import time

    from gristmill.graph.commands.viewing.lines import shortly

    spoke = None
    async for _, quiet, page in _pages(store, name):
        if spoke is None or page.run.status != "running" or time.monotonic() - spoke >= LINE_EVERY:
            spoke = time.monotonic()
            say(shortly(page) + _still(quiet))


async def _on_screen(store: Store, name: str) -> None:
    from rich.live import Live

    console = console_for()
    with Live(console=console, auto_refresh=False) as live:
        async for _, quiet, page in _pages(store, name):
            live.update(_drawn(page, quiet, console.width), refresh=True)


def _drawn(page: RunPage, quiet: float, width: int) -> Text:
    from rich.text import Text

    from gristmill.graph.commands.viewing.lines import lines_of

    head, *rest = lines_of(page, width // 2)
    still = [_still(quiet).strip()] if _still(quiet) else []
    return Text("\n").join([Text(head, style="bold"), *(Text(line) for line in [*rest, *still])])


def _still(quiet: float) -> str:
    """What is to be said where nothing comes."""
    from gristmill.graph.view.figures import duration

    return f" Nothing was stored for {duration(quiet)}." if quiet > 60 else ""
