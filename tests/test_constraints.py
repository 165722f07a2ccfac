"""constraints.txt is what these tests run with, and pyproject's ranges admit it."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent


def constraints() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {name.lower().replace("_", "-"): Version(version) for name, version in pairs}


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for name, lines in extras.items() if name != "vllm" for line in lines)]
    return [Requirement(line) for line in wanted if not line.startswith("gristmill[")]


def test_what_is_installed_is_what_is_pinned() -> None:
    installed = {
        (distribution.name or "").lower().replace("_", "-"): Version(distribution.version.partition("+")[0])
        for distribution in importlib.metadata.distributions()
    }
    differing = {
        name: (str(version), str(installed[name]))
        for name, version in constraints().items()
        if name in installed and installed[name] != version
    }
    assert not differing, f"pinned, installed: {differing}"


def test_every_requirement_of_the_tested_extras_is_pinned_within_its_range() -> None:
    pinned = constraints()
    for requirement in requirements():
        name = requirement.name.lower().replace("_", "-")
        assert name in pinned, f"{requirement.name} is not in constraints.txt"
        assert requirement.specifier.contains(pinned[name]), f"{requirement} does not admit {pinned[name]}"
