"""What a commit's own settings ask of pytest, as far as it bears on which solutions pass.

`addopts` may ask for plug-ins that an image lacks, for fewer tests, for reports; none of that is wanted here. What
makes a test pass or fail is: warnings that are errors, strictness, how modules are imported, plug-ins in the tree.
"""

from __future__ import annotations

import configparser
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

from gristmill.verifiers.repositories.trees import Tree

__all__ = ["kept_options"]

# In pytest's order; the first that has a section of pytest's counts. https://docs.pytest.org/en/stable/reference/customize.html
_INI = (("pytest.ini", "pytest"), (".pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest"))
_ALONE = ("--strict", "--strict-markers", "--strict-config")
_WITH_VALUE = ("-W", "--pythonwarnings", "--import-mode")


def kept_options(tree: Tree) -> tuple[str, ...]:
    """The options of `addopts` that go along; what cannot be read asks for nothing, as pytest will say itself."""
    asked = _addopts(tree)
    try:
        words = shlex.split(asked) if isinstance(asked, str) else [str(each) for each in asked]
    except ValueError:
        return ()
    return tuple(_kept(words, tree))


def _kept(words: list[str], tree: Tree) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        name, _, value = word.partition("=")
        if word in _ALONE or (name in _WITH_VALUE and value) or (word.startswith("-W") and word != "-W"):
            yield word
        elif word in _WITH_VALUE:
            yield from (word, next(rest, ""))
        elif word == "-p" or (word.startswith("-p") and not word.startswith("--")):
            plugin = word[2:] or next(rest, "")
            if f"{plugin.replace('.', '/')}.py" in tree.files:
                yield from ("-p", plugin)


def _addopts(tree: Tree) -> Any:
    for path, section in _INI[:2]:
        if path in tree.files:
            return _of_ini(tree, path, section) or ""
    if (found := _of_toml(tree)) is not None:
        return found
    for path, section in _INI[2:]:
        if (of_ini := _of_ini(tree, path, section)) is not None:
            return of_ini
    return ""


def _of_ini(tree: Tree, path: str, section: str) -> str | None:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(tree.text(path) or "")
        return parser.get(section, "addopts", fallback="") if parser.has_section(section) else None
    except configparser.Error:
        return None


def _of_toml(tree: Tree) -> Any:
    try:
        tool = tomllib.loads(tree.text("pyproject.toml") or "").get("tool", {}).get("pytest")
        if not isinstance(tool, dict):
            return None
        options = tool.get("ini_options", tool)
        asked = options.get("addopts", "") if isinstance(options, dict) else ""
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
        return None
    return asked if isinstance(asked, str | list) else ""
