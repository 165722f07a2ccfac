"""Compiling a candidate's source (`build`) and becoming its program (`run`): jobs of a worker that may start programs.

Neither job holds anything but the source, what was made of it, and for `run` one case's input on stdin; no wall falls
with the new program: its namespaces, user, Landlock, filter and limits are this process's. Against a source that
attacks its compiler, or a program that takes its process over: what a compiler says and leaves is a claim of the
candidate's, and whatever comes of a case is read from outside. `build` is run where no case's input has been, so that
what it says can be shown.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["build", "run"]

_SAID_BYTES: Final = 16_384
_CANNOT_START: Final = 127
# Python ignores them, and a new program would go on to.
_SIGNALS: Final = (signal.SIGPIPE, signal.SIGXFSZ)


def build(context: JobContext) -> None:
    """Run ``request["command"]`` over ``request["files"]``, and send what it said and made.

    The request is ``{"files": {name: bytes}, "command": [word], "needed": [path], "environment": {name: text}}``; an
    empty command makes nothing. Sent is ``{"missing": path}`` if the image lacks a program that is needed, which shows
    before anything is read of the source; else ``{"status", "said", "files"}``, the files being all that are new.
    """
    request = context.request
    for path in request["needed"]:
        if not os.access(path, os.X_OK):
            context.send({"missing": path})
            return
    _lay(request["files"])
    status, said = 0, b""
    if request["command"]:
        file = os.open(".said", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.unlink(".said")
        pid = os.fork()
        if pid == 0:
            _become(request["command"], request["environment"], output=file)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said = os.pread(file, _SAID_BYTES, 0)
        os.close(file)
    new_files = {} if status else {name: data for name, data in _files() if name not in request["files"]}
    context.send({"status": status, "said": said.decode(errors="replace"), "files": new_files})


def run(context: JobContext) -> None:
    """Become the program ``request["command"]`` beside ``request["files"]``; stdin, stdout and stderr are the job's."""
    request = context.request
    _lay(request["files"])
    _become(request["command"], request["environment"])


def _lay(files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        if folder := os.path.dirname(name):
            os.makedirs(folder, exist_ok=True)
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o700)
        with os.fdopen(file, "wb") as writing:
            writing.write(data)


def _files() -> list[tuple[str, bytes]]:
    files = []
    for parent, _, names in os.walk("."):
        for name in names:
            path = os.path.relpath(os.path.join(parent, name), ".")
            # No link is followed, and no pipe waited for.
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    files.append((path, file.read()))
    return files


def _become(command: Sequence[str], environment: Mapping[str, str], output: int = -1) -> NoReturn:
    """Never returns: what cannot be started ends this process."""
    try:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        if output >= 0:
            empty = os.open("/dev/null", os.O_RDONLY)
            for old, new in ((empty, 0), (output, 1), (output, 2)):
                os.dup2(old, new)
        # The channel to the host among them: nothing is left to a program but its three streams.
        os.closerange(3, 1 << 12)
        own = {"HOME": os.getcwd(), "TMPDIR": os.getcwd()}
        os.execve(command[0], list(command), {**environment, **own})  # noqa: S606  # no shell is wanted
    except OSError as error:
        os.write(2, f"{command[0]} cannot be started: {error.strerror}\n".encode())
    except BaseException:
        sys.stderr.write("the program cannot be started\n")
    os._exit(_CANNOT_START)
