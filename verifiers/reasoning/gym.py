"""Guest module: makes a reasoning-gym item again from its seed and scores an answer to it.

The scorers parse, search and evaluate what they are given, and some raise or hang: that is why they run here.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import reasoning_gym

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import Context

__all__ = ["judge", "score"]

_NO_NUMBERS = ("nan", "inf")


def judge(context: Context) -> None:
    """Score answers. The request: ``{"dataset", "seed", "size", "index", "question", "answers", "how"}``.

    One message: ``{"scores": […]}``, or ``{"changed": true}`` where this version makes another question of the seed.
    """
    request = context.request
    made = reasoning_gym.create_dataset(request["dataset"], seed=request["seed"], size=request["size"])
    entry = made[request["index"]]
    if entry["question"] != request["question"]:
        context.send({"changed": True})
        return
    context.send({"scores": [score(made, entry, answer, request["how"]) for answer in request["answers"]]})


def score(made: Any, entry: dict[str, Any], answer: str, how: str) -> float:
    """The share of one that an answer is worth; what a scorer raises at is worth nothing."""
    gold = str(entry["answer"])
    if how == "exact":
        return float(answer.strip().lower() == gold.strip().lower())
    if how == "number":
        return float(_number(answer) is not None and _number(answer) == _number(gold))
    # A NaN is neither near nor far from a right answer, which some scorers take for near.
    if any(word in answer.lower() and word not in gold.lower() for word in _NO_NUMBERS) and len(answer) < 40:
        return 0.0
    try:
        found = float(made.score_answer(answer, entry))
    except Exception:  # noqa: BLE001  # 106 scorers raise whatever they like at what is no answer
        return 0.0
    return found if 0.0 <= found <= 1.0 else 0.0


def _number(text: str) -> Fraction | None:
    try:
        return Fraction(text.strip()) if len(text) < 100 and "e" not in text.lower() else None
    except (ValueError, ZeroDivisionError):
        return None
