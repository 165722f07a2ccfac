"""Roster files: the models of a run in YAML or JSON, each mistake told with its line and field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic import ValidationError

from gristmill.graph.models.errors import ModelSetupError, UnknownModelError
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.resolve import resolve
from gristmill.graph.roster import Member
from gristmill.sandbox.errors import UserError

__all__ = ["read_roster"]

_MOST = 1_000_000
"""Bytes of a file that names models."""


def read_roster(path: Path) -> tuple[Member, ...]:
    """The models of a file: a list of model strings and of mappings with the fields of `Member`.

    JSON is read too, as all of it is YAML.

    Raises:
        UserError: names file, line and field, and what is wrong with it.
    """
    try:
        if path.stat().st_size > _MOST:
            raise UserError(f"{path}: {path.stat().st_size:,} bytes are no list of models")
        text = path.read_text(encoding="utf-8-sig")
        # Composed and checked before it is made: an alias must not expand without bound.
        node = yaml.compose(text, yaml.SafeLoader)
        _check(path, node)
        rows = yaml.safe_load(text)
    except OSError as error:
        raise UserError(f"{path}: the models cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: the file is not UTF-8 text") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        detail = getattr(error, "problem", None) or " ".join(str(error).split())
        raise UserError(f"{where}: not a YAML or JSON file: {detail}") from error
    if not isinstance(node, yaml.SequenceNode) or not rows:
        raise UserError(f"{path}: must hold a list of models, e.g. [{{model: local, weight: 1}}, {{model: mutate}}]")
    members: list[Member] = []
    lines: dict[str, int] = {}
    for row, value in zip(rows, node.value, strict=True):
        line = value.start_mark.line + 1
        try:
            member = Member.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            message = str(first["msg"]).removeprefix("Value error, ")
            if not isinstance(row, dict):
                message = "a model is a string, or a mapping with `model`"
            raise UserError(
                f"{path}, line {_line(value, first['loc'], line)}: {field + ': ' * bool(field)}{message}"
            ) from error
        if member.name in lines:
            raise UserError(
                f"{path}, line {line}: name: {member.name!r} is the model of line {lines[member.name]} already; "
                "give one of them another `name`"
            )
        try:
            resolve(member.model, adapter=member.adapter, options=ModelOptions(request=member.request, run="roster"))
        except (UnknownModelError, ModelSetupError) as error:
            raise type(error)(f"{path}, line {_line(value, ('model',), line)}: model: {error}") from error
        lines[member.name] = line
        members.append(member)
    return tuple(members)


def _check(path: Path, node: yaml.Node | None) -> None:
    seen: set[int] = set()
    for inner in _nodes(node):
        if id(inner) in seen:
            raise UserError(f"{path}, line {inner.start_mark.line + 1}: aliases are not read here; write it out")
        seen.add(id(inner))
        if isinstance(inner, yaml.MappingNode):
            names: set[str] = set()
            for key, _ in inner.value:
                if key.value in names:
                    raise UserError(f"{path}, line {key.start_mark.line + 1}: {key.value}: stands there twice")
                names.add(str(key.value))


def _nodes(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """A node and all within it; one that an alias names comes again."""
    if node is None:
        return
    yield node
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        for each in child if isinstance(child, tuple) else (child,):
            yield from _nodes(each)


def _line(node: yaml.Node, path: tuple[str | int, ...], otherwise: int) -> int:
    """The line of a field, or of what it would stand in."""
    line = otherwise
    for step in path:
        if not isinstance(node, yaml.MappingNode):
            break
        found = next(((key, value) for key, value in node.value if key.value == step), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line
