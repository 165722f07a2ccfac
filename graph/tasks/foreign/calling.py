"""What stands below an evaluator's text, so that it is asked as a score test asks: pieces of Python, to be filled in.

Names in braces are filled by `str.format`. An evaluator is called across the boundary by `APART`, or beside the program
by `TOGETHER`; `NUMBERS` takes from what it returns the finite ones.
"""

from __future__ import annotations

from typing import Final

__all__ = ["APART", "NUMBERS", "TOGETHER"]

APART: Final = '''

# By `gristmill tasks import openevolve`: the evaluator above is as it was, and `evaluate` below is what is asked.
import importlib as _importlib
import importlib.util
import math as _math
import numbers as _numbers
import re as _re
import types as _types

_evaluate_program = evaluate
_MAIN, _TIME, _PATH = {main!r}, {time!r}, "/nowhere/initial_program.py"
_stem = "initial_program"
_program = None
_util, _real = importlib.util, importlib.import_module
_spec_of, _module_of, _import = _util.spec_from_file_location, _util.module_from_spec, __import__


class _Loader:
    def create_module(self, spec):
        return None

    def exec_module(self, module):
        pass


def spec_from_file_location(name, location=None, *args, **more):
    if str(location) != _PATH:
        return _spec_of(name, location, *args, **more)
    return _types.SimpleNamespace(name=name, origin=_PATH, loader=_Loader(), program=True)


def module_from_spec(spec):
    return _program if getattr(spec, "program", False) else _module_of(spec)


def import_module(name, package=None):
    return _program if name == _stem else _real(name, package)


def __import__(name, *args, **more):
    return _program if name == _stem else _import(name, *args, **more)


# Also for those who reach them by their modules; any other module is imported as ever.
_util.spec_from_file_location, _util.module_from_spec = spec_from_file_location, module_from_spec
_importlib.import_module, _importlib.__import__ = import_module, __import__


def evaluate(candidate, instance):
    """{described}"""
    global _program
    _program = candidate
    result = _evaluate_program(_PATH)
'''

TOGETHER: Final = '''

# By `gristmill tasks import openevolve`: the evaluator above is as it was, and `evaluate` below is what is asked.
import math as _math
import numbers as _numbers
import os as _os
import re as _re
import shutil as _shutil
import sys as _sys

_evaluate_program = evaluate
_MAIN, _TIME = {main!r}, {time!r}


def evaluate(candidate, instance):
    """{described}"""
    path = _os.path.join(_os.path.dirname(candidate.path), "initial_program.py")
    _shutil.copyfile(candidate.path, path)
    _sys.path.insert(0, _os.path.dirname(path))
    result = _evaluate_program(path)
'''

NUMBERS: Final = """\
    metrics = getattr(result, "metrics", result)
    if not isinstance(metrics, dict):
        raise TypeError(f"the evaluator returned no metrics by name, but a {{type(metrics).__name__}}")
    if isinstance(error := metrics.get("error"), str) and error:
        candidate.reject(error)
    found = {{}}
    for name, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, _numbers.Real):
            continue
        if name == _MAIN or (_math.isfinite(value) and not _re.search(_TIME, name)):
            found[name] = float(value)
    if _MAIN == {combined!r} and _MAIN not in found and found:
        found[_MAIN] = sum(found.values()) / len(found)
    return found
"""
