"""Forty searches that got stuck: what an earlier tree asks next, and what this one does, answered by a mind; who wins.

    python benchmarks/stuck.py ask FOLDER --before CHECKOUT [--of histories|readings|kinds]
    python benchmarks/stuck.py judge FOLDER [--of …] [--sandbox bubblewrap] [--record benchmarks/stuck]

`benchmarks/stuck/histories.yaml` has forty tasks of all kinds, each with the replies of its rounds so far, none of
which solves it; `benchmarks/stuck_readings.py` has forty code tasks with a vague word, of which the likely readings
were all tried; `benchmarks/stuck/kinds.yaml` has forty of all kinds in which three to six rounds have failed, each by
an idea of its own that comes to mind early. `ask` plays these to both trees (`replay:`, one hypothesis a round), goes
on where it was left, and keeps what each then asks for one round more: `FOLDER/asked/KEY.md`, without a word of which
tree a prompt is of. Whoever answers reads one such file, and nothing else of this repository, and writes the reply to
`FOLDER/answered/KEY.md`: a mailbox of files, as the earlier tree has no other. `judge` verifies all replies in
sandboxes and prints who won; `--record` keeps them as recordings, one a tree, with all rounds: `gristmill run
FOLDER/tasks.jsonl --hypotheses 1 --rounds 5 --model replay:benchmarks/stuck/new.jsonl` plays them again.

A pair is won by the reply that passes where the other does not, and, in tasks that are graded, by the better score: of
open problems by more than 1e-9 of it, of rewards and losses where the interval of 95% of the paired differences over
five fresh trainings leaves 0 out. What is within that is even. The interval is of the mean of +1, 0 and -1 over pairs,
by bootstrap; the test is exact, over pairs that differ.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from scipy.stats import t
from stuck_readings import READINGS

from gristmill.graph.comparing import compare
from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Task, Verifiers
from gristmill.verifiers.extraction.replies import extract

HERE = Path(__file__).resolve().parents[1]
STUCK = HERE / "benchmarks" / "stuck"
ARMS = ("old", "new")
NEAR = 1e-9  # scores of an open problem that differ by less than this share are even
TRAINED = ("reward", "loss")
TRAININGS = 5  # of each reward and loss that is judged; both of a pair get the same ones
Row = dict[str, Any]


def histories(of: str) -> list[tuple[Row, list[str]]]:
    """Each task of a set with the replies of its rounds so far.

    Raises:
        SystemExit: two tasks have one id.
    """
    if of == "readings":
        return [(each.task, each.replies) for each in READINGS]
    path, found = STUCK / f"{of}.yaml", []
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
        row = dict(entry["task"])
        if "file" in row:
            lines = (HERE / "examples" / "tasks" / row.pop("file")).read_text(encoding="utf-8").splitlines()
            shown = next(task for task in map(json.loads, lines) if task["id"] == row["id"])
            named = row.pop("as", row["id"])
            row = {**shown, **row, "id": named}
        found.append((row, entry["replies"]))
    twice = [id_ for id_, count in Counter(row["id"] for row, _ in found).items() if count > 1]
    if twice:
        raise SystemExit(f"{path}: these ids stand there twice: {', '.join(twice)}")
    return found


def write_rows(path: Path, rows: list[Row]) -> None:
    """As JSON Lines, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    part.replace(path)


def gristmill(checkout: Path, *words: object) -> str:
    """What a command of this checkout prints.

    Raises:
        SystemExit: it ended with neither 0 nor 1.
    """
    start = "from gristmill.trainers.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve() / ".dev")}
    command = [sys.executable, "-c", start, *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode not in {0, 1}:
        raise SystemExit(f"{checkout}: {' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def ask(of: str, folder: Path, before: Path, sandbox: str) -> None:
    """Play the histories to both trees; keep what they ask next."""
    stuck = histories(of)
    write_rows(folder / "tasks.jsonl", [row for row, _ in stuck])
    asked: dict[str, Row] = {}
    for arm, checkout in zip(ARMS, (before, HERE), strict=True):
        for row, replies in stuck:
            name = hashlib.sha256(row["id"].encode()).hexdigest()[:12]
            place = folder / "runs" / f"{arm}-{name}"
            if not (place / "prompt.json").exists():
                shutil.rmtree(place, ignore_errors=True)  # of an earlier try that was cut off
                texts = [*replies, "(the next reply)"]
                write_rows(place / "task.jsonl", [row if arm == "old" else unclosed(row)])
                write_rows(place / "replies.jsonl", [{"round": n, "text": text} for n, text in enumerate(texts)])
                model = f"replay:{place / 'replies.jsonl'}"
                options = ["--hypotheses", "1", "--rounds", str(len(texts)), "--patience", "99", "--profile", "chat"]
                where = ["--workspace", str(place)]
                run = ["run", place / "task.jsonl", "--name", "stuck", "--model", model, "--sandbox", sandbox]
                gristmill(checkout, *run, *options, *where)
                shown = gristmill(checkout, "show", "stuck", "--task", row["id"], "--prompt", "--json", *where)
                (place / "prompt.json").write_text(shown, encoding="utf-8")
            prompt = last_prompt(json.loads((place / "prompt.json").read_text(encoding="utf-8")), len(replies))
            key = hashlib.sha256(f"{arm}\n{row['id']}".encode()).hexdigest()[:10]
            asked[key] = {"arm": arm, "task_id": row["id"], "messages": prompt, "replies": replies}
            print(f"{arm} {row['id']}: {sum(len(each['content']) for each in prompt)} characters", flush=True)
    for key, each in sorted(asked.items()):
        text = "\n\n".join(f"=== {part['role']} ===\n{part['content']}" for part in each["messages"])
        path = folder / "asked" / f"{key}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    (folder / "keys.json").write_text(json.dumps(asked, indent=1), encoding="utf-8")
    print(f"{len(asked)} prompts: {folder / 'asked'}; answer them in {folder / 'answered'}")


def unclosed(row: Row) -> Row:
    """A task whose search is not closed with trainings of its best, which come after all prompts: b958e1d has none."""
    if row["kind"] not in TRAINED:
        return row
    return {**row, "settings": {**row.get("settings", {}), "final_seeds": 0}}


def last_prompt(shown: list[Row], round: int) -> list[Row]:
    """The messages that the hypothesis of this round was asked with.

    Raises:
        SystemExit: the search ended before.
    """
    for each in shown:
        if each["hypothesis"]["round"] == round:
            return list(each["prompt"])
    raise SystemExit(f"{shown[0]['hypothesis']['task_id']}: no round {round}: an earlier reply solves the task")


def judge(of: str, folder: Path, sandbox: str, record: Path | None) -> None:
    """Verify what was answered; print who won."""
    asked = json.loads((folder / "keys.json").read_text(encoding="utf-8"))
    rows = {row["id"]: row for row, _ in histories(of)}
    candidates = []
    for key, each in sorted(asked.items()):
        path = folder / "answered" / f"{key}.md"
        if path.exists():
            candidates.append({"task_id": each["task_id"], "id": key, "text": path.read_text(encoding="utf-8")})
    functions = [each for each in candidates if rows[each["task_id"]]["kind"] in TRAINED]
    write_rows(folder / "candidates.jsonl", [each for each in candidates if each not in functions])
    verdicts = folder / "verdicts.jsonl"
    words = ["verify", folder / "tasks.jsonl", folder / "candidates.jsonl", "--out", verdicts, "--sandbox", sandbox]
    gristmill(HERE, *words, "--force")
    found = [json.loads(line) for line in verdicts.read_text(encoding="utf-8").splitlines()]
    found += asyncio.run(trained(rows, functions, sandbox))
    write_rows(verdicts, found)
    judged = {row["id"]: row for row in found}
    tell(asked, rows, judged)
    if record is not None:
        for arm in ARMS:
            kept: list[Row] = [{"text": "(no further reply was recorded)"}]  # for every place that none of these is for
            for candidate in candidates:
                each = asked[candidate["id"]]
                if each["arm"] == arm:
                    texts = [*each["replies"], candidate["text"]]
                    kept += [{"task_id": each["task_id"], "round": n, "text": text} for n, text in enumerate(texts)]
            write_rows(record / (f"{arm}.jsonl" if of == "histories" else f"{of}_{arm}.jsonl"), kept)


async def trained(rows: dict[str, Row], candidates: list[Row], sandbox: str) -> list[Row]:
    """Verdicts on functions, each by `TRAININGS` trainings, the same ones for all of a task."""
    found: list[Row] = []
    if not candidates:
        return found
    async with Pool.open(sandbox) as pool:
        verifiers = Verifiers(pool)
        for each in candidates:
            row = rows[each["task_id"]]
            task = Task.model_validate({**row, "settings": {**row.get("settings", {}), "seeds": TRAININGS}})
            solution = extract(task, each["text"]).solution
            told: Row = {"outcome": "invalid", "score": None}
            if solution is not None:
                verdict = await verifiers.verify(task, solution)
                told = {"outcome": verdict.outcome.value, "score": verdict.score, "replicates": verdict.replicates}
            found.append({"task_id": task.id, "id": each["id"], **told})
            print(f"{task.id}: {told['outcome']} {told['score']}", flush=True)
    return found


def sign(row: Row, old: Row, new: Row) -> int:
    """1 where the new prompt's verdict is better, -1 where the old one's is, 0 where they are even."""
    if row["kind"] not in {"program", *TRAINED}:
        return int(new["outcome"] == "passed") - int(old["outcome"] == "passed")
    scored = [verdict["score"] is not None and verdict["outcome"] in {"passed", "failed"} for verdict in (old, new)]
    if not all(scored):
        return scored[1] - scored[0]
    if row["kind"] == "program":
        gain = new["score"] - old["score"]
        if abs(gain) <= NEAR * max(abs(new["score"]), abs(old["score"])):
            return 0
        return 1 if (gain < 0) == (row.get("direction") == "minimize") else -1
    gains = [y - x for x, y in zip(old["replicates"], new["replicates"], strict=True)]
    half = t.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / len(gains) ** 0.5
    mean = statistics.fmean(gains)
    return int(mean > half) - int(mean < -half)


def tell(asked: dict[str, Row], rows: dict[str, Row], judged: dict[str, Row]) -> None:
    """The table of pairs, by kind."""
    of = {(each["task_id"], each["arm"]): key for key, each in asked.items() if key in judged}
    signs: dict[str, list[int]] = {}
    passed: Counter[tuple[str, str]] = Counter()
    for id_, row in rows.items():
        if any((id_, arm) not in of for arm in ARMS):
            continue
        old, new = (judged[of[id_, arm]] for arm in ARMS)
        won = sign(row, old, new)
        signs.setdefault(row["kind"], []).append(won)
        for arm, verdict in zip(ARMS, (old, new), strict=True):
            passed[row["kind"], arm] += verdict["outcome"] == "passed"
        if won:
            said = [f"{verdict['outcome']} {verdict['score']}" for verdict in (old, new)]
            print(f"{id_}: won by {'new' if won > 0 else 'old'} (old {said[0]}, new {said[1]})")
    table = Table(
        "kind", "pairs", "passed, old", "passed, new", "won by new", "won by old", title="one reply to each prompt"
    )
    for kind, each in signs.items():
        wins, losses = each.count(1), each.count(-1)
        table.add_row(kind, *map(str, (len(each), passed[kind, "old"], passed[kind, "new"], wins, losses)))
    Console(width=100).print(table)
    every = [won for each in signs.values() for won in each]
    if not every:
        print("no pair has been answered yet")
        return
    wins, losses = every.count(1), every.count(-1)
    # Of a graded pair too it counts who won alone, not how far apart the scores are.
    found = compare([won < 0 for won in every], [won > 0 for won in every])
    low, high = found.interval
    print(f"{len(every)} pairs: {wins} won by the new prompt, {losses} by the old one,", end=" ")
    print(f"exact two-sided p = {found.p_different:.2g};")
    print(f"mean {found.difference:+.2f}, 95% interval {low:+.2f} to {high:+.2f}")


def main() -> None:
    """Ask, or judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    asking, judging = commands.add_parser("ask"), commands.add_parser("judge")
    for each in (asking, judging):
        each.add_argument("folder", type=Path)
        each.add_argument("--sandbox", default="bubblewrap")
        each.add_argument("--of", choices=("histories", "readings", "kinds"), default="histories", help="which forty")
    asking.add_argument("--before", type=Path, required=True, help="a checkout of the earlier tree")
    judging.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "ask":
        ask(arguments.of, arguments.folder, arguments.before, arguments.sandbox)
    else:
        judge(arguments.of, arguments.folder, arguments.sandbox, arguments.record)


if __name__ == "__main__":
    main()
