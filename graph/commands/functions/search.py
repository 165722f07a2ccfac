"""The command `search`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gristmill.graph.commands.alerts.telling import AlertTo
from gristmill.graph.commands.options import ConfigFile, Flags, Json, Models, Workspace, options_of
from gristmill.graph.config import RunConfig

if TYPE_CHECKING:
    from gristmill.graph.commands.run import Call

__all__ = ["app", "call_of"]

# Sixteen samples, five iterations: Eureka's. What repeats itself or gains nothing goes on to the end, as there.
DEFAULT: Final = RunConfig.of(hypotheses=16, rounds=5, patience=5, same=5)

app = typer.Typer(
    name="search",
    help="Search for what something is trained with: a reward, a loss, ranges of the physics, or what your own trainer "
    "scores.",
    no_args_is_help=True,
    add_completion=False,
)

Name = Annotated[
    str | None, typer.Option(help="Name of the run, new in the workspace. Default: what is searched for and a number.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run of this name.")]
Estimate = Annotated[
    bool, typer.Option("--estimate", help="Say what the search may take and cost at most, and do nothing else.")
]
Seeds = Annotated[int, typer.Option(min=1, max=20, help="Trainings of each candidate.")]
FinalSeeds = Annotated[
    int,
    typer.Option(
        min=0,
        max=20,
        help="Trainings of the winner in the end, by seeds on which nothing was chosen; before that up to four "
        "finalists get as many in the mean, by others, to find it. 0: the best of the search is the winner.",
    ),
]
Target = Annotated[float, typer.Option(min=0.0, max=1.0, help="The mean score that ends the search.")]
Python = Annotated[Path | None, typer.Option(help="Interpreter of vLLM's environment, for vllm:NAME.")]


@app.command()
@options_of(DEFAULT, leave_out=("models",), repeated=("model",))
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
    name: Name = None,
    resume: Resume = False,
    estimate: Estimate = False,
    config: ConfigFile = None,
    models: Models = None,
    flags: Flags,
    vllm_python: Python = None,
    workspace: Workspace = ".",
    alert: AlertTo = None,
    json_: Json = False,
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
    call = call_of(
        said, environment, name, resume, estimate, config, models, flags, vllm_python, workspace, json_, alert
    )
    chosen = DEFAULT.changed(strategy="iteration", halving=False) if published else DEFAULT
    run_tasks(None if resume else [task], chosen, call, forecast=lambda run: reward_forecast(task, run))


@app.command()
@options_of(DEFAULT, leave_out=("models",), repeated=("model",))
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
    name: Name = None,
    resume: Resume = False,
    estimate: Estimate = False,
    config: ConfigFile = None,
    models: Models = None,
    flags: Flags,
    vllm_python: Python = None,
    workspace: Workspace = ".",
    alert: AlertTo = None,
    json_: Json = False,
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
    call = call_of(said, problem, name, resume, estimate, config, models, flags, vllm_python, workspace, json_, alert)
    run_tasks(None if resume else [task], DEFAULT, call, forecast=lambda chosen: loss_forecast(task, chosen))


def call_of(
    words: tuple[str, ...],
    stem: str,
    name: str | None,
    resume: bool,
    estimate: bool,
    config: Path | None,
    models: Path | None,
    flags: Flags,
    vllm_python: Path | None,
    workspace: str,
    json_: bool,
    alert: list[str] | None,
) -> Call:
    """A call of ``search`` with these words; `stem`, without its file, begins the name of a run that is given none."""
    from gristmill.graph.commands.run import Call

    return Call(
        words=("search", *words),
        stem=stem.rpartition(":")[2] or stem,
        name=name,
        resume=resume,
        estimate=estimate,
        config=config,
        models=models,
        flags=flags,
        vllm_python=vllm_python,
        workspace=workspace,
        json=json_,
        alert=tuple(alert or ()),
    )
