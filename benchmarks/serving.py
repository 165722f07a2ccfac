"""Two rounds of `improve` on a vLLM server that stays, and its tokens a second beside the model in our process.

    gristmill vllm install --device cpu
    VLLM_CPU_KVCACHE_SPACE=2 python benchmarks/serving.py FOLDER [--vllm-python PYTHON] [--train 48] [--gate 64]

The small model is served from its folder by one vLLM server. `improve` searches with it, trains, and has the server
load each round's adapter while it runs; the log says how often it was started (once is what is wanted) and what it
loaded. Then the same requests go to a server and to `local`, in turns: replies of up to 64 tokens, 64 at once. What is
printed is also written to FOLDER/serving.json. A call that was cut off goes on with the improvement where it was; with
`--only-rates` it is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from gristmill.graph.models.base import Proposer
from gristmill.graph.models.local.fetch import fetch
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.resolve import resolve
from gristmill.graph.prompts.messages import messages_for
from gristmill.graph.records import Request, Sampling
from gristmill.graph.tasks.families.base import Split
from gristmill.graph.tasks.families.registry import family
from gristmill.graph.tasks.writing import write_tasks
from gristmill.verifiers.records import Task

AT_ONCE, TURNS = 64, 4


def improved(folder: Path, python: Path | None, train: int, gate: int) -> dict[str, object]:
    """Two rounds on the server, by the command line; what it took and how often vLLM was started.

    Raises:
        SystemExit: it ended with neither 0 nor 1.
    """
    tasks = folder / "tasks.jsonl"
    if not tasks.exists():
        sizes: dict[Split, int] = {"train": train, "gate": gate, "test": gate}
        draw = family("list-functions").draw
        drawn = [task for split, count in sizes.items() for task in draw(split=split, seed=0, draw=0, count=count)]
        write_tasks(str(tasks), drawn, force=False)
    words = ["improve", str(tasks), "--name", "served", "--model", f"vllm:{fetch()}", "--rounds", "2"]
    words += ["--profile", "small", "--hypotheses", "4", "--workspace", str(folder)]
    words += ["--vllm-python", str(python)] if python else []
    begun = (folder / ".gristmill").exists()
    start = "from gristmill.trainers.cli import main; main()"
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", start, *words, *(["--resume"] if begun else [])])
    if done.returncode not in {0, 1}:
        raise SystemExit(done.returncode)
    logs = sorted((folder / ".gristmill" / "logs").glob("vllm-*.log"))
    loaded = sum(log.read_text(errors="replace").count("POST /v1/load_lora_adapter") for log in logs)
    return {"seconds": round(time.monotonic() - began), "servers": len(logs), "adapters_loaded": loaded}


async def rate(proposer: Proposer, tasks: list[Task], turn: int) -> float:
    """Tokens a second of one batch of replies."""
    requests = [
        Request(
            task_id=task.id,
            round=0,
            sample=0,
            messages=messages_for(task, profile="small", round=0),
            sampling=Sampling(max_tokens=64, temperature=0.8, seed=turn),
        )
        for task in tasks
    ]
    began = time.monotonic()
    replies = await asyncio.gather(*map(proposer.propose, requests))
    return sum(reply.tokens.completion for reply in replies) / (time.monotonic() - began)


async def rates(python: Path | None) -> dict[str, object]:
    """Tokens a second of both, in turns."""
    tasks = family("list-functions").draw(split="train", seed=1, draw=0, count=AT_ONCE)
    options = ModelOptions(vllm_python=python)
    async with resolve(f"vllm:{fetch()}", options=options) as served, resolve("local", options=options) as local:
        for proposer in (served, local):
            await rate(proposer, tasks[:4], 99)  # the first batch compiles and fills caches
        seen: dict[str, list[float]] = {"vllm": [], "local": []}
        for turn in range(TURNS):
            for name, proposer in (("vllm", served), ("local", local)):
                seen[name].append(await rate(proposer, tasks, turn))
    both = {name: round(statistics.median(each), 1) for name, each in seen.items()}
    return {"tokens_a_second": both, "times": round(both["vllm"] / both["local"], 2), "load": os.getloadavg()[0]}


def main() -> None:
    """Run it all and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vllm-python", type=Path, default=None)
    parser.add_argument("--only-rates", action="store_true")
    parser.add_argument("--train", type=int, default=48)
    parser.add_argument("--gate", type=int, default=64)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    found = {} if given.only_rates else improved(given.folder, given.vllm_python, given.train, given.gate)
    found |= asyncio.run(rates(given.vllm_python))
    text = json.dumps(found, indent=1)
    (given.folder / "serving.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
