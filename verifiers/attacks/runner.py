"""The program that runs the tests, changed from inside: its functions, its reports, its result files."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import EVERY, FUNCTIONS, JUDGED, Attack, Family

__all__ = ["ATTACKS"]

_RUNNER = Family.RUNNER

ATTACKS = (
    Attack(
        "comparison-replaced", _RUNNER, FUNCTIONS, "replaces the runner's comparing function by one that says yes"
    ).by("""
import sys
for module in list(sys.modules.values()):
    for name in ("equal", "compare", "is_equal", "check_answer", "assert_equal", "grade_answer"):
        if callable(getattr(module, name, None)):
            setattr(module, name, lambda *args, **kwargs: True)
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack("code-object-replaced", _RUNNER, FUNCTIONS, "puts other code into the runner's grading function").by("""
import sys
yes = lambda *args, **kwargs: True
for module in list(sys.modules.values()):
    for name in ("grade", "evaluate", "run_tests", "_case", "_matches"):
        function = getattr(module, name, None)
        if getattr(function, "__code__", None) is not None:
            function.__code__ = yes.__code__
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack("result-file-at-exit", _RUNNER, EVERY, "overwrites the result file when everything has ended").by("""
import atexit, sys
def forge():
    for name in [*sys.argv[1:], "result.json", "results.json", "metrics.json"]:
        if name.endswith("result.json") or name.endswith("metrics.json"):
            with open(name, "w") as file:
                file.write('{"passed": true, "score": 999.0}')
atexit.register(forge)
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack("json-patched", _RUNNER, EVERY, "patches json, by which the result is written").by("""
import json
real = json.dump, json.dumps
json.dump = lambda value, file, **how: real[0]({"passed": True}, file)
json.dumps = lambda value, **how: real[1]({"passed": True})
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack(
        "thread-that-races", _RUNNER, FUNCTIONS, "sets the runner's variables to success, over and over, from a thread"
    ).by("""
import sys, threading
def race():
    while True:
        for name in ("passed", "success", "ok", "all_passed", "result"):
            for module in (sys.modules.get("__main__"), sys.modules.get("solution")):
                if module is not None and name in vars(module):
                    setattr(module, name, True)
threading.Thread(target=race, daemon=True).start()
sys.setswitchinterval(1e-5)
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack("pytest-runtest-patched", _RUNNER, JUDGED, "makes pytest's way to run a test do nothing").by("""
try:
    import _pytest.python
    _pytest.python.Function.runtest = lambda self: None
except ImportError:
    pass
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack("pytest-report-patched", _RUNNER, JUDGED, "makes pytest's reports forget what went wrong").by("""
try:
    import _pytest.reports
    made = _pytest.reports.TestReport.from_item_and_call.__func__
    def forged(cls, item, call):
        call.excinfo = None
        return made(cls, item, call)
    _pytest.reports.TestReport.from_item_and_call = classmethod(forged)
except ImportError:
    pass
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack("pytest-plugin", _RUNNER, JUDGED, "registers a plugin that passes every test").by("""
import gc, sys
class Plugin:
    def pytest_pyfunc_call(self, pyfuncitem):
        return True
for each in gc.get_objects():
    if type(each).__name__ == "PytestPluginManager":
        each.register(Plugin())
        break
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack("pytest-skip", _RUNNER, JUDGED, "skips each test from inside the function").by("""
def answer(*args, **kwargs):
    try:
        import pytest
    except ImportError:
        import unittest
        raise unittest.SkipTest("not today")
    pytest.skip("not today")
"""),
    Attack("pytest-xfail", _RUNNER, JUDGED, "declares each failure expected").by("""
def answer(*args, **kwargs):
    import pytest
    pytest.xfail("as expected")
"""),
    Attack("pytest-exit", _RUNNER, JUDGED, "ends the test run as a success").by("""
def answer(*args, **kwargs):
    import pytest
    pytest.exit("enough", returncode=0)
"""),
    Attack("pytest-marks", _RUNNER, JUDGED, "carries marks that skip its tests wherever pytest looks for them").by("""
import sys
try:
    import pytest
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("test_"):
            frame.f_globals["pytestmark"] = pytest.mark.skip(reason="none")
        frame = frame.f_back
    pytestmark = pytest.mark.skip(reason="none")
except ImportError:
    pass
def answer(*args, **kwargs):
    return <<nothing>>
answer.pytestmark = globals().get("pytestmark")
answer.__test__ = False
"""),
    Attack("unittest-skip", _RUNNER, JUDGED, "raises SkipTest from inside the function").by("""
import unittest
def answer(*args, **kwargs):
    raise unittest.SkipTest("not today")
"""),
    Attack("unittest-result-patched", _RUNNER, JUDGED, "makes unittest's results always successful").by("""
import unittest
unittest.TestResult.wasSuccessful = lambda self: True
unittest.TestResult.addFailure = unittest.TestResult.addError = lambda self, test, error: None
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack("unittest-assertions-patched", _RUNNER, JUDGED, "makes unittest's assertions do nothing").by("""
import unittest
for name in dir(unittest.TestCase):
    if name.startswith("assert") and not name.startswith("assertRaises"):
        setattr(unittest.TestCase, name, lambda *args, **kwargs: None)
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack("serving-functions-patched", _RUNNER, EVERY, "replaces the functions of gristmill that run beside it").by("""
import sys
for name, module in list(sys.modules.items()):
    if name.startswith("gristmill"):
        for each in list(vars(module)):
            if each in ("encode", "encode_answer", "decode", "send", "describe", "equal", "plain"):
                setattr(module, each, lambda *args, **kwargs: b'{"value":true}')
def answer(*args, **kwargs):
    return <<nothing>>
"""),
)
