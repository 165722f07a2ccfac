"""OpenEvolve's folders of a program, an evaluator and settings → a task with a `score` test.

Their evaluator imports the program into its own process. Here a proxy stands for that module: the evaluator's text goes
on as it is, below it stands what hands it the proxy, and takes from what it returns the numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from gristmill.graph.tasks.foreign.calling import APART, NUMBERS, TOGETHER
from gristmill.graph.tasks.foreign.evaluators import NeedsItselfError, Reading, defined, packages, read_evaluator
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


class Imported(NamedTuple):
    """A task, and what its owner should know of how it came about."""

    task: Task
    notes: tuple[str, ...]


def import_openevolve(folder: str, *, main: str | None = None, together: bool = False) -> Imported:
    """The task of a folder with `initial_program.py`, `evaluator.py` and, where there is one, `config.yaml`.

    Args:
        folder: where these files are.
        main: the metric that counts; None is `combined_score`, or the mean of all numbers where there is none.
        together: an evaluator that needs the program in its own process may have it there, in a test so marked
            (`ScoreTest.together`); one that does not is called across the boundary all the same.

    Raises:
        UserError: a file is missing or no Python program, or the evaluator needs the program in its own process
            without `together`, or what is not there; named with its line.
    """
    place = Path(folder)
    program, evaluator = _text(place / _PROGRAM), _text(place / _EVALUATOR)
    own = defined(program, str(place / _PROGRAM))
    try:
        files, reading, names = _apart(place, evaluator, own)
        shared = ""
    except NeedsItselfError as error:
        if not together:
            raise UserError(f"{error}; or take it beside the program, in one process, by --accept together") from None
        files, reading, names = _beside(place, evaluator, own)
        shared = str(error).partition(". ")[0]
    settings = _settings(place / _CONFIG)
    seconds = min(float(_of(settings, "evaluator", "timeout", (int, float), _SECONDS)), 3600.0)
    asked = _of(settings, "prompt", "system_message", str, "").strip()
    called = ", ".join(f"`{each}`" for each in names)
    wanted = f"Write a Python program that defines {called}, as the one to begin with does."
    needs = packages(program, names)
    tail = TOGETHER if shared else APART
    test: dict[str, Any] = {
        "type": "score",
        "entry_point": names[0] if len(names) == 1 else names,
        "direction": "maximize",
        "main": main or COMBINED,
        "code": reading.source
        + (tail + NUMBERS).format(
            main=main or COMBINED,
            time=_TIME,
            combined=COMBINED,
            described=_DESCRIBED.format(names=", ".join(names), main=main or COMBINED),
        ),
        "instances": [{"name": place.resolve().name}],
    }
    test |= ({"files": files} if files else {}) | ({"together": True} if shared else {})
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
    if shared:
        notes.append(
            f"together: {shared}. So program and evaluator share a process, and a program can forge its score: `run`, "
            "`verify` and `export` take it with --accept together alone, and it is never called verified"
        )
    return Imported(Task.model_validate(row), tuple(notes))


def _apart(place: Path, evaluator: str, own: Sequence[str]) -> tuple[dict[str, str], Reading, list[str]]:
    """The evaluator's modules, what its text says, and the names that it takes of the program, all across the boundary.

    Raises:
        NeedsItselfError: it needs the program in its own process.
    """
    files = neighbours(place, evaluator, Path(_PROGRAM).stem)
    reading = read_evaluator(evaluator, str(place / _EVALUATOR), tops(files))
    names = [name for name in reading.uses if name in own]
    if not names:
        used = ", ".join(f"`{each}`" for each in reading.uses) or "nothing"
        raise NeedsItselfError(
            f"{place / _EVALUATOR} takes {used} of the program, and {place / _PROGRAM} defines no function of these"
        )
    return files, reading, names


def _beside(place: Path, evaluator: str, own: Sequence[str]) -> tuple[dict[str, str], Reading, list[str]]:
    """The same in one process: of the program's names those that stand anywhere in the evaluator's text, or all."""
    files = neighbours(place, evaluator, Path(_PROGRAM).stem, together=True)
    reading = read_evaluator(evaluator, str(place / _EVALUATOR), tops(files), together=True)
    if not own:
        raise UserError(f"{place / _PROGRAM} defines no function")
    return files, reading, [name for name in own if re.search(rf"\b{re.escape(name)}\(", evaluator)] or list(own)


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
