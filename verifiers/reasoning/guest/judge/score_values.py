"""Scores answers to a reasoning-gym item, which is made again from its seed, by rules of our own.

Holds what decides: the item with its expected answer. What it is given of a reply is a value that another process has
read and the host has checked against its form, so no text of a candidate's comes here, and none of the library's
scorers is called: several of them evaluate an answer, others accept wrong ones. A version that makes another question
of the seed judges nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import reasoning_gym

from gristmill.verifiers.reasoning.guest.judge import integrals, puzzles, rules
from gristmill.verifiers.reasoning.guest.judge.rules import Rule, expected

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["RULES", "score", "score_values"]

RULES: dict[str, Rule] = rules.RULES | puzzles.RULES | integrals.RULES
"""Rule → the score in [0, 1] of (form, value, item)."""


def score_values(context: JobContext) -> None:
    """Score values. The request: ``{"dataset", "seed", "size", "index", "question", "form", "rule", "values"}``.

    It has ``"config"`` where the data set is not as by default. One message: ``{"scores": […]}``, or
    ``{"changed": true}`` where this version makes another question of the seed, or has no such setting.
    """
    request = context.request
    config: dict[str, Any] = request.get("config") or {}
    try:
        dataset = reasoning_gym.create_dataset(request["dataset"], seed=request["seed"], size=request["size"], **config)
    except (TypeError, ValueError, AssertionError):
        if not config:
            raise
        context.send({"changed": True})
        return
    item = dataset[request["index"]]
    if item["question"] != request["question"]:
        context.send({"changed": True})
        return
    context.send({"scores": [score(request["rule"], request["form"], value, item) for value in request["values"]]})


def score(rule: str, form: str, value: Any, item: dict[str, Any]) -> float:
    """The score in [0, 1]. What a rule cannot digest is wrong, if it digests the right answer: else the rule is.

    Raises:
        Exception: whatever the rule raises at the expected answer.
    """
    judged = RULES[rule]
    try:
        return float(judged(form, value, item))
    except Exception:
        if judged(form, expected(form, item), item) == 1:
            return 0.0
        raise
