"""The smallest jobs there are: a worker counts as well only if it forks, confines, talks and reports.

The number that `echo` sends back is new each time, so an answer that somebody kept from before proves nothing.
`imported` tries a package of the image, behind the walls where candidates will meet it. What it says comes from a
process that the package has run in: it decides how fast a worker is, and nothing about a candidate.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["echo", "imported"]

_DESCRIPTORS: Final = 256


def echo(context: JobContext) -> None:
    """Send the request back."""
    context.send(context.request)


def imported(context: JobContext) -> None:
    """Import the module that the request names; send its name, the seconds that took, and what is `left` of it.

    Left are threads, descriptors and files: of a worker that has it loaded, each of its children would have them too.
    """
    before, begun = _held(), time.perf_counter()
    try:
        importlib.import_module(context.request)
    except BaseException as error:
        context.send({"error": f"{type(error).__name__}: {error}"[:1000]})
        return
    seconds = time.perf_counter() - begun
    context.send({"module": context.request, "seconds": seconds, "left": len(_held() - before)})


def _held() -> set[str]:
    """Python's threads, open descriptors, and the files of the job's own folder. Native threads the zygote counts."""
    held = {f"thread {thread.ident}" for thread in threading.enumerate()}
    for descriptor in range(_DESCRIPTORS):
        with contextlib.suppress(OSError):
            os.fstat(descriptor)
            held.add(f"descriptor {descriptor}")
    for parent, folders, files in os.walk("."):
        held |= {os.path.join(parent, name) for name in (*folders, *files)}
    return held
