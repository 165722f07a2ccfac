"""What gristmill makes of the everyday tasks: right solutions and wrong ones, by form of the tests and by backend.

    python benchmarks/everyday.py --json measured.json [--sandbox bubblewrap docker] [--form driven pytest]
                                  [--only ID …] [--again] [--show] [--at-once 6]

Every task of tests/verifiers/code/driven/everyday_tasks goes through the commands `tasks check --run-references` and
`verify --accept together`, with its right solution and its five wrong ones, which plain pytest rejects: as a driven
test, and as the test file that a team would write. Results are kept in --json after each few tasks of one image, and a
run goes on from there; --again measures what is named once more. Images with packages must be there; the command that
builds those that are missing is printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gristmill.graph.tasks.loading import task_row
from gristmill.sandbox.image.packaged import LacksPackagesError, image_for
from gristmill.sandbox.image.requirements import command
from tests.verifiers.code.driven.everyday_files import HELD_BACK, EverydayTask, opened, read

FORMS, BACKENDS = ("driven", "pytest"), ("bubblewrap", "docker")
GOOD, WEAK = ("tested", "split"), ("refused", "together")
RIGHT = "right"
Row = dict[str, Any]


def main() -> None:
    """Measure what is missing, print all. Exit status 1: a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sandbox", nargs="+", default=BACKENDS, choices=BACKENDS)
    parser.add_argument("--form", nargs="+", default=FORMS, choices=FORMS)
    parser.add_argument("--only", nargs="+", default=(), metavar="ID")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--show", action="store_true", help="measure nothing, print what is kept")
    parser.add_argument("--at-once", type=int, default=6, help="tasks in one command")
    arguments = parser.parse_args()
    tasks = {task.id: task for task in (*opened(), *read(HELD_BACK)) if not arguments.only or task.id in arguments.only}
    if not arguments.show and (lacking := _lacking(tasks.values())):
        raise SystemExit(f"build first: {lacking}")
    kept: dict[str, Row] = json.loads(arguments.json.read_text("utf-8")) if arguments.json.exists() else {}
    asked = [(backend, form) for backend in arguments.sandbox for form in arguments.form]
    for backend, form in () if arguments.show else asked:
        left = [task for task in tasks.values() if arguments.again or _key(backend, form, task.id) not in kept]
        for group in _groups(left, arguments.at_once):
            print(f"{backend}, {form}: {', '.join(task.id for task in group)}", file=sys.stderr, flush=True)
            kept |= _measured(backend, form, group)
            beside = arguments.json.with_name(arguments.json.name + ".part")
            beside.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
            beside.replace(arguments.json)
    held = {task.id for task in read(HELD_BACK)}
    console = Console(width=140)
    rows = [
        (backend, form, {name: row for name in tasks if (row := kept.get(_key(backend, form, name))) is not None})
        for backend, form in asked
    ]
    commits = {row["commit"] for _, _, named in rows for row in named.values()}
    console.print(f"commit {', '.join(sorted(commits))}")
    console.print(_table(rows, held))
    missed = [line for backend, form, named in rows for line in _lines(backend, form, named)]
    console.print("\n".join(missed), markup=False, highlight=False)
    raise SystemExit(1 if any(_misses(named) for _, _, named in rows) else 0)


def _key(backend: str, form: str, name: str) -> str:
    return f"{backend}/{form}/{name}"


def _lacking(tasks: Iterable[EverydayTask]) -> str:
    lacking = set[str]()
    for task in tasks:
        try:
            image_for(task.packages)
        except LacksPackagesError:
            lacking |= {*task.packages}
    return command(lacking) if lacking else ""


def _groups(tasks: list[EverydayTask], most: int) -> Iterator[list[EverydayTask]]:
    """Tasks of one image, so that they share workers."""
    images: dict[str, list[EverydayTask]] = {}
    for task in tasks:
        images.setdefault(image_for(task.packages).image, []).append(task)
    for same in images.values():
        yield from (same[start : start + most] for start in range(0, len(same), most))


def _measured(backend: str, form: str, group: list[EverydayTask]) -> dict[str, Row]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        forms = {task.id: task.task() if form == "driven" else task.pytest_task() for task in group}
        _write(place / "tasks.jsonl", [task_row(task) for task in forms.values()])
        candidates = [
            {"task_id": task.id, "id": name, "text": source}
            for task in group
            for name, source in {RIGHT: task.right, **task.wrong}.items()
        ]
        _write(place / "candidates.jsonl", candidates)
        checked = _gristmill(folder, "tasks", "check", "tasks.jsonl", "--run-references", "--sandbox", backend)
        more = ("--out", "verdicts.jsonl", "--accept", "together", "--sandbox", backend)
        _gristmill(folder, "verify", "tasks.jsonl", "candidates.jsonl", *more)
        verdicts = [json.loads(line) for line in (place / "verdicts.jsonl").read_text("utf-8").splitlines()]
    if len(verdicts) != len(candidates) or checked["references"] != len(group):
        raise SystemExit(f"{len(verdicts)} of {len(candidates)} verdicts came")
    rows: dict[str, Row] = {task.id: {"wrong": {}} for task in group}
    for verdict in verdicts:
        row, what = rows[verdict["task_id"]], _what(verdict)
        if verdict["id"] == RIGHT:
            row |= {RIGHT: what, "seconds": verdict["seconds"], "feedback": "" if what in GOOD else verdict["feedback"]}
        else:
            row["wrong"][verdict["id"]] = what
    commit = _commit()
    for name, row in rows.items():
        row |= {"check": checked["wrong"].get(name, "passed"), "reason": checked["reasons"].get(name, "")}
        row |= {"warnings": checked["warnings"].get(name, []), "commit": commit}
    return {_key(backend, form, name): row for name, row in rows.items()}


def _what(verdict: Row) -> str:
    """The strength of a pass, or what came instead of one."""
    return str(verdict["strength"] if verdict["outcome"] == "passed" else verdict["outcome"])


def _write(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _gristmill(folder: str, *words: str) -> Row:
    """What the command says of itself. Raises SystemExit where it could not be used, or had no sandbox."""
    program = str(Path(sys.executable).with_name("gristmill"))
    done = subprocess.run([program, *words, "--json"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(words)}: status {done.returncode}: {done.stderr[-2000:]}")
    summary: Row = json.loads(done.stdout)
    return summary


def _commit() -> str:
    git = ["git", "-C", str(Path(__file__).resolve().parents[1])]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    return commit.strip() + (" with changes" if changed else "")


def _table(rows: list[tuple[str, str, dict[str, Row]]], held: set[str]) -> Table:
    table = Table(title="everyday tasks: right solutions by what came of them, and wrong ones")
    right = (*GOOD, "forwarded", *WEAK, "else")
    for column in ("form", "backend", "tasks", "", *right, "wrong ones", "passed", "failed", "else"):
        table.add_column(column, justify="left" if column in ("form", "backend", "tasks") else "right")
    for backend, form, named in rows:
        for title, part in (
            ("open", {name: row for name, row in named.items() if name not in held}),
            ("held back", {name: row for name, row in named.items() if name in held}),
        ):
            counts = Counter(row[RIGHT] for row in part.values())
            wrong = Counter(what for row in part.values() for what in row["wrong"].values())
            rest = len(part) - sum(counts[each] for each in right[:-1])
            failed = wrong["failed"] + wrong["error"] + wrong["timeout"]
            cells = [len(part), *(counts[each] for each in right[:-1]), rest, wrong.total()]
            cells += [_passes(wrong), failed, wrong.total() - _passes(wrong) - failed]
            table.add_row(form, backend, title, *map(str, cells))
    return table


def _passes(counts: Counter[str]) -> int:
    return sum(counts[each] for each in (*GOOD, "forwarded", "together"))


def _misses(named: dict[str, Row]) -> bool:
    """Whether a bar is missed: a right one that fails, a wrong one that passes, too few that are decided."""
    counts = Counter(row[RIGHT] for row in named.values())
    wrong = Counter(what for row in named.values() for what in row["wrong"].values())
    decided = sum(counts[each] for each in GOOD)
    weak = sum(counts[each] for each in WEAK)
    return bool(_passes(wrong)) or decided + weak < len(named) or decided < 0.85 * len(named)


def _lines(backend: str, form: str, named: dict[str, Row]) -> Iterator[str]:
    """What is not as it should be, a line each."""
    for name, row in sorted(named.items()):
        if row[RIGHT] not in GOOD:
            words = " ".join((row["reason"] or row["feedback"]).split())
            yield f"{form}, {backend}: {name}: the right one: {row[RIGHT]}: {words[:300]}"
        passed = [what for what, came in row["wrong"].items() if came in (*GOOD, "forwarded", "together")]
        yield from (f"{form}, {backend}: {name}: a wrong one passes: {what}" for what in passed)
        yield from (f"{form}, {backend}: {name}: warning: {each}" for each in row["warnings"] if form == "driven")


if __name__ == "__main__":
    main()
