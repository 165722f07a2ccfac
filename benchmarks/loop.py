"""What the loop itself costs: a campaign whose replies and verdicts cost nothing, at two sizes.

    python benchmarks/loop.py [--tasks 96] [--hypotheses 8] [--rounds 3] [--json FILE]
    python benchmarks/loop.py --long [--sizes 4 100 1000 10000] [--sandbox auto] [--json FILE]

Model and sandbox are left out, everything else is real: the graph, prompts, parsing, feedback, and every reply, call,
verdict and event on disk. The second campaign has four times as many tasks: a growth of 4 is linear.
Medians of the rounds. With --long: one task, client and sandbox too; see `long_search.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import long_search

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.records import Reply, Request, Tokens
from gristmill.graph.storage.store import Store
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict

GROWTH = 4


class Model:
    """Answers at once."""

    name = model = "free"
    adapter: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def propose(self, request: Request) -> Reply:
        text = f"```python\ndef f(x):\n    return x + {request.sampling.seed}\n```"
        return Reply(text=text, tokens=Tokens(prompt=10, completion=5), model=self.model)


class Denier:
    """Finds every hypothesis wrong, at once."""

    async def verify(self, task: Task, solution: str) -> Verdict:
        return Verdict(
            outcome=Outcome.FAILED, score=0.5, strength=Strength.TESTED, feedback="f(0) is wrong", verifier="free/1"
        )


def tasks(count: int) -> list[Task]:
    test = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})
    return [Task(id=f"t/{number}", kind="code", prompt=f"{number}: f(x)", tests=(test,)) for number in range(count)]


async def seconds(count: int, hypotheses: int) -> tuple[float, float]:
    """By the clock, and of processor time, for one round of so many tasks."""
    config = RunConfig.of(hypotheses=hypotheses, rounds=1, profile="chat")
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        begun, used = time.perf_counter(), time.process_time()
        summary = await run_campaign(
            tasks(count), config, store=store, proposer=Model(), verifiers=Denier(), name="run"
        )
        took = time.perf_counter() - begun, time.process_time() - used
    if summary.hypotheses != count * hypotheses:
        raise SystemExit(f"{summary.hypotheses} hypotheses were judged, not {count * hypotheses}")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=96)
    parser.add_argument("--hypotheses", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 100, 1000, 10000], help="multiples of 4")
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.long:
        long_search.report(arguments.sizes, arguments.sandbox, arguments.json)
        return
    asyncio.run(seconds(4, arguments.hypotheses))
    rows: list[dict[str, float]] = []
    for count in (arguments.tasks, GROWTH * arguments.tasks):
        took = [asyncio.run(seconds(count, arguments.hypotheses)) for _ in range(arguments.rounds)]
        clock, processor = (statistics.median(each) for each in zip(*took, strict=True))
        rows.append(
            {
                "tasks": count,
                "hypotheses": count * arguments.hypotheses,
                "seconds": round(clock, 2),
                "processor_seconds": round(processor, 2),
                "ms_a_task": round(1000 * clock / count, 1),
                "ms_a_hypothesis": round(1000 * clock / count / arguments.hypotheses, 2),
                "growth": round(clock / rows[0]["seconds"], 2) if rows else 1,
            }
        )
    print("".join(f"{name:>18}" for name in rows[0]))
    for row in rows:
        print("".join(f"{value:>18}" for value in row.values()))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
