"""OpenEvolve's folders of a program, an evaluator and settings → a task with a `score` test.

Their evaluator imports the program into its own process. Here a proxy stands for that module: the evaluator's text goes
on as it is, below it stands what hands it the proxy, and takes from what it returns the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from gristmill.graph.tasks.foreign.evaluators import Reading, defined, packages, read_evaluator
from gristmill.graph.tasks.foreign.neighbours import neighbours
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Task
from gristmill.verifiers.repositories.modules import tops

__all__ = ["Imported", "import_openevolve"]

COMBINED: Final = "combined_score"
_PROGRAM, _EVALUATOR, _CONFIG = "initial_program.py", "evaluator.py", "config.yaml"
_SECONDS: Final = 300.0
"""OpenEvolve's own default for an evaluation."""
_TIME: Final = r"time|seconds|duration|latency|speed"

_DESCRIBED: Final = "An evaluator calls {names} and comes to numbers, of which {main} counts; more is better."

_TAIL: Final = '''

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
'''


class Imported(NamedTuple):
    """A task, and what its owner should know of how it came about."""

    task: Task
    notes: tuple[str, ...]


def import_openevolve(folder: str, *, main: str | None = None) -> Imported:
    """The task of a folder with `initial_program.py`, `evaluator.py` and, where there is one, `config.yaml`.

    Args:
        main: the metric that counts; None is `combined_score`, or the mean of all numbers where there is none.

    Raises:
        UserError: a file is missing or no Python program, or the evaluator needs the program in its own process; named
            with its line.
    """
    place = Path(folder)
    program, evaluator = _text(place / _PROGRAM), _text(place / _EVALUATOR)
    files = neighbours(place, evaluator, Path(_PROGRAM).stem)
    reading = read_evaluator(evaluator, str(place / _EVALUATOR), tops(files))
    settings = _settings(place / _CONFIG)
    own = defined(program, str(place / _PROGRAM))
    names = [name for name in reading.uses if name in own]
    if not names:
        used = ", ".join(f"`{each}`" for each in reading.uses) or "nothing"
        raise UserError(
            f"{place / _EVALUATOR} takes {used} of the program, and {place / _PROGRAM} defines no function of these"
        )
    seconds = min(float(_of(settings, "evaluator", "timeout", (int, float), _SECONDS)), 3600.0)
    asked = _of(settings, "prompt", "system_message", str, "").strip()
    called = ", ".join(f"`{each}`" for each in names)
    wanted = f"Write a Python program that defines {called}, as the one to begin with does."
    needs = packages(program)
    test = {
        "type": "score",
        "entry_point": names[0] if len(names) == 1 else names,
        "direction": "maximize",
        "main": main or COMBINED,
        "code": reading.source
        + _TAIL.format(
            main=main or COMBINED,
            time=_TIME,
            combined=COMBINED,
            described=_DESCRIBED.format(names=", ".join(names), main=main or COMBINED),
        ),
        "instances": [{"name": place.resolve().name}],
    } | ({"files": files} if files else {})
    row = {
        "id": place.resolve().name,
        "kind": "code",
        "prompt": f"{asked}\n\n{wanted}" if asked else wanted,
        "tags": ["openevolve"],
        "settings": {"start": program} | ({"packages": needs} if needs else {}),
        "limits": {"wall_seconds": seconds, "cpu_seconds": seconds, "memory_mb": 2048},
        "tests": [test],
        "reference": program,
    }
    notes = list(_notes(place, reading, settings, main, needs))
    if files:
        notes.append(f"for the evaluator alone, as it imports them: {', '.join(files)}")
    return Imported(Task.model_validate(row), tuple(notes))


def _notes(
    place: Path, reading: Reading, settings: dict[str, Any], main: str | None, needs: Sequence[str]
) -> Sequence[str]:
    mean = (
        "" if COMBINED in reading.texts else f": the mean of all other numbers, as there is no {COMBINED} in its text"
    )
    notes = [
        f"what counts is {main or COMBINED}{'' if main else mean}; --main names another metric",
        "left out of the metrics: texts, what is no finite number, and what is named after time; a result that has an "
        "`error` in words is `invalid`",
    ]
    if needs:
        notes.append(
            f"the program imports {', '.join(needs)}: `settings.packages` says so, by the names of imports; `gristmill "
            f"sandbox build --with {','.join(needs)}` makes an image"
        )
    if reading.catches:
        lines = ", ".join(map(str, reading.catches[:8]))
        notes.append(f"it catches whatever is raised (line {lines}): what a solution that raises has is its own number")
    if reading.clocks:
        lines = ", ".join(map(str, reading.clocks[:8]))
        notes.append(
            f"it reads a clock (line {lines}): the way there and back is in what it measures. If that makes the score, "
            "use `candidate.timed` (docs/evaluators.md#speed)"
        )
    if reading.stages:
        notes.append(f"not used: {', '.join(reading.stages)}; `evaluate` is asked at once (`cascade` has stages)")
    if not settings:
        notes.append(f"no {place / _CONFIG}: say in the prompt what is wanted")
    return notes


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; a folder of OpenEvolve's has {_PROGRAM} and {_EVALUATOR}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error


def _settings(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        found = yaml.safe_load(_text(file))
    except yaml.YAMLError as error:
        raise UserError(f"{file} is no YAML: {error}") from error
    return found if isinstance(found, dict) else {}


def _of(settings: dict[str, Any], group: str, name: str, kind: Any, default: Any) -> Any:
    inside = settings.get(group)
    value = inside.get(name) if isinstance(inside, dict) else None
    return value if isinstance(value, kind) and not isinstance(value, bool) else default
