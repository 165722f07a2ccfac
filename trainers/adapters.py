"""The adapters of a workspace: a folder each, never overwritten, and which one is in use.

A name carries a version (``demo-round-1``, then ``demo-round-1.2``): a server that was told to load a name again may
go on answering from its cache of the old one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.methods.saving import CONFIG, is_whole, read_provenance

__all__ = ["AdapterInfo", "Adapters", "flat"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


class AdapterInfo(Record):
    """One adapter as the workspace knows it."""

    name: str
    path: Path
    current: bool
    created: datetime
    provenance: dict[str, Any] = {}


class Adapters:
    """The folder ``adapters/`` of a workspace's ``.gristmill/``.

    Args:
        home: the workspace's ``.gristmill`` folder.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / "adapters"

    def prepare(self, name: str) -> Path:
        """A path for a new adapter that does not exist yet: the name, or the name with the next free version.

        Raises:
            UserError: the name cannot be a folder's.
        """
        if not _NAME.fullmatch(name):
            raise UserError(f"{name!r} cannot name an adapter: letters, digits, '.', '_' and '-' only, 120 at most")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InfrastructureError(f"cannot write to {self.path}: {error.strerror}") from error
        version, path = 1, self.path / name
        while path.exists():
            version += 1
            path = self.path / f"{name}.{version}"
        return path

    def list(self) -> list[AdapterInfo]:
        """All whole adapters, oldest first; what a killed training left is none."""
        current = self.current()
        whole = [
            AdapterInfo(
                name=folder.name,
                path=folder,
                current=folder == current,
                created=datetime.fromtimestamp((folder / CONFIG).stat().st_mtime, UTC),
                provenance=read_provenance(folder),
            )
            for folder in (self.path.iterdir() if self.path.is_dir() else ())
            if is_whole(folder)
        ]
        return sorted(whole, key=lambda info: (info.created, info.name))

    def get(self, name: str) -> AdapterInfo:
        """One adapter by its name.

        Raises:
            UserError: there is none of that name; those that exist are named.
        """
        adapters = self.list()
        for info in adapters:
            if info.name == name:
                return info
        names = ", ".join(info.name for info in adapters) or "none yet"
        raise UserError(f"no adapter {name!r} in {self.path}; there are: {names}")

    def promote(self, name: str) -> None:
        """Make an adapter the one in use; `roll_back` knows the one before.

        Raises:
            UserError: there is none of that name, it is a reward model, or `current.json` is damaged.
        """
        if self.get(name).provenance.get("method") == "reward_model":
            raise UserError(f"{name} is a reward model, which scores replies and gives none: it cannot be in use")
        now, before = self._in_use()
        if name != now:
            self._use(name, [*before, now])

    def roll_back(self) -> str | None:
        """Put the adapter into use that was in use before this one, and name it; None is the base model.

        Raises:
            UserError: none was in use before, or that one is gone.
        """
        now, before = self._in_use()
        if not before:
            raise UserError(f"{now or 'the base model'} was the first in use: there is nothing to go back to")
        *earlier, name = before
        if name is not None:
            self.get(name)
        self._use(name, earlier)
        return name

    def current(self) -> Path | None:
        """The adapter in use; None is the base model.

        Raises:
            UserError: `current.json` is damaged.
        """
        name, _ = self._in_use()
        return None if name is None else self.path / name

    def earlier(self) -> tuple[str | None, ...]:
        """Those that were in use before the one that is, the oldest first; None is the base model.

        Raises:
            UserError: `current.json` is damaged.
        """
        return self._in_use()[1]

    def _in_use(self) -> tuple[str | None, tuple[str | None, ...]]:
        """The one in use, and those before it, the oldest first; None is the base model."""
        path = self.path / "current.json"
        try:
            said = json.loads(path.read_text("utf-8"))
            name, before = said["adapter"], tuple(said.get("before", ()))
        except FileNotFoundError:
            return None, ()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} is damaged; promote an adapter again after removing it") from error
        if not all(each is None or (isinstance(each, str) and _NAME.fullmatch(each)) for each in (name, *before)):
            raise UserError(f"{path} is damaged; promote an adapter again after removing it")
        return name, before

    def _use(self, name: str | None, before: Sequence[str | None]) -> None:
        partial = self.path / "current.partial"
        partial.write_text(json.dumps({"adapter": name, "before": before}), encoding="utf-8")
        os.replace(partial, self.path / "current.json")


def flat(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """What is in nested dicts, by a path with dots: how an adapter's origin is listed."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flat(item, f"{at}.{key}" if at else str(key))
    else:
        yield at or "provenance", value
