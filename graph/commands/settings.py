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


def settings(base: dict[str, Any], file: Path | None, given: dict[str, Any], budget: dict[str, Any]) -> RunConfig:
    """The configuration that was meant: stored values, then the file, then the command line, the last one wins.

    Args:
        base: what a run that is resumed was started with; empty for a new one.
        file: YAML with the knobs of `RunConfig`.
        given: knobs from the command line, None where not given.
        budget: the same for `Budget`.

    Raises:
        UserError: names the file or option, and what is wrong with it.
    """
    values = dict(base)
    if file is not None:
        values |= _from_file(file)
    values |= {knob: value for knob, value in given.items() if value is not None}
    bounds = {knob: value for knob, value in budget.items() if value is not None}
    if bounds:
        values["budget"] = {**(values.get("budget") or {}), **bounds}
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        knob = ".".join(str(part) for part in first["loc"])
        where = f"{file}: {knob}" if file is not None and knob.split(".")[0] not in given else f"--{knob}"
        raise UserError(f"{where.replace('_', '-')}: {first['msg']}") from error


def _from_file(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}, line {mark.line + 1}" if mark else str(file)
        raise UserError(f"{where}: not a YAML file: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{file}: must hold options by name, e.g. `rounds: 5`")
    return values


def free_name(tasks: Path, taken: Sequence[str]) -> str:
    """A name for a run that was given none: the task file's, and the first number that is free."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", tasks.name.split(".")[0]).strip("-._") or "run"
    number = 1
    while f"{stem[:90]}-{number}" in taken:
        number += 1
    return f"{stem[:90]}-{number}"
