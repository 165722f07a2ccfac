"""From defaults, a file, the environment and options to one configuration, with where each value comes from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from gristmill.graph.commands.options import SANDBOX_VARIABLE, Flags
from gristmill.graph.config import RunConfig, changed, choice_of, paths
from gristmill.sandbox.errors import UserError

__all__ = ["SourcedConfig", "chosen_models", "free_name", "one_model", "settle"]

C = TypeVar("C", bound=BaseModel)


@dataclass(frozen=True)
class SourcedConfig(Generic[C]):
    """A configuration, and where the value of each knob comes from, by flat name."""

    config: C
    sources: Mapping[str, str]


def settle(
    default: C, flags: Flags, *, file: Path | None = None, stored: tuple[str, C] | None = None
) -> SourcedConfig[C]:
    """The configuration that was meant: options go before the file, the file before the defaults.

    Where a sandbox is, the environment may say too; it goes before the default only.

    Args:
        default: what holds where nothing else is said.
        flags: knobs from the command line, by flat name.
        file: YAML with the knobs in their groups.
        stored: what was begun, in words, and its configuration: that one holds, whatever the file or the environment
            say by now, and only options change it.

    Raises:
        UserError: names the file and line or the option, and what is wrong with it.
    """
    from_file: tuple[dict[str, Any], dict[str, str]] | None = None
    if file is not None:
        chosen, values, lines = _from_file(default, file)
        from_file = values, lines
        default = chosen if stored is None else default
    if stored is not None:
        settings = SourcedConfig(stored[1], dict.fromkeys(paths(default), stored[0]))
    else:
        settings = SourcedConfig(default, dict.fromkeys(paths(default), "default"))
        if "sandbox" in settings.sources and (sandbox := os.environ.get(SANDBOX_VARIABLE)):
            settings = _with(settings, {"sandbox": sandbox}, {"sandbox": SANDBOX_VARIABLE})
        if from_file is not None:
            settings = _with(settings, *from_file)
    return _with(settings, flags, {knob: f"--{knob.replace('_', '-')}" for knob in flags})


def chosen_models(flags: Flags, file: Path | None) -> Flags:
    """The same options, with one model as `model` and several as `models`.

    Args:
        flags: in which `model` is the list of those that were given.
        file: names several, if there is one.

    Raises:
        UserError: both were given, or the file is none.
    """
    given = list(flags.get("model", ()))
    others = {knob: value for knob, value in flags.items() if knob != "model"}
    if file is not None:
        from gristmill.graph.models.roster.reading import read_roster

        if given:
            raise UserError(f"--model {given[0]}: --models names all models; write it into {file}")
        return {**others, "models": read_roster(file)}
    if len(given) > 1:
        return {**others, "models": tuple(given)}
    # One model that is named on the command line goes before several that a file names.
    return {**others, "model": given[0], "models": ()} if given else others


def one_model(config: RunConfig, command: str) -> None:
    """See that a configuration names one model.

    Raises:
        UserError: it names several, and the command is for one.
    """
    if config.models:
        raise UserError(f"models: {config.member_names}: `gristmill {command}` is for one model; name it by `model`")


def _with(settings: SourcedConfig[C], values: Mapping[str, Any], sources: Mapping[str, str]) -> SourcedConfig[C]:
    try:
        config = changed(settings.config, values)
    except ValidationError as error:
        first = error.errors()[0]
        path = tuple(part for part in _located(settings.config, first["loc"]) if isinstance(part, str))
        knob = next((knob for knob, where in paths(settings.config).items() if where == path), ".".join(path))
        raise UserError(f"{sources.get(knob, knob)}: {_message(first)}") from error
    return SourcedConfig(config, {**settings.sources, **sources})


def _located(config: BaseModel, loc: Sequence[int | str]) -> tuple[int | str, ...]:
    """Where a mistake is, without the name of the group that was chosen among several."""
    field = type(config).model_fields.get(str(loc[0])) if loc else None
    several = field is not None and len(choice_of(field.annotation)) > 1
    return (*loc[:1], *loc[2:]) if several else tuple(loc)


def _choosing(default: C, meant: C, lines: Mapping[tuple[str, ...], int]) -> C:
    """The default with the groups that a file has chosen by their `kind`, as these are by default."""
    chosen = {name: type(getattr(meant, name))() for name in type(default).model_fields if (name, "kind") in lines}
    return default.model_copy(update=chosen)


def _from_file(default: C, file: Path) -> tuple[C, dict[str, Any], dict[str, str]]:
    """The default for what the file has chosen, the knobs that it gives, and the line of each."""
    try:
        text = file.read_text(encoding="utf-8")
        values, node = yaml.safe_load(text), yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}, line {mark.line + 1}" if mark else str(file)
        raise UserError(f"{where}: not a YAML file: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{file}: must hold knobs by name, e.g. `search: {{rounds: 5}}`")
    lines = dict(_lines(node, ()))
    try:
        # By itself, so that a knob that does not exist, or is out of place, is told at its line.
        default = _choosing(default, type(default).model_validate(values), lines)
    except ValidationError as error:
        first = error.errors()[0]
        path = tuple(str(part) for part in _located(default, first["loc"]))
        line = next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), None)
        where = f"{file}, line {line}" if line else str(file)
        raise UserError(f"{where}: {'.'.join(path) + ': ' if path else ''}{_message(first)}") from error
    given = {knob: path for knob, path in paths(default).items() if path in lines}
    return (
        default,
        {knob: _at(values, path) for knob, path in given.items()},
        {knob: f"{file}, line {lines[path]}" for knob, path in given.items()},
    )


def _at(values: Any, path: Sequence[str]) -> Any:
    for name in path:
        values = values[name]
    return values


def _lines(node: yaml.Node | None, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)


def _message(error: Any) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


def free_name(tasks: Path, taken: Sequence[str]) -> str:
    """A name for a run that was given none: the task file's, and the first number that is free."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", tasks.name.split(".")[0]).strip("-._") or "run"
    number = 1
    while f"{stem[:90]}-{number}" in taken:
        number += 1
    return f"{stem[:90]}-{number}"
