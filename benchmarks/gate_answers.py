"""Real answers for the gate's trials: which of 1,024 list-function tasks each of six models passes, greedily.

    OMP_NUM_THREADS=1 python benchmarks/gate_answers.py rows            # a campaign, and its verified rows
    OMP_NUM_THREADS=1 python benchmarks/gate_answers.py base|a|b|more|poisoned|collapsed
    OMP_NUM_THREADS=1 python benchmarks/gate_answers.py decide          # what the gate says of each that has answered

`base` is the local model; `a` and `b` are twins, trained on the same half of the verified rows with another seed each;
`more` on all; `poisoned` on the twins' rows, each with the next one's answer, though it says that it is verified;
`collapsed` on them with one answer for all. What a fresh sandbox finds of such rows is counted beforehand. Each line
that is added to benchmarks/gate_answers.jsonl has a model's bits, one a task, and how it was made. What was cut off
goes on where it was; models may be made side by side. `decide` reads the stores of a workspace.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from gristmill.graph.campaign import run_campaign
from gristmill.graph.commands.progress import Display
from gristmill.graph.commands.run_progress import following
from gristmill.graph.models.resolve import resolve
from gristmill.graph.prompts.messages import choose_profile
from gristmill.graph.storage.store import Store
from gristmill.graph.tasks.generate import generate_list_functions
from gristmill.sandbox.pool import Pool
from gristmill.trainers.data.curate import Curated, curate
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.gate import decide
from gristmill.trainers.improve.gating.config import GateConfig, Mode
from gristmill.trainers.measure.evaluation import TaskResult, evaluate, evaluation_of, greedy
from gristmill.trainers.methods.saving import is_whole
from gristmill.trainers.methods.weights import base_weights
from gristmill.verifiers.records import Task
from gristmill.verifiers.registry import Verifiers

Row = dict[str, Any]
ANSWERS = Path(__file__).with_name("gate_answers.jsonl")
MODES: tuple[Mode, ...] = ("rounds", "open")
TRAIN, ASKED, HYPOTHESES = 128, 1024, 6
SEEDS = {"a": 1, "b": 2, "more": 1, "poisoned": 1, "collapsed": 1}


def tasks() -> tuple[list[Task], list[Task]]:
    """128 to learn from, and 1,024 others: 730 of combinations that training never shows, the rest of its own."""
    drawn = generate_list_functions(seed=0, train=TRAIN + ASKED - 730, gate=280, test=450)
    return drawn[:TRAIN], drawn[TRAIN:]


async def rows(config: ImproveConfig, workspace: Path) -> None:
    """Search the training tasks with the base model, and keep what was verified."""
    learnt, asked = tasks()
    run = config.run.changed(hypotheses=HYPOTHESES)
    with Store.open(workspace) as store, Display(Console()) as shown:
        async with (
            resolve(run.model) as proposer,
            Pool.open(run.sandbox) as pool,
            following(shown, ends=False) as heard,
        ):
            await run_campaign(
                learnt,
                run,
                name="rows",
                store=store,
                proposer=proposer,
                pool=pool,
                resume=any(begun.name == "rows" for begun in store.runs()),
                on_event=heard,
            )
        curated = curate(
            list(store.trajectories("rows")),
            held_out=asked,
            config=config.curate,
            profile=choose_profile(run.prompts.profile, run.model),
        )
    (workspace / "rows.json").write_text(curated.model_dump_json(), encoding="utf-8")
    print(f"{len(curated.rows)} verified rows")


def commit() -> str:
    """Of the code that runs."""
    return subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()


def spoiled(name: str, rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows as this adapter is to see them; they go on saying that they are verified."""
    answers = {"poisoned": (*rows[1:], rows[0]), "collapsed": (rows[0],) * len(rows)}.get(name, rows)
    return tuple({**row, "completion": other["completion"]} for row, other in zip(rows, answers, strict=True))


async def passing(rows: Sequence[Row], config: ImproveConfig) -> int:
    """How many of the rows are right, judged in a fresh sandbox."""
    by_id = {task.id: task for task in tasks()[0]}
    async with Pool.open(config.run.sandbox) as pool:
        judge = Verifiers(pool)
        verdicts = [await judge.verify(by_id[row["task"]], row["completion"][0]["content"]) for row in rows]
    return sum(verdict.passed for verdict in verdicts)


def decide_all(workspace: Path) -> None:
    """What the gate says, with all of its guards, of each model that has answered: after base, and after twin a."""
    answered: dict[str, list[TaskResult]] = {}
    for name in ("base", *SEEDS):
        if not (workspace / name).exists():
            continue
        with Store.open(workspace / name) as store:
            if any(run.name == name for run in store.runs()):
                answered[name] = [result for result in evaluation_of(store, name).results if result.replies]
    for before in ("base", "a"):
        for after in answered:
            if before in answered and after not in ("base", before):
                asked = {result.task_id for result in answered[after]}
                same = [result for result in answered[before] if result.task_id in asked]
                for mode in MODES:
                    found = decide(same, answered[after], config=GateConfig(gate=mode))
                    kept = "kept" if found.kept else "not kept"
                    print(f"{before} -> {after}, by {mode}: {kept}: {found.reason}")
                for guard in found.guards:
                    print(f"    {'holds' if guard.ok else 'FAILS'}  {guard.name}: {guard.words}")


async def answer(name: str, config: ImproveConfig, workspace: Path, most: int, *, ended: bool) -> None:
    """Train the adapter, if it is not there yet, and keep what it passes of so many tasks, evenly drawn.

    With `ended` nothing is asked any more: what was answered before it was cut off is kept.
    """
    every_task, adapter, trained_on, right = tasks()[1], None, 0, 0
    asked = every_task[:: max(1, len(every_task) // most)]
    if name != "base":
        every = Curated.model_validate_json((workspace / "rows.json").read_text("utf-8")).rows
        chosen = every if name == "more" else every[::2]
        chosen = spoiled(name, chosen)
        right = len(chosen)
        if name in ("poisoned", "collapsed"):
            right = await passing(chosen, config)
            print(f"{name}: of {len(chosen)} rows that say verified, {right} are right", flush=True)
        out, trained_on = workspace / "adapters" / name, len(chosen)
        if not is_whole(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            method = config.method.model_copy(update={"seed": SEEDS[name]})
            await asyncio.to_thread(
                method.train,
                chosen,
                base=base_weights(config.run.model, config.base),
                out=out,
                progress=lambda step, steps, loss: print(f"{name}: step {step}/{steps}, loss {loss:.3f}", flush=True),
            )
        adapter = str(out)
    # A store each: two models that are made side by side do not wait for each other.
    with Store.open(workspace / name) as store, Display(Console()) as shown:
        if ended:
            found = evaluation_of(store, name)
        else:
            async with (
                resolve(config.run.model, adapter=adapter) as proposer,
                Pool.open(config.run.sandbox) as pool,
                following(shown, ends=False) as heard,
            ):
                found = await evaluate(
                    asked,
                    greedy(config.run, adapter),
                    name=name,
                    store=store,
                    proposer=proposer,
                    pool=pool,
                    resume=any(begun.name == name for begun in store.runs()),
                    on_event=heard,
                )
    passed = {result.task_id: result.passed[0] for result in found.results if result.passed}
    bits = "".join({True: "1", False: "0", None: "?"}[passed.get(task.id)] for task in every_task)
    line = {
        "model": name,
        "tasks": len(passed),
        "rows": trained_on,
        "right": right,
        "seed": SEEDS.get(name),
        "passed": bits,
        "commit": commit(),
        "command": " ".join(["python", *sys.argv]),
    }
    with ANSWERS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(f"{name}: {bits.count('1')} of {len(passed)}")


def main() -> None:
    """Make one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["rows", "base", *SEEDS, "decide"])
    parser.add_argument("--workspace", type=Path, default=Path("benchmarks/out/gate"))
    parser.add_argument("--most", type=int, default=ASKED, help="tasks to ask; ? stands for the others")
    parser.add_argument("--ended", action="store_true", help="keep what was answered before it was cut off")
    arguments = parser.parse_args()
    config = ImproveConfig()
    config = config.model_copy(
        update={
            "run": config.run.changed(sandbox="bubblewrap"),
            "method": config.method.model_copy(update={"threads": 1}),
        }
    )
    part, workspace = arguments.part, arguments.workspace
    if part == "decide":
        decide_all(workspace)
    else:
        asyncio.run(
            rows(config, workspace)
            if part == "rows"
            else answer(part, config, workspace, arguments.most, ended=arguments.ended)
        )


if __name__ == "__main__":
    main()
