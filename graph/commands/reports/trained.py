"""What came of a search for a reward or a loss, beside its baselines, for people and for programs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gristmill.graph.commands.explaining import short_number
from gristmill.graph.judging.baselines import baselines
from gristmill.graph.judging.evaluations import TroubleError, final_evidence
from gristmill.graph.judging.secret import kept_secret
from gristmill.graph.reports.trained import trained
from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.sandbox.plain import say, say_json, say_table
from gristmill.verifiers.trained.comparing import equal_steps

if TYPE_CHECKING:
    from gristmill.graph.judging.baselines import Baseline
    from gristmill.graph.reports.trained import ComparisonRow, Trained
    from gristmill.graph.storage.store import Store
    from gristmill.graph.summary import TaskStanding
    from gristmill.verifiers.records import Task

__all__ = ["say_trained"]


def say_trained(store: Store, run: str, standing: TaskStanding, sandbox: str | None, as_json: bool) -> None:
    """Train the task's baselines by the seeds of the search and the final ones, unless that was done, and tell all.

    Raises:
        UserError: nothing is trained with the solutions of this task.
        InfrastructureError: a baseline could not be judged on this machine.
    """
    task = next(task for task in store.tasks(run) if task.id == standing.task)
    if task.kind not in ("reward", "loss"):
        raise UserError(f"--baselines is of rewards and losses; {task.id!r} is of the kind {task.kind}")
    try:
        compared = asyncio.run(_found(store, run, task, sandbox))
    except TroubleError as error:
        raise InfrastructureError(str(error)) from error
    final = final_evidence(store, run, standing.best) if standing.best is not None else None
    told = trained(store, run, standing, compared, equal_steps(task), final)
    if as_json:
        say_json(told.model_dump_json(indent=1))
    else:
        _say(told)


async def _found(store: Store, run: str, task: Task, sandbox: str | None) -> list[Baseline]:
    from gristmill.sandbox.pool import Pool
    from gristmill.verifiers.registry import Verifiers

    config = store.get_run(run).config
    async with Pool.open(sandbox or config.sandbox, config.workers) as pool:
        return await baselines(store, run, task, Verifiers(pool, secret=kept_secret(store, run)))


def _say(told: Trained) -> None:
    rate = "" if told.execute_rate is None else f" ({100 * told.execute_rate:.0f}%)"
    say(f"executed     {told.executed} of {told.candidates} candidates{rate}; every training is {told.length}")
    if told.correlation is not None or told.correlation_mean is not None:
        own, of_all = (short_number(each) or "none" for each in (told.correlation, told.correlation_mean))
        say(f"correlation  with the human reward: winner {own}, mean of all {of_all}")
    beaten = ", ".join(f"{name} {100 * share:.0f}%" for name, share in told.beat.items())
    if beaten:
        say(f"beat         share of candidates above: {beaten}")
    say("")
    succeeds = any(each.success is not None for each in told.iterations)
    head = ("round", "candidates", "executed", "best score", *(("max success",) if succeeds else ()))
    say_table(
        head,
        [
            (
                str(each.round),
                str(each.candidates),
                str(each.executed),
                short_number(each.score),
                *((short_number(each.success),) if succeeds else ()),
            )
            for each in told.iterations
        ],
        right=head,
    )
    say("")
    numbers = ("search", "final", "95% interval", "seeds", "success", "winner ahead by")
    say_table(
        ("", *numbers),
        [
            (
                each.name,
                short_number(each.search),
                short_number(each.final),
                "" if each.low is None else f"{short_number(each.low)} to {short_number(each.high)}",
                str(each.seeds or ""),
                short_number(each.success),
                _ahead(each),
            )
            for each in told.table
        ],
        right=numbers,
    )


def _ahead(row: ComparisonRow) -> str:
    """The winner's gain over a row's function, with its interval."""
    if row.gain is None or row.gain_low is None or row.gain_high is None:
        return ""
    return f"{row.gain:+.3f} ({row.gain_low:+.3f} to {row.gain_high:+.3f})"
