"""What a split test runs with beside the candidate: `report` for each assertion, `play` for pytest's part.

Nothing here is defended, as in `driving`: whatever is reported is the candidate's claim, which the judge reads
elsewhere. So nothing here knows what is wanted, and nothing here says that a test has passed. Against a candidate that
looks for the wanted values, or reports in the test's place: there are none to find, and who reports without them
reports what is wrong, what is missing, or what is too much.

A `drive` imports this as `gristmill_reports`, which docs/driven.md describes.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from gristmill.sandbox.wire.values import EncodeError, encode
from gristmill.verifiers.code.guest.candidate.plain_form import plain
from gristmill.verifiers.code.guest.wire.library_values import form_of

__all__ = ["begin", "expected", "play", "report", "reported"]

_STEPS = (
    "import sys\n"
    "globals().update({k: v for k, v in vars(sys.modules['steps_of_drive']).items() if not k.startswith('__')})\n"
)
_told: list[Any] = []
_rows: list[Any] = []


def begin() -> None:
    """Forget what another case in this process has reported."""
    _told.clear()
    _rows.clear()
    for name in ("steps", "steps_of_drive"):
        sys.modules.pop(name, None)


def report(site: int, values: list[Any], ask: Callable[..., list[Any]] | None = None) -> None:
    """Keep what an assertion is about: the candidate's own results, where they are plain; else what is asked of them.

    An error of `ask` is the test's, as it would be in an assertion.
    """
    inner = ask is None or _is_plain(values)
    _told.append([site, list(_rows), inner, [_form(each) for each in (values if inner else ask(*values))]])  # type: ignore[misc]  # not None there


def reported() -> list[Any]:
    """All that was reported, in order."""
    return _told


class expected:  # noqa: N801  # it stands in a test, in the place of a statement
    """``with expected(ValueError):`` for a ``try`` whose end is a failure."""

    def __init__(self, *kinds: Any) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if kind is None:
            raise AssertionError("no error was raised")
        return isinstance(error, self._kinds)


def _is_plain(values: list[Any]) -> bool:
    try:
        encode(values)
    except (EncodeError, RecursionError):
        return False
    return not _has_path(values)


def _has_path(value: Any) -> bool:
    """Whether a path is in what is plain: a file is what it names beside the candidate alone."""
    if type(value) in (list, tuple, set, frozenset):
        return any(map(_has_path, value))
    if type(value) is dict:
        return any(map(_has_path, value)) or any(map(_has_path, value.values()))
    return isinstance(value, PurePath)


def _form(value: Any, level: int = 0) -> Any:
    """What leaves of a value: calls of mocks, frames and tensors are marked as such, what has no plain form too."""
    if level < 50:
        mock: Any = sys.modules.get("unittest.mock")
        if mock is not None and type(value) is mock._Call:
            parts = tuple(value)
            name, args, kwargs = parts if len(parts) == 3 else ("", *parts)
            return {"\0is": "call", "parts": [name, _form(args, level + 1), _form(kwargs, level + 1)]}
        if type(value) is list or (mock is not None and type(value) is mock._CallList):
            return [_form(each, level + 1) for each in list.__iter__(value)]
        if type(value) is tuple:
            return tuple(_form(each, level + 1) for each in value)
        if type(value) is dict:
            return {key: _form(each, level + 1) for key, each in value.items()}
    if (form := form_of(value)) is not None:
        return {"\0is": form[0], "parts": form[1]}
    try:
        form = plain(value)
        encode(form)
    except MemoryError:
        raise
    except Exception:  # reading a hostile value may run its methods
        return {"\0is": "object", "parts": [_truth(value)]}
    return form


def _truth(value: Any) -> bool:
    try:
        return bool(value)
    except Exception:
        return True


def play(names: dict[str, Any], step: str) -> list[Any]:
    """Run one test function, with all its parameters, as pytest runs it; what was reported is returned.

    Raises:
        BaseException: what the test has raised; an AssertionError if it has not run, or was skipped.
    """
    import pytest

    folder = Path.cwd() / "steps"
    folder.mkdir()
    module = types.ModuleType("steps")
    sys.modules["steps_of_drive"] = module
    vars(module).update((name, value) for name, value in names.items() if not name.startswith("__"))
    (folder / "steps.py").write_text(_STEPS)
    ini = "[pytest]\npython_files = steps.py\npython_functions = step_*\npython_classes = Steps*\n"
    (folder / "steps.ini").write_text(ini)
    os.chdir(folder)
    sys.dont_write_bytecode = True
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = ["-c", "steps.ini", "--rootdir", str(folder), "--assert=plain", "--tb=no", "-q"]
    for plugin in ("cacheprovider", "faulthandler", "junitxml", "pastebin", "doctest", "stepwise"):
        options += ["-p", f"no:{plugin}"]
    seen = _Seen(step)
    pytest.hookimpl(tryfirst=True)(_Seen.pytest_generate_tests)
    # pytest's own report is for nobody, and must not fill the output.
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        pytest.main([*options, "--capture=sys", "steps.py"], plugins=[seen])
    if seen.error is not None:
        raise seen.error
    if not seen.passed:
        raise AssertionError("the test did not run")
    return _told


class _At:
    """A value of a row, and the row's number."""

    def __init__(self, at: int, value: Any) -> None:
        self.at = at
        self.value = value


def _numbered(row: Any, at: int, one: bool) -> Any:
    if type(row).__name__ == "ParameterSet":
        return row._replace(values=tuple(_At(at, each) for each in row.values))
    return _At(at, row) if one else tuple(_At(at, each) for each in row)


class _Seen:
    """Which tests ran, and the first error."""

    def __init__(self, step: str) -> None:
        self._step = step
        self.error: BaseException | None = None
        self.passed = 0

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if self._is_wanted(getattr(item, "originalname", None) or item.name)]

    def _is_wanted(self, name: str) -> bool:
        return name.removeprefix("test_") == self._step  # a case of unittest's has to be called so

    def pytest_pyfunc_call(self, pyfuncitem: Any) -> bool | None:
        """Run a coroutine function, for which pytest has plug-ins alone."""
        if not inspect.iscoroutinefunction(pyfuncitem.obj):
            return None
        given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        asyncio.run(pyfuncitem.obj(**given))
        return True

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Number the rows of each table: what pytest numbers is all runs of a function."""
        parametrize = metafunc.parametrize

        def numbered(names: Any, rows: Any, *more: Any, **named: Any) -> None:
            one = isinstance(names, str) and len([each for each in names.split(",") if each.strip()]) == 1
            parametrize(names, [_numbered(row, at, one) for at, row in enumerate(rows)], *more, **named)

        metafunc.parametrize = numbered

    def pytest_runtest_setup(self, item: Any) -> None:
        given = getattr(getattr(item, "callspec", None), "params", {})
        _rows[:] = sorted([str(name), each.at] for name, each in given.items() if type(each) is _At)
        given.update((name, each.value) for name, each in [*given.items()] if type(each) is _At)

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        if call.excinfo is not None and self.error is None:
            error = call.excinfo.value
            skipped = type(error).__name__ == "Skipped" or not isinstance(error, Exception)
            self.error = AssertionError(f"{type(error).__name__}") if skipped else error

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" and report.passed and not hasattr(report, "wasxfail"):
            self.passed += 1
        elif not report.passed and self.error is None:
            self.error = AssertionError("the test was skipped or failed")
