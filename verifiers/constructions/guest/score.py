"""The judge process of an open problem. It holds no candidate, only the value that one returned.

Against values made to hang, fill or break whoever evaluates them: they are decoded within bounds, in a sandbox of
their own, and every type is checked before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.wire.values import Bounds, DecodeError, decode
from gristmill.verifiers.constructions.guest.values import RefusedError, Score

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import Context

__all__ = ["evaluate", "judge"]


def judge(context: Context) -> None:
    """Score what a candidate's process said.

    The request is ``{"message": bytes, "evaluator": "module:function", "options": {…}, "bounds": […]}``. One message:
    ``{"score": [low, high], "repair", "facts"}``, ``{"refused": why}``, or the candidate's own ``raised``,
    ``unencodable``, ``load_error`` or ``missing``.
    """
    request = context.request
    try:
        told = decode(request["message"], Bounds(*request["bounds"]))
    except DecodeError as error:
        context.send({"refused": f"what it returned cannot be read: {error}"})
        return
    if type(told) is not dict or "value" not in told:
        known = ("raised", "unencodable", "load_error", "missing")
        kept = {key: told[key] for key in known if key in told} if type(told) is dict else {}
        context.send(kept or {"refused": "it answered in a form that is not agreed"})
        return
    context.send(evaluate(told["value"], request["evaluator"], request["options"]))


def evaluate(value: Any, evaluator: str, options: dict[str, Any]) -> dict[str, Any]:
    """The score of a value, or why it is refused, as plain values."""
    module, _, name = evaluator.partition(":")
    try:
        score: Score = getattr(importlib.import_module(module), name)(value, **options)
    except RefusedError as error:
        return {"refused": str(error)}
    return {"score": [score.low, score.high], "repair": score.repair, "facts": score.facts}
