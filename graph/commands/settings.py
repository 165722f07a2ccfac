"""From files and options to the configuration of a run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gristmill.graph.config import RunConfig
from gristmill.sandbox.errors import UserError

__all__ = ["free_name", "settings"]


def settings(base: RunConfig, file: Path | None, given: dict[str, Any]) -> RunConfig:
    """The configuration that was meant: stored values, then the file, then the command line, the last one wins.

    Args:
        base: what a run that is resumed was started with; the defaults for a new one.
        file: YAML with the knobs of `RunConfig`, in its groups.
        given: knobs from the command line by flat name, None where not given.

    Raises:
        UserError: names the file or option, and what is wrong with it.
    """
    values = base.model_dump()
    if file is not None:
        values = _merged(values, _from_file(file))
    try:
        known = RunConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{file}: {where + ': ' if where else ''}{first['msg']}") from error
    try:
        return known.changed(**{knob: value for knob, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"--{str(first['loc'][-1]).replace('_', '-')}: {first['msg']}") from error


def _merged(values: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """`values` with those of `more` in their place, group by group."""
    both = {
        key: _merged(values[key], value) if isinstance(value, dict) and isinstance(values.get(key), dict) else value
        for key, value in more.items()
    }
    return {**values, **both}


def _from_file(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}, line {mark.line + 1}" if mark else str(file)
        raise UserError(f"{where}: not a YAML file: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{file}: must hold options by name, e.g. `search: {{rounds: 5}}`")
    return values


def free_name(tasks: Path, taken: Sequence[str]) -> str:
    """A name for a run that was given none: the task file's, and the first number that is free."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", tasks.name.split(".")[0]).strip("-._") or "run"
    number = 1
    while f"{stem[:90]}-{number}" in taken:
        number += 1
    return f"{stem[:90]}-{number}"
