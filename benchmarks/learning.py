"""Do rounds go on improving a model, and is verification the cause? Arms on the same tasks, each restartable.

    python benchmarks/learning.py --arm main --seed 0 [--workspace DIR] [--log FILE] [--smoke]
    python benchmarks/learning.py --table [--log FILE]

Three-round arms draw the same fresh tasks: `main` (strata, cumulative rows, from base), `latest` (rows of the round
alone), `even` (no strata) and `long` (one round with the hypotheses of three). Single-round controls stand on the first
search of `main`, and train on as many tokens as its first round: `unverified` (whatever was parsed), `refuted` (judged
wrong) and `shuffled` (verified answers under other prompts); `oracle` trains on the references of all tasks that `main`
has searched. The test set is the same for all: held-out combinations, and a family that nothing was trained on. An arm
that has ended adds a line to the log, with what each test task came to. `--smoke` is all that with a handful of tasks.

**Going on.** What was cut off, by Ctrl-C or `kill -9`, goes on by the same command with the same `--workspace`: a stage
is kept when it ends, a search keeps every reply, a training its checkpoint of two minutes ago. It goes on with the
knobs that it was begun with (said where today's are others), so that a change of defaults lets nobody begin again. A
change of a *family* does: its tasks would be others, which is refused. So run real seeds from a copy of the code that
nobody changes, with its own virtual environment, and keep copy, workspace and log together:

    git worktree add --detach KEEP/code && cd KEEP/code && make setup
    OMP_NUM_THREADS=1 nice .venv/bin/python benchmarks/learning.py --arm main --seed 0 \\
        --held-out-family dictionary-programs --workspace KEEP/workspace --log KEEP/learning.jsonl

Core-seconds of all sessions, sandboxes among them, are kept each ten seconds, and so are in the log also after a kill.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learning_arms import CONTROLS, ORACLE, ROUNDS, rows_for
from learning_cores import core_seconds, keeping
from learning_table import show
from rich.console import Console

from gristmill.graph.commands.progress import Display
from gristmill.graph.config import knobs
from gristmill.graph.models.resolve import resolve
from gristmill.graph.storage.store import Store
from gristmill.graph.storage.workspace import home_of
from gristmill.sandbox.pool import Pool
from gristmill.trainers.improve.config import Drawn, ImproveConfig
from gristmill.trainers.improve.context import Mill
from gristmill.trainers.improve.drawn import DrawnSplits
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.improve.rounds import run_rounds
from gristmill.trainers.measure.evaluation import Evaluation
from gristmill.trainers.methods.base import TrainedAdapter
from gristmill.trainers.methods.weights import base_weights
from gristmill.trainers.records import Improvement

LOG = Path(__file__).with_name("learning.jsonl")
SMOKE = {"train_tasks": 6, "gate_tasks": 6, "test_tasks": 4}


def configuration(arm: str, seed: int, options: argparse.Namespace) -> ImproveConfig:
    """The knobs of an arm; a control has those of `main`."""
    drawn = Drawn(
        family=tuple(options.family), held_out_family=tuple(options.held_out_family), **(SMOKE if options.smoke else {})
    )
    config = ImproveConfig(rounds=options.rounds, drawn=drawn)
    config = config.model_copy(
        update={
            "run": config.run.changed(seed=seed, **({"hypotheses": 4} if options.smoke else {})),
            "method": config.method.model_copy(update={"seed": seed, **({"epochs": 4.0} if options.smoke else {})}),
        }
    )
    if options.smoke:
        few = config.strata.model_copy(update={"first_tries": 2, "waves": 2, "hint_after": 1})
        config = config.model_copy(update={"strata": few})
    return ROUNDS[arm](config) if arm in ROUNDS else config


async def measure(arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run one arm, or go on with it, to its end."""
    name = f"{arm}-{seed}"
    # The same for every arm of a seed, so that all are asked and tested the same.
    secret = hashlib.sha256(f"learning/{seed}".encode()).digest()
    with Store.open(options.workspace) as store, Display(Console()) as progress, keeping(store, name):
        records = StageRecords(store, name)
        config = _as_begun(records, configuration(arm, seed, options))
        splits = DrawnSplits(config.drawn, seed=seed, secret=secret)
        records.begin(config, splits.test, resume=records.begun() is not None)
        async with Pool.open(config.run.sandbox) as pool:
            mill = Mill(
                name=name,
                config=config,
                splits=splits,
                home=home_of(options.workspace),
                store=store,
                pool=pool,
                proposer=lambda adapter: resolve(config.run.model, adapter=adapter),
                base=base_weights(config.run.model, config.base),
                progress=progress,
            )
            if arm in ROUNDS:
                improvement = await run_rounds(mill)
                found = _of_rounds(improvement, records)
            else:
                found = await _control(arm, mill, f"main-{seed}")
        seconds, sessions = records.seconds(), core_seconds(store, name)
    return {"arm": arm, "seed": seed, "smoke": options.smoke} | {
        "core_seconds": [round(each, 1) for each in sessions],
        "stage_seconds": {stage: round(took, 1) for stage, took in seconds.items()},
        **found,
    }


def _as_begun(records: StageRecords, today: ImproveConfig) -> ImproveConfig:
    """The knobs that the arm was begun with, told apart from today's where these are others."""
    begun = records.begun()
    if begun is None:
        return today
    then, now = knobs(begun), knobs(today)
    if other := sorted(knob for knob in then if then[knob] != now[knob]):
        Console().print(
            f"{records.name} goes on as it was begun: "
            + ", ".join(f"{knob} = {then[knob]!r} (today {now[knob]!r})" for knob in other)
        )
    return begun


def _of_rounds(improvement: Improvement, records: StageRecords) -> dict[str, Any]:
    """What a three-round arm came to: every round's answers to the test set, and those of what is in use."""
    before = records.read("test-before", Evaluation)
    tested = [records.read(f"round-{each.round + 1}/test", Evaluation) for each in improvement.rounds]
    used = next((each.round for each in improvement.rounds if each.adapter == improvement.adapter), None)
    final = tested[used] if improvement.adapter is not None and used is not None else before
    return {
        "before": _passed(before),
        "rounds": [_passed(each) for each in tested],
        "kept": [bool(each.gate and each.gate.kept) for each in improvement.rounds],
        "rows": [each.rows for each in improvement.rounds],
        "strata_with_rows": [sum(map(bool, each.coverage.values())) for each in improvement.rounds],
        "strata": len(improvement.rounds[-1].coverage) if improvement.rounds else 0,
        "hypotheses": [each.hypotheses for each in improvement.rounds],
        "passed": _passed(final),
        "families": _families(final),
    }


async def _control(arm: str, mill: Mill, main: str) -> dict[str, Any]:
    """Train the base model once on other rows of the same search, and test it."""
    rows = await asyncio.to_thread(rows_for, arm, mill, main)
    trained = mill.records.read("round-1/trained", TrainedAdapter)
    if trained is None:
        async with mill.timed("round-1/trained", f"{arm}: training on {len(rows)} rows"):
            trained = await asyncio.to_thread(
                mill.config.method.train,
                rows,
                base=mill.base,
                out=mill.adapters.prepare(f"{mill.name}-round-1"),
                progress=lambda step, steps, loss: mill.progress.update(step, steps, f"loss {loss:.3f}"),
            )
            mill.records.write("round-1/trained", trained)
    tested = await mill.evaluation("round-1/test", f"{arm} on the test set", mill.test_set(), str(trained.path))
    await mill.close()
    return {"rows": [trained.rows], "passed": _passed(tested), "families": _families(tested)}


def _passed(evaluation: Evaluation | None) -> dict[str, bool | None]:
    return {each.task_id: each.passed[0] for each in evaluation.results} if evaluation else {}


def _families(evaluation: Evaluation | None) -> dict[str, str]:
    """Each task's family, so that the log alone gives the table."""
    results = evaluation.results if evaluation else ()
    return {
        each.task_id: next(tag.removeprefix("family:") for tag in each.tags if tag.startswith("family:"))
        for each in results
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """One arm and seed, or the table of those that have ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arm", choices=[*ROUNDS, *CONTROLS, ORACLE])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--family", nargs="+", default=["list-functions"])
    parser.add_argument("--held-out-family", nargs="*", default=[])
    parser.add_argument("--workspace", type=Path, default=Path("benchmarks/out/learning"))
    parser.add_argument("--log", type=Path, default=LOG)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args(arguments)
    if options.table or options.arm is None:
        show(options.log, smoke=options.smoke)
        return
    ended = [json.loads(line) for line in options.log.read_text("utf-8").splitlines()] if options.log.exists() else []
    if any((each["arm"], each["seed"], each["smoke"]) == (options.arm, options.seed, options.smoke) for each in ended):
        Console().print(f"{options.arm}, seed {options.seed}: has ended, its line is in {options.log}")
        return
    found = asyncio.run(measure(options.arm, options.seed, options))
    with options.log.open("a", encoding="utf-8") as log:
        log.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
