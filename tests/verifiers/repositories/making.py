"""Repositories for tests: made by git, with the files that a test needs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

__all__ = ["commit", "git", "made"]

_WHO = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
_ALONE = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


def git(folder: Path, *command: str, given: bytes = b"") -> str:
    """What a git command prints."""
    settings = {**os.environ, **_WHO, **_ALONE}
    done = subprocess.run(["git", *command], cwd=folder, env=settings, input=given, capture_output=True, check=True)
    return done.stdout.decode().strip()


def made(folder: Path, files: Mapping[str, str | bytes]) -> str:
    """Make a repository with one commit of these files; its full hash."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet")
    return commit(folder, files)


def commit(folder: Path, files: Mapping[str, str | bytes]) -> str:
    """Commit these files; the full hash."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--no-verify", "--allow-empty", "-m", "files")
    return git(folder, "rev-parse", "HEAD")
