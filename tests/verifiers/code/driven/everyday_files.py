"""Reads the everyday tasks: `everyday_tasks/*.yaml`, which are open, and `held_back.jsonl`, which tunes nothing."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gristmill.verifiers import Task

__all__ = ["FOLDER", "HELD_BACK", "EverydayTask", "opened", "read"]

FOLDER = Path(__file__).with_name("everyday_tasks")
HELD_BACK = FOLDER / "held_back.jsonl"


@dataclass(frozen=True)
class EverydayTask:
    """A task as a team would write it, and the same one as a driven test, if it can be one.

    `wrong` has the whole source of each wrong variant, by what is wrong with it. `pytest` imports `solution`.
    """

    id: str
    library: str
    source: str
    packages: list[str]
    prompt: str
    pytest: str
    right: str
    wrong: dict[str, str]
    driven: dict[str, Any] | None

    def task(self, **more: Any) -> Task:
        """The driven form, its test hidden."""
        if self.driven is None:
            raise ValueError(f"{self.id} has no driven form")
        settings = {"packages": self.packages} if self.packages else {}
        tests = [{"type": "driven", **self.driven}]
        return Task(
            id=self.id, kind="code", prompt=self.prompt, tests=tests, reference=self.right, settings=settings, **more
        )

    def pytest_task(self, **more: Any) -> Task:
        """The test file, as it is."""
        settings = {"packages": self.packages} if self.packages else {}
        names = _asked_for(ast.parse(self.pytest))
        tests = [{"type": "pytest", "entry_point": names, "files": {"test_solution.py": self.pytest}}]
        return Task(
            id=self.id, kind="code", prompt=self.prompt, tests=tests, reference=self.right, settings=settings, **more
        )


def opened() -> Iterator[EverydayTask]:
    """All open tasks."""
    for path in sorted(FOLDER.glob("*.yaml")):
        yield from read(path)


def read(path: Path) -> list[EverydayTask]:
    """The tasks of one file.

    Raises:
        ValueError: a field is missing, or a wrong variant is no change of the right solution.
    """
    text = path.read_text("utf-8")
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in text.splitlines()]
        return [_task(row, row["library"]) for row in rows if "library" in row]
    return [_task(row, row.get("library", path.stem)) for row in yaml.safe_load(text)]


def _asked_for(tree: ast.Module) -> list[str]:
    """The names of the solution that a test file uses."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="solution", names=imported):
                names |= {each.name for each in imported}
            case ast.Attribute(value=ast.Name(id="solution"), attr=name):
                names.add(name)
    return sorted(names)


def _task(row: dict[str, Any], library: str) -> EverydayTask:
    right = row["right"]
    wrong = {what: _changed(row["id"], what, right, change) for what, change in row["wrong"].items()}
    if len(set(wrong.values()) | {right}) != len(wrong) + 1:
        raise ValueError(f"{row['id']}: two variants are the same")
    driven = {key: row[key] for key in ("drive", "judge", "cases")} if "drive" in row else None
    packages = row.get("packages", [])
    return EverydayTask(row["id"], library, row["source"], packages, row["prompt"], row["pytest"], right, wrong, driven)


def _changed(name: str, what: str, right: str, change: str | list[str]) -> str:
    """A wrong variant: its whole source, or what stands in the right one once and what stands there instead."""
    if isinstance(change, str):
        return change
    for old, new in zip(change[::2], change[1::2], strict=True):
        if right.count(old) != 1:
            raise ValueError(f"{name}: {what}: {old!r} stands in the right solution {right.count(old)} times")
        right = right.replace(old, new)
    return right
