"""What `view` shows without a server: a bundle of files. Heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.sandbox.plain import console_for, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gristmill.graph.view.registry import View

__all__ = ["Bundle", "Only", "Public", "bundle_views"]

Bundle = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write the pages into this folder as files, and end; they hold what hidden tests expect. A bundle that "
        "is there is replaced.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="With --bundle: this run or improvement, not all of them; repeatable."),
]
Public = Annotated[
    bool,
    typer.Option(
        "--public",
        help="With --bundle: for anybody to read. What hidden tests ask and expect, and where the workspace lies, is "
        "left out; prompts and replies stay.",
    ),
]


def bundle_views(
    views: Sequence[View], folder: Path | None, only: Sequence[str], workspace: str, *, public: bool = False
) -> None:
    """Write the views of all rooms as files.

    Raises:
        UserError: there is no store, nothing of such a name, or something else than a bundle at `folder`.
        InfrastructureError: it cannot be written.
    """
    from gristmill.graph.commands.progress import Display
    from gristmill.graph.storage.store import Store
    from gristmill.graph.view.bundle import write_bundle
    from gristmill.sandbox.errors import UserError

    if folder is None:
        raise UserError("--only and --public say what a bundle holds: name its folder with --bundle DIR")
    with Store.open(workspace, create=False) as store, Display(console_for(stderr=True), "pages", "pages") as display:
        page = write_bundle(store, views, folder, only, public=public, written=display.update)
    say(str(page))
    if public:
        say("It holds no evidence and not the workspace's place. Prompts and replies are as they were: look.", err=True)
    else:
        say(
            "It holds prompts, replies and what hidden tests expect: give it to those only who may read these.",
            err=True,
        )
