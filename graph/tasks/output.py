"""Files that a command writes: never over an existing one unasked, and every row is on its way when it is written."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.sandbox.plain import plain_json
from gristmill.verifiers.records import Task

__all__ = [
    "count_kinds",
    "counted",
    "file_errors",
    "first_line",
    "json_line",
    "refuse_existing",
    "refuse_folder",
    "row_writer",
    "write_file",
    "write_folder",
]


def refuse_existing(path: str | Path, *, force: bool) -> None:
    """Stop before hours of work end in front of a file that must not be touched.

    Raises:
        UserError: something is at `path` and `force` was not given, or its folder does not exist.
    """
    target = Path(path)
    if str(path) == "-":
        return
    if target.is_dir():
        raise UserError(f"{path} is a folder; name a file")
    if target.exists() and not force and not target.is_char_device() and not target.is_fifo():
        raise UserError(f"{path} exists already; name another file, or overwrite it with --force")
    if not target.parent.is_dir():
        raise UserError(f"the folder {target.parent} does not exist; make it first, or name another file")


def json_line(row: Any) -> str:
    """One line of JSON Lines. Infinite numbers and NaN are written as Python's json reads them."""
    return plain_json(json.dumps(row, ensure_ascii=False)) + "\n"


@contextlib.contextmanager
def row_writer(path: str | Path, *, force: bool = False, append: bool = False) -> Iterator[Callable[[Any], None]]:
    """A function that writes one row of JSON Lines to `path`; ``-`` is standard output.

    Each row is flushed, so that whatever ends the command, what was written is whole and stays.

    Raises:
        UserError: see `refuse_existing`.
        InfrastructureError: the disk is full, read-only or not ours to write.
    """
    refuse_existing(path, force=force or append)
    if str(path) == "-":
        yield _print_row
        return
    with contextlib.ExitStack() as stack:
        with file_errors(path):
            # Unbuffered: what a full disk refused must not be waiting to be refused again when the file is closed.
            file = stack.enter_context(Path(path).open("ab" if append else "wb", buffering=0))

        def write(row: Any) -> None:
            with file_errors(path):
                _write_whole(file, json_line(row).encode())

        yield write


def _print_row(row: Any) -> None:
    sys.stdout.write(json_line(row))
    sys.stdout.flush()


def _write_whole(file: FileIO, line: bytes) -> None:
    """All of a line or nothing of it, where the file can be cut."""
    rest = memoryview(line)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        if len(rest) < len(line) and file.seekable():
            file.truncate(file.tell() - (len(line) - len(rest)))
        raise


def write_file(path: str, content: bytes | None) -> None:
    """Write a file whole or leave what was there; with None there is none afterwards.

    Raises:
        InfrastructureError: it cannot be written.
    """
    target, partial = Path(path), Path(f"{path}.part")
    with file_errors(path):
        if content is None:
            target.unlink(missing_ok=True)
        elif target.is_char_device() or target.is_fifo():
            target.write_bytes(content)
        else:
            try:
                partial.write_bytes(content)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)


def refuse_folder(path: str, *, force: bool) -> None:
    """Stop where a folder is to be written and something is there.

    Raises:
        UserError: `path` is a file, or a folder that holds something, which `force` does not change; or the folder that
            it is to be in does not exist.
    """
    target = Path(path)
    if target.is_dir() and not target.is_symlink() and not any(target.iterdir()):
        return
    if target.exists() or target.is_symlink():
        more = ", and --force overwrites files alone" if force else ""
        raise UserError(f"{path} exists already, and the program has several files; name a new or empty folder{more}")
    if not target.parent.is_dir():
        raise UserError(f"the folder {target.parent} does not exist; make it first, or name another")


def write_folder(path: str, files: Mapping[str, bytes]) -> None:
    """Write files by their relative paths into a new or empty folder, all of them or none.

    Raises:
        InfrastructureError: they cannot be written.
    """
    target = Path(path)
    partial = target.with_name(f"{target.name}.part")
    with file_errors(path):
        shutil.rmtree(partial, ignore_errors=True)
        try:
            for name, content in files.items():
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
                (partial / name).write_bytes(content)
            if target.is_dir():
                target.rmdir()
            partial.replace(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def file_errors(path: str | Path) -> Iterator[None]:
    """Turn trouble with our own file into an error that says so; a closed pipe stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise InfrastructureError(f"cannot write {path}: {reason}; what was written before is kept") from error


def count_kinds(tasks: Sequence[Task]) -> dict[str, int]:
    """How many tasks there are of each kind."""
    return dict(sorted(Counter(task.kind for task in tasks).items()))


def counted(tasks: Sequence[Task]) -> str:
    """``3 tasks (2 code, 1 math)``."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in count_kinds(tasks).items())
    return f"{len(tasks)} task{'' if len(tasks) == 1 else 's'}" + (f" ({kinds})" if kinds else "")


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
