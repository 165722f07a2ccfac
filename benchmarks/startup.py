"""What a start costs: processor time of `gristmill run` on one task whose recorded reply is right, workers included.

    python benchmarks/startup.py [--repeats 5] [--imports] [--json FILE]

The whole command is counted, from its start to its end: the host's imports and work, and the bubblewrap workers that
are its children (Docker's are the engine's); one hypothesis, so one worker and one that confirms. Medians.
The bar: 2 s. `--imports` names the packages whose import costs most.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

TASK = {
    "id": "double",
    "kind": "code",
    "prompt": "Write double(x), which returns 2 * x.",
    "tests": [{"type": "cases", "entry_point": "double", "cases": [{"args": [2], "expected": 4}]}],
}
REPLY = "```python\ndef double(x):\n    return 2 * x\n```"
PROGRAM = "import sys; from gristmill.trainers.cli import main; main()"


def command(folder: Path, *flags: str) -> list[str]:
    """The run, in a workspace of its own."""
    (folder / "tasks.jsonl").write_text(json.dumps(TASK) + "\n")
    (folder / "replies.jsonl").write_text(json.dumps({"text": REPLY}) + "\n")
    options = [
        "--model",
        f"replay:{folder / 'replies.jsonl'}",
        "--sandbox",
        "bubblewrap",
        "--profile",
        "chat",
        "--json",
        *("--hypotheses", "1", "--rounds", "1"),
    ]
    return [
        sys.executable,
        *flags,
        "-c",
        PROGRAM,
        "run",
        str(folder / "tasks.jsonl"),
        *options,
        "--workspace",
        str(folder),
    ]


def spent() -> float:
    """Processor seconds of all children that have ended, with theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure() -> float:
    """Processor seconds of one run."""
    with tempfile.TemporaryDirectory() as folder:
        before = spent()
        done = subprocess.run(command(Path(folder)), capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["solved"] == 1, done.stdout
        return spent() - before


def imports() -> Counter[str]:
    """Seconds in which modules of each package were imported, their own imports left out."""
    seconds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command(Path(folder), "-X", "importtime"), capture_output=True, text=True, check=True)
    for line in done.stderr.splitlines():
        if (match := re.match(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\w+)", line)) is not None:
            seconds[match[2]] += int(match[1])
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--imports", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    measure()  # the image, compiled modules
    seconds = [measure() for _ in range(arguments.repeats)]
    print(
        f"start to end of one task: {statistics.median(seconds):.2f} s of processor time (bar: 2 s), "
        f"{min(seconds):.2f} to {max(seconds):.2f}"
    )
    if arguments.imports:
        for name, microseconds in imports().most_common(12):
            print(f"  {name:24} {microseconds / 1e3:6.0f} ms")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
