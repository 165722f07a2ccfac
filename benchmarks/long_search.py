"""One task searched for long: what a hypothesis costs this process as the history grows; see `loop.py --long`.

Rounds of four; replies of 4 KB, all different and wrong in different ways, by an instant model in a process of its own,
over HTTP and through the real client; every solution judged in a real sandbox. One search goes to the largest size, and
the processor time and memory of this process are read on the way. The client and the sandboxed job are measured by
themselves in the same process, before and after; what is left is ours: graph, prompts, extraction, plans, store.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.base import Proposer
from gristmill.graph.models.openai import OpenAIProposer
from gristmill.graph.models.replay.server import ReplayServer
from gristmill.graph.prompts.messages import messages_for
from gristmill.graph.records import Hypothesis, Request, Sampling, Step
from gristmill.graph.storage.store import Store
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.registry import Verifiers

WIDTH = 4
ALONE = 100
"""Calls and jobs by themselves, before the search and again after it."""
_WRONG = ("x + {0}", "x - {0}", "str(x)", "None", "[x] * {0}", "x // (x - x)", "x * {0} + 0.5", "undefined_{0}")


def task() -> Task:
    """Tests that no reply passes."""
    cases = [{"args": [number], "expected": 3 * number + 1} for number in range(8)]
    test = CasesTest.model_validate({"entry_point": "f", "cases": cases})
    return Task(id="long", kind="code", prompt="Write f(x), which nobody describes.", tests=(test,))


def reply(seed: int) -> str:
    """4 KB by the seed alone; no two alike among some 10,000, so that no round brings nothing new."""
    lines = [
        f"    step_{number} = x + {(seed // 997 ** (number % 3) + number) % 997}  # one of many steps that lead nowhere"
        for number in range(54)
    ]
    wrong = _WRONG[seed % len(_WRONG)].format(seed % 9973 + 100)
    body = "\n".join(lines)
    return f"The function adds what is asked.\n\n```python\ndef f(x):\n{body}\n    return {wrong}  # {seed}\n```\n"


def serve() -> None:
    """The model's process: prints its address, and answers until it is ended."""
    with ReplayServer(lambda call: reply(call.seed or 0)) as server:
        print(server.url, flush=True)
        sys.stdin.read()


@contextmanager
def model() -> Iterator[str]:
    """Address of an instant model in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()


def memory() -> float:
    """MB of this process that are resident."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def asked(proposer: Proposer, first: int) -> float:
    """Processor ms of a call by itself, four at a time, for such a prompt as the search sends."""
    hypothesis = Hypothesis(
        id="long/0/0",
        task_id="long",
        round=0,
        sample=0,
        text=reply(1),
        solution=reply(1).split("```")[1].removeprefix("python\n"),
        proposer="",
        model="",
        sampling=Sampling(),
        prompt_sha="",
    )
    verdict = Verdict(outcome=Outcome.FAILED, score=0.0, strength=Strength.TESTED, feedback="0 of 8", verifier="")
    messages = messages_for(task(), profile="chat", round=1, parents=(Step(hypothesis=hypothesis, verdict=verdict),))

    def request(number: int) -> Request:
        sampling = Sampling(seed=first + number)
        return Request(task_id="long", round=1, sample=number, messages=messages, sampling=sampling)

    await proposer.propose(request(0))
    used = time.process_time()
    for number in range(0, ALONE, WIDTH):
        await asyncio.gather(*(proposer.propose(request(number + each)) for each in range(WIDTH)))
    return 1000 * (time.process_time() - used) / ALONE


async def judged(verifiers: Verifiers, first: int) -> float:
    """Processor ms of this process for a verdict by itself, four at a time."""
    solutions = [reply(first + number).split("```")[1].removeprefix("python\n") for number in range(ALONE)]
    await verifiers.verify(task(), solutions[0])
    used = time.process_time()
    for number in range(0, ALONE, WIDTH):
        await asyncio.gather(*(verifiers.verify(task(), solution) for solution in solutions[number : number + WIDTH]))
    return 1000 * (time.process_time() - used) / ALONE


async def search(sizes: list[int], sandbox: str) -> dict[str, Any]:
    """One search to the largest size, looked at on the way."""
    config = RunConfig.of(
        hypotheses=WIDTH, rounds=sizes[-1] // WIDTH, patience=10**9, profile="chat", sandbox=sandbox, seed=1
    )
    at: dict[int, tuple[float, float, float]] = {}
    begun = time.perf_counter()

    def look(size: int) -> None:
        at[size] = time.process_time(), memory(), time.perf_counter() - begun

    def hear(event: Any) -> None:
        if event.kind == "node_entered" and event.node == "propose" and event.round * WIDTH in (WIDTH, *sizes):
            look(event.round * WIDTH)

    alone: list[tuple[float, float]] = []
    with model() as url, tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        async with OpenAIProposer("replay", url) as proposer, Pool.open(sandbox) as pool:
            verifiers = Verifiers(pool)
            alone.append((await asked(proposer, 10**6), await judged(verifiers, 10**6)))
            begun = time.perf_counter()
            summary = await run_campaign(
                [task()], config, name="long", store=store, proposer=proposer, pool=pool, on_event=hear
            )
            look(sizes[-1])
            alone.append((await asked(proposer, 2 * 10**6), await judged(verifiers, 2 * 10**6)))
            backend = (await verifiers.verify(task(), "def f(x): ...")).sandbox
        if summary.hypotheses != sizes[-1] or summary.solved or summary.unscored:
            raise SystemExit(f"not the search that was meant: {summary}")
        kept = sum(file.stat().st_size for file in (Path(folder) / ".gristmill").glob("gristmill.db*")) / 1e6
    client, job = (sum(each) / len(alone) for each in zip(*alone, strict=True))
    rows = []
    for size in sizes:
        used, resident, seconds = at[size]
        total = 1000 * (used - at[WIDTH][0]) / (size - WIDTH) if size > WIDTH else None
        rows.append({"hypotheses": size, "seconds": seconds, "total": total, "memory": resident})
    return {"rows": rows, "client": client, "job": job, "sandbox": backend, "store": kept}


def start_up(sandbox: str) -> float:
    """Processor seconds of `gristmill run` for one task and one hypothesis, its workers included."""
    with model() as url, tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tasks.jsonl").write_text(task().model_dump_json() + "\n")
        command = [str(Path(sys.executable).with_name("gristmill")), "run", "tasks.jsonl", "--name", "one"]
        command += ["--model", f"openai:replay@{url}", "--rounds", "1", "--hypotheses", "1", "--sandbox", sandbox]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report(sizes: list[int], sandbox: str, output: Path | None) -> None:
    """Measure and print."""
    gc.set_threshold(50_000, 20, 20)  # garbage is looked for as often as in the command
    figures = asyncio.run(search(sizes, sandbox))
    client, job = figures["client"], figures["job"]
    print(f"processor ms of this process a hypothesis beyond the first round, {figures['sandbox']}")
    print("".join(f"{name:>12}" for name in ("hypotheses", "total", "client", "job", "ours", "memory MB", "seconds")))
    for row in figures["rows"]:
        total = row["total"]
        parts = (
            ("", "", "", "")
            if total is None
            else (f"{total:.2f}", f"{client:.2f}", f"{job:.2f}", f"{total - client - job:.2f}")
        )
        cells = (row["hypotheses"], *parts, f"{row['memory']:.0f}", f"{row['seconds']:.0f}")
        print("".join(f"{cell:>12}" for cell in cells))
    figures["start_up"] = start_up(sandbox)
    print(f"store {figures['store']:.0f} MB; a whole `gristmill run` of one hypothesis {figures['start_up']:.2f} s")
    if output:
        output.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    serve()
