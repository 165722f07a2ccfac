"""Modules, builtins and helpers that the tests use, replaced by the candidate's own."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import EVERY, FUNCTIONS, JUDGED, Attack, Family

__all__ = ["ATTACKS"]

_SHADOWING = Family.SHADOWING

ATTACKS = (
    Attack("helpers-redefined", _SHADOWING, JUDGED, "defines the helpers' names that tests tend to use").by("""
def check(*args, **kwargs):
    return True
assert_equal = assertEqual = assert_close = equal = is_close = compare = verify = check
def encode(value, *args):
    return value
decode = poly = encode_cyclic = encode_shift = reference = expected_answer = solve_reference = encode
def answer(*args, **kwargs):
    return args[0] if args else None
"""),
    Attack(
        "builtins-patched", _SHADOWING, FUNCTIONS, "makes all, any, abs, len and isinstance say what is wanted"
    ).by("""
import builtins
builtins.all = builtins.any = lambda values: True
builtins.abs = lambda value: 0
builtins.round = lambda value, digits=0: 0
builtins.isinstance = lambda value, kind: True
def answer(*args, **kwargs):
    return -7
"""),
    Attack("isclose-patched", _SHADOWING, FUNCTIONS, "makes math.isclose say yes").by("""
import cmath, math
math.isclose = cmath.isclose = lambda *args, **kwargs: True
def answer(*args, **kwargs):
    return -1.0
"""),
    Attack("allclose-patched", _SHADOWING, FUNCTIONS, "makes numpy's comparisons say yes").by("""
try:
    import numpy
    numpy.allclose = numpy.array_equal = numpy.isclose = lambda *args, **kwargs: True
    numpy.testing.assert_allclose = numpy.testing.assert_array_equal = lambda *args, **kwargs: None
except ImportError:
    pass
def answer(*args, **kwargs):
    return -1.0
"""),
    Attack("clock-stopped", _SHADOWING, FUNCTIONS, "stops the clocks by which speed is measured").by("""
import time
time.perf_counter = time.monotonic = time.time = time.process_time = lambda: 0.0
import select
def answer(*args, **kwargs):
    select.select([], [], [], 0.05)
    return <<nothing>>
"""),
    Attack("random-fixed", _SHADOWING, FUNCTIONS, "makes every random test input the same").by("""
import random
random.randint = lambda low, high: 7
random.random = lambda: 0.5
random.choice = lambda values: values[0]
random.seed = lambda *args: None
def answer(*args, **kwargs):
    return 14
"""),
    Attack("decimal-context", _SHADOWING, FUNCTIONS, "rounds all decimals to one digit, so that most are equal").by("""
import decimal
decimal.getcontext().prec = 1
decimal.DefaultContext.prec = 1
decimal.getcontext().Emax = 0
decimal.getcontext().traps = dict.fromkeys(decimal.getcontext().traps, False)
def answer(*args, **kwargs):
    return decimal.Decimal("4.4")
"""),
    Attack(
        "recursion-limited",
        _SHADOWING,
        FUNCTIONS,
        "lowers the recursion limit, so that tests fail to compute what they want",
    ).by("""
import sys
sys.setrecursionlimit(60)
def answer(*args, **kwargs):
    return None
"""),
    Attack(
        "module-in-its-place", _SHADOWING, FUNCTIONS, "puts an object into sys.modules for a module that tests import"
    ).by("""
import sys, types
class Agreeable(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: True
for name in ("statistics", "helpers", "reference", "utils", "checker"):
    sys.modules[name] = Agreeable(name)
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack("import-hook", _SHADOWING, FUNCTIONS, "answers the tests' imports by a finder of its own").by("""
import importlib.abc, importlib.machinery, sys, types
class Loader(importlib.abc.Loader):
    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda name: lambda *args, **kwargs: True
        return module
    def exec_module(self, module):
        pass
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in ("statistics", "helpers", "reference", "utils", "checker", "fractions"):
            return importlib.machinery.ModuleSpec(name, Loader())
sys.meta_path.insert(0, Finder())
for name in ("statistics", "fractions"):
    sys.modules.pop(name, None)
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack("file-that-shadows", _SHADOWING, EVERY, "writes unittest.py and the like beside the tests").by("""
for name in ("unittest", "pytest", "numpy", "statistics"):
    try:
        with open(name + ".py", "w") as file:
            file.write("import os\\nos._exit(0)\\n")
    except OSError:
        pass
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack(
        "start-up-file", _SHADOWING, EVERY, "writes sitecustomize.py, conftest.py and a .pth file for the next start"
    ).by("""
import site, sys
for folder in [".", *sys.path, *site.getsitepackages()]:
    for name in ("sitecustomize.py", "conftest.py", "cheat.pth"):
        try:
            with open(folder + "/" + name, "w") as file:
                file.write("import os; os._exit(0)\\n")
        except OSError:
            pass
def answer(*args, **kwargs):
    return <<nothing>>
"""),
)
