"""From a reward to a task: a policy is trained, its priors are found, and the task says them."""

from __future__ import annotations

import asyncio
import textwrap
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Limits, Record
from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.ranges.perturbed import whole
from gristmill.verifiers.trained.ranges.priors import SUCCESS, Prior, sweep
from gristmill.verifiers.trained.reward.environments import environment
from gristmill.verifiers.trained.reward.trainer import TrainedPolicy, train
from gristmill.verifiers.trained.reward.verifier import PROFILE, RewardTraining, ask
from gristmill.verifiers.trained.serving import CandidateFault, ServedFunction, Solution, serve
from gristmill.verifiers.trained.verifier import TRAINER_SECONDS

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs
    from gristmill.verifiers.trained.reward.environment import Environment

__all__ = ["Swept", "ranges_task", "sensible_priors", "swept"]


class Swept(Record):
    """What a reward's policy bears: its grade in the world as it is, and the prior of every constant."""

    nominal: float
    success: float = Field(description="the share of `nominal` from which a value counts as a success")
    priors: tuple[Prior, ...]


async def swept(
    pool: Jobs,
    name: str,
    reward: str,
    seeds: tuple[int, ...],
    *,
    success: float = SUCCESS,
    limits: Limits | None = None,
) -> Swept:
    """Train a policy for each seed with a reward in the world as it is, and sweep the best of them.

    The reward runs in the pool's sandbox. Memory, seconds and processor time of `limits` are a task's own if None.

    Raises:
        UserError: the reward is at fault, or its policy comes to nothing.
        SandboxError: no healthy worker can be had.
    """
    import numpy as np

    world = environment(name)
    offered = Solution(reward, "reward", limits or Limits(), PROFILE)
    best: TrainedPolicy | None = None
    try:
        for seed in seeds:
            async with serve(pool, offered, TRAINER_SECONDS) as runner:
                if best is None:
                    probe = RewardTraining(world, "ranges").probe
                    await runner.run(partial(probe, chance=np.random.default_rng(seed)))
                trained = await runner.run(partial(_trained, world, seed))
            best = trained if best is None or trained.grade > best.grade else best
    except CandidateFault as fault:
        raise UserError(f"the reward cannot be trained with: {fault.feedback}") from None
    assert best is not None
    assert best.policy is not None
    try:
        priors = await asyncio.to_thread(sweep, best.policy, world, seeds[0], success=success)
    except ValueError as error:
        raise UserError(f"{error}; ranges are searched for a reward that works") from None
    return Swept(nominal=best.grade, success=success, priors=priors)


def _trained(world: Environment, seed: int, served: ServedFunction) -> TrainedPolicy:
    deadline = time.monotonic() + TRAINER_SECONDS
    return train(lambda batch: ask(served, batch)[0], world, seed, deadline=deadline)


def sensible_priors(name: str) -> dict[str, tuple[float, float]]:
    """For what is told before anything was trained: all that the constants may sensibly be."""
    return whole(environment(name))


_PROMPT: Final = """The task is: {story}

A policy is trained for it by PPO in {steps:,} steps of simulation, and then used in worlds whose physics nobody knows \
exactly. In training the constants of the physics can be drawn anew for each episode, each value in a range as likely \
as any other. A step: {dynamics}. The reward that the policy is trained with:

{reward}

Our parameters and valid ranges are the following. Moved alone within its range, each parameter was borne by a policy \
that was trained without any randomisation:

{priors}

A parameter that you leave out stays as it is: {nominal}. The score is {measure} of the trained policy in the mean \
over worlds with all parameters drawn from the valid ranges: {grading}."""


def ranges_task(name: str, reward: str, priors: dict[str, tuple[float, float]], **fields: Any) -> Task:
    """A task for the ranges of an environment and a reward; `fields` are the task's others.

    Raises:
        UserError: there is no such environment, or a constant of its physics cannot be written as a name.
    """
    world = environment(name)
    if unfit := [each.name for each in world.physics if not (each.name.isidentifier() and each.name.isascii())]:
        raise UserError(f"environment: {name!r}: physics: {unfit[0]!r} is no name of letters, digits and _")
    if not world.physics:
        raise UserError(f"environment: {name!r} names no constants of its physics: there is nothing to randomise")
    prompt = _PROMPT.format(
        story=world.story,
        steps=world.training.steps,
        dynamics=world.dynamics,
        reward=textwrap.indent(reward.strip(), "    "),
        priors="\n".join(f"    {each} = [{low:.9g}, {high:.9g}]" for each, (low, high) in priors.items()),
        nominal=", ".join(f"{each.name} {each.default:g}" for each in world.physics if each.name in priors),
        measure=f"the {world.measure}",
        grading=world.grading,
    )
    settings = {"reward": reward, "priors": {each: list(bounds) for each, bounds in priors.items()}}
    settings |= fields.pop("settings", {})
    return Task(
        **{"id": f"ranges/{name}", "kind": "ranges", "prompt": prompt, "environment": name, "settings": settings}
        | fields
    )
