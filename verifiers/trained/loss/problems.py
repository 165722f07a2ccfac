"""The problems that `Task.problem` can name in tasks of kind loss, and a task made from one's own words."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

from gristmill.sandbox.records import Limits
from gristmill.verifiers.plugins import Plugins, instance
from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.loss.problem import Problem

__all__ = ["loss_task", "problem"]

_HOME: Final = "gristmill.verifiers.trained.loss"
_PROBLEMS: Final = Plugins(
    "problem",
    "gristmill.problems",
    {
        "digits_label_noise": f"{_HOME}.digits:DigitsLabelNoise",
        "preference_pairs": f"{_HOME}.preferences:PreferencePairs",
        # It needs the graph's models and TRL, which nothing here may import: known by name, as a package's would be.
        "preference_lm": "gristmill.trainers.preferences.problem:PreferenceLm",
    },
)


def problem(name: str | None, settings: Mapping[str, Any] | None = None) -> Problem:
    """The problem of a name: ours, one of an installed package's entry point, or a trusted file's.

    Of `settings` a problem's class gets those that are parameters of its own: see `options`.

    Raises:
        UserError: there is none of that name (the known ones are listed), or it cannot be used, or not so.
    """
    loaded, given = _PROBLEMS.load(name), settings or {}
    own = {key: given[key] for key in _parameters(loaded) if key in given}
    made: Problem = instance(loaded(**own) if own else loaded, Problem, f"problem: {name!r}")
    return made


def problem_of(task: Task) -> Problem:
    """The problem of a task, with its settings; see `problem`."""
    return problem(task.problem, task.settings)


def options(name: str | None) -> tuple[str, ...]:
    """The settings that a problem takes of a task, such as its share of noise: the parameters of its class.

    Raises:
        UserError: see `problem`.
    """
    return _parameters(_PROBLEMS.load(name))


def _parameters(loaded: Any) -> tuple[str, ...]:
    """Of a class with an ``__init__`` of its own; of anything else none."""
    if not isinstance(loaded, type) or "__init__" not in vars(loaded):
        return ()
    return tuple(inspect.signature(loaded).parameters)


# Of all answers in one training together: a second on a quiet core, and much more by the clock where others work too.
_LIMITS: Final = Limits(wall_seconds=300, cpu_seconds=60)
_PROMPT: Final = """{story} Write a loss function

    def {entry_point}({arguments}):

with which it does better. {received}. Return a scalar tensor that gradients flow through. {model} and is trained for \
{epochs} epochs with Adam in batches of {batch}; the score is {grading}. Use torch only; the function keeps no state, \
and its gradient must be its own (nothing detached)."""


def loss_task(name: str, **fields: Any) -> Task:
    """A task for a problem, its prompt in the problem's words; `fields` are the task's others.

    Raises:
        UserError: see `problem`.
    """
    learned = problem(name, fields.get("settings"))
    prompt = _PROMPT.format(
        story=learned.story,
        entry_point=fields.get("settings", {}).get("entry_point", "loss"),
        arguments=", ".join(learned.arguments),
        received=learned.received,
        model=learned.model,
        epochs=learned.training.epochs,
        batch=learned.training.batch,
        grading=learned.grading,
    )
    made = {"id": f"loss/{name}", "kind": "loss", "prompt": prompt, "problem": name, "limits": _LIMITS}
    return Task(**made | fields)
