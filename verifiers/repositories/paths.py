"""Which paths a patch may name, and which of them a reply may change.

A patch ends as files in a sandbox, and as what its owner hands to `git apply` on whatever machine they have. So a path
is refused that means something else than it says on any of those: one that leaves the folder, git's own files in any
spelling, what Windows and macOS fold into another name.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

__all__ = ["is_test", "locked", "matches", "path_problem", "pattern_problem", "shadowing"]

_LONGEST, _DEEPEST = 240, 24
# One example each: `a"b`, `a\b`, `c:d`, `x<y`, `x|y`, `what?`, `a*`: what git would quote, or what Windows cannot hold.
_ODD = re.compile(r'["\\:<>|?*]')
# git~1, GIT~12: the short name under which Windows finds .git
_SHORT = re.compile(r"git~\d+", re.IGNORECASE)
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)

# What decides how tests are found and run, whoever may change the files beside it. `.git…` is refused as a path.
_CONFIGURATION = frozenset(
    (
        *("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "pyproject.toml", "setup.cfg"),
        *("setup.py", "tox.ini", "tox.toml", "noxfile.py", ".coveragerc", "sitecustomize.py", "usercustomize.py"),
        *("pyvenv.cfg", "makefile"),
    )
)
_MADE = (".pth", ".pyc", ".pyo", ".pyd", ".so", ".dll", ".dylib", ".egg-link")
# What Python finds modules in, and pytest plug-ins.
_INSTALLED = ("__pycache__", ".dist-info", ".egg-info")
_FOLDERS = frozenset(("tests", "test", "testing"))
# Names of modules that run the tests. A new file so named, where imports look first, would stand in their place.
_RUNNERS = frozenset(("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "gristmill"))
_IMPORT_ROOTS = ("", "src/")


def path_problem(path: str) -> str:
    """Why a patch may not name this path, as the end of a sentence; empty if it may."""
    parts = path.split("/")
    if not path or len(path) > _LONGEST or len(parts) > _DEEPEST:
        return "is empty, or too long"
    if path.startswith("/") or re.match("[A-Za-z]:", path):
        return "is absolute; name it from the repository's root"
    if not path.isprintable() or _ODD.search(path):
        return "has a character that no path here may have"
    for part in parts:
        if part in ("", ".", ".."):
            return "has a part that is empty, `.` or `..`"
        if part != part.strip() or part.endswith("."):
            return "has a part that begins or ends with a blank, or ends with a dot"
        folded = "".join(each for each in part.casefold() if each.isalnum() or each in "._-~")
        if folded.startswith(".git") or _SHORT.fullmatch(part):
            return "belongs to git"
        if _DEVICES.fullmatch(part):
            return "is the name of a device"
    return ""


def locked(path: str) -> str:
    """Why no reply may change this path, whatever a task calls editable; empty if the task decides."""
    *folders, name = path.split("/")
    small = name.casefold()
    if is_test(path):
        return "it belongs to the tests"
    if (
        small in _CONFIGURATION
        or small.endswith(_MADE)
        or any(each.casefold().endswith(_INSTALLED) for each in folders)
    ):
        return "it decides how the tests are run"
    return ""


def is_test(path: str) -> bool:
    """Whether a path is of the tests, as pytest and people name them: `tests/…`, `test_x.py`, `x_test.py`."""
    *folders, name = path.split("/")
    small = name.casefold()
    in_folder = any(each.casefold() in _FOLDERS for each in folders)
    return in_folder or small == "conftest.py" or (small.endswith(".py") and _names_test(small))


def _names_test(small: str) -> bool:
    return small.startswith("test_") or small.endswith("_test.py") or small in ("test.py", "tests.py")


def shadowing(path: str) -> bool:
    """Whether a new file would stand in the place of a module of Python's, or of what runs the tests."""
    for root in _IMPORT_ROOTS:
        top = path.removeprefix(root).partition("/")[0].removesuffix(".py") if path.startswith(root) else ""
        if top in sys.stdlib_module_names or top in _RUNNERS:
            return True
    return False


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path is one of these files, lies in one of these folders, or fits one of these patterns."""
    return any(pattern.fullmatch(path) for pattern in _compiled(tuple(patterns)))


def pattern_problem(pattern: str) -> str:
    """Why a task's pattern of paths cannot be used, as the end of a sentence; empty if it can."""
    if pattern in ("*", "**", "**/*"):
        return ""
    return path_problem(pattern.rstrip("/").replace("*", "x").replace("?", "x"))


@lru_cache(maxsize=256)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile("".join(_translated(pattern.rstrip("/"))) + "(?:/.*)?") for pattern in patterns)


def _translated(pattern: str) -> Iterable[str]:
    """`*` and `?` stay within a part of a path, `**` does not: `src/**/x_*.py`."""
    for piece in re.split(r"(\*\*/|\*\*|\*|\?)", pattern):
        yield {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(piece) or re.escape(piece)
