"""What `improve --dry-run` prints: memory and hours of one round, of this model and of larger ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from gristmill.trainers.improve.config import ImproveConfig

__all__ = ["check_source", "default_for", "print_plan"]

_ROWS = (
    "weights, GB",
    "adapter and optimizer, GB",
    "peak of training, GB",
    "  layers computed twice",
    "  --four-bit, untried here",
    "peak of sampling, GB",
    "hours of training",
    "hours of sampling",
    "learning rate",
    "batch",
)


def check_source(tasks: Path | None, config: ImproveConfig) -> None:
    """Tasks are read from a file or drawn from families, and what else is asked for can be had.

    Raises:
        UserError: both were asked for, or neither, or what cannot be.
    """
    from gristmill.sandbox.errors import UserError

    if tasks is None and not config.drawn.family:
        raise UserError("what is to be learned? Give a task file, or --family (see `gristmill tasks generate --help`)")
    if config.gate.gate == "open" and not config.drawn.family:
        raise UserError(
            "--gate open draws gate tasks until it is decided: that takes --family; with a file, take fixed"
        )
    if config.reflections and (config.run.search.strategy == "best_of" or config.run.search.rounds < 2):
        raise UserError(
            "--reflections: this search never answers a wrong answer; give it rounds that do, say --strategy reflect "
            "--search-rounds 3"
        )
    if tasks is not None and (config.drawn.family or config.drawn.held_out_family):
        raise UserError(
            f"{tasks} and --family: tasks are read from a file or drawn from families; leave one of them out"
        )


def default_for(method: str | None) -> ImproveConfig:
    """The default configuration with this method.

    Raises:
        UserError: there is none of that name for `improve`.
    """
    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.improve.config import ImproveConfig
    from gristmill.trainers.methods.choices import METHODS

    policies = [kind for kind in METHODS if kind != "reward_model"]
    if method is None:
        return ImproveConfig()
    if method not in policies:
        raise UserError(f"--method: {method!r} is none of {', '.join(policies)}")
    return ImproveConfig.model_validate({"method": METHODS[method]()})


def print_plan(
    console: Console, config: ImproveConfig, tasks: int, base: Path, tokens_per_second: float | None
) -> None:
    """Print what one round takes at most, where each task gives as many rows as it may, and what was assumed.

    Args:
        tasks: that a round searches.
        tokens_per_second: of this model, trained on and sampled; None takes what was measured with the local model on
            one plain core, times the cores of this machine.
    """
    import os

    from rich.table import Table

    from gristmill.trainers.improve.forecast import work_of
    from gristmill.trainers.methods.planning import MODELS, Assumptions, Work, plan, shape_of

    shape, method = shape_of(base), config.method
    if tokens_per_second is None:
        cores, told = len(os.sched_getaffinity(0)), Assumptions()
        assumed = told.model_copy(
            update={"train_rate": told.train_rate * cores, "sample_rate": told.sample_rate * cores}
        )
    else:
        assumed = Assumptions(
            reference_parameters=shape.parameters, train_rate=tokens_per_second, sample_rate=tokens_per_second
        )
    work = work_of(config, tasks)
    table = Table(
        title=f"one round at most, by {method.kind}: {work.rows} rows, {work.replies} replies", title_justify="left"
    )
    table.add_column("")
    quarter, columns = assumed.model_copy(update={"weight_bytes": 0.55}), []
    for each in (shape, *MODELS):
        table.add_column(each.name[:12], justify="right", no_wrap=True)
        found, small = plan(each, work, assumed), plan(each, work, quarter)
        memory = (found.weights, found.adapter, found.training_kept, found.training, small.training, found.sampling)
        columns.append(
            (
                *(f"{size / 1e9:.1f}" for size in memory),
                f"{found.train_hours:.1f}",
                f"{found.sample_hours:.1f}",
                f"{method.learning_rate or found.learning_rate * method.rate_share:g}",
                str(method.batch or found.batch),
            )
        )
    for title, *cells in zip(_ROWS, *columns, strict=True):
        table.add_row(title, *cells)
    console.print(table)
    console.print(
        "Peak of training: weights, adapter with its optimizer and one micro-batch. Layers are computed twice on a "
        "GPU, for rows over --micro-tokens, and with --four-bit. A server on a GPU sleeps or ends before a training "
        "starts. Assumed:"
    )
    for name, field in Assumptions.model_fields.items():
        console.print(f"  {name.replace('_', ' ')} {getattr(assumed, name):g}: {field.description}")
    for name, field in Work.model_fields.items():
        more = f": {field.description}" if field.description else ""
        console.print(f"  {name.replace('_', ' ')} {getattr(work, name):g}{more}")
