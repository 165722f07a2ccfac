"""Run in a process where nothing but the base install, and extras if asked for, can be imported: commands, once each.

`python -m tests.base_install COMMANDS [EXTRA …]`, as test_base_install.py and test_extras.py call it.
"""

from __future__ import annotations

import importlib.abc
import json
import sys
import tomllib
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import (
    Distribution,
    DistributionFinder,
    PackageNotFoundError,
    distribution,
    packages_distributions,
)
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def asked_by(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, itself and for these extras; extras that an extra names are taken with it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    waiting, requirements = list(extras), [Requirement(each) for each in project["dependencies"]]
    while waiting:
        for each in map(Requirement, project["optional-dependencies"][waiting.pop()]):
            if each.name == project["name"]:
                waiting += each.extras
            else:
                requirements.append(each)
    return requirements


def brought(*extras: str) -> set[str]:
    """The distributions that `pip install gristmill[EXTRAS]` brings, by what asks for what."""
    waiting, seen = asked_by(*extras), set()
    while waiting:
        wanted = waiting.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            needs = distribution(wanted.name).requires or ()
        except PackageNotFoundError:
            continue
        for each in map(Requirement, needs):
            if each.marker is None or any(each.marker.evaluate({"extra": its}) for its in ("", *wanted.extras)):
                waiting.append(each)
    return {"gristmill", *(name for name, _ in seen)}


class Blocked(importlib.abc.MetaPathFinder):
    """Python's own finder, which does not find what other distributions bring."""

    def __init__(self, *extras: str) -> None:
        self.allowed = allowed = brought(*extras)
        self.names = {
            name
            for name, owners in packages_distributions().items()
            if not any(canonicalize_name(each) in allowed for each in owners)
        }

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self.names:
            return None
        return PathFinder.find_spec(fullname, path, target)

    def find_distributions(self, context: Any = None) -> Iterator[Distribution]:
        installed = PathFinder.find_distributions(context or DistributionFinder.Context())
        return (each for each in installed if canonicalize_name(each.metadata["Name"]) in self.allowed)


def main() -> None:
    blocked = Blocked(*sys.argv[2:])
    sys.meta_path[sys.meta_path.index(PathFinder)] = blocked
    # setuptools has a start-up file that imports this one into every Python.
    for name in (blocked.names & set(sys.modules)) - {"_distutils_hack"}:
        raise SystemExit(f"{name} was imported before it could be blocked")
    from typer.testing import CliRunner

    from gristmill.trainers.cli import app

    for arguments in json.loads(sys.argv[1]):
        done = CliRunner().invoke(app, arguments)
        print(json.dumps([done.exit_code, done.output + done.stderr]), flush=True)
    print(json.dumps(sorted(blocked.names)))


if __name__ == "__main__":
    main()
