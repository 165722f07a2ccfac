"""The command `search`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from gristmill.graph.commands.functions.options import FinalSeeds, Given, Seeds, Target, search_options
from gristmill.graph.config import RunConfig

__all__ = ["DEFAULT", "app"]

# Sixteen samples, five iterations: Eureka's. What repeats itself or gains nothing goes on to the end, as there.
DEFAULT: Final = RunConfig.of(hypotheses=16, rounds=5, patience=5, same=5)

app = typer.Typer(
    name="search",
    help="Search for what something is trained with: a reward, a loss, ranges of the physics, or what your own trainer "
    "scores.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
@search_options(DEFAULT)
def reward(
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="mountain_car, acrobot, pendulum, …, or FILE.py:CLASS of your own.")
    ],
    *,
    start: Annotated[
        list[str] | None,
        typer.Option(
            help="Begin with this: human or sparse, the environment's own, or FILE.py; repeated, or by commas."
        ),
    ] = None,
    seeds: Seeds = 3,
    final_seeds: FinalSeeds = 5,
    published: Annotated[
        bool,
        typer.Option(
            "--published",
            help="Eureka's loop as published: its four messages and its feedback, each round on the best of the last "
            "one (--strategy iteration), nothing told of what else was tried, no training stopped early.",
        ),
    ] = False,
    target: Target = 0.95,
    given: Given,
) -> None:
    """Search for a reward function from which a policy learns an environment.

    A candidate trains policies by PPO, one for each seed; its score is the environment's own grade of these on fresh
    episodes, which no reward can touch. Says before it starts what it will take. All else is as with `run`: Ctrl-C
    stops cleanly, --resume goes on, `show` and `winner` tell what came of it.

    \b
    Examples:
      gristmill search reward mountain_car --model openai:qwen3@http://127.0.0.1:8000/v1
      gristmill search reward pendulum --model mutate --start sparse --hypotheses 4 --rounds 20 --strategy evolve
      gristmill search reward mountain_car --published --model openai:qwen3@http://127.0.0.1:8000/v1
      gristmill search reward acrobot --model mailbox --hypotheses 4 --rounds 3
      gristmill search reward swing_up --estimate
    """
    from gristmill.graph.commands.functions.forecast import reward_forecast
    from gristmill.graph.commands.functions.starting import reward_starts
    from gristmill.graph.commands.run import run_tasks
    from gristmill.verifiers.trained.reward.environments import reward_task

    begun = reward_starts(environment, start or ())
    counts: dict[str, object] = {"seeds": seeds, "final_seeds": final_seeds}
    if published:
        counts["published"] = True
    task = reward_task(environment, target=target, settings=counts | ({"start": begun} if begun else {}))
    said = ("reward", environment)
    call = given.call(said, environment)
    chosen = DEFAULT.changed(strategy="iteration", halving=False) if published else DEFAULT
    run_tasks(None if given.resume else [task], chosen, call, forecast=lambda run: reward_forecast(task, run))


@app.command()
@search_options(DEFAULT)
def loss(
    problem: Annotated[
        str, typer.Argument(metavar="PROBLEM", help="digits_label_noise, preference_pairs, or FILE.py:CLASS.")
    ],
    *,
    start: Annotated[
        list[str] | None,
        typer.Option(help="Begin with this: a published loss, such as ce or dpo, or FILE.py; repeated, or by commas."),
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=NUMBER", help="A setting of the problem, as flips=0.3.")
    ] = None,
    seeds: Seeds = 3,
    final_seeds: FinalSeeds = 5,
    target: Target = 0.98,
    given: Given,
) -> None:
    """Search for a loss function with which a network does better.

    A candidate trains one network a seed; its score is what these come to on data that were held out from training.
    Its gradient must be that of its value. All else is as with `run`.

    \b
    Examples:
      gristmill search loss digits_label_noise --start ce --model openai:qwen3@http://127.0.0.1:8000/v1
      gristmill search loss preference_pairs --set flips=0.3 --start dpo,ipo,slic,kto --model mailbox
      gristmill search loss digits_label_noise --start sce --model mutate --strategy evolve --rounds 20
    """
    from gristmill.graph.commands.functions.forecast import loss_forecast
    from gristmill.graph.commands.functions.starting import loss_starts, settings_of
    from gristmill.graph.commands.run import run_tasks
    from gristmill.verifiers.trained.loss.problems import loss_task

    begun = loss_starts(problem, start or ())
    counts = {"seeds": seeds, "final_seeds": final_seeds}
    settings = {**counts, **settings_of(problem, setting or ()), **({"start": begun} if begun else {})}
    task = loss_task(problem, target=target, settings=settings)
    said = ("loss", problem)
    call = given.call(said, problem)
    run_tasks(None if given.resume else [task], DEFAULT, call, forecast=lambda chosen: loss_forecast(task, chosen))
