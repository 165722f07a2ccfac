"""What a git repository holds at a commit, read by git's plumbing; nothing of the repository is run or checked out.

A repository may come from anybody, and its settings, hooks, attributes, filters and remotes can all name programs. So
only commands that read objects are used, with none of the machine's or the user's settings, hooks and fsmonitor
switched off on the command line (which comes before the repository's own settings), no transport allowed (a partial
clone fetches what it lacks by a program that its settings name), and no objects that stand for others. What is read
is checked against its own hash, as git does not.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gristmill.sandbox.errors import UserError

__all__ = ["Entry", "RepositoryError", "blobs", "entries", "full_hash", "is_full_hash"]

_SECONDS = 60
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SETTINGS = (
    *("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.pager=cat", "core.sshCommand=false"),
    *("core.attributesFile=/dev/null", "protocol.allow=never", "safe.bareRepository=all", "credential.helper="),
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    "HOME": os.devnull,
}


class RepositoryError(UserError):
    """A repository, or its commit, that cannot be read; the message is the end of a sentence about it."""


class _SaidError(RepositoryError):
    """What git has said of a command."""


class Entry(NamedTuple):
    """One entry of a tree: `mode` as git writes it, `size` in bytes, -1 for what is no file."""

    mode: str
    hash: str
    size: int
    path: str


def is_full_hash(commit: str) -> bool:
    """Whether a commit is named by all of its hash, so that nothing can change what that name means."""
    return _HASH.fullmatch(commit) is not None


def full_hash(repository: Path, commit: str) -> str:
    """The full hash of what a commit is named by.

    Raises:
        RepositoryError: there is no such commit, or no repository.
    """
    if not repository.is_dir():
        raise RepositoryError(f"{str(repository)!r} is no folder")
    asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}"]
    try:
        said = _git(repository, asked).decode("ascii", "replace").strip()
    except _SaidError as error:
        raise RepositoryError(f"{str(repository)!r} has no commit {commit!r}{error}") from None
    if not _HASH.fullmatch(said):
        raise RepositoryError(f"{str(repository)!r} has no commit {commit!r}")
    return said


def entries(repository: Path, commit: str) -> list[Entry]:
    """All entries below a commit, given by its full hash; submodules and links among them.

    Raises:
        RepositoryError: it cannot be read.
    """
    found = []
    for row in _git(repository, ["ls-tree", "-r", "-l", "-z", "--full-tree", commit]).split(b"\0"):
        if row:
            about, _, path = row.partition(b"\t")
            mode, _, name, size = about.decode("ascii").split()
            found.append(Entry(mode, name, int(size) if size.isdecimal() else -1, path.decode("utf-8", "replace")))
    return found


def blobs(repository: Path, hashes: Sequence[str]) -> list[bytes]:
    """The contents of files, each of which has the hash that it was asked for by.

    Raises:
        RepositoryError: one is missing, or is not what its hash says.
    """
    said = _git(repository, ["cat-file", "--batch"], "".join(f"{name}\n" for name in hashes).encode())
    found, at = [], 0
    for name in hashes:
        end = said.find(b"\n", at)
        head = said[at:end].split()
        if end < 0 or len(head) != 3 or head[:2] != [name.encode(), b"blob"]:
            raise RepositoryError(f"{str(repository)!r} lacks the object {name}")
        at = end + 1 + int(head[2]) + 1
        data = said[end + 1 : at - 1]
        kind = hashlib.sha1 if len(name) == 40 else hashlib.sha256
        if kind(b"blob %d\0" % len(data) + data).hexdigest() != name:
            raise RepositoryError(f"{str(repository)!r} holds another object under the name {name}")
        found.append(data)
    return found


def _git(repository: Path, command: Sequence[str], given: bytes = b"") -> bytes:
    options = [part for setting in (*_SETTINGS, f"safe.directory={repository}") for part in ("-c", setting)]
    path = {"PATH": os.environ.get("PATH", os.defpath)}
    try:
        done = subprocess.run(
            ["git", "--no-pager", "--literal-pathspecs", *options, "-C", str(repository), *command],
            input=given,
            capture_output=True,
            timeout=_SECONDS,
            env=path | _ENVIRONMENT,
        )
    except FileNotFoundError:
        why = "there is no `git` on this machine; install it"
        raise RepositoryError(f"{str(repository)!r} cannot be read: {why}") from None
    except subprocess.TimeoutExpired:
        raise RepositoryError(f"{str(repository)!r} cannot be read: git took more than {_SECONDS} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")[:300]
        raise _SaidError(f": git says {said!r}" if said else "")
    return done.stdout
