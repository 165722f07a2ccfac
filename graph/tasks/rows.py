"""Rows of the files that users hand us: JSON Lines and YAML, plain or gzipped, with the line of every value.

A row that cannot be read is reported and reading goes on, so that one pass finds the mistakes of a whole file.
Nothing in a file is ever executed.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from gristmill.graph.tasks.problems import FileRow, Mistake, TaskFileError, kind_of

__all__ = ["is_yaml", "read_rows"]

_YAML = (".yaml", ".yml")
# A packed file of 300 KiB can hold a gigabyte. Task files pack to a fifth or a tenth of their size.
_MOST_RATIO, _LEAST_MOST = 50, 16 << 20
_MOST_ROW = 64 << 20


def read_rows(path: str | Path) -> Iterator[FileRow | Mistake]:
    """The rows of a file in order, and a `Mistake` in the place of each that cannot be read.

    Args:
        path: ``*.yaml`` or ``*.yml`` is YAML (a list, or one document a row), anything else JSON Lines or one JSON
            array; all may be gzipped; ``-`` is standard input. A gzipped file may hold at most 16 MiB, or 50 times
            its packed size if that is more; a line at most 64 MiB.

    Raises:
        TaskFileError: the file as a whole is of no use: missing, a folder, empty, binary, or of another format.
    """
    name = str(path)
    try:
        with _open(path) as file:
            start = file.peek(4096)[:4096]
            _refuse_other_formats(name, start)
            reader = _yaml_reader() if is_yaml(name) else _json_rows
            any_row = False
            for row in reader(name, file):
                any_row = True
                yield row
    except _TooMuchError as error:
        raise TaskFileError(path, [Mistake(str(error))]) from None
    except (OSError, EOFError, zlib.error) as error:
        raise TaskFileError(path, [Mistake(_unreadable(error))]) from error
    if not any_row:
        raise TaskFileError(path, [Mistake("the file is empty; it must hold at least one row")])


def is_yaml(name: str) -> bool:
    """Whether a file's name says that it is YAML."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes if suffix.lower() != ".gz"]
    return bool(suffixes) and suffixes[-1] in _YAML


def _yaml_reader() -> Callable[[str, IO[bytes]], Iterator[FileRow | Mistake]]:
    from gristmill.graph.tasks.yaml_rows import yaml_rows

    return yaml_rows


@contextlib.contextmanager
def _open(path: str | Path) -> Iterator[io.BufferedReader]:
    if str(path) == "-":
        yield cast(io.BufferedReader, sys.stdin.buffer)
        return
    with Path(path).open("rb") as file:
        if file.peek(2)[:2] != b"\x1f\x8b":
            yield file
            return
        most = max(_LEAST_MOST, _MOST_RATIO * os.fstat(file.fileno()).st_size)
        yield io.BufferedReader(_Unpacked(file, most))


class _TooMuchError(Exception):
    """A packed file holds more than is read."""


class _Unpacked(io.RawIOBase):
    """What a gzipped file holds, unpacked as it is read and never beyond `most` bytes."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = gzip.GzipFile(fileobj=file)
        self._most = self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)
        self._left -= count
        if self._left < 0:
            trouble = f"it unpacks to more than {self._most >> 20} MiB, {_MOST_RATIO} times its size or more"
            raise _TooMuchError(f"{trouble}; unpack it yourself if that is right")
        return count


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
        raise TaskFileError(name, [Mistake(trouble)])


def _json_rows(name: str, file: IO[bytes]) -> Iterator[FileRow | Mistake]:
    first = True
    for number, raw in enumerate(iter(lambda: file.readline(_MOST_ROW + 1), b""), 1):
        if len(raw) > _MOST_ROW:
            raise TaskFileError(name, [Mistake(f"the line is longer than {_MOST_ROW >> 20} MiB", number)])
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            text = raw.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            yield Mistake(f"byte {error.start + 1} of the line is not UTF-8 text; save the file as UTF-8", number)
            continue
        if not text:
            continue
        if first and text.startswith("["):
            yield from _json_array(name, text + "\n" + file.read().decode("utf-8", "replace"), number)
            return
        if first and text == "{":
            trouble = "an object spread over several lines; JSON Lines wants one object a line (try `jq -c .`)"
            raise TaskFileError(name, [Mistake(trouble, number)])
        first = False
        yield _json_row(text, number)


def _json_array(name: str, text: str, number: int) -> Iterator[FileRow | Mistake]:
    """The items of one JSON array, as some data sets are published."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique)
    at = 1
    while (at := _skip_blank(text, at)) < len(text) and text[at] != "]":
        line = number + text.count("\n", 0, at)
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            where = number + text.count("\n", 0, error.pos) if isinstance(error, json.JSONDecodeError) else line
            detail = error.msg if isinstance(error, json.JSONDecodeError) else error
            raise TaskFileError(name, [Mistake(f"broken JSON: {detail}", where)]) from error
        yield _checked(value, line, may_be_halved=True)
        at = _skip_blank(text, at)
        if at < len(text) and text[at] == ",":
            at += 1
    if text[at : at + 1] != "]":
        raise TaskFileError(name, [Mistake("broken JSON: the array is not closed; the file may be cut off")])


def _skip_blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _json_row(text: str, number: int) -> FileRow | Mistake:
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        return Mistake(f"broken JSON: {error.msg} at column {error.colno}; a line must be one JSON object", number)
    except RecursionError:
        return Mistake("the JSON is nested too deeply", number)
    except ValueError as error:
        return Mistake(f"broken JSON: {error}", number)
    return _checked(value, number, may_be_halved="\\u" in text)


def _checked(value: Any, number: int, *, may_be_halved: bool) -> FileRow | Mistake:
    if not isinstance(value, dict):
        return Mistake(f"a row must be one JSON object, not {kind_of(value)}", number)
    if may_be_halved and not _encodable(value):
        return Mistake("a string holds half of a surrogate pair (\\ud800 to \\udfff), which is no character", number)
    return FileRow(value, number)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # a set's add returns None, which is what we want
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return mapping


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
