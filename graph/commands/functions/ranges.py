"""The command `search ranges`; `app` is `search` with all of its commands. Heavy imports wait inside."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gristmill.graph.commands.functions.options import Given, Seeds, search_options
from gristmill.graph.commands.functions.search import app
from gristmill.graph.config import RunConfig
from gristmill.sandbox.plain import console_for, say

if TYPE_CHECKING:
    from rich.console import Console

    from gristmill.graph.commands.run import Call
    from gristmill.verifiers.records import Task
    from gristmill.verifiers.trained.ranges.task import Swept

__all__ = ["app", "ranges"]

# Sixteen samples, no iteration: DrEureka's.
DEFAULT: Final = RunConfig.of(hypotheses=16, rounds=1, patience=5, same=5)


@app.command()
@search_options(DEFAULT)
def ranges(
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="mountain_car, pendulum, swing_up, …, or FILE.py:CLASS of your own.")
    ],
    reward: Annotated[
        str, typer.Argument(metavar="REWARD", help="human or sparse, FILE.py, or a run whose winner is a reward.")
    ],
    *,
    success: Annotated[
        float,
        typer.Option(min=0.01, max=1.0, help="Share of its grade as things are from which a policy still succeeds."),
    ] = 0.8,
    seeds: Seeds = 3,
    target: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="The mean score that ends the search. Default: the grade as things are."),
    ] = None,
    given: Given,
) -> None:
    """Search for ranges in which the physics of a training is drawn, so that its policy bears other physics.

    As DrEureka does: policies of the reward are trained in the world as it is, and the best is replayed with each
    constant of the physics moved alone. The widest interval around the constant in which it succeeds is its prior.
    Candidates are ranges within the priors, `name = [low, high]`: data that never runs. Each trains policies in worlds
    drawn from it; its score is their mean grade in worlds drawn from the priors. The winner is trained anew and tested
    in 200 worlds that nothing was trained or chosen in. All else is as with `run`.

    \b
    Examples:
      gristmill search ranges mountain_car human --model openai:qwen3@http://127.0.0.1:8000/v1
      gristmill search ranges pendulum reward.py --model mutate --seeds 2
      gristmill search ranges swing_up night --model mailbox --rounds 3
      gristmill search ranges acrobot human --estimate
    """
    from gristmill.graph.commands.functions.forecast import ranges_forecast
    from gristmill.graph.commands.functions.starting import reward_source
    from gristmill.graph.commands.run import run_tasks
    from gristmill.verifiers.trained.ranges.task import ranges_task, sensible_priors

    said, stem = ("ranges", environment, reward), f"{environment}-ranges"
    call = given.call(said, stem)
    if given.resume:
        run_tasks(None, DEFAULT, call)
        return
    source = reward_source(environment, reward, given.workspace)
    task = ranges_task(environment, source, sensible_priors(environment), settings={"seeds": seeds}, target=target)
    if not given.estimate:
        task = _prepared(task, source, success, seeds, target, call)
    run_tasks([task], DEFAULT, call, forecast=lambda chosen: ranges_forecast(task, chosen))


def _prepared(task: Task, source: str, success: float, seeds: int, target: float | None, call: Call) -> Task:
    """The task with the priors that a policy of the reward has; nothing is stored yet."""
    import asyncio
    import math

    from gristmill.graph.commands.interrupts import INTERRUPTED, run_interruptibly
    from gristmill.graph.commands.settings import chosen_models, settle
    from gristmill.graph.resuming import decide_run
    from gristmill.graph.storage.store import Store
    from gristmill.verifiers.trained.ranges.task import ranges_task

    chosen = settle(DEFAULT, chosen_models(call.flags, call.models), file=call.config).config
    if call.name is not None:
        with Store.open(call.workspace) as store:  # before minutes are spent on it
            decide_run(store, call.name, chosen, [task], resume=False)
    console = console_for(file=sys.stderr if call.json else sys.stdout)
    console.print(
        f"priors       {seeds} trainings in the world as it is, and a sweep of {len(task.settings['priors'])} constants"
    )
    try:
        known = run_interruptibly(_sweep(str(task.environment), source, success, seeds, chosen.sandbox))
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("Interrupted before the search began; nothing is stored.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    _say(console, known)
    priors = {each.name: (each.low, each.high) for each in known.priors}
    settings = {"seeds": seeds, "sweep": known.model_dump(mode="json")}
    # Never rounded up: what is asked for is what the policy has shown.
    wanted = math.floor(known.nominal * 1e4) / 1e4 if target is None else target
    return ranges_task(str(task.environment), source, priors, settings=settings, target=wanted)


async def _sweep(environment: str, source: str, success: float, seeds: int, sandbox: str) -> Swept:
    import secrets

    from gristmill.sandbox.pool import Pool
    from gristmill.verifiers.trained.ranges.task import swept

    async with Pool.open(sandbox, 1) as pool:
        drawn = tuple(secrets.randbits(32) for _ in range(seeds))
        return await swept(pool, environment, source, drawn, success=success)


def _say(console: Console, known: Swept) -> None:
    console.print(
        f"             grade as things are {known.nominal:.3f}; success from {known.success * known.nominal:.3f} on"
    )
    for each in known.priors:
        low, high = each.published
        fails = ", ".join(f"{value:g}" for value in each.failures) or "nowhere"
        console.print(
            f"             {each.name} {each.nominal:g}: prior [{each.low:g}, {each.high:g}], by the published rule "
            f"[{low:g}, {high:g}]; fails at {fails}",
            soft_wrap=True,
        )
