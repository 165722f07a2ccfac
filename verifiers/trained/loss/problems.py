"""The problems that `Task.problem` can name in tasks of kind loss, and a task made from one's own words."""

from __future__ import annotations

from typing import Any, Final

from gristmill.verifiers.plugins import Plugins, instance
from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.loss.problem import Problem

__all__ = ["loss_task", "problem"]

_PROBLEMS: Final = Plugins(
    "problem", "gristmill.problems", {"digits_label_noise": "gristmill.verifiers.trained.loss.digits:DigitsLabelNoise"}
)


def problem(name: str | None) -> Problem:
    """The problem of a name: ours, one of an installed package's entry point, or a trusted file's.

    Raises:
        UserError: there is none of that name (the known ones are listed), or it cannot be used.
    """
    loaded: Problem = instance(_PROBLEMS.load(name), Problem, f"problem: {name!r}")
    return loaded


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
    learned = problem(name)
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
    return Task(**{"id": f"loss/{name}", "kind": "loss", "prompt": prompt, "problem": name} | fields)
