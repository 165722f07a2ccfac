"""The environments that `Task.environment` can name, and a task made from one's own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.plugins import Plugins, instance
from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.reward.control.environment import Simulation, try_out
from gristmill.verifiers.trained.reward.environment import (
    Ended,
    Environment,
    EnvironmentSpec,
    Quantity,
    any_actions,
    is_continuous,
)

__all__ = ["environment", "environment_spec", "reward_task", "world_facts"]

_ENVIRONMENTS: Final = Plugins(
    "environment",
    "gristmill.environments",
    {
        name: f"gristmill.verifiers.trained.reward.{module}"
        for name, module in (
            ("mountain_car", "worlds.mountain_car:MountainCar"),
            ("mountain_car_continuous", "worlds.mountain_car:ContinuousMountainCar"),
            ("acrobot", "worlds.acrobot:Acrobot"),
            ("pendulum", "worlds.pendulum:Pendulum"),
            ("swing_up", "worlds.swing_up:SwingUp"),
            ("lunar_lander", "control.goals:LunarLander"),
            ("reacher", "control.goals:Reacher"),
            ("swimmer", "control.locomotion:Swimmer"),
            ("hopper", "control.locomotion:Hopper"),
            ("half_cheetah", "control.locomotion:HalfCheetah"),
            ("bipedal_walker", "control.locomotion:BipedalWalker"),
        )
    },
)


def environment_spec(name: str | None) -> EnvironmentSpec:
    """The environment of a name: ours, one of an installed package's entry point, or a trusted file's.

    It is an `Environment`, or a `Simulation` of gymnasium's, which one knows by its `make`.

    Raises:
        UserError: there is none of that name (the known ones are listed), or it cannot be used.
    """
    loaded, named = _ENVIRONMENTS.load(name), f"environment: {name!r}"
    if hasattr(loaded, "make"):
        world: Simulation = instance(loaded, Simulation, named)
        # Making one takes a tenth of a second, and a task is looked at often.
        if type(world) not in _tried:
            try_out(world, named)
            _tried.add(type(world))
        return world
    table: Environment = instance(loaded, Environment, named)
    _try_out(table, named)
    return table


_tried: set[type] = set()


def environment(name: str | None) -> Environment:
    """`environment_spec`, where steps must be a function of arrays and of the physics.

    Raises:
        UserError: see there; or it is one of gymnasium's.
    """
    world = environment_spec(name)
    if hasattr(world, "make"):
        raise UserError(f"environment: {name!r} runs in gymnasium, which lets nobody set its state and its physics")
    return cast("Environment", world)


def _try_out(world: Environment, named: str) -> None:
    """Take one step in three episodes, so that a mistake is told with its name, and before a candidate is judged."""
    rows, physics = 3, {parameter.name: parameter.default for parameter in world.physics}
    try:
        states = world.reset(np.random.default_rng(0), rows)
        after = world.step(states, any_actions(world, rows, np.random.default_rng(0)), physics)
        succeeded, progress = world.succeeded(after), world.progress(after)
        grades = world.grade(Ended(after, succeeded, np.ones(rows, dtype=np.int64), progress, progress))
        shapes = [np.shape(each) for each in (states, after, succeeded, progress, grades)]
    except Exception as error:
        raise UserError(f"{named} cannot take a step: {type(error).__name__}: {error}") from error
    columns = shapes[0][-1] if len(shapes[0]) == 2 else 0
    if columns < len(world.observation) or shapes != [(rows, columns)] * 2 + [(rows,)] * 3:
        raise UserError(
            f"{named}: for 3 episodes and {len(world.observation)} quantities, reset, step, succeeded, progress and "
            f"grade gave the shapes {', '.join(map(str, shapes))}; see docs/plugins.md"
        )


_PROMPT: Final = """{story} Write a reward function

    def {entry_point}(obs, action, next_obs, info):

with which a small PPO learns this from nothing in {steps:,} steps. The function is called on n steps at once and must \
judge every step by itself.

{facts}

Return an array of shape (n,), higher is better; or a tuple of that array and a dict of named components, each of \
shape (n,), which you will be shown. The score is {grading}; your reward is not part of it. Use numpy only; the \
function keeps no state."""


def world_facts(world: EnvironmentSpec) -> tuple[str, ...]:
    """What a reward is given, and how a step changes a state: one line each, in the environment's words."""
    return (
        f"obs, next_obs: arrays of shape (n, {len(world.observation)}), before and after the step. "
        f"{_columns(world.observation)}.",
        f"action: array of shape {_actions(world)}.",
        f"info: an empty dict. An episode ends {_end(world)} {world.episode_steps} steps; that is not told.",
        f"A step: {world.dynamics}.",
    )


def _columns(quantities: Sequence[Quantity]) -> str:
    return ", ".join(
        f"{'Column ' if place == 0 else 'column '}{place} {'is ' if place == 0 else ''}the {quantity.name} in "
        f"[{quantity.low:g}, {quantity.high:g}]{f' ({quantity.note})' if quantity.note else ''}"
        for place, quantity in enumerate(quantities)
    )


def _actions(world: EnvironmentSpec) -> str:
    if is_continuous(world.actions):
        return f"(n, {len(world.actions)}). {_columns(world.actions)}"
    return f"(n,): {', '.join(f'{number} {does}' for number, does in enumerate(world.actions))}"


def _end(world: EnvironmentSpec) -> str:
    return "after" if world.goal == "never" else f"when {world.goal}, or after"


def reward_task(name: str, **fields: Any) -> Task:
    """A task for an environment, its prompt in the environment's words; `fields` are the task's others.

    Raises:
        UserError: see `environment`.
    """
    world = environment_spec(name)
    prompt = _PROMPT.format(
        story=world.story,
        entry_point=fields.get("settings", {}).get("entry_point", "reward"),
        steps=world.training.steps,
        facts="\n".join(f"- {line}" for line in world_facts(world)),
        grading=world.grading,
    )
    return Task(**{"id": f"reward/{name}", "kind": "reward", "prompt": prompt, "environment": name} | fields)
