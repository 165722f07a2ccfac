"""`view --demo`: a search that comes with the package, in a workspace that goes with the command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.sandbox.plain import say

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Demo", "demo_workspace"]

Demo = Annotated[
    bool, typer.Option("--demo", help="Show a recorded search that comes with gristmill. Nothing is kept.")
]

_WHAT = (
    "This is a recording: a search for a rule by which a bin is chosen for each item, with the replies of a capable "
    "model as they were, judged in sandboxes on 30 November 2026. It lies in a temporary folder and takes no answers."
)


@contextmanager
def demo_workspace(workspace: str) -> Iterator[str]:
    """A workspace with the recorded search in it, while the context is entered.

    Raises:
        UserError: a workspace was named as well.
    """
    import gzip
    import signal
    import sys
    import tempfile
    from importlib.resources import files
    from pathlib import Path

    from gristmill.graph.storage.workspace import database_at
    from gristmill.sandbox.errors import UserError

    if workspace != ".":
        raise UserError("--demo has a workspace of its own: leave --workspace out")

    def ended(number: int, frame: FrameType | None) -> None:
        sys.exit(0)

    # Whoever ends it by a signal leaves no folder either.
    before = signal.signal(signal.SIGTERM, ended)
    try:
        with tempfile.TemporaryDirectory(prefix="gristmill-demo-") as folder:
            database = Path(str(database_at(folder).url.database))
            database.parent.mkdir(parents=True, exist_ok=True)
            recording = files("gristmill.graph.view").joinpath("demo", "packing.db.gz")
            database.write_bytes(gzip.decompress(recording.read_bytes()))
            say(_WHAT, err=True)
            yield folder
    finally:
        signal.signal(signal.SIGTERM, before)
