"""Lays a repository's files beside a split test of it, in the candidate's process, in the place of a solution's source.

Nothing here is defended, as in `driving`: what is laid is the candidate's. So no file of the tests is ever among it,
nor a value that they want. Against a candidate that reads the tests' files: they are not there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["lay"]


def lay(files: dict[str, bytes], programs: tuple[str, ...], setup: str) -> None:
    """Make a folder of these files the current one and the first for imports; run the task's set-up in it.

    Raises:
        BaseException: what the set-up raises.
    """
    folder = Path.cwd() / "repository"
    folder.mkdir()
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o755 if path in programs else 0o644)
    os.chdir(folder)
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(folder), *([str(folder / "src")] if (folder / "src").is_dir() else [])]
    # A repository may have a module of the name under which this one was loaded.
    sys.modules.pop("solution", None)
    exec(compile(setup, "<setup>", "exec", dont_inherit=True), {"__name__": "__main__"})
