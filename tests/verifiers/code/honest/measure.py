"""What plain execution and the judge say of rows of the corpus: `python -P measure.py --help`."""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Verdict, Verifiers
from gristmill.verifiers.code.verifier import CodeVerifier
from tests.verifiers.code.honest.corpus import Row, corpus

PLAIN = Path(__file__).with_name("plain.py")


def plainly(pairs: Sequence[tuple[Row, str]], workers: int = 2, seconds: float = 60) -> list[str]:
    """What plain execution says of solutions to rows."""
    free: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
    started = [
        subprocess.Popen(
            [sys.executable, "-P", str(PLAIN)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        for _ in range(workers)
    ]
    for each in started:
        free.put(each)

    def ask(pair: tuple[Row, str]) -> str:
        row, solution = pair
        process = free.get()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{(row.test, solution, seconds)!r}\n")
            process.stdin.flush()
            return process.stdout.readline().strip()
        finally:
            free.put(process)

    try:
        with ThreadPoolExecutor(workers) as threads:
            return list(threads.map(ask, pairs))
    finally:
        for each in started:
            each.communicate()


async def judge(pool: Pool, rows: Sequence[Row]) -> list[list[Verdict]]:
    """Verdicts on each row's solution, and then on its mutants, all on one warm pool."""
    verifiers = Verifiers(pool)
    slots = asyncio.Semaphore(4)

    async def one(row: Row) -> list[Verdict]:
        sources = (row.solution, *row.mutants)
        async with slots:
            apart = [await verifiers.verify_apart(row.task, source) for source in sources]
            return await verifiers.settle_all(row.task, list(zip(sources, apart, strict=True)))

    return await asyncio.gather(*map(one, rows))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--mutants", action="store_true")
    parser.add_argument("--backend", default="bubblewrap")
    parser.add_argument("--plain", action="store_true", help="plain execution only")
    parser.add_argument("--explain", action="store_true", help="what the owner of a task is told")
    parser.add_argument("--verbose", "-v", action="store_true")
    arguments = parser.parse_args()
    wanted = arguments.names
    rows = [row for row in corpus() if not wanted or row.name in wanted or row.file in wanted]
    pairs = [(row, row.solution) for row in rows]
    if arguments.mutants:
        pairs = [(row, mutant) for row in rows for mutant in row.mutants]
    said = plainly(pairs)
    checks: dict[tuple[str, str], Any] = {}
    verdicts: list[Verdict | None] = [None] * len(pairs)
    if not arguments.plain:
        async with Pool.open(arguments.backend, size=2) as pool:
            shown = slice(1, None) if arguments.mutants else slice(1)
            asked = rows if arguments.mutants else [replace(row, mutants=()) for row in rows]
            verdicts = [each for of_row in await judge(pool, asked) for each in of_row[shown]]
            if arguments.explain:
                for row, solution in pairs:
                    checks[row.name, solution] = (await CodeVerifier(pool).explain(row.task, solution))[1].checks
    counts: Counter[str] = Counter()
    for (row, solution), plain, verdict in zip(pairs, said, verdicts, strict=True):
        outcome = str(verdict.outcome) if verdict else "-"
        counts[f"plain {plain}, judge {outcome}"] += 1
        strength = str(verdict.strength) if verdict else ""
        good = (plain == "passes") != arguments.mutants and outcome in (
            "-",
            "failed" if arguments.mutants else "passed",
        )
        if arguments.verbose or not good or strength == "forwarded":
            text = " ".join((verdict.feedback if verdict else "").split())[:230]
            place = f"mutant {row.mutants.index(solution)}" if arguments.mutants else ""
            names = f"{row.file[:10]:10} {row.name:34} {row.topic[:30]:30} {row.kind:6} {place}"
            print(f"{names} plain {plain:7} {outcome:8} {strength:9} {text}")
            for check in checks.get((row.name, solution), ()):
                if str(check.outcome) != "passed":
                    print("    ", check.name, check.outcome, " ".join(check.detail.split())[:600])
    print(dict(counts))


if __name__ == "__main__":
    asyncio.run(main())
