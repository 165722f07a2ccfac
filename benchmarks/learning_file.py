"""Does the model learn from what tools verified? One round on several seeds, each with an unverified control.

    python benchmarks/learning_file.py [--seeds 0 1 2] [--workspace DIR] [--json FILE]

For each seed: list-function tasks are generated (other held-out combinations each), and one round of `improve` runs as
`make demo` runs it. The control trains the same base model with the same knobs on as many rows of the same campaign,
drawn without looking at verdicts, and is evaluated on the same test set with the same prompt and greedy decoding. A run
that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gristmill.graph.commands.progress import Display
from gristmill.graph.commands.run_progress import following
from gristmill.graph.models.resolve import resolve
from gristmill.graph.storage.store import Store
from gristmill.graph.storage.workspace import home_of
from gristmill.graph.tasks.generate import generate_list_functions
from gristmill.sandbox.pool import Pool
from gristmill.trainers.data.curate import CurateConfig, curate
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.context import Mill
from gristmill.trainers.improve.gate import decide
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.improve.rounds import run_rounds
from gristmill.trainers.improve.splits import split_tasks
from gristmill.trainers.measure.evaluation import Evaluation, evaluate, greedy
from gristmill.trainers.methods.weights import base_weights
from gristmill.trainers.records import Share


async def measure(seed: int, workspace: Path, console: Console) -> dict[str, object]:
    """One seed: the improvement, its control, and the paired test between the two."""
    begun = time.monotonic()
    tasks = generate_list_functions(seed=seed)
    default = ImproveConfig()
    config = default.model_copy(
        update={
            "run": default.run.model_copy(update={"seed": seed}),
            "method": default.method.model_copy(update={"seed": seed}),
        }
    )
    splits, base, name = split_tasks(tasks), base_weights(config.run.model, config.base), f"learning-{seed}"
    with Store.open(workspace) as store, Display(console) as progress:
        records = StageRecords(store, name)
        records.begin(config, tasks, resume=records.begun() is not None)
        async with Pool.open(config.run.sandbox) as pool:
            mill = Mill(
                name=name,
                config=config,
                splits=splits,
                home=home_of(workspace),
                store=store,
                pool=pool,
                proposer=lambda adapter: resolve(config.run.model, adapter=adapter),
                base=base,
                progress=progress,
            )
            improvement = await run_rounds(mill)
            trajectories = list(store.trajectories(f"{name}-round-1"))
            rows = improvement.rounds[0].rows
            control = records.read("control", Evaluation)
            if control is None:
                unverified = curate(
                    trajectories,
                    held_out=(*splits.gate, *splits.test),
                    config=CurateConfig(verified=False, size=rows, seed=seed),
                )
                progress.stage(f"control: training on {len(unverified.rows)} unverified rows")
                trained = await asyncio.to_thread(
                    config.method.train,
                    unverified.rows,
                    base=base,
                    out=workspace / "controls" / name,
                    progress=lambda step, steps, loss: progress.update(step, steps, f"loss {loss:.3f}"),
                )
                async with (
                    resolve(config.run.model, adapter=str(trained.path)) as proposer,
                    following(progress, ends=False) as heard,
                ):
                    control = await evaluate(
                        splits.test,
                        greedy(config.run, str(trained.path)),
                        name=f"{name}-control",
                        store=store,
                        proposer=proposer,
                        pool=pool,
                        resume=any(begun.name == f"{name}-control" for begun in store.runs()),
                        on_event=heard,
                    )
                records.write("control", control)
        after = records.read("round-1/test", Evaluation)
    round_ = improvement.rounds[0]
    against = None if after is None else decide(control.results, after.results)
    return {
        "seed": seed,
        "combinations": improvement.test_combinations,
        "hypotheses": round_.hypotheses,
        "verified": round_.verified,
        "solved": round_.solved,
        "tasks": round_.tasks,
        "rows": round_.rows,
        "kept": bool(round_.gate and round_.gate.kept),
        "before": improvement.test_before.model_dump(),
        "after": improvement.test_after.model_dump(),
        "control": control.pass_at[1].model_dump(),
        "p_against_control": None if against is None else against.p_value,
        "seconds": improvement.seconds,
        "total_seconds": time.monotonic() - begun,
    }


def show(value: object) -> str:
    """A share with its interval."""
    share = Share.model_validate(value)
    return f"{100 * share.rate:.1f}% ({100 * share.low:.1f}–{100 * share.high:.1f})"


def rate(value: object) -> float:
    """A share's middle."""
    return Share.model_validate(value).rate


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--workspace", type=Path, default=Path("benchmarks/out/learning"))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    console, measurements = Console(), []
    for seed in arguments.seeds:
        console.rule(f"seed {seed}")
        measurements.append(asyncio.run(measure(seed, arguments.workspace, console)))
    table = Table(title="pass@1 on held-out combinations, greedy, 95% intervals")
    for column in ("seed", "verified", "solved", "rows", "before", "after", "unverified control", "p", "minutes"):
        table.add_column(column, justify="right")
    for each in measurements:
        p = each["p_against_control"]
        table.add_row(
            str(each["seed"]),
            f"{each['verified']}/{each['hypotheses']}",
            f"{each['solved']}/{each['tasks']}",
            str(each["rows"]),
            show(each["before"]),
            show(each["after"]) + ("" if each["kept"] else " not kept"),
            show(each["control"]),
            "" if p is None else f"{p:.1e}",
            f"{sum(each['seconds'].values()) / 60:.1f}",  # type: ignore[attr-defined]  # a dict, which JSON cannot say
        )
    means = {
        key: sum(rate(each[key]) for each in measurements) / len(measurements) for key in ("before", "after", "control")
    }
    table.add_row("mean", "", "", "", *(f"{100 * mean:.1f}%" for mean in means.values()), "", "", style="bold")
    Console(width=140).print(table)
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"seeds": measurements, "means": means}, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
