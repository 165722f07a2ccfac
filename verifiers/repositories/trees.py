"""The files of a task's repository at its commit, bounded, each of them once in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gristmill.verifiers.repositories.git import RepositoryError, blobs, entries, full_hash, is_full_hash
from gristmill.verifiers.repositories.patches import text_problem
from gristmill.verifiers.repositories.paths import is_test, locked, matches, path_problem, shadowing
from gristmill.verifiers.testing.repository import Repo

__all__ = ["Tree", "pinned", "tree_of", "uncommitted"]

_MOST_FILES, _MOST_BYTES = 5_000, 32 << 20
_FILE, _PROGRAM = "100644", "100755"
_WHAT = {"120000": "symbolic link", "160000": "submodule"}


@dataclass(frozen=True)
class Tree:
    """What a commit holds.

    `programs`: files that may be run.
    `left_out`: what is not laid for the tests, with why, a line each. `sha256` is of paths and contents of `files`.
    """

    commit: str
    files: Mapping[str, bytes]
    programs: frozenset[str]
    left_out: tuple[str, ...]
    sha256: str

    @property
    def label(self) -> str:
        """Commit and content, as a verdict names them."""
        return f"commit {self.commit} sha256:{self.sha256}"

    def text(self, path: str) -> str | None:
        """A file as text; None where there is none, or it is not text that a patch can change."""
        data = self.files.get(path)
        try:
            text = None if data is None else data.decode()
        except UnicodeDecodeError:
            return None
        return None if text is None or text_problem(text) else text

    def unchangeable(self, path: str, repo: Repo) -> str:
        """Why a reply may not make, change or take away this file, as the end of a sentence; empty if it may."""
        if problem := path_problem(path):
            return problem
        if why := locked(path):
            return f"may not be changed: {why}"
        if not matches(path, repo.editable):
            return f"may not be changed: this task lets you change {', '.join(repo.editable)}"
        if path in self.files:
            return "" if self.text(path) is not None else "is no text that can be changed"
        if shadowing(path):
            return "would stand in the place of a module that Python or pytest has"
        parts = path.split("/")
        above = ["/".join(parts[:end]) for end in range(1, len(parts))]
        if any(each in self.files for each in above) or any(each.startswith(f"{path}/") for each in self.files):
            return "is a file and a folder at once"
        return ""


def pinned(repo: Repo, base: Path) -> Repo:
    """The record with its folder as an absolute path, and the commit by its full hash.

    Args:
        base: where a relative path begins.

    Raises:
        RepositoryError: there is no such commit.
    """
    path = (base / Path(repo.path).expanduser()).resolve()
    return repo.model_copy(update={"path": str(path), "commit": full_hash(path, repo.commit)})


def tree_of(repo: Repo) -> Tree:
    """The repository's files; what was read at a full hash is kept, so that work on it outlives the folder.

    Raises:
        RepositoryError: it cannot be read, or is too big.
    """
    path = Path(repo.path).resolve()
    return _tree(path, repo.commit if is_full_hash(repo.commit) else full_hash(path, repo.commit))


def uncommitted(repo: Repo) -> list[str]:
    """Paths of files that lie in the folder in another form than at the commit, and of tests that are not in it.

    Found without git, whose own way may run programs that the repository's settings name.
    """
    folder, tree = Path(repo.path), tree_of(repo)
    if not any((folder / path).is_file() for path in tree.files):
        return []  # without a working tree, or not its root
    found = [path for path, data in tree.files.items() if _differs(folder / path, data)]
    for beside in {(folder / path).parent for path in tree.files if is_test(path)}:
        with suppress(OSError):
            new = [each.relative_to(folder).as_posix() for each in beside.glob("*.py")]
            found += [path for path in new if path not in tree.files and is_test(path)]
    return sorted(set(found))


def _differs(file: Path, data: bytes) -> bool:
    try:
        return file.is_symlink() or file.read_bytes().replace(b"\r\n", b"\n") != data.replace(b"\r\n", b"\n")
    except OSError:
        return True


@lru_cache(maxsize=16)
def _tree(path: Path, commit: str) -> Tree:
    if full_hash(path, commit) != commit:
        raise RepositoryError(f"{str(path)!r} has no commit {commit!r}")
    wanted, left_out = [], []
    for entry in entries(path, commit):
        if entry.mode in (_FILE, _PROGRAM) and not path_problem(entry.path):
            wanted.append(entry)
        elif entry.mode not in (_FILE, _PROGRAM):
            left_out.append(f"{entry.path!r}: is a {_WHAT.get(entry.mode, 'thing of another kind')}")
        else:
            left_out.append(f"{entry.path!r}: the path {path_problem(entry.path)}")
    size = sum(entry.size for entry in wanted)
    if len(wanted) > _MOST_FILES or size > _MOST_BYTES:
        raise RepositoryError(
            f"{str(path)!r} has {len(wanted):,} files of {size >> 20:,} MiB at {commit[:12]}; "
            f"{_MOST_FILES:,} files of {_MOST_BYTES >> 20} MiB can be judged"
        )
    wanted.sort(key=lambda entry: entry.path)
    contents = blobs(path, [entry.hash for entry in wanted]) if wanted else []
    digest = hashlib.sha256()
    for entry, data in zip(wanted, contents, strict=True):
        digest.update(b"%d %s\0%d\0" % (len(entry.path.encode()), entry.path.encode(), len(data)) + data)
    files = {entry.path: data for entry, data in zip(wanted, contents, strict=True)}
    programs = frozenset(entry.path for entry in wanted if entry.mode == _PROGRAM)
    return Tree(commit, files, programs, tuple(left_out), digest.hexdigest())
