"""Runs tests of a repository beside the code that they test, as its team does: files laid, pytest over them.

Against what decides in their place without being asked: plug-ins, options and a cache that lie about, skips, expected
failures, tests without an assertion that has run. Against the candidate little is defended in `run`, since it shares
the process: it can read every test and forge every report. So what is said there is a claim, whose strength is
`together`; the host takes outcomes for the tests that it asked for, once each, and no words of it reach a model where
tests are hidden. `run_plainly` is against reports that only this channel would believe: there pytest alone decides, in
a process that has none. The worker is thrown away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gristmill.verifiers.code.guest.counting.asserting import Asserting
from gristmill.verifiers.code.guest.counting.watching import watch, watch_files
from gristmill.verifiers.code.guest.together.run_plain import be_silent

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["run", "run_plainly"]

_WORDS, _NAME = 3000, 100
_WITHOUT = ("cacheprovider", "faulthandler", "junitxml", "pastebin", "stepwise", "setuponly", "setupplan")


def run(context: JobContext) -> None:
    """Send ``{"test", "outcome", "error", "text", "asserted"}`` for each test that has ended; at the end ``{"end"}``.

    The request is ``{"files": [[path, bytes, may_run], …], "tests": [id, …], "counted": [path, …], "setup", "options",
    "aloud"}``: `counted` are the files in which assertions count. Where the set-up fails, ``{"setup": error}`` is all.
    With `aloud`, ``{"said"}`` is the end of what was printed.
    """
    request = context.request
    printed = Path.cwd() / "printed"
    if request["aloud"]:
        descriptor = os.open(printed, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
    else:
        be_silent()
    folder = _lay(request)
    if failed := _set_up(request):
        context.send({"setup": failed})
        return
    _run_pytest(folder, request, context.send)
    if request["aloud"]:
        sys.stdout.flush()
        context.send({"said": printed.read_text(encoding="utf-8", errors="replace")[-_WORDS:]})


def run_plainly(context: JobContext) -> None:
    """Send ``{"status"}``: how a process ended in which pytest ran the tests, and which could not speak to the host.

    The request is that of `run`.
    """
    request = context.request
    be_silent()
    folder = _lay(request)
    if (child := os.fork()) == 0:
        context.hang_up()
        _end_as_pytest(folder, request)
    _, status = os.waitpid(child, 0)
    context.send({"status": os.waitstatus_to_exitcode(status)})


def _end_as_pytest(folder: Path, request: dict[str, Any]) -> NoReturn:
    status: Any = 1
    try:
        if not _set_up(request):
            import pytest

            status = pytest.main([*_options(folder, request), *request["tests"]])
    except SystemExit as leaving:
        status = leaving.code
    except BaseException:
        status = 1
    finally:
        os._exit(status if isinstance(status, int) and 0 <= status < 256 else 0 if status is None else 1)


def _lay(request: dict[str, Any]) -> Path:
    """The files of the request in a folder of this job's, which becomes the current one, and the first for imports."""
    folder = Path.cwd() / "repository"
    for path, content, may_run in request["files"]:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o755 if may_run else 0o644)
    os.chdir(folder)
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(folder), *([str(folder / "src")] if (folder / "src").is_dir() else [])]
    return folder


def _set_up(request: dict[str, Any]) -> str:
    """Run the task's set-up as a file of its own would run; what it raised, or nothing."""
    try:
        exec(compile(request["setup"], "<setup>", "exec", dont_inherit=True), {"__name__": "__main__"})
    except BaseException as error:  # whatever it is, no test is run
        return f"{type(error).__name__}: {error}"[:_WORDS]
    return ""


def _options(folder: Path, request: dict[str, Any]) -> list[str]:
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    options = ["--rootdir", str(folder), "-o", "addopts=", "--tb=short", "-q", *request["options"]]
    for plugin in _WITHOUT:
        options += ["-p", f"no:{plugin}"]
    return options


def _run_pytest(folder: Path, request: dict[str, Any], send: Callable[[object], None]) -> None:
    import pytest

    options = _options(folder, request)
    counted = [folder / path for path in request["counted"]]
    sources = [path.read_text(encoding="utf-8", errors="replace") for path in counted]
    teller = _Teller(send)
    watch(teller.count, ("pytest", *sources))
    watch_files(folder, Asserting(sources, ()), frozenset(map(str, counted)))
    status = pytest.main([*options, *request["tests"]], plugins=[teller])
    send({"end": int(status)})


class _Teller:
    """Says of each test how it has ended, once its teardown is over."""

    def __init__(self, send: Callable[[object], None]) -> None:
        self._send = send
        self._asserted = 0
        self._worst: dict[str, Any] = {}

    def count(self) -> None:
        """An assertion is about to be made."""
        self._asserted += 1

    def pytest_collectreport(self, report: Any) -> None:
        """A file that cannot be collected is told in the place of its tests."""
        if not report.passed:
            self._send({"collecting": str(report.nodeid), "error": "", "text": _text(report)})

    def pytest_runtest_logstart(self) -> None:
        """The next test begins."""
        self._asserted, self._worst = 0, {}

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        """What has been raised, by its type; pytest makes the report."""
        if call.excinfo is not None and not self._worst.get("error"):
            self._worst["error"] = str(call.excinfo.type.__name__)[:_NAME]

    def pytest_runtest_logreport(self, report: Any) -> None:
        """One part of a test: a skip and an expected failure prove nothing, so they are none that passed."""
        if hasattr(report, "wasxfail") or report.skipped:
            self._worst.setdefault("outcome", "skipped")
        elif report.failed:
            self._worst.setdefault("outcome", "failed" if report.when == "call" else "error")
            self._worst.setdefault("text", _text(report))
        if report.when == "teardown":
            told = {"outcome": "passed", "error": "", "text": "", **self._worst}
            self._send({"test": str(report.nodeid), **told, "asserted": self._asserted})


def _text(report: Any) -> str:
    with suppress(Exception):
        return str(report.longreprtext)[-_WORDS:]
    return ""
