"""kill -9 at every stage of `gristmill recipe ser`, then `--resume`: does it end as the unkilled run did?

    python benchmarks/ser_kills.py BASE [--log FILE]

BASE is the folder of a small model; 60 generated pairs, one cached layer. The command is killed as soon as it has
printed the title of a stage, once for each title that the unkilled run printed. One line in the log a kill: stage, and
whether the JSON result is the same but for the folder's name.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

OPTIONS = ["--cached-layers", "1", "--share", "0.5", "--rounds", "2", "--learning-rate", "0.02", "--fewest", "1"]


def command(base: Path, folder: Path, *more: str) -> list[str]:
    """The call, in a workspace of its own."""
    called = [str(Path(sys.executable).with_name("gristmill")), "recipe", "ser", str(folder / "pairs.jsonl"), "--json"]
    return [*called, "--workspace", str(folder), "--base", str(base), *OPTIONS, *more]


def prepared(folder: Path) -> Path:
    """A workspace with the pairs."""
    rows = [{"prompt": f"{n}?", "chosen": f"{n} yes!", "rejected": f"{n} no."} for n in range(60)]
    folder.mkdir()
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def outcome(text: str) -> Any:
    """The result without where it lies."""
    return json.loads(text) | {"model": ""}


def killed(base: Path, folder: Path, title: str) -> bool:
    """Run until this title is printed, and kill; whether it was still running."""
    with subprocess.Popen(command(base, folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        for line in run.stderr or ():
            if line[2:3] == ":" and line.strip().endswith(title):
                run.send_signal(signal.SIGKILL)
                break
        return run.wait() == -signal.SIGKILL


def main() -> None:
    """Kill and resume at each stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path)
    parser.add_argument("--log", type=Path, default=Path(__file__).with_name("ser_kills.jsonl"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = prepared(Path(made) / "whole")
        whole = subprocess.run(command(options.base, folder), capture_output=True, text=True, check=True)
        titles = [line.split("  ", 1)[1].strip() for line in whole.stderr.splitlines() if line[2:3] == ":"]
        for number, title in enumerate(titles):
            folder = prepared(Path(made) / f"killed-{number}")
            was_killed = killed(options.base, folder, title)
            again = subprocess.run(
                command(options.base, folder, "--resume"), capture_output=True, text=True, check=False
            )
            same = again.returncode == 0 and outcome(again.stdout) == outcome(whole.stdout)
            row = {
                "killed at": title,
                "killed": was_killed,
                "same end": same,
                "error": again.stderr[-300:] * (not same),
            }
            print(json.dumps(row), flush=True)
            with options.log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
