"""What a search for a function will take, measured on this machine by a little of one training."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill.graph.config import RunConfig
    from gristmill.verifiers.records import Task

__all__ = ["command_forecast", "loss_forecast", "ranges_forecast", "reward_forecast"]


def reward_forecast(task: Task, config: RunConfig) -> str:
    """Trainings of a search for a reward at most, and core-minutes: a few rollouts are timed."""
    return _words(task, config, f"{_steps(task):,} steps", _policy_seconds(task), _confirming(config))


def ranges_forecast(task: Task, config: RunConfig) -> str:
    """As `reward_forecast`, with the trainings before the search, whose best policy is swept, and those of the final
    test. What it takes to grade policies in many worlds is not counted."""
    seeds = int(task.settings.get("seeds", 3))
    also = f", before it {seeds} and a sweep for the priors, and in the end {seeds} for the final test"
    return _words(task, config, f"{_steps(task):,} steps", _policy_seconds(task), also, 2 * seeds)


def _steps(task: Task) -> int:
    from gristmill.verifiers.trained.reward.environments import environment_spec

    return environment_spec(task.environment).training.steps


def _policy_seconds(task: Task) -> float:
    """Processor seconds of the training of one policy."""
    import numpy as np

    from gristmill.verifiers.trained.reward.environments import environment_spec
    from gristmill.verifiers.trained.reward.training import train_policy

    world = environment_spec(task.environment)
    rollout = world.training.episodes * world.training.horizon

    def take(rollouts: int, graded: int = 1) -> None:
        few = replace(
            world.training, steps=rollouts * rollout, checkpoints=1, checkpoint_episodes=graded, graded_episodes=graded
        )
        train_policy(lambda batch: np.zeros(len(batch.action)), world, 0, few)

    settings = world.training
    # A process that begins for each training loads its libraries each time: nothing is there to be loaded beforehand.
    apart = hasattr(world, "make")
    few, many = (1, 3) if apart else (2, 12)
    if not apart:
        take(few)
    short, longer, graded = (
        _spent(lambda given=given: take(*given))  # type: ignore[misc]
        for given in ((few,), (many,), (few, settings.graded_episodes))
    )
    learning = _extrapolated(short, longer, few, many, settings.steps // rollout)
    # Episodes are graded side by side: what many take is not what one takes so often.
    grading = max(0.0, graded - short) / 2
    return learning + grading * (1 + settings.checkpoints * settings.checkpoint_episodes / settings.graded_episodes)


def loss_forecast(task: Task, config: RunConfig) -> str:
    """Trainings of a search for a loss at most, and core-minutes: a few epochs are timed."""
    from gristmill.verifiers.trained.loss.problem import Trains
    from gristmill.verifiers.trained.loss.problems import problem_of
    from gristmill.verifiers.trained.loss.trainer import train

    problem = problem_of(task)
    if isinstance(problem, Trains):
        return _words(task, config, "one language model", problem.seconds(), _confirming(config))

    def take(epochs: int) -> None:
        few = replace(problem.training, epochs=epochs, checkpoints=1)
        # What a loss costs by itself is left out: it hangs on the candidate, and on the way to its process.
        train(lambda outputs, targets: (0.0, 0.0 * outputs), problem, 0, few)

    take(2)
    short, longer = _spent(lambda: take(2)), _spent(lambda: take(12))
    seconds = _extrapolated(short, longer, 2, 12, problem.training.epochs)
    return _words(task, config, f"{problem.training.epochs} epochs", seconds, _confirming(config))


def command_forecast(task: Task, config: RunConfig, most: float, at_once: int) -> str:
    """Trainings of a search that a program of the user's scores; nothing here knows how long one takes, or how large
    it is: only that none takes more than `most` seconds, and `at_once` run side by side."""
    candidates, seeds, close = _counts(task, config)
    hours = (candidates * seeds + close) * most / at_once / 3600
    return (
        f"takes        at most {candidates} candidates by {seeds} calls of your program{_confirming(config)}"
        f"{_closing(close)}: each {most:g}"
        f" s at most, {at_once} side by side, so {hours:.1f} h at most; memory is what your program takes"
    )


def _counts(task: Task, config: RunConfig) -> tuple[int, int, int]:
    """(candidates, trainings of each, trainings at the close), at most."""
    from gristmill.graph.judging.closing import most_finalists
    from gristmill.verifiers.judging import final_seeds

    candidates = config.search.hypotheses * config.search.rounds  # and as many calls, which --estimate tells more of
    return candidates, int(task.settings.get("seeds", 3)), final_seeds(task) * (1 + most_finalists(task))


def _closing(close: int) -> str:
    return f", and at the close {close} to find the winner and score it by fresh seeds" if close else ""


def _confirming(config: RunConfig) -> str:
    return ", as many again for one that reaches the target" if config.confirm else ""


def _extrapolated(short: float, longer: float, few: int, many: int, all_: int) -> float:
    """Processor seconds of `all_` parts, by what `few` and `many` of them have taken."""
    each = max(0.0, (longer - short) / (many - few))
    return max(0.0, short - few * each) + each * all_


def _spent(work: Callable[[], None]) -> float:
    """Processor seconds, those of processes that ended within too."""
    begun = sum(os.times()[:4])
    work()
    return sum(os.times()[:4]) - begun


def _words(task: Task, config: RunConfig, length: str, seconds: float, also: str = "", more: int = 0) -> str:
    """`also` tells of `more` trainings beside those of candidates and of the close."""
    from gristmill.sandbox.pool import fitting_size

    candidates, seeds, close = _counts(task, config)
    workers = config.workers or fitting_size()
    core = (candidates * seeds + close + more) * seconds / 60
    memory = workers * task.limits.memory_mb
    return (
        f"takes        at most {candidates} candidates by {seeds} trainings of {length}{also}{_closing(close)}: about "
        f"{seconds:.1f} s each, {core:.1f} core-minutes besides what candidates take; workers may use {memory:,} MB"
    )
