"""Removing what a job left behind, however it arranged it: nothing is followed, and nothing is recursive.

Against links out of the folder, and against a job that nested folders deeper than a path can say, took its own rights
away, or made hundreds of thousands of files: folders are moved up to the top before their turn comes.
"""

from __future__ import annotations

import os
import time

__all__ = ["empty"]


def empty(folder: str, seconds: float = 5.0) -> bool:
    """Remove everything below `folder`, which itself stays; run as the user who owns what is inside.

    Returns whether it is empty now; False when that took longer than `seconds`.
    """
    deadline = time.monotonic() + seconds
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        moved = 0
        while entries := list(os.scandir(top)):
            for entry in entries:
                if time.monotonic() > deadline:
                    return False
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.name, dir_fd=top)
                    continue
                moved = _flatten(entry.name, top, moved, deadline)
        return True
    except OSError:
        return False
    finally:
        os.close(top)


def _flatten(name: str, top: int, moved: int, deadline: float) -> int:
    """Remove one folder of the top; the folders in it are moved up to the top."""
    os.chmod(name, 0o700, dir_fd=top)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
    try:
        for entry in list(os.scandir(inner)):
            if time.monotonic() > deadline:
                return moved
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.name, dir_fd=inner)
                continue
            # A folder that is not writable cannot be moved: its entry ".." changes.
            os.chmod(entry.name, 0o700, dir_fd=inner)
            while True:
                moved += 1
                if not _exists(f"{moved}", top):
                    break
            os.rename(entry.name, f"{moved}", src_dir_fd=inner, dst_dir_fd=top)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=top)
    return moved


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
