"""How much memory an improvement takes, by stage: the greatest of its own process, and of all its sandboxes together.

    python benchmarks/improve_memory.py [--train N] [--held-out N] [--workspace DIR] [OPTIONS OF IMPROVE]

Runs `gristmill improve` on list-function tasks and reads, at each stage that it announces, `VmHWM` of its process, that
the kernel counts and which is set back at the beginning of each stage (so it is exact, however short the peak). What it
holds when a stage begins is `VmRSS` then. The sandboxes' is the greatest sum of `Pss` of all processes below it, looked
at twice a second; what is shared counts once. Linux only.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

_STAGE = re.compile(r"^\d\d+:\d\d(?::\d\d)?  (.*)")


def status(pid: int, field: str) -> float:
    """A field of a process's status that is in kB, in GB."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1e6
    return 0.0


def shared_out(pid: int) -> float:
    """Memory of the processes below this one, GB, what several share counted once."""
    total = 0
    with suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(OSError):
                rollup = Path(f"/proc/{child.pid}/smaps_rollup").read_text("utf-8")
                total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1e6


def follow(command: list[str]) -> int:
    """Run it, and print a line a stage."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid, seen, over = process.pid, {"peak": 0.0, "below": 0.0}, threading.Event()

    def look() -> None:
        # Of a process that has ended there is nothing to read: so the last look counts.
        seen["peak"] = max(seen["peak"], status(pid, "VmHWM"))
        seen["below"] = max(seen["below"], shared_out(pid))

    def watch() -> None:
        while not over.wait(0.5):
            look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    name, held, since = "start", 0.0, time.monotonic()

    def tell() -> None:
        figures = {"held_gb": held, "peak_gb": seen["peak"], "below_gb": seen["below"]}
        rounded = {key: round(figure, 2) for key, figure in figures.items()}
        print(json.dumps({"stage": name, **rounded, "seconds": round(time.monotonic() - since, 1)}), flush=True)

    for line in process.stdout:
        print(line, end="", file=sys.stderr, flush=True)
        if (found := _STAGE.match(line)) is not None:
            look()
            tell()
            name, held, since = found[1].strip(), status(pid, "VmRSS"), time.monotonic()
            with suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="utf-8")
            seen.update(peak=held, below=0.0)
    process.wait()
    over.set()
    watcher.join()
    tell()
    return process.returncode


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=32)
    parser.add_argument("--held-out", type=int, default=64, help="tasks of the gate set, and of the test set")
    parser.add_argument("--workspace", type=Path, default=None)
    given, more = parser.parse_known_args()
    folder = given.workspace or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    gristmill = Path(sys.executable).with_name("gristmill")
    tasks = folder / "tasks.jsonl"
    counts = ["--train", str(given.train), "--gate", str(given.held_out), "--test", str(given.held_out)]
    made = [str(gristmill), "tasks", "generate", "list-functions", *counts, "--out", str(tasks), "--force"]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
    asked = [str(gristmill), "improve", str(tasks), "--workspace", str(folder), "--name", "memory"]
    raise SystemExit(follow([*asked, *more]))


if __name__ == "__main__":
    main()
