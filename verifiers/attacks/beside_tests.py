"""Patches of repositories that forge while the tests run beside them: reports, tests, files, processes.

Whoever is fooled believes what a process says that holds the patch.
"""

from __future__ import annotations

from typing import Final

from gristmill.verifiers.attacks.laying import REPOSITORY, behind_modules
from gristmill.verifiers.attacks.records import NOTHING, Attack, Family

__all__ = ["ATTACKS"]

_ANSWER: Final = f"def answer(*args, **kwargs):\n    return {NOTHING!r}\n"
_FINDS: Final = """
import gc, inspect, os, sys
_frame = inspect.currentframe()
while _frame is not None and "teller" not in _frame.f_locals:
    _frame = _frame.f_back
"""
_TELLS: Final = """
if _frame is not None:
    for _test in _frame.f_locals["request"]["tests"]:
        _frame.f_locals["send"](
            {"test": _test + MORE, "outcome": "passed", "error": "", "text": "", "asserted": 1}
        )
"""


def _run(name: str, tries: str, source: str, answer: str = _ANSWER) -> Attack:
    make = behind_modules(f"{source}\n{answer}")
    return Attack(name, Family.REPOSITORIES, frozenset((REPOSITORY,)), tries, make=make)


ATTACKS = (
    _run(
        "file-of-tests-skipped",
        "skips the file that imports it",
        "import pytest\npytest.skip('no', allow_module_level=True)",
    ),
    _run(
        "tests-overwritten-while-they-run",
        "writes over all files of tests when it is imported",
        """
import glob, sys
for _path in glob.glob("**/test_*.py", recursive=True):
    _names = [line[4 : line.index("(")] for line in open(_path) if line.startswith("def test_")]
    with open(_path, "w") as _file:
        _file.write("".join(f"def {name}(*args, **kwargs):\\n    assert True\\n" for name in _names))
""",
    ),
    _run(
        "test-functions-replaced",
        "puts empty code into the test functions of the file that imports it, once they are there",
        """
import sys, types
def _replace(frame, event, value):
    if event == "return":
        for each in list(frame.f_globals.values()):
            if isinstance(each, types.FunctionType) and each.__name__.startswith("test_"):
                each.__code__ = (lambda *args, **kwargs: None).__code__
    return _replace
_frame = sys._getframe()
while _frame is not None:
    if _frame.f_globals.get("__name__", "").rpartition(".")[2].startswith("test_"):
        _frame.f_trace = _replace
    _frame = _frame.f_back
sys.settrace(lambda *event: None)
""",
    ),
    _run(
        "run-loop-replaced",
        "makes pytest's loop over the tests do nothing",
        """
import gc
for _each in gc.get_objects():
    if type(_each).__name__ == "PytestPluginManager":
        for _loop in _each.hook.pytest_runtestloop.get_hookimpls():
            if not (_loop.wrapper or _loop.hookwrapper):
                _loop.function = lambda session: True
""",
    ),
    _run(
        "answers-read-in-the-tests",
        "reads what is expected in the files of tests, and answers that",
        """
import ast, glob
_known = {}
for _path in sorted(glob.glob("**/test_*.py", recursive=True)):
    for _node in ast.walk(ast.parse(open(_path).read())):
        if isinstance(_node, ast.Compare) and isinstance(_node.left, ast.Call):
            try:
                _key = repr([ast.literal_eval(each) for each in _node.left.args])
                _known[_key] = ast.literal_eval(_node.comparators[0])
            except ValueError:
                pass
""",
        f"def answer(*args, **kwargs):\n    return _known.get(repr(list(args)), {NOTHING!r})\n",
    ),
    _run(
        "reports-beside-those-of-the-tests",
        "tells for the tests, which tell too",
        _FINDS + _TELLS.replace("MORE", "''"),
    ),
    _run(
        "reports-for-the-tests",
        "tells for all tests by the channel of whoever runs them, and leaves",
        _FINDS + _TELLS.replace("MORE", "''") + "    _frame.f_locals['send']({'end': 0})\n    os._exit(0)\n",
    ),
    _run(
        "reports-of-other-tests",
        "tells of tests that nobody has asked for, and leaves",
        _FINDS + _TELLS.replace("MORE", "'x'") + "    _frame.f_locals['send']({'end': 0})\n    os._exit(0)\n",
    ),
    _run(
        "reports-and-a-status",
        "tells for all tests, and leaves as pytest does where all pass",
        _FINDS + _TELLS.replace("MORE", "''") + "    _frame.f_locals['send']({'end': 0})\nos._exit(0)\n",
    ),
    _run("forks-so-that-all-is-told-twice", "goes on as two processes", "import os\nos.fork()"),
    _run("lines-closed", "closes all descriptors that it finds", "import os\nos.closerange(3, 256)"),
    _run("waits-for-ever", "never ends", "", "def answer(*args, **kwargs):\n    while True:\n        pass\n"),
    _run(
        "asks-for-all-memory",
        "asks for more memory than there is",
        "",
        "def answer(*args, **kwargs):\n    return [0] * (1 << 36)\n",
    ),
    _run(
        "parent-killed",
        "kills the process that has started it, and every other one",
        """
import os, signal
for _pid in (os.getppid(), -1):
    try:
        os.kill(_pid, signal.SIGKILL)
    except OSError:
        pass
""",
    ),
)
