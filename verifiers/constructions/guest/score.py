"""The judge process of an open problem. It holds no candidate, only the value that one returned.

Against values made to hang, fill or break whoever evaluates them: they are decoded within bounds, in a sandbox of
their own, and every type is checked before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.wire.answers import Value, decode_answer, encode_answer
from gristmill.sandbox.wire.values import Bounds
from gristmill.verifiers.constructions.guest.values import RefusedError, Score

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["evaluate", "score"]


def score(context: JobContext) -> None:
    """Score what a candidate's process has answered.

    The request is ``{"message": bytes, "evaluator": "module:function", "options": {…}, "bounds": […]}``. One message:
    what `evaluate` makes of the `Value`, as a `Value`; else the answer that it was.
    """
    request = context.request
    answer = decode_answer(request["message"], Bounds(*request["bounds"]))
    if isinstance(answer, Value):
        answer = Value(evaluate(answer.value, request["evaluator"], request["options"]))
    context.send_bytes(encode_answer(answer))


def evaluate(value: Any, evaluator: str, options: dict[str, Any]) -> dict[str, Any]:
    """``{"score": [low, high], "repair", "facts"}`` of a value, or ``{"refused": why}``."""
    module, _, name = evaluator.partition(":")
    try:
        scored: Score = getattr(importlib.import_module(module), name)(value, **options)
    except RefusedError as error:
        return {"refused": str(error)}
    return {"score": [scored.low, scored.high], "repair": scored.repair, "facts": scored.facts}
