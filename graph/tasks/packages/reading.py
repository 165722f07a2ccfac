"""Programs of several files in a file of tasks, as texts by path or as a folder, made the one text that is kept.

A folder's files come from a disk: links, what is no text, and more than a package may have are refused.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

from gristmill.sandbox.wire.files import HEAD, joined
from gristmill.verifiers.extraction.forms.packages import MAIN_FILE
from gristmill.verifiers.extraction.forms.starting import START
from gristmill.verifiers.extraction.source import LIMIT
from gristmill.verifiers.repositories.modules import DATA, MOST_FILES

__all__ = ["PackageFilesError", "with_texts"]

_BREAKS: Final = re.compile(r"\r\n?")


class PackageFilesError(ValueError):
    """A program of several files that cannot be read; `field` says where it is named."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


def with_texts(row: Any, base: Path) -> Any:
    """The row of a task with its programs of several files as texts; any other row as it is.

    Args:
        row: as it stands in the file.
        base: where relative folders begin.

    Raises:
        PackageFilesError: one of them cannot be read.
    """
    settings: Any = row.get("settings") if isinstance(row, dict) else None
    if not isinstance(settings, dict) or not isinstance(main := settings.get(MAIN_FILE), str):
        return row
    changed = dict(row)
    if START in settings:
        given = settings[START]
        several = isinstance(given, list | tuple)
        texts = [
            _text(each, main, base, f"settings.{START}{f'[{number}]' if several else ''}")
            for number, each in enumerate(given if several else [given])
        ]
        changed["settings"] = settings | {START: texts if several else texts[0]}
    if row.get("reference") is not None:
        changed["reference"] = _text(row["reference"], main, base, "reference")
    return changed


def _text(given: Any, main: str, base: Path, field: str) -> Any:
    if isinstance(given, str) and not given.startswith(HEAD) and "\n" not in given.strip():
        given = _read((base / Path(given.strip()).expanduser()), field)
    if not isinstance(given, dict):
        return given
    if not all(isinstance(path, str) and isinstance(text, str) for path, text in given.items()):
        raise PackageFilesError(field, "must be texts by path, such as {solver.py: …}, or a folder")
    try:
        return joined({path: _BREAKS.sub("\n", text) for path, text in given.items()}, main)
    except ValueError as error:
        raise PackageFilesError(field, str(error)) from None


def _read(folder: Path, field: str) -> dict[str, str]:
    if folder.is_symlink() or not folder.is_dir():
        raise PackageFilesError(field, f"there is no folder {str(folder)!r} with its files")
    found: dict[str, str] = {}
    size = 0
    try:
        for parent, folders, names in os.walk(folder):
            folders[:] = sorted(each for each in folders if each != "__pycache__" and not each.startswith("."))
            for name in (*folders, *sorted(names)):
                if (Path(parent) / name).is_symlink():
                    raise PackageFilesError(field, f"{str(Path(parent) / name)!r} is a link: copy it in")
            for name in sorted(each for each in names if each.endswith((".py", *DATA))):
                file = Path(parent) / name
                size += file.stat().st_size
                if len(found) >= MOST_FILES or size > 4 * LIMIT:
                    raise PackageFilesError(
                        field, f"{str(folder)!r} has more than {MOST_FILES} files, or {LIMIT:,} characters"
                    )
                found[file.relative_to(folder).as_posix()] = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PackageFilesError(field, f"{str(folder)!r} cannot be read: {error}") from error
    return found
