"""An audit at 500 rows: honest ones hold, and what is tampered with is named, in all ways of tests/trainers/data.

    PYTHONPATH=. python benchmarks/auditing.py [--rows 500]

A run of as many tasks (two replies each, a wrong one and a right one) is judged, exported as rows for SFT with its
Parquet, audited in fresh sandboxes against the run, and signed. Then the folder is tampered with in each of the ways of
tests/trainers/data/test_audit.py, a fresh copy each, and in fifty rows drawn by chance, one letter of the answer each:
`audit --check` must name file and line, as that test says. Exits 1 if anything is not found, or not named.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.trainers.data import test_audit as small


def make(home: Path, rows: int) -> int:
    """A workspace with the run, its folder and the keys; how many rows are in the training split."""
    first, first_replies = small._tasks(), small._replies()
    numbers = range(5, 5 + rows - len(first))
    tasks = [*first, *({**_times(by), "split": "train"} for by in numbers)]
    # Those of the small set come first, so that its tampering strikes the same lines.
    said = [
        *first_replies,
        *({"task_id": f"times-{by}", "text": form.format(by)} for by in numbers for form in (small.BAD, small.GOOD)),
    ]
    for name, lines in (("tasks", tasks), ("replies", said)):
        (home / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for key in ("key", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / key], check=True)
    timed(
        "run",
        *("run", home / "tasks.jsonl", "--name", "night", "--model", f"replay:{home / 'replies.jsonl'}"),
        *("--strategy", "best_of", "--hypotheses", 2, "--rounds", 1, "--sandbox", "bubblewrap", "--workspace", home),
    )
    timed("export", "export", "night", "--format", "sft", "--parquet", "--out", home / "sft", "--workspace", home)
    return len((home / "sft/data/train.jsonl").read_text().splitlines())


def _times(by: int) -> dict[str, object]:
    cases = [{"args": [n], "expected": by * n} for n in (2, 5)]
    tests = [{"type": "cases", "entry_point": "f", "cases": cases}]
    return {"id": f"times-{by}", "kind": "code", "prompt": f"Write `f(n)`: n times {by}.", "tests": tests}


def timed(what: str, *words: object) -> str:
    """Call the command; what it said.

    Raises:
        SystemExit: it failed.
    """
    begun, done = time.monotonic(), small.call(*words)
    if done.exit_code:
        raise SystemExit(f"{what}: exit code {done.exit_code}\n{done.output}")
    print(f"{what}: {time.monotonic() - begun:.1f} s", flush=True)
    return done.output


def found(folder: Path, key: Path, said: str) -> bool:
    """Whether `audit --check` refuses the folder and says this."""
    done = small.call("audit", folder, "--check", "--key", key)
    named = done.exit_code in (1, 2) and said in done.output.replace("\n", " ")
    if not named:
        print(f"NOT NAMED: {said!r} in\n{done.output}")
    return named


def main() -> None:
    """Make, audit, tamper, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        home = Path(made)
        train = make(home, arguments.rows)
        where = ("--workspace", home, "--sandbox", "bubblewrap")
        print(timed("audit", "audit", home / "sft", "--key", home / "key", *where).strip())
        print(timed("check", "audit", home / "sft", "--check", "--key", home / "key.pub").strip())
        named = 0
        for change, said in small.TAMPERING.values():
            folder = Path(shutil.copytree(home / "sft", home / "copy"))
            change(folder)
            said = said.replace(" of 3 ", f" of {train} ").replace("line 4:", f"line {train + 1}:")
            named += found(folder, home / "key.pub", said)
            shutil.rmtree(folder)
        print(f"kinds of tampering named: {named} of {len(small.TAMPERING)}")
        letters, dice = 0, random.Random(0)
        lines = dice.sample(range(1, train + 1), 50)
        for line in lines:
            folder = Path(shutil.copytree(home / "sft", home / "copy"))
            small.edit(folder / "data/train.jsonl", line, _one_letter)
            letters += found(folder, home / "key.pub", f"data/train.jsonl: line {line}: was changed")
            shutil.rmtree(folder)
        print(f"one letter of a row's answer named by its line: {letters} of {len(lines)}")
    sys.exit(named < len(small.TAMPERING) or letters < len(lines))


def _one_letter(row: dict[str, Any]) -> None:
    (turn,) = row["completion"]
    turn["content"] = turn["content"][:-1] + "~"


if __name__ == "__main__":
    main()
