"""Folders of large inputs that a score test names: read-only in the sandbox, and known by the hash of every file.

Against a score that was made with other data than it says: files are hashed where a task is read, and compared again
before anything is judged with them. Against a folder that shows more than itself: links that lead out are refused.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import Field

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import DATA, Mounted, Record

__all__ = ["Data", "DataError", "difference", "in_words", "mounts", "pinned", "unchanged"]

_MOST_FILES: Final = 1_000
_MOST_BYTES: Final = 64 << 30
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LINK: Final = "link to "

_PATH = "the folder on this machine; in a file of tasks, from where that file is"
_NAMED = f"it is found as {DATA}/NAME in the sandbox; by itself the last part of its path"
_CANDIDATE = "whether solutions may read it too; by itself the evaluator alone does"
_SHA256 = "of all paths and contents; set where the task is read, and where it is stated, data of another are refused"
_FILES = "the sha256 of each file, set where the task is read, to name the one that has changed"


class DataError(UserError):
    """A folder of data that cannot be used, or is not what it was; the message is the end of a sentence about it."""


class Data(Record):
    """A folder of a score test, mounted read-only for its evaluator, and for solutions where the task says so."""

    path: str = Field(min_length=1, description=_PATH)
    name: str = Field("", description=_NAMED)
    candidate: bool = Field(False, description=_CANDIDATE)
    sha256: str = Field("", description=_SHA256)
    size: int = Field(0, ge=0, description="bytes of all files, set where the task is read")
    files: dict[str, str] = Field({}, description=_FILES)

    @property
    def called(self) -> str:
        """The name of its folder in the sandbox."""
        return self.name or Path(self.path).name


class _Entry(NamedTuple):
    """A file or a link of the folder, with what tells that it is the same as before without reading it."""

    path: str
    link: str
    size: int
    mark: tuple[int, ...]


def pinned(data: Data, base: Path) -> Data:
    """The record with its folder as an absolute path, its name, size and hashes.

    Args:
        base: where a relative path begins.

    Raises:
        DataError: there is no such folder, it cannot be mounted, or it is not the one whose hash is stated.
    """
    folder = (base / Path(data.path).expanduser()).resolve()
    called = data.name or folder.name
    if not _NAME.fullmatch(called):
        raise DataError(f"name: {called!r} cannot be a folder's name in the sandbox: letters, digits, `.`, `_` and `-`")
    entries = list(_entries(folder))
    files = _hashed(folder, entries)
    sha256 = _sha256(files)
    if data.sha256 and data.sha256 != sha256:
        raise DataError(f"{str(folder)!r} {_other(data, files)}")
    size = sum(each.size for each in entries)
    found = {"path": str(folder), "name": called, "sha256": sha256, "size": size, "files": files}
    return data.model_copy(update=found)


_seen: dict[str, tuple[str, tuple[_Entry, ...]]] = {}


def unchanged(folders: Sequence[Data]) -> None:
    """See that all are what they were when the task was read. Files are read again only where their times differ.

    Raises:
        DataError: names the file that has changed.
    """
    for data in folders:
        folder = Path(data.path)
        entries = tuple(_entries(folder))
        if _seen.get(data.path) == (data.sha256, entries):
            continue
        files = _hashed(folder, entries)
        if _sha256(files) != data.sha256:
            raise DataError(f"data: {data.path!r} {_other(data, files)}: a score by other data is another one")
        _seen[data.path] = (data.sha256, entries)


def difference(before: Sequence[Data], now: Sequence[Data]) -> str | None:
    """What differs between the folders that a task had and those that it has, in words; None if nothing does."""
    then, here = ({each.called: each for each in some} for some in (before, now))
    for name, data in then.items():
        if name not in here:
            return f"its data {name!r} are missing"
        if data.sha256 != here[name].sha256:
            return f"its data {name!r}: {str(here[name].path)!r} {_other(data, here[name].files)}"
    return next((f"its data {name!r} are new" for name in here if name not in then), None)


def mounts(folders: Sequence[Data], *, candidate: bool) -> tuple[Mounted, ...]:
    """What the sandbox of an evaluator mounts, or that of a candidate."""
    return tuple(Mounted(name=each.called, path=each.path) for each in folders if each.candidate or not candidate)


def in_words(data: Data) -> str:
    """A line for the task's owner: how much there is, where it is found, and for whom."""
    number = len(data.files)
    who = "evaluator and solutions" if data.candidate else "the evaluator alone"
    size = f"{data.size / (1 << 20):,.1f} MiB" if data.size >= 1 << 20 else f"{data.size:,} bytes"
    return (
        f"data {data.called}: {number:,} file{'s' * (number != 1)}, {size}, sha256 {data.sha256[:12]}; "
        f"{DATA}/{data.called} for {who}"
    )


def _entries(folder: Path) -> Iterator[_Entry]:
    """All files and links, by path; what cannot be mounted is refused."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {str(folder)!r}")
    count = total = 0
    for entry in _walk(folder, ""):
        count, total = count + 1, total + entry.size
        if count > _MOST_FILES or total > _MOST_BYTES:
            raise DataError(
                f"{str(folder)!r} holds more than {_MOST_FILES:,} files, or {_MOST_BYTES >> 30} GiB: put small files "
                "into archives"
            )
        yield entry
    if not count:
        raise DataError(f"{str(folder)!r} holds no file")


def _walk(folder: Path, inside: str) -> Iterator[_Entry]:
    try:
        found = sorted(os.scandir(folder / inside), key=lambda each: each.name)
        _readable(folder / inside, (folder / inside).stat().st_mode, folder=True)
        for each in found:
            path = f"{inside}{each.name}"
            status = each.stat(follow_symlinks=False)
            mark = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode)
            if each.is_symlink():
                yield _Entry(path, _inside(folder, path), 0, mark)
            elif each.is_dir(follow_symlinks=False):
                yield from _walk(folder, f"{path}/")
            elif stat.S_ISREG(status.st_mode):
                _readable(Path(each.path), status.st_mode, folder=False)
                yield _Entry(_text(path), "", status.st_size, mark)
            else:
                raise DataError(f"{each.path!r} is neither a file nor a folder")
    except OSError as error:
        raise DataError(f"{error.filename!r} cannot be read: {error.strerror}") from error


def _text(path: str) -> str:
    if any(0xDC80 <= ord(each) <= 0xDCFF for each in path):
        raise DataError(f"{os.fsencode(path)!r} has a name that is not UTF-8")
    return path


def _readable(path: Path, mode: int, *, folder: bool) -> None:
    """Jobs are users of their own: what others may not read, no evaluator can."""
    if not mode & 0o004 or (folder and not mode & 0o001):
        raise DataError(f"{str(path)!r} cannot be read by other users, as which jobs run: chmod -R o+rX it")


def _inside(folder: Path, path: str) -> str:
    """The target of a link that stays in the folder, wherever that is mounted."""
    target, real, depth = os.readlink(folder / path), (folder / path).resolve(), path.count("/")
    leaves = os.path.isabs(target)
    for part in Path(target).parts:
        depth += -1 if part == ".." else 1
        leaves = leaves or depth < 0
    if leaves or not real.is_relative_to(folder) or not real.exists():
        raise DataError(f"{str(folder / path)!r} is a link that leads out of the folder, to {target!r}: copy it in")
    return target


def _hashed(folder: Path, entries: Sequence[_Entry]) -> dict[str, str]:
    return {each.path: f"{_LINK}{each.link}" if each.link else _digest(folder / each.path) for each in entries}


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{str(file)!r} cannot be read: {error.strerror}") from error


def _sha256(files: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{len(path)} {path}\0{content}\0".encode())
    return digest.hexdigest()


def _other(data: Data, files: Mapping[str, str]) -> str:
    """How it differs from what the record says, with the file's name where that is known."""
    for path, content in data.files.items():
        if path not in files:
            return f"has no file {path!r} any more"
        if files[path] != content:
            return f"has another file {path!r} than before"
    if data.files and (new := [path for path in files if path not in data.files]):
        return f"has a new file {new[0]!r}"
    return f"is not the folder whose sha256 is stated ({data.sha256[:12]}…): it has {_sha256(files)}"
