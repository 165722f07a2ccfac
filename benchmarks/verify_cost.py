"""What judging honest references costs in processor time, beside an earlier tree: for machines that are never quiet.

    python benchmarks/verify_cost.py --humaneval HumanEval.jsonl.gz --mbpp sanitized-mbpp.json.gz --before CHECKOUT
                                     [--workers 2] [--rounds 3]

Every pass over a set is a process of its own, on bubblewrap, whose workers are its children: the processor time of all
of them is counted, their start included. The earlier tree, this one without the consistency run, and this one as it is
take turns. Seconds are medians; ratios are taken within a round, and their medians are printed. Each has judged one
reference before anything is counted, and keeps its bytecode in a folder of its own: what is compiled once, at the first
start after an installation, is not what judging costs, whatever this shell says of writing bytecode.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gristmill.graph.tasks.importers import import_tasks
from gristmill.sandbox import Limits

CHECKERS = Path(__file__).with_name("peer_checkers.py")
HERE = Path(__file__).resolve().parents[1]
CHECKER = "gristmill:bubblewrap"


def processor_seconds(checkout: Path, checker: str, workers: int, question: bytes, bytecode: str) -> float:
    """Of one pass, the host's and all its workers'. `bytecode`: the folder for what Python compiles.

    Raises:
        SystemExit: it broke, or a reference did not pass.
    """
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve() / ".dev"), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = bytecode
    command = [sys.executable, str(CHECKERS), checker, str(workers)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(question)
    process.stdin.close()
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not all(json.loads(answer)["passed"]):
        raise SystemExit(f"{checkout}, {checker}: status {process.returncode}: {answer[:300]!r}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Read the command line, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--humaneval", type=Path, required=True)
    parser.add_argument("--mbpp", type=Path, required=True)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as bytecode:
        measure(arguments, bytecode)


def measure(arguments: argparse.Namespace, bytecode: str) -> None:
    """Take turns, and print the table."""
    columns = {
        "before": (arguments.before, CHECKER),
        "without the consistency run": (HERE, f"{CHECKER},plain"),
        "now": (HERE, CHECKER),
    }
    # Ample: a reference that computes for seconds shall pass beside other work on the machine, too.
    limits = Limits(wall_seconds=120, cpu_seconds=120)
    table = Table("references, all pass", *columns)
    for source, path in (("humaneval", arguments.humaneval), ("mbpp", arguments.mbpp)):
        tasks = [task.model_copy(update={"limits": limits}) for task in import_tasks(source, path)]
        rows = [{"task": task.model_dump_json()} for task in tasks]
        seconds: dict[str, list[float]] = {name: [] for name in columns}
        for number in range(arguments.rounds + 1):
            judged = rows if number else rows[:1]
            question = json.dumps({"number": 1, "dataset": source, "rows": judged}).encode() + b"\n"
            for name, (checkout, checker) in columns.items():
                used = processor_seconds(checkout, checker, arguments.workers, question, bytecode)
                seconds[name] += [used] if number else []
                print(f"{source}, round {number}, {name}: {used:.2f} s", file=sys.stderr, flush=True)
        cells = []
        for each in seconds.values():
            ratio = statistics.median(one / first for one, first in zip(each, seconds["before"], strict=True))
            cells.append(f"{statistics.median(each):.1f} s ({ratio:.2f} times)")
        table.add_row(f"{source}, {len(tasks)}", *cells)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
