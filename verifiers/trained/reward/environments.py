"""The environments that `Task.environment` can name, and a task made from one's own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.plugins import Plugins, instance
from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.reward.environment import Ended, Environment, Quantity, any_actions, is_continuous

__all__ = ["environment", "reward_task", "world_facts"]

_ENVIRONMENTS: Final = Plugins(
    "environment",
    "gristmill.environments",
    {
        name: f"gristmill.verifiers.trained.reward.worlds.{module}"
        for name, module in (
            ("mountain_car", "mountain_car:MountainCar"),
            ("mountain_car_continuous", "mountain_car:ContinuousMountainCar"),
            ("acrobot", "acrobot:Acrobot"),
            ("pendulum", "pendulum:Pendulum"),
            ("swing_up", "swing_up:SwingUp"),
        )
    },
)


def environment(name: str | None) -> Environment:
    """The environment of a name: ours, one of an installed package's entry point, or a trusted file's.

    Raises:
        UserError: there is none of that name (the known ones are listed), or it cannot be used.
    """
    loaded: Environment = instance(_ENVIRONMENTS.load(name), Environment, f"environment: {name!r}")
    _try_out(loaded, f"environment: {name!r}")
    return loaded


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


def world_facts(world: Environment) -> tuple[str, ...]:
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


def _actions(world: Environment) -> str:
    if is_continuous(world.actions):
        return f"(n, {len(world.actions)}). {_columns(world.actions)}"
    return f"(n,): {', '.join(f'{number} {does}' for number, does in enumerate(world.actions))}"


def _end(world: Environment) -> str:
    return "after" if world.goal == "never" else f"when {world.goal}, or after"


def reward_task(name: str, **fields: Any) -> Task:
    """A task for an environment, its prompt in the environment's words; `fields` are the task's others.

    Raises:
        UserError: see `environment`.
    """
    world = environment(name)
    prompt = _PROMPT.format(
        story=world.story,
        entry_point=fields.get("settings", {}).get("entry_point", "reward"),
        steps=world.training.steps,
        facts="\n".join(f"- {line}" for line in world_facts(world)),
        grading=world.grading,
    )
    return Task(**{"id": f"reward/{name}", "kind": "reward", "prompt": prompt, "environment": name} | fields)
