"""Runs pytest files beside the candidate, as pytest runs them.

Against skips, expected failures, files without tests and tests without an assertion that has run: each proves nothing,
so it is no pass.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from gristmill.verifiers.code.guest.counting.asserting import Asserting
from gristmill.verifiers.code.guest.counting.watching import watch, watch_files

__all__ = ["pytest_passes"]

_CONFIG = "gristmill.ini"


def pytest_passes(files: dict[str, str], entry_points: list[str]) -> bool:
    """Write the files into the job's own directory and run all tests in them, in this process."""
    import pytest

    folder = Path.cwd() / "tests"
    folder.mkdir()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / _CONFIG).write_text("[pytest]\n")
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = ["-c", _CONFIG, "--rootdir", str(folder), "--tb=no", "-q"]
    for plugin in ("cacheprovider", "faulthandler", "junitxml", "pastebin", "doctest", "stepwise"):
        options += ["-p", f"no:{plugin}"]
    names = sorted(name for name in files if Path(name).name.startswith("test_") or name.endswith("_test.py"))
    seen = _Seen()
    asserted: list[None] = []
    watch(lambda: asserted.append(None), ("pytest", *files.values()))
    watch_files(folder, Asserting(files.values(), entry_points))
    status = pytest.main([*options, *names], plugins=[seen])
    return status == 0 and seen.passed > 0 and not seen.others and bool(asserted)


class _Seen:
    """Counts tests that passed, and whatever is none."""

    def __init__(self) -> None:
        self.passed = 0
        self.others = 0

    def pytest_collectreport(self, report: Any) -> None:
        self.others += not report.passed

    def pytest_runtest_logreport(self, report: Any) -> None:
        if not report.passed or hasattr(report, "wasxfail"):
            self.others += 1
        elif report.when == "call":
            self.passed += 1
