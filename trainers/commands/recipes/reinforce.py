"""The command `recipe reinforce`: RL with a reward model, tools beside it. Heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.options import ConfigFile, Flags, Json, Sandbox, Workspace, options_of
from gristmill.graph.commands.tracing.telling import Trace, TraceContent, Tracing
from gristmill.sandbox.plain import console_for, say, say_json, say_table
from gristmill.trainers.recipes.ser.reinforcing import RlConfig

if TYPE_CHECKING:
    from gristmill.trainers.recipes.ser.reinforcing import Reinforced

__all__ = ["reinforce"]


@options_of(RlConfig())
def reinforce(
    model: Annotated[str, typer.Argument(help="A SER of this workspace that has ended, or a reward model's folder.")],
    pairs: Annotated[Path, typer.Argument(help="Pairs, as `recipe ser` takes them: their prompts are trained on.")],
    *,
    tasks: Annotated[Path, typer.Option(help="Tasks that tools can check: they measure, and are not trained on.")],
    name: Annotated[str, typer.Option(help="Name of this stage, new in the workspace.")] = "rl",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the stage of this name.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it will take, and do nothing.")] = False,
    base: Annotated[
        Path | None, typer.Option(help="Folder of the base model; default: the one the reward model was trained on.")
    ] = None,
    sandbox: Sandbox = "auto",
    workspace: Workspace = ".",
    config: ConfigFile = None,
    flags: Flags,
    trace: Trace = False,
    trace_content: TraceContent = False,
    json_: Json = False,
) -> None:
    """Train a model by GRPO or RLOO on a reward model's rewards, and see whether tools pass more of its replies.

    The prompts are trained on in --checkpoints parts. Before the first and after each, all --tasks are answered
    greedily: the mean reward and the share that tools pass are of the same replies. Where the reward rises and the
    share falls, the reward is over-optimised, which is said; the checkpoint that tools passed most of counts.

    \b
    Examples:
      gristmill recipe reinforce night pairs.jsonl --tasks held-out.jsonl --dry-run
      gristmill recipe reinforce night pairs.jsonl --tasks held-out.jsonl
      gristmill recipe reinforce night pairs.jsonl --tasks held-out.jsonl --method rloo --checkpoints 8 --name again
      gristmill recipe reinforce night pairs.jsonl --tasks held-out.jsonl --resume
    """
    import os
    import sys

    from gristmill.graph.commands.interrupts import resumable
    from gristmill.graph.commands.progress import Display
    from gristmill.graph.commands.settings import settle
    from gristmill.graph.commands.viewing.looking import how_to_look
    from gristmill.graph.storage.store import Store
    from gristmill.graph.storage.workspace import home_of
    from gristmill.graph.tasks.loading import load_tasks
    from gristmill.trainers.commands.extras import need_training
    from gristmill.trainers.improve.forecast import measured_rates
    from gristmill.trainers.recipes.ser.forecast import rl_forecast
    from gristmill.trainers.recipes.ser.pairs import read_pairs
    from gristmill.trainers.recipes.ser.records import model_of
    from gristmill.trainers.recipes.ser.reinforcing import Reinforcing
    from gristmill.trainers.recipes.ser.reinforcing import reinforce as run
    from gristmill.trainers.recipes.ser.scoring import base_of, load_reward_model

    measuring = load_tasks(tasks)
    every = {pair.group: pair.prompt for pair in read_pairs(pairs)}
    prompts = [
        prompt
        for _, prompt in sorted(every.items())
        if not any(task.prompt in turn["content"] for task in measuring for turn in prompt)
    ]
    console = console_for(file=sys.stderr if json_ else sys.stdout)
    with Store.open(workspace) as store:
        folder, _ = model_of(store, model)
        chosen = settle(RlConfig(), flags, file=config).config
        if dry_run or not resume:
            weights, cores = base_of(folder, base), len(os.sched_getaffinity(0))
            rates = measured_rates(store, f"local:{weights}", 1.0)
            console.print(rl_forecast(prompts, len(measuring), chosen, weights, rates, cores).words, soft_wrap=True)
        if len(prompts) < len(every):
            console.print(f"prompts left out, as they hold a task that measures: {len(every) - len(prompts)}")
        if dry_run:
            return
        need_training()
        tracing = Tracing(store, on=trace, content=trace_content, over=f"recipe {name}")
        with resumable(resume=resume) as begin, tracing, Display(console) as progress:
            work = Reinforcing(
                name=name,
                config=chosen,
                prompts=prompts,
                tasks=measuring,
                score=load_reward_model(folder, base),
                scored_by=str(folder.resolve()),
                base=base_of(folder, base),
                home=home_of(workspace) / "recipes" / f"rl-{name}",
                store=store,
                progress=progress,
                sandbox=sandbox,
            )
            work.begin(resume=resume)
            begin()
            console.print(how_to_look(workspace), soft_wrap=True)
            result = run(work)
    if json_:
        say_json(result.model_dump_json(indent=1))
    else:
        _print(result)


def _print(result: Reinforced) -> None:
    say_table(
        ["checkpoint", "reward in training", "reward", "tools passed", "95%"],
        [
            [
                "0, the base" if each.adapter is None else str(each.number),
                "" if each.trained is None else f"{each.trained:.3f}",
                f"{each.reward:.3f}",
                f"{each.passed.passed:g}/{each.passed.total} ({each.passed.rate:.1%})",
                f"{each.passed.low:.1%} to {each.passed.high:.1%}",
            ]
            for each in result.checkpoints
        ],
        right=("reward in training", "reward"),
    )
    for warning in result.warnings:
        say(f"warning: {warning}")
    best = result.checkpoints[result.best]
    say(f"adapter  {best.adapter or 'none: the base model passes most'}")
