"""Makes a reasoning-gym item again from its seed and scores an answer to it.

Against answers at which scorers hang, raise, or see a NaN as near enough: they run here, what raises is worth
nothing, and a score is a number from 0 to 1. A version that makes another question of the seed judges nothing.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import reasoning_gym

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["score", "score_answers"]

# Short exponents only: a Fraction writes 1e999999999 out.
_NUMBER = re.compile(r"[-+]?\d{1,40}(?:/\d{1,40}|(?:\.\d{0,40})?(?:[eE][-+]?\d{1,2})?)")
_NO_NUMBERS = ("nan", "inf")


def score_answers(context: JobContext) -> None:
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
        found, wanted = _number(answer), _number(gold)
        # Its right answers are written with ten digits.
        return float(found is not None and wanted is not None and abs(found - wanted) <= abs(wanted) / 10**6)
    # A NaN is neither near nor far from a right answer, which some scorers take for near.
    if any(word in answer.lower() and word not in gold.lower() for word in _NO_NUMBERS) and len(answer) < 40:
        return 0.0
    try:
        scored = float(made.score_answer(answer, entry))
    except Exception:  # 106 scorers raise whatever they like at what is no answer
        return 0.0
    return scored if 0.0 <= scored <= 1.0 else 0.0


def _number(text: str) -> Fraction | None:
    try:
        return Fraction(text.strip()) if _NUMBER.fullmatch(text.strip()) else None
    except (ValueError, ZeroDivisionError):
        return None
