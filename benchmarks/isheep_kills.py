"""kill -9 at every stage of `gristmill recipe isheep`, then `--resume`: does it end as the unkilled run did?

    python benchmarks/isheep_kills.py BASE [--log FILE]

BASE is the folder of a small model, which is trained; what it would write is recorded. The command is killed as soon as
it has printed the title of a stage, goes on by `--resume`, is killed at the next one, and so on: once for each title
that the unkilled run printed, in one workspace. One line in the log a kill, and one for the end: whether summary, rows
and the adapters' weights are those of the unkilled run, times and folders apart. Some minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WRITTEN = (
    "1. Describe a red kite over a field.",
    "Instruction: Tell me how a clock works.",
    "Give me a plan for a quiet Sunday.",
    "What does a beekeeper do in winter?",
    "I'm sorry, but I cannot write an instruction.",
    "Name three rivers of Europe.",
)
"""Of an iteration; the second one writes the same of other things."""
OPTIONS = (
    "--prompts 6 --iterations 2 --patience 2 --filter heuristics --likeness 1 --follow-ups 0.5 --gate-prompts 12 "
    "--test-prompts 3 --two-turn-prompts 2 --probe --mtbench 1 --epochs 1 --draw-key kills "
    "--sandbox bubblewrap --workers 2"
).split()


def recorded() -> list[dict[str, Any]]:
    """What the model says: prompts by their places, scores, and else an answer that follows some constraints."""
    others = [text.replace("a ", "another ").replace("three", "two") for text in WRITTEN]
    rows: list[dict[str, Any]] = [
        {"task_id": f"r{iteration}-prompt-{at}", "text": text}
        for iteration, texts in ((1, WRITTEN), (2, others))
        for at, text in enumerate(texts)
    ]
    rows += [
        {"match": "Give a score from 1 (bad)", "text": "Score: 9"},
        {"match": "Give a score from 1 (not at all)", "text": "Score: 7"},
        {"match": "[[rating]]", "text": "Rating: [[5]]"},
        {"match": "What could the user say next", "text": "And what about the evening?"},
        {"text": "THERE IS MUCH TO BE TOLD OF IT."},
    ]
    return rows


def command(base: Path, folder: Path, *more: str) -> list[str]:
    """The call, in a workspace of its own."""
    said = f"replay:{folder.parent / 'recorded.jsonl'}"
    called = [str(Path(sys.executable).with_name("gristmill")), "recipe", "isheep", "--json", "--name", "kills"]
    return [*called, "--model", said, "--judge", said, "--workspace", str(folder), "--base", str(base), *OPTIONS, *more]


def title_of(line: str) -> str | None:
    """The title of a stage in a line of the display."""
    return line.split("  ", 1)[1].strip() if line[2:3] == ":" and "  " in line else None


def outcome(text: str, folder: Path) -> dict[str, Any]:
    """The summary without times and folders, the rows, and the sha256 of each adapter's weights."""
    summary = json.loads(text)
    found = {name: value for name, value in summary.items() if name not in ("seconds", "adapter")}
    found["iterations"] = [{**each, "adapter": None} for each in summary["iterations"]]
    for each in found["iterations"]:
        for name in ("trained", "adapter"):
            each.pop(name, None)
    home = folder / ".gristmill"
    for pattern in ("**/train.jsonl", "**/adapter_model.safetensors"):
        for path in sorted(home.glob(pattern)):
            found[str(path.relative_to(home))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def killed(call: list[str], title: str) -> tuple[bool, str]:
    """Run until this title is printed, and kill; whether it was still running, and what it had said at last."""
    said = ""
    with subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        for line in run.stderr or ():
            said = line
            if title_of(line) == title:
                run.send_signal(signal.SIGKILL)
                break
        return run.wait() == -signal.SIGKILL, said.strip()


def main() -> None:
    """Kill at each stage, and compare the ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path)
    parser.add_argument("--log", type=Path, default=Path(__file__).with_name("isheep_kills.jsonl"))
    options = parser.parse_args()

    def keep(row: dict[str, Any]) -> None:
        print(json.dumps(row), flush=True)
        with options.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")

    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "recorded.jsonl").write_text("".join(json.dumps(row) + "\n" for row in recorded()))
        whole, other = Path(made) / "whole", Path(made) / "killed"
        whole.mkdir()
        other.mkdir()
        unkilled = subprocess.run(command(options.base, whole), capture_output=True, text=True, check=False)
        if not unkilled.stdout:
            sys.exit(unkilled.stderr)
        titles = [title for line in unkilled.stderr.splitlines() if (title := title_of(line))]
        more: tuple[str, ...] = ()
        for title in titles:
            was_killed, said = killed(command(options.base, other, *more), title)
            keep({"killed at": title, "killed": was_killed, **({} if was_killed else {"said": said[-300:]})})
            more = ("--resume",)
        again = subprocess.run(command(options.base, other, *more), capture_output=True, text=True, check=False)
        ends = outcome(unkilled.stdout, whole), outcome(again.stdout or "{}", other) if again.stdout else {}
        differs = sorted(name for name in {**ends[0], **ends[1]} if ends[0].get(name) != ends[1].get(name))
        keep(
            {
                "stages": len(titles),
                "same end": not differs and again.returncode == unkilled.returncode,
                "differs": differs,
                "compared": len(ends[0]),
                "iterations": len(ends[0]["iterations"]),
                "minutes": round((time.monotonic() - begun) / 60, 1),
                "error": again.stderr[-300:] * (not again.stdout),
            }
        )


if __name__ == "__main__":
    main()
