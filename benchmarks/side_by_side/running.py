"""One search of one peer, or of ours, in a folder of its own: what it cost, what it found.

Processor time is that of a control group's, so of all processes that a search has ever started, the sandbox's workers
too; the endpoint stands outside. Where no group can be made it is summed over the process tree, which misses what no
parent waited for. Memory is the sum of what each process of the tree has for itself (PSS), looked at as it goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from side_by_side.environments import environment
from side_by_side.problems import PROBLEMS

__all__ = ["OURS", "Sample", "Search", "lines", "ours", "run"]

HERE = Path(__file__).parent
OURS = "gristmill"
_LOOK = 0.5
_TICK = os.sysconf("SC_CLK_TCK")


class Sample(NamedTuple):
    """At some moment: calls answered so far, processor seconds, megabytes of the whole tree, seconds by the clock."""

    calls: int
    processor: float
    memory: float
    seconds: float


class Search(NamedTuple):
    """How it went."""

    samples: list[Sample]
    calls: int
    evaluations: int
    distinct: int
    best: Any
    seconds: float
    ended: str


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a log; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextlib.contextmanager
def endpoint(problem: str, log: Path, *arguments: str) -> Iterator[str]:
    """Address of the model, in a process of its own."""
    command = [sys.executable, "-m", "side_by_side.endpoint", problem, str(log), *arguments]
    environ = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)
    assert process.stdin
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()


class _Group:
    """A control group of processor accounting, if this machine lets us make one."""

    def __init__(self) -> None:
        self._folder: Path | None = Path(f"/sys/fs/cgroup/cpuacct/side-by-side-{os.getpid()}-{time.monotonic_ns()}")
        try:
            self._folder.mkdir()
        except OSError:
            self._folder = None

    def enter(self) -> None:
        """In the child, before it is the search."""
        if self._folder is not None:
            (self._folder / "cgroup.procs").write_text(str(os.getpid()))

    def processor(self, pid: int) -> float:
        if self._folder is not None:
            return int((self._folder / "cpuacct.usage").read_text()) / 1e9
        return sum(_times(each) for each in _tree(pid))

    def close(self) -> None:
        if self._folder is None:
            return
        for _ in range(50):
            for pid in (self._folder / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            with contextlib.suppress(OSError):
                self._folder.rmdir()
                return
            time.sleep(0.1)


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parent = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry))
    found = [root]
    for each in found:
        found += children.get(each, [])
    return found


def _times(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICK
    return 0.0


def _memory(root: int) -> float:
    total = 0
    for pid in _tree(root):
        with contextlib.suppress(OSError, StopIteration):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1])
    return total / 1000


def command_of(peer: str, url: str, calls: int, seed: int, how: str, more: Sequence[str]) -> list[str]:
    """What is run."""
    if peer != OURS:
        return [str(environment(peer)), str(HERE / "inside" / f"run_{peer}.py"), url, str(calls), str(seed), how]
    width = 4
    return [
        *(str(Path(sys.executable).with_name("gristmill")), "run", "task.jsonl", "--name", "search"),
        *("--model", f"openai:breeder@{url}", "--strategy", "evolve", "--seed", str(seed), "--sandbox", "bubblewrap"),
        *("--hypotheses", str(width), "--rounds", str(-(-calls // width)), "--patience", "1000000"),
        *("--calls", str(calls), "--json", *more),
    ]


def run(
    peer: str,
    problem: str,
    calls: int,
    seed: int,
    folder: Path,
    *,
    how: str = "lean",
    limit: float = 3600,
    more: Sequence[str] = (),
    model: Sequence[str] = (),
    nap: float = 0.0,
) -> Search:
    """Run one search, watched.

    Args:
        how: `lean` or `default` settings of a peer; of ours there are no others.
        limit: seconds by the clock after which it is ended.
        more: further options of ours.
        model: options of the endpoint.
        nap: seconds that each evaluation of a peer takes besides.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    PROBLEMS[problem].write(folder)
    environ = {**os.environ, "SIDE_BY_SIDE": str(folder.resolve()), "SIDE_BY_SIDE_NAP": str(nap)}
    environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": "" if peer == OURS else str(HERE / "inside")}
    group, log = _Group(), folder / "calls.jsonl"
    samples: list[Sample] = []
    begun, ended = time.monotonic(), "done"
    with endpoint(problem, log.resolve(), "--seed", str(seed), *model) as url, (folder / "said.txt").open("w") as said:
        command = command_of(peer, url, calls, seed, how, more)
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdout=said, stderr=said, preexec_fn=group.enter, start_new_session=True
        )
        at, answered, memory_at = 0, 0, 0.0
        try:
            while True:
                with contextlib.suppress(FileNotFoundError), log.open("rb") as read:
                    read.seek(at)
                    new = read.read()
                    at, answered = at + len(new), answered + new.count(b"\n")
                now = time.monotonic() - begun
                if process.poll() is not None:
                    samples.append(Sample(answered, group.processor(process.pid), samples[-1].memory, now))
                    break
                if now > memory_at:
                    memory, memory_at = _memory(process.pid), now + 5 * _LOOK
                samples.append(Sample(answered, group.processor(process.pid), memory, now))
                if now > limit:
                    ended = f"ended after {limit:.0f} s"
                    break
                time.sleep(_LOOK)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            group.close()
    if ended == "done" and process.returncode not in (0, 1):
        ended = f"exit code {process.returncode}"
    if peer == OURS:
        ours(folder)
    rows = lines(folder / "evaluated.jsonl")
    best = json.loads((folder / "best.json").read_text()) if (folder / "best.json").exists() else None
    distinct = len({row["program"] for row in rows})
    return Search(samples, answered, len(rows), distinct, best, time.monotonic() - begun, ended)


def ours(folder: Path) -> None:
    """Write what our store holds as the peers' evaluator writes it, in the order of places."""
    from side_by_side.endpoint import sha

    from gristmill.graph.storage.store import Store

    best: tuple[float, str] | None = None
    with Store.open(folder, create=False) as store, (folder / "evaluated.jsonl").open("w") as log:
        task = store.tasks("search")[0].id
        for hypothesis, verdict in store.each_step("search", task):
            if verdict is None or hypothesis.solution is None or verdict.repeats is not None:
                continue
            score = verdict.score or 0.0
            log.write(json.dumps({"program": sha(hypothesis.solution), "score": score}) + "\n")
            if best is None or score > best[0]:
                best = score, hypothesis.solution
    (folder / "best.json").write_text(json.dumps(best and {"score": str(best[0]), "program": best[1]}))
