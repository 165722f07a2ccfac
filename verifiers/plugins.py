"""What packages and files add by name: verifiers of a kind, environments for rewards, problems for losses."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from gristmill.sandbox.errors import UserError

__all__ = ["Plugins", "installed", "instance", "is_file", "trust_files"]

_trusted = False


def trust_files(trust: bool = True) -> None:
    """Let tasks name what they need as ``path.py:Name``. Such a file is run here, with all rights of this process.

    Off until whoever starts the process says so: a file of tasks is data, and data runs no code.
    """
    global _trusted
    _trusted = trust


def is_file(name: str) -> bool:
    """Whether a name is of the form ``path.py:Name``."""
    return ".py:" in name


@cache
def installed(group: str) -> dict[str, str]:
    """``module:name`` by the name under which an installed package registers it in a group of entry points."""
    points = sorted(entry_points(group=group), key=lambda point: point.value)
    return {point.name: point.value for point in points}


class Plugins:
    """The things of one sort: ours, those that installed packages register, and those in files that are trusted.

    Args:
        field: of a task, in which one is named; messages say it.
        group: of entry points.
        built_in: ``module:name`` by name. No plug-in can take these over: what a task means must not depend on what
            else is installed.
    """

    def __init__(self, field: str, group: str, built_in: Mapping[str, str]) -> None:
        self._field = field
        self._group = group
        self._built_in = built_in

    def _named(self) -> dict[str, str]:
        return {**installed(self._group), **self._built_in}

    def names(self) -> tuple[str, ...]:
        """What can be named here, files apart, sorted."""
        return tuple(sorted(self._named()))

    def untrusted(self, name: str) -> str | None:
        """Why a file may not be run, as a sentence; None if it may, or if the name is none of a file."""
        if _trusted or not is_file(name):
            return None
        return (
            f"{self._field}: {name!r} names a file of code, which would run here with all your rights; if you trust "
            "it, say `gristmill --plugin-files …`"
        )

    def load(self, name: str | None) -> Any:
        """What a name stands for, imported now.

        Raises:
            UserError: nothing, or a file that is not trusted, or what cannot be imported.
        """
        if name is not None and is_file(name):
            if why := self.untrusted(name):
                raise UserError(why)
            return _load_file(self._field, name)
        where = self._named().get(name or "")
        if where is None:
            raise UserError(f"{self._field}: {name!r} is none of {', '.join(self.names())}")
        module, _, attribute = where.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except Exception as error:
            if name in self._built_in:
                raise
            raise UserError(
                f"the plug-in {where!r}, which stands for the {self._field} {name!r}, cannot be imported: "
                f"{type(error).__name__}: {error}. Mend or uninstall the package that brings it"
            ) from error


def instance(found: Any, protocol: type, named: str) -> Any:
    """What a plug-in names, as something that keeps `protocol`; a class is called without arguments.

    Raises:
        UserError: it lacks members of the protocol; `named` begins the message.
    """
    made = found() if isinstance(found, type) else found
    if missing := [name for name in vars(protocol) if not name.startswith("_") and not hasattr(made, name)]:
        raise UserError(f"{named} lacks {', '.join(missing)}; see docs/plugins.md")
    return made


def _load_file(field: str, where: str) -> Any:
    """What ``path.py:Name`` names, the path being relative to the current folder; the file is run, here and now."""
    path, _, name = where.rpartition(":")
    file = Path(path).resolve()
    if not file.is_file():
        raise UserError(f"{field}: {where!r}: there is no file {file}")
    module_name = f"gristmill_plugin_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, file)
        if spec is None or spec.loader is None:
            raise UserError(f"{field}: {where!r}: {file} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[module_name]
            raise UserError(f"{field}: {where!r}: {file} cannot be run: {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise UserError(f"{field}: {where!r}: {file} defines no {name}")
    return getattr(module, name)
