"""Rows of the files that users hand us: JSON Lines and YAML, plain or gzipped, with the line of every value.

A row that cannot be read is reported and reading goes on, so that one pass finds the mistakes of a whole file.
Nothing in a file is ever executed: YAML is read without tags, and aliases may not expand without bound.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import yaml

from gristmill.sandbox.errors import UserError

__all__ = ["MOST_PROBLEMS", "Problem", "Row", "TaskFileError", "read_rows"]

MOST_PROBLEMS = 20
_MOST_NODES = 2_000_000
_YAML = (".yaml", ".yml")
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}


@dataclass(frozen=True)
class Problem:
    """One mistake in a file: where it is, and what to do about it."""

    message: str
    line: int | None = None
    field: str = ""

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"


class TaskFileError(UserError):
    """A file of tasks or candidates cannot be used as it is; `problems` holds up to `MOST_PROBLEMS` of its mistakes."""

    def __init__(self, path: str | Path, problems: list[Problem], *, more: bool = False) -> None:
        self.path = str(path)
        self.problems = tuple(problems)
        if len(problems) == 1 and not more:
            separator = ": " if problems[0].line is None else ", "
            super().__init__(f"{path}{separator}{problems[0]}")
            return
        count = f"the first {len(problems)} problems" if more else f"{len(problems)} problems"
        super().__init__("\n  ".join([f"{path}: {count}", *map(str, problems)]))


@dataclass(frozen=True)
class Row:
    """One record of a file as plain values."""

    value: dict[str, Any]
    line: int
    node: yaml.Node | None = None

    def line_of(self, path: tuple[str | int, ...]) -> int:
        """The line of the value at `path`, as near as the format tells: in JSON Lines that of the row."""
        node, line = self.node, self.line
        for step in path:
            node = _child(node, step)
            if node is None:
                break
            line = node.start_mark.line + 1
        return line


def read_rows(path: str | Path) -> Iterator[Row | Problem]:
    """The rows of a file in order, and a `Problem` in the place of each that cannot be read.

    Args:
        path: ``*.yaml`` or ``*.yml`` is YAML (a list, or one document a row), anything else JSON Lines; either may be
            gzipped; ``-`` is standard input.

    Raises:
        TaskFileError: the file as a whole is of no use: missing, a folder, empty, binary, or of another format.
    """
    name = str(path)
    try:
        with _open(path) as file:
            start = file.peek(4096)[:4096]
            _refuse_other_formats(name, start)
            suffixes = [suffix.lower() for suffix in Path(name).suffixes if suffix.lower() != ".gz"]
            reader = _yaml_rows if suffixes[-1:] and suffixes[-1] in _YAML else _json_rows
            found = False
            for row in reader(name, file):
                found = True
                yield row
    except (OSError, EOFError, zlib.error) as error:
        raise TaskFileError(path, [Problem(_unreadable(error))]) from error
    if not found:
        raise TaskFileError(path, [Problem("the file is empty; it must hold at least one row")])


def _open(path: str | Path) -> io.BufferedReader:
    if str(path) == "-":
        return cast(io.BufferedReader, sys.stdin.buffer)
    file = Path(path).open("rb")  # noqa: SIM115  # the caller closes what it gets
    if file.peek(2)[:2] == b"\x1f\x8b":
        return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=file)))
    return file


def _unreadable(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file; check the path"
    if isinstance(error, IsADirectoryError):
        return "this is a folder; name a file inside it"
    if isinstance(error, PermissionError):
        return "you may not read this file; check its permissions"
    if isinstance(error, (gzip.BadGzipFile, EOFError, zlib.error)):
        return f"the gzip file is damaged or cut off ({error}); fetch it again"
    return f"it cannot be read ({getattr(error, 'strerror', None) or error})"


def _refuse_other_formats(name: str, start: bytes) -> None:
    trouble = ""
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        trouble = "the file is UTF-16; save it as UTF-8"
    elif start[:4] == b"PAR1":
        trouble = "this is a Parquet file; tasks and candidates are read from JSON Lines (.jsonl) or YAML"
    elif b"\x00" in start:
        trouble = "this is a binary file; JSON Lines (.jsonl) or YAML is expected"
    if trouble:
        raise TaskFileError(name, [Problem(trouble)])


def _json_rows(name: str, file: IO[bytes]) -> Iterator[Row | Problem]:
    first = True
    for number, raw in enumerate(file, 1):
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            text = raw.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            yield Problem(f"byte {error.start + 1} of the line is not UTF-8 text; save the file as UTF-8", number)
            continue
        if not text:
            continue
        if first and (text.startswith("[") or text == "{"):
            trouble = "this is one JSON document; JSON Lines wants one object a line (try `jq -c '.[]'` or `jq -c .`)"
            raise TaskFileError(name, [Problem(trouble, number)])
        first = False
        yield _json_row(text, number)


def _json_row(text: str, number: int) -> Row | Problem:
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        return Problem(f"broken JSON: {error.msg} at column {error.colno}; a line must be one JSON object", number)
    except RecursionError:
        return Problem("the JSON is nested too deeply", number)
    except ValueError as error:
        return Problem(f"broken JSON: {error}", number)
    if not isinstance(value, dict):
        return Problem(f"a line must be one JSON object, not {kind_of(value)}", number)
    if "\\u" in text and not _encodable(value):
        return Problem("a string holds half of a surrogate pair (\\ud800 to \\udfff), which is no character", number)
    return Row(value, number)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # a set's add returns None, which is what we want
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return made


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def kind_of(value: Any) -> str:
    """What a value is, in the words of a data file."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}" if len(str(value)) <= 20 else "a number"
    if isinstance(value, str):
        return f"the text {value!r}" if len(value) <= 40 else "text"
    return "a list" if isinstance(value, (list, tuple)) else "an object"


class _Loader(yaml.SafeLoader):
    """SafeLoader without dates: what looks like one is text, as it would be in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _yaml_rows(name: str, file: IO[bytes]) -> Iterator[Row | Problem]:
    try:
        text = file.read().decode("utf-8-sig")
        documents = [node for node in yaml.compose_all(text, _Loader) if node is not None]
    except UnicodeDecodeError as error:
        raise TaskFileError(name, [Problem("the file is not UTF-8 text; save it as UTF-8")]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        detail = error.problem or error.context or "it cannot be read"
        raise TaskFileError(name, [Problem(f"broken YAML: {detail}", mark.line + 1 if mark else None)]) from error
    except (yaml.YAMLError, RecursionError) as error:
        detail = "nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise TaskFileError(name, [Problem(f"broken YAML: {detail}")]) from error
    for document in documents:
        if _is_null(document):
            continue
        items = document.value if isinstance(document, yaml.SequenceNode) else [document]
        for node in items:
            yield _yaml_row(node)


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")


def _yaml_row(node: yaml.Node) -> Row | Problem:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        return Problem("a row must be a mapping of fields (`id: …`, `kind: …`, `prompt: …`)", line)
    try:
        _check_node(node, {}, ())
        loader = _Loader("")
        try:
            value = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return Problem(f"{error.problem or error.context}", mark.line + 1 if mark else line)
    except (ValueError, RecursionError) as error:
        return Problem(f"the value cannot be read: {error}", line)
    return Row(value, line, node)


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


def _child(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        found: yaml.Node = node.value[step]
        return found
    return None
