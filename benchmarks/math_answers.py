"""Math answers: gristmill beside math-verify, a PRM800K-style and a hendrycks-style grader, in one table.

    python benchmarks/math_answers.py [--data ../shared/data] [--share 1.0] [--only gristmill,math-verify] [--json FILE]

Five sets: labelled pairs out of other graders' test suites; MATH-500's and GSM8K's worked solutions as replies; golds
rewritten into forms that are equal by construction; answers that are wrong by construction; hostile answers. Each
grader runs alone, one answer at a time, in a process that is killed after `LIMIT` seconds (a hang); gristmill runs as
users run it, in its sandbox, where the limit is its own. The pairs' options are settings (see `settings_of`); the
peers have none to set.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from math_graders import GRADERS
from math_hostile import HOSTILE
from math_wrong import number, wrong_answers

LIMIT = 30.0
OURS = "gristmill"


@dataclass(frozen=True)
class Graded:
    """One reply, what it is judged against, and whether it is right."""

    group: str
    gold: str
    reply: str
    right: bool
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class GraderTally:
    """What one grader did."""

    right: dict[str, int] = field(default_factory=dict)
    false_positives: dict[str, int] = field(default_factory=dict)
    hangs: int = 0
    seconds: list[float] = field(default_factory=list)
    missed: list[Graded] = field(default_factory=list)

    def add(self, case: Graded, passed: bool | None, seconds: float) -> None:
        """None: it was killed."""
        self.seconds.append(seconds)
        self.hangs += passed is None
        if passed is None:
            print(f"hang: {seconds:.0f} s, {case.group}: {case.reply[:100]}", file=sys.stderr)
        said = bool(passed)
        self.right[case.group] = self.right.get(case.group, 0) + (said is case.right)
        self.false_positives[case.group] = self.false_positives.get(case.group, 0) + (said and not case.right)
        if said is not case.right:
            self.missed.append(case)


def settings_of(row: dict[str, Any]) -> dict[str, Any]:
    """How the suite that a labelled pair comes from reads percent, commas and rounded decimals."""
    options = row["options"]
    settings: dict[str, Any] = {"percent": "number"} if row["source"].startswith("nemo-skills") else {}
    if options.get("match_types") == ["expr"]:
        settings["decimal"] = "comma"
    if "precision" in options:
        settings["digits"] = options["precision"]
    return settings


def equal_forms(gold: str) -> Iterator[str]:
    """Other spellings of a gold, equal by construction."""
    value = number(gold)
    if value is not None:
        yield f"{value.numerator}/{value.denominator}"
        yield f"\\dfrac{{{value.numerator * 3}}}{{{value.denominator * 3}}}"
        yield f"x = {gold}"
        if value.denominator == 1 and abs(value) > 999:
            yield f"{value.numerator:,}"
        if not any(value.denominator % prime == 0 for prime in (3, 7, 11, 13)) and value.denominator < 1000:
            digits = next((n for n in range(1, 12) if (value * 10**n).denominator == 1), None)
            if digits:
                behind = str(int(abs(value) * 10**digits))[-digits:].zfill(digits)
                yield f"{'-' if value < 0 else ''}{int(abs(value))}.{behind}"
        return
    yield gold.replace("\\frac", "\\dfrac").replace(" ", "  ")
    if not any(sign in gold for sign in (*",=<>[]$_", "\\text", "\\begin", "\\pm")):
        yield f"\\left({gold}\\right)"
    if gold.count(",") == 1 and gold.strip()[0] not in "([\\x" and number(gold) is None:
        yield ",".join(reversed(gold.split(",")))


def cases(data: Path, share: float) -> list[Graded]:
    """All of them, in an order that does not change."""
    pairs = [json.loads(line) for line in (data / "math_equiv" / "pairs.jsonl").read_text("utf-8").splitlines()]
    all_cases = [
        Graded("pairs", row["gold"], row["answer"], row["expected"], settings_of(row))
        for row in pairs
        if not row["conflicting"] and not row["suspect"]
    ]
    math = _rows(data / "math500" / "math500.jsonl.gz")
    all_cases += [Graded("MATH-500", row["answer"], row["solution"], True) for row in math]
    grade = _rows(data / "gsm8k" / "test.jsonl.gz")
    all_cases += [Graded("GSM8K", row["answer"].rsplit("####", 1)[1].strip(), row["answer"], True) for row in grade]
    golds = list(dict.fromkeys(row["answer"] for row in math))
    all_cases += [Graded("rewritten", gold, f"\\boxed{{{form}}}", True) for gold in golds for form in equal_forms(gold)]
    golds += dict.fromkeys(case.gold for case in all_cases if case.group == "GSM8K")
    wrong = [
        Graded("wrong", each.gold, f"The answer is \\boxed{{{each.answer}}}.", False)
        for gold in dict.fromkeys(golds)
        for each in wrong_answers(gold)
    ]
    all_cases += [each for place, each in enumerate(wrong) if int(place * share) < int((place + 1) * share)]
    return all_cases + [Graded("hostile", "5", text, False) for _, text in HOSTILE]


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _serve(name: str, line: Connection) -> None:
    """A grader's process: one pair in, one bit out. What the grader raises is a refusal."""
    grade = GRADERS[name]
    while True:
        gold, reply = line.recv()
        try:
            line.send(bool(grade(gold, reply)))
        except Exception:
            line.send(False)


def run_peer(name: str, all_cases: list[Graded]) -> tuple[GraderTally, float]:
    """One grader over all cases, killed and started again where it hangs; with the seconds that took."""
    tally, begun = GraderTally(), time.perf_counter()
    context = multiprocessing.get_context("spawn")

    def start() -> tuple[Any, Connection]:
        near, far = context.Pipe()
        process = context.Process(target=_serve, args=(name, far), daemon=True)
        process.start()
        near.send(("1", "\\boxed{1}"))
        near.recv()
        return process, near

    process, line = start()
    for case in all_cases:
        since = time.perf_counter()
        passed: bool | None = None
        try:
            line.send((case.gold, case.reply))
            passed = line.recv() if line.poll(LIMIT) else None
        except (EOFError, OSError):  # it died of its memory or its stack
            passed = None
        tally.add(case, passed, time.perf_counter() - since)
        if passed is None:
            process.kill()
            process.join()
            process, line = start()
    process.kill()
    return tally, time.perf_counter() - begun


async def run_ours(all_cases: list[Graded], backend: str) -> tuple[GraderTally, float]:
    """The verifier as it is used, one answer at a time, without the confirming second run of a pass."""
    from gristmill.sandbox.pool import Pool
    from gristmill.verifiers.mathematics.verifier import MathVerifier
    from gristmill.verifiers.records import Outcome, Task

    tally = GraderTally()
    async with Pool.open(backend) as pool:
        verifier = MathVerifier(pool, confirm=False)
        await verifier.verify(Task(id="warm", kind="math", prompt="?", answer="1"), "\\boxed{2}")
        begun = time.perf_counter()
        for case in all_cases:
            task = Task(id="t", kind="math", prompt="?", answer=case.gold, settings=case.settings)
            since = time.perf_counter()
            verdict = await verifier.verify(task, case.reply)
            seconds = time.perf_counter() - since
            lost = verdict.outcome is Outcome.UNSCORED or seconds > LIMIT
            tally.add(case, None if lost else verdict.passed, seconds)
        return tally, time.perf_counter() - begun


def table(tallies: dict[str, tuple[GraderTally, float]], all_cases: list[Graded]) -> str:
    """Markdown: one row a grader."""
    groups = list(dict.fromkeys(case.group for case in all_cases))
    count = {group: sum(case.group == group for case in all_cases) for group in groups}
    head = [
        "grader",
        *(f"{group} ({count[group]})" for group in groups),
        "false positives",
        "hangs",
        "p50 ms",
        "p99 ms",
        "a second",
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, (tally, seconds) in tallies.items():
        cuts = statistics.quantiles(tally.seconds, n=100)
        cells = [str(tally.right.get(group, 0)) for group in groups]
        cells += [
            str(sum(tally.false_positives.values())),
            str(tally.hangs),
            f"{1000 * cuts[49]:.1f}",
            f"{1000 * cuts[98]:.0f}",
        ]
        lines.append("| " + " | ".join([name, *cells, f"{len(tally.seconds) / seconds:.0f}"]) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parent.parent.parent / "shared" / "data")
    parser.add_argument("--share", type=float, default=1.0, help="share of the wrong answers that is judged")
    parser.add_argument("--only", default=",".join([OURS, *GRADERS]))
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    all_cases = cases(options.data, options.share)
    tallies: dict[str, tuple[GraderTally, float]] = {}
    for name in options.only.split(","):
        tallies[name] = asyncio.run(run_ours(all_cases, options.sandbox)) if name == OURS else run_peer(name, all_cases)
        print(f"{name}: {tallies[name][1]:.0f} s", file=sys.stderr)
    print(table(tallies, all_cases))
    if options.json:
        missed = {
            name: [[case.group, case.gold[-200:], case.reply[-200:]] for case in tally.missed]
            for name, (tally, _) in tallies.items()
        }
        options.json.write_text(json.dumps(missed, indent=1, ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    main()
