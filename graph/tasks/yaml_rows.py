"""Rows of a YAML file, each knowing the lines of its values.

YAML is data here and nothing else: no tags, no dates, no doubled keys, and aliases may not expand without bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import IO

import yaml

from gristmill.graph.tasks.problems import FileRow, Mistake, TaskFileError

__all__ = ["yaml_rows"]

_MOST_NODES = 2_000_000
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}


class _Loader(yaml.SafeLoader):
    """SafeLoader without dates: what looks like one is text, as it would be in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def yaml_rows(name: str, file: IO[bytes]) -> Iterator[FileRow | Mistake]:
    """The rows of one YAML file: the items of a list, or one document each.

    Raises:
        TaskFileError: it is not YAML.
    """
    try:
        text = file.read().decode("utf-8-sig")
        documents = [node for node in yaml.compose_all(text, _Loader) if node is not None]
    except UnicodeDecodeError as error:
        raise TaskFileError(name, [Mistake("the file is not UTF-8 text; save it as UTF-8")]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        detail = error.problem or error.context or "it cannot be read"
        raise TaskFileError(name, [Mistake(f"broken YAML: {detail}", mark.line + 1 if mark else None)]) from error
    except (yaml.YAMLError, RecursionError) as error:
        detail = "nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise TaskFileError(name, [Mistake(f"broken YAML: {detail}")]) from error
    for document in documents:
        if _is_null(document):
            continue
        items = document.value if isinstance(document, yaml.SequenceNode) else [document]
        for node in items:
            yield _yaml_row(node)


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")


def _yaml_row(node: yaml.Node) -> FileRow | Mistake:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        return Mistake("a row must be a mapping of fields (`id: …`, `kind: …`, `prompt: …`)", line)
    try:
        _check_node(node, {}, ())
        loader = _Loader("")
        try:
            value = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return Mistake(f"{error.problem or error.context}", mark.line + 1 if mark else line)
    except (ValueError, RecursionError) as error:
        return Mistake(f"the value cannot be read: {error}", line)
    return FileRow(value, line, partial(_line_of, node))


def _check_node(node: yaml.Node, sizes: dict[int, int], above: tuple[int, ...]) -> int:
    """The number of nodes when every alias is written out. Refuses tags, doubled keys and values without end."""
    if id(node) in above:
        raise yaml.MarkedYAMLError(problem="an alias must not contain itself", problem_mark=node.start_mark)
    if id(node) in sizes:
        return sizes[id(node)]
    if node.tag not in _PLAIN_TAGS:
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        trouble = f"{tag!r} is not used in task files; write plain text, numbers, lists and mappings"
        raise yaml.MarkedYAMLError(problem=trouble, problem_mark=node.start_mark)
    total = 1
    if isinstance(node, yaml.SequenceNode):
        total += sum(_check_node(item, sizes, (*above, id(node))) for item in node.value)
    elif isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
                trouble = "a key must be text; put it in quotes"
                raise yaml.MarkedYAMLError(problem=trouble, problem_mark=key.start_mark)
            if key.value in names:
                trouble = f"the key {key.value!r} occurs twice in one mapping"
                raise yaml.MarkedYAMLError(problem=trouble, problem_mark=key.start_mark)
            names.add(key.value)
            total += 1 + _check_node(value, sizes, (*above, id(node)))
    if total > _MOST_NODES:
        trouble = f"its aliases stand for more than {_MOST_NODES} values"
        raise yaml.MarkedYAMLError(problem=trouble, problem_mark=node.start_mark)
    sizes[id(node)] = total
    return total


def _line_of(node: yaml.Node, path: tuple[str | int, ...]) -> int:
    line = node.start_mark.line + 1
    inner: yaml.Node | None = node
    for step in path:
        inner = _child(inner, step)
        if inner is None:
            break
        line = inner.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child: yaml.Node = node.value[step]
        return child
    return None
