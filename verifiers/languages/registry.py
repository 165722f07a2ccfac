"""Which languages are known here: Python, the two that are built in, and those of a file of the owner's.

The file is named by the option ``--languages`` or by GRISTMILL_LANGUAGES, never by a task: its commands run in
sandboxes only, but it says which of this machine's programs and folders go into an image that candidates read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.image.toolchains import Toolchain, register, toolchain
from gristmill.verifiers.languages.records import BUILT_IN, PYTHON, Language
from gristmill.verifiers.records import StdioTest, Task

__all__ = [
    "VARIABLE",
    "canonical",
    "language",
    "language_problem",
    "languages",
    "named",
    "of_task",
    "read",
    "use",
    "version_of",
]

VARIABLE = "GRISTMILL_LANGUAGES"
_MOST_BYTES = 1 << 20

_read: dict[str, dict[str, Language]] = {}


def languages() -> dict[str, Language]:
    """All by name, but Python, which needs no compiling.

    Raises:
        UserError: the file that is named cannot be used.
    """
    path = os.environ.get(VARIABLE, "")
    if path not in _read:
        own = read(path) if path else ()
        for each in own:
            if each.programs or each.folders or toolchain(each.name) is None:
                register(
                    Toolchain(each.name, each.programs, "install it, or take the language out", folders=each.folders)
                )
        _read[path] = {each.name: each for each in (*BUILT_IN, *own)}
    return _read[path]


def use(path: str) -> None:
    """Take the languages of a file from here on, in this process and those that it starts.

    Raises:
        UserError: see `read`.
    """
    os.environ[VARIABLE] = os.path.abspath(path)
    languages()


def canonical(name: str) -> str:
    """The name that a language is known by, whatever a test calls it; unknown ones stay, in small letters."""
    small = name.strip().lower()
    if small in ("py", "python3"):
        return PYTHON
    return next((each.name for each in languages().values() if small in (each.name, *each.aliases)), small)


def named(name: str) -> Language | None:
    """The language that a test calls so; None if that is Python, or nobody knows it."""
    return languages().get(canonical(name))


def of_task(task: Task) -> str:
    """The name of the language that a task's solutions are written in."""
    asked = [test.language for test in (*task.tests, *task.public_tests) if isinstance(test, StdioTest)]
    return canonical(asked[0]) if asked else PYTHON


def language(task: Task) -> Language | None:
    """The language of a task's solutions; None for Python."""
    name = of_task(task)
    return None if name == PYTHON else languages().get(name)


def version_of(language: Language) -> str:
    """A sentence that says which version there is here; empty where nobody says."""
    chain = toolchain(language.name)
    said = "" if chain is None or chain.missing else chain.says()
    return f"Its version is {said}." if said else ""


def language_problem(name: str) -> str:
    """Why programs in a language cannot be judged here, in one sentence; empty if they can."""
    if canonical(name) == PYTHON:
        return ""
    if (language := named(name)) is None:
        names = ", ".join((PYTHON, *sorted(languages())))
        return f"nobody knows the language {name!r}; known are {names}, and those of a file given by --languages"
    chain = toolchain(language.name)
    return "" if chain is None else chain.missing


def read(path: str | Path) -> tuple[Language, ...]:
    """The languages of a YAML file: a mapping of names to what `Language` says of each.

    Raises:
        UserError: it cannot be read, or is wrong; the message names file, line and field.
    """
    import yaml

    try:
        with open(path, "rb") as file:
            text = file.read(_MOST_BYTES).decode()
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        rows = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the file of languages {path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no YAML file: {' '.join(str(error).split())}") from None
    if not isinstance(rows, dict) or not rows:
        raise UserError(f"{path}: must be a mapping of names of languages to their settings")
    read_here: list[Language] = []
    for name, row in rows.items():
        if not isinstance(row, dict):
            raise UserError(
                f"{path}, line {_line(node, (name,))}: {name}: must be a mapping, as {{extension: rb, run: …}}"
            )
        try:
            read_here.append(_checked(Language.model_validate({**row, "name": name})))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = (name, *first["loc"])
            field = ".".join(map(str, place))
            raise UserError(f"{path}, line {_line(node, place)}: {field}: {first['msg'].lower()}") from None
        except ValueError as error:
            field, _, why = str(error).partition(": ")
            raise UserError(f"{path}, line {_line(node, (name, field))}: {name}.{field}: {why}") from None
    _differ(path, node, read_here)
    return tuple(read_here)


def _checked(language: Language) -> Language:
    """The language, whose fields go together.

    Raises:
        ValueError: they do not: the field, and why.
    """
    for field in ("compile", "run"):
        command = getattr(language, field)
        if command and not command[0].startswith(("/", "./")):
            raise ValueError(f"{field}: must begin with a path, as /usr/bin/{command[0]}, not {command[0]!r}")
    for field, names in (("programs", language.programs), ("files", language.files)):
        if wrong := next((name for name in names if not name or "/" in name or name.startswith(".")), None):
            raise ValueError(f"{field}: {wrong!r} must be a name without a folder")
    if language.source in language.files:
        raise ValueError(f"files: {language.source!r} is the solution's own file")
    if wrong := next((folder for folder in language.folders if not _is_of_programs(folder)), None):
        raise ValueError(f"folders: {wrong!r} must lie in /usr, /lib, /lib64 or /opt, where an image has its programs")
    return language


def _is_of_programs(folder: str) -> bool:
    path = Path(folder)
    return ".." not in path.parts and len(path.parts) > 2 and path.parts[1] in ("usr", "lib", "lib64", "opt")


def _differ(path: str | Path, node: Any, added: Iterable[Language]) -> None:
    """No two languages may have a name in common; a file may put its own in the place of a built-in one."""
    own = {each.name for each in added}
    owners: Mapping[str, str] = dict.fromkeys((PYTHON, "py", "python3"), "Python")
    owners = {**owners, **{name: each.name for each in BUILT_IN if each.name not in own for name in _names(each)}}
    for each in added:
        for name in _names(each):
            if owners.get(name, each.name) != each.name:
                raise UserError(
                    f"{path}, line {_line(node, (each.name,))}: {name!r} is a name of {owners[name]} already"
                )
            owners = {**owners, name: each.name}


def _names(each: Language) -> tuple[str, ...]:
    return (each.name, *each.aliases)


def _line(node: Any, place: tuple[Any, ...]) -> int:
    """The line of a value in a YAML document, as near as there is one."""
    line = 1
    for step in place:
        value = getattr(node, "value", None)
        if not isinstance(value, list):
            break
        if isinstance(step, int):
            node = value[step] if step < len(value) and not isinstance(value[step], tuple) else None
        else:
            pair = next((pair for pair in value if isinstance(pair, tuple) and pair[0].value == str(step)), None)
            node = pair[1] if pair else None
            if pair:
                line = pair[0].start_mark.line + 1
                continue
        if node is None:
            break
        line = node.start_mark.line + 1
    return line
