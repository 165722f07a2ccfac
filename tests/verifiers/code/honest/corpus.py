"""The corpus of honest programs: each with its tests, where it comes from, and wrong variants of it.

A row of a `.txt` file here is

    === name | topic | kind of test | entry points | source
    the solution
    --- tests (`in` and `out` by turns for stdio; one call a line for cases), setup, shared, limits, refused
    --- mutants
    old => new             the solution with the first `old` replaced; ⏎ stands for the end of a line
    @12 new                the solution with its line 12 replaced, indentation kept

`refused` gives the reason why this judge cannot decide the program apart; it begins with `listed:` where the reason is
one of those that docs/security.md names.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from gristmill.verifiers import Task

__all__ = ["Row", "corpus"]

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """One honest program. `mutants` are whole sources; `reason` says why it is refused, if it is."""

    name: str
    topic: str
    kind: str
    names: tuple[str, ...]
    source: str
    solution: str
    test: dict[str, Any]
    mutants: tuple[str, ...] = ()
    limits: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    file: str = ""

    @property
    def task(self) -> Task:
        """What a verifier is given; as patient as a loaded machine needs it, where the row sets no limits."""
        limits = {"wall_seconds": 60, "cpu_seconds": 30} | self.limits
        return Task(id=self.name, kind="code", prompt=self.topic, limits=limits, tests=(self.test,))


@cache
def corpus() -> tuple[Row, ...]:
    """All rows, in the order of the files."""
    rows = tuple(row for path in sorted(FOLDER.glob("*.txt")) for row in _rows(path))
    names = [row.name for row in rows]
    assert len(set(names)) == len(names), sorted({name for name in names if names.count(name) > 1})
    return rows


def _rows(path: Path) -> list[Row]:
    blocks = ("\n" + path.read_text(encoding="utf-8")).split("\n=== ")[1:]
    return [_row(block, path.name) for block in blocks]


def _row(block: str, file: str) -> Row:
    head, _, rest = block.partition("\n")
    name, topic, kind, names, source = (each.strip() for each in head.split("|"))
    sections: list[tuple[str, str]] = [("solution", "")]
    for line in rest.rstrip("\n").split("\n"):
        if line.startswith("--- "):
            sections.append((line[4:].strip(), ""))
        else:
            sections[-1] = (sections[-1][0], f"{sections[-1][1]}{line}\n")
    parts = dict(sections)
    solution = parts["solution"]
    entry_points = tuple(each.strip() for each in names.split(",") if each.strip() not in ("", "-"))
    return Row(
        name=name,
        topic=topic,
        kind=kind.partition(":")[0],
        names=entry_points,
        source=source,
        solution=solution,
        test=_test(kind, entry_points, sections, parts),
        mutants=tuple(_changed(name, solution, line) for line in parts.get("mutants", "").splitlines() if line.strip()),
        limits=json.loads(parts.get("limits", "{}")),
        reason=parts.get("refused", "").strip(),
        file=file,
    )


def _test(kind: str, names: tuple[str, ...], sections: list[tuple[str, str]], parts: dict[str, str]) -> dict[str, Any]:
    shared = {"shared": parts["shared"]} if "shared" in parts else {}
    kind, _, compare = kind.partition(":")
    if kind == "cases":
        cases = [_case(line) for line in parts["tests"].splitlines() if line.strip()]
        return {"type": "cases", "entry_point": names[0], "cases": cases, **({"compare": compare} if compare else {})}
    if kind == "stdio":
        given = [text for title, text in sections if title == "in"]
        wanted = [text for title, text in sections if title == "out"]
        pairs = zip(given, wanted, strict=True)
        return {"type": "stdio", "cases": [{"stdin": stdin, "stdout": stdout} for stdin, stdout in pairs]}
    if kind == "python":
        return {
            "type": "python",
            "entry_point": names,
            "code": parts["tests"],
            "setup": parts.get("setup", ""),
            **shared,
        }
    assert kind == "pytest", kind
    return {"type": "pytest", "entry_point": names, "files": {"test_solution.py": parts["tests"]}, **shared}


def _case(line: str) -> dict[str, Any]:
    """One call: ``f(1, key=2) == 3``, or ``f(1) raises ValueError``."""
    call, raised, kind = line.partition(" raises ")
    node = ast.parse(line if not raised else call, mode="eval").body
    case: dict[str, Any] = {"raises": kind.strip()} if raised else {}
    if isinstance(node, ast.Compare):
        case["expected"] = ast.literal_eval(node.comparators[0])
        node = node.left
    assert isinstance(node, ast.Call), line
    case["args"] = [ast.literal_eval(each) for each in node.args]
    case["kwargs"] = {each.arg: ast.literal_eval(each.value) for each in node.keywords}
    return case


def _changed(name: str, solution: str, edit: str) -> str:
    if placed := re.match(r"@(\d+) (.*)", edit):  # @12 return None
        number, text = placed.groups()
        lines = solution.split("\n")
        old = lines[int(number) - 1]
        lines[int(number) - 1] = old[: len(old) - len(old.lstrip())] + text
        return "\n".join(lines)
    old, arrow, new = (each.replace("⏎", "\n") for each in edit.partition(" => "))
    if not arrow:
        old, arrow = edit.removesuffix(" =>"), "="
    assert old in solution, f"{name}: {edit!r} does not fit"
    return solution.replace(old, new, 1)
