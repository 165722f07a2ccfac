"""Options made out of configuration models, and those that many commands share."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gristmill.graph.config import knobs, paths

__all__ = [
    "SANDBOX_VARIABLE",
    "Accept",
    "ConfigFile",
    "Flags",
    "Json",
    "Languages",
    "Models",
    "Sandbox",
    "Workspace",
    "options_of",
]

Flags = dict[str, Any]
"""Knobs that were given on the command line, by flat name."""

SANDBOX_VARIABLE = "GRISTMILL_SANDBOX"

Workspace = Annotated[
    str,
    typer.Option(
        "--workspace",
        envvar="GRISTMILL_WORKSPACE",
        help="Folder that holds .gristmill/, an SQLite file, or postgresql://….",
    ),
]
Sandbox = Annotated[
    str, typer.Option("--sandbox", envvar=SANDBOX_VARIABLE, help="auto, docker, docker:RUNTIME or bubblewrap.")
]


def _use_languages(path: str | None) -> str | None:
    """Where the file of languages is, for all that comes after, in this process and those that it starts."""
    if path:
        from gristmill.verifiers.languages.registry import use

        use(path)
    return path


Languages = Annotated[
    str | None,
    typer.Option(
        "--languages",
        envvar="GRISTMILL_LANGUAGES",
        callback=_use_languages,
        help="YAML file of languages beside Python, C++ and JavaScript: how they are compiled and run.",
    ),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="YAML file of knobs, in their groups; options go before it.")
]
Models = Annotated[
    Path | None,
    typer.Option(
        "--models",
        help="YAML or JSON file of several models, each with weight, price, limits and sampling, instead of --model.",
    ),
]
Accept = Annotated[
    str,
    typer.Option(
        "--accept",
        help="split: take for a pass what passes a test of which only the assertions can be judged apart; together: "
        "besides, what passes beside its tests alone. Never verified.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]

_PLAIN = (bool, int, float, str)


def options_of(
    default: BaseModel, *, leave_out: Collection[str] = (), repeated: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one option for each knob of a configuration, in the place of its parameter `flags`.

    Name, type and help are those of the model's fields; the help ends with the value that `default` has. The command
    gets the knobs that were given, and only these, as `flags`; the model's own bounds hold when it makes a
    configuration of them (`gristmill.graph.commands.settings`), so that files and options are told the same.

    Args:
        default: the configuration that holds where nothing else is said.
        leave_out: flat names of knobs that the command has no option for.
        repeated: those that may be given several times, and reach the command as lists of text.
    """
    values = knobs(default)
    options = [
        inspect.Parameter(
            knob,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_annotation(knob, _field(default, path), values[knob], repeated=knob in repeated),
        )
        for knob, path in paths(default).items()
        if knob not in leave_out
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command, eval_str=True).parameters.values():
            keyword = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            parameters += options if parameter.name == "flags" else [keyword]

        @functools.wraps(command)
        def called(**given: Any) -> None:
            flags = {option.name: given.pop(option.name) for option in options}
            command(flags={knob: value for knob, value in flags.items() if value not in (None, [])}, **given)

        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect and typer read
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return called

    return decorate


def _field(default: BaseModel, path: tuple[str, ...]) -> FieldInfo:
    *groups, name = path
    return type(functools.reduce(getattr, groups, default)).model_fields[name]


def _annotation(knob: str, field: FieldInfo, value: Any, *, repeated: bool) -> Any:
    plain = list[str] if repeated else _plain(field.annotation)
    text = field.description or ""
    text = f"{text[:1].upper()}{text[1:]}{'; may be given repeatedly' * repeated}." if text else ""
    if value not in (None, (), {}):
        shown = ("no", "yes")[value] if plain is bool else f"{value:g}" if isinstance(value, float) else value
        text = f"{text} [{shown}]".strip()
    if knob == "sandbox":
        # Said in words: a value that the option itself took from the environment would pass for one that was given.
        text = f"{text} [env var: {SANDBOX_VARIABLE}]"
    return Annotated[plain | None, typer.Option(help=text)]


def _plain(annotation: Any) -> Any:
    """The type that the command line reads: of a choice, text; of a tuple or dictionary, a repeated option."""
    if annotation in _PLAIN:
        return annotation
    origin, inner = get_origin(annotation), [part for part in get_args(annotation) if part is not type(None)]
    if origin in (Union, types.UnionType) and len(inner) == 1:
        return _plain(inner[0])
    if origin in (tuple, dict):
        return list[str]
    return str
