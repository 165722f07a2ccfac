"""Runs pytest files in the judge process. What counts is what our plugin sees, not pytest's exit code.

Against skips, expected failures, files that cannot be collected and exits in mid-run: each is no pass, and pytest
loads no plugin of the machine's and no configuration but ours.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from gristmill.verifiers.code.guest.counting.asserting import Asserting
from gristmill.verifiers.code.guest.counting.watching import watch, watch_files
from gristmill.verifiers.code.guest.judge.recording import Recorder

__all__ = ["run_pytest"]

_CONFIG = "gristmill.ini"


def run_pytest(recorder: Recorder, files: dict[str, str], entry_points: tuple[str, ...]) -> None:
    """Write the files into the judge's own directory and run all tests in them, in this process."""
    import pytest

    folder = Path.cwd() / "tests"
    folder.mkdir()
    sources = {}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sources[str(path)] = text
        recorder.fields[str(path)] = f"files[{name!r}]"
    (folder / _CONFIG).write_text("[pytest]\n")
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    recorder.candidate.test_files.update(sources)
    watch(recorder.count, ("pytest", *files.values()))
    watch_files(folder, Asserting(files.values(), entry_points))
    options = ["-c", _CONFIG, "--rootdir", str(folder), "--capture=sys", "--tb=no", "-q"]
    for plugin in ("cacheprovider", "faulthandler", "junitxml", "pastebin", "doctest", "stepwise"):
        options += ["-p", f"no:{plugin}"]
    names = sorted(name for name in files if Path(name).name.startswith("test_") or name.endswith("_test.py"))
    # pytest's own report is for nobody, and must not fill the judge's output.
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        pytest.main([*options, *names], plugins=[_Plugin(recorder, sources)])


class _Plugin:
    """Records what each test did; a skip, an expected failure or a collection error is no pass."""

    def __init__(self, recorder: Recorder, sources: dict[str, str]) -> None:
        self._recorder = recorder
        self._sources = sources
        self._errors: dict[str, BaseException] = {}
        self._troubles = 0

    def pytest_collection_finish(self, session: Any) -> None:
        lines = [(str(item.path), (item.reportinfo()[1] or 0) + 1) for item in session.items]
        self._recorder.plan([item.nodeid for item in session.items], lines)

    def pytest_collectreport(self, report: Any) -> None:
        if not report.passed:
            name = report.nodeid or "collection"
            self._recorder.plan([name])
            self._recorder.refused(name, f"the file could not be collected: {str(report.longrepr)[-500:]}")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._troubles = self._recorder.begin()

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        if call.excinfo is not None:
            self._errors.setdefault(item.nodeid, call.excinfo.value)

    def pytest_runtest_logreport(self, report: Any) -> None:
        recorder, name = self._recorder, report.nodeid
        if report.failed:
            error = self._errors.get(name) or AssertionError("the test failed")
            self._errors[name] = error
            if report.when != "teardown":
                recorder.failed(name, error, self._sources)
                return
        if report.skipped or hasattr(report, "wasxfail"):
            self._errors.setdefault(name, AssertionError("skipped"))
            recorder.refused(name, "the test was skipped or was expected to fail: that proves nothing")
            return
        if report.when == "teardown":
            self._finish(name, report.failed)

    def _finish(self, name: str, failed: bool) -> None:
        recorder = self._recorder
        if failed:
            recorder.failed(name, self._errors[name], self._sources)
        elif recorder.candidate.troubles > self._troubles:
            recorder.refused(name, recorder.candidate.trouble[-1])
        elif name not in self._errors:
            recorder.ran += 1
            recorder.passed(name)
