"""Python programs that an evaluator starts by `subprocess`: forks of its process, as no job may start another program.

What is started is ``[sys.executable, "file.py", …]``, with standard output and error into files, as there are no pipes.
Nothing here is defended: whoever stands beside an evaluator may forge its score anyway (see `run_scored`).
"""

from __future__ import annotations

import contextlib
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import IO, Any, Self

__all__ = ["fork_pythons"]

_NAMES = ("python", "python3")


def fork_pythons() -> None:
    """From now on `subprocess.Popen`, and what is made of it (`run`, `check_output`), forks this process for Python."""
    subprocess.Popen = _Python  # type: ignore[misc, assignment]


class _Python:
    """As `subprocess.Popen`, as far as a Python file is started, waited for, read and killed."""

    def __init__(self, args: Any, stdout: Any = None, stderr: Any = None, cwd: Any = None, **more: Any) -> None:
        words = [args] if isinstance(args, str) else [os.fspath(each) for each in args]
        file = _file_of(words)
        self.args = args
        self.returncode: int | None = None
        self._text = any(more.get(name) for name in ("text", "universal_newlines", "encoding"))
        self.stdout = _file(stdout)
        self.stderr = self.stdout if stderr == subprocess.STDOUT else _file(stderr)
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            with contextlib.suppress(BaseException):
                status = self._become(file, words[words.index(file) :], cwd, more.get("env"))
            os._exit(status)

    def _become(self, file: str, words: list[str], cwd: Any, environment: Any) -> int:
        for number, to in ((1, self.stdout), (2, self.stderr)):
            os.dup2(to.fileno() if to is not None else os.open(os.devnull, os.O_WRONLY), number)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  # for as long as the process lives, as the next
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        if cwd is not None:
            os.chdir(cwd)
        if environment is not None:
            os.environ.clear()
            os.environ.update(environment)
        sys.argv = words
        sys.path.insert(0, os.path.dirname(os.path.abspath(file)))
        try:
            runpy.run_path(file, run_name="__main__")
            status = 0
        except SystemExit as leaving:
            code = leaving.code
            status = code if isinstance(code, int) else 0 if code is None else 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        return status & 0xFF

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            time.sleep(0.002)
        return status

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
        self.wait(timeout)
        return self._read(self.stdout), None if self.stderr is self.stdout else self._read(self.stderr)

    def _read(self, file: IO[bytes] | None) -> Any:
        if file is None:
            return None
        file.seek(0)
        said = file.read()
        return said.decode(errors="replace") if self._text else said

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, 9)

    terminate = kill

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()


def _file(asked: Any) -> IO[bytes] | None:
    if asked == subprocess.PIPE:
        return tempfile.TemporaryFile()
    return asked if hasattr(asked, "fileno") else None


def _file_of(words: Sequence[str]) -> str:
    """The Python file that a command runs."""
    if words and (words[0] == sys.executable or os.path.basename(words[0]) in _NAMES):
        rest = [word for word in words[1:] if word not in ("-u", "-B", "-s", "-E", "-I")]
        if rest and not rest[0].startswith("-"):
            return rest[0]
    raise PermissionError(f"no program can be started here but a Python file: {' '.join(words)[:100]!r}")
