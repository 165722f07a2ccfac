"""The judge process of an open problem. It holds no candidate, only the value that one returned.

Against values made to hang, fill or break whoever evaluates them: they are decoded within bounds, in a sandbox of
their own, and every type is checked before it is used. Against a program that hands on what is no construction, or
somebody else's as its own: what is handed on is made here, of what was scored, and is compared with what it was given.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.wire.answers import Value, decode_answer, encode_answer
from gristmill.sandbox.wire.values import Bounds, decode, encode
from gristmill.verifiers.constructions.guest.values import RefusedError, Score, plain

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["evaluate", "parted", "score"]


def score(context: JobContext) -> None:
    """Score what a candidate's process has answered.

    The request is ``{"message": bytes, "evaluator": "module:function", "options": {…}, "bounds": […], "best": bytes or
    None, "most_notes": bytes, "most_made": bytes}``; `best` is what the program was given, encoded. A message: what
    `evaluate` makes of the `Value`, with its notes, or ``{"unchanged": True, "notes"}``, as a `Value`; else the answer
    that it was. Where there is a score, a second message: the construction as lists of numbers, encoded, unless that is
    too long.
    """
    request = context.request
    answer = decode_answer(request["message"], Bounds(*request["bounds"]))
    if not isinstance(answer, Value):
        context.send_bytes(encode_answer(answer))
        return
    value, notes = parted(answer.value, request["most_notes"])
    made = _lists(value)
    if request["best"] is not None and made == decode(request["best"]):
        context.send_bytes(encode_answer(Value({"unchanged": True, "notes": notes})))
        return
    found = evaluate(value, request["evaluator"], request["options"])
    context.send_bytes(encode_answer(Value(found | {"notes": notes})))
    if "score" in found and len(encoded := encode(made)) <= request["most_made"]:
        context.send_bytes(encoded)


def evaluate(value: Any, evaluator: str, options: dict[str, Any]) -> dict[str, Any]:
    """``{"score": [low, high], "repair", "facts"}`` of a value, or ``{"refused": why}``."""
    module, _, name = evaluator.partition(":")
    try:
        scored: Score = getattr(importlib.import_module(module), name)(value, **options)
    except RefusedError as error:
        return {"refused": str(error)}
    return {"score": [scored.low, scored.high], "repair": scored.repair, "facts": scored.facts}


def parted(value: Any, most: int) -> tuple[Any, str]:
    """(construction, notes) of what a program returned; no construction holds text, so a pair with text has notes."""
    if type(value) in (list, tuple) and len(value) == 2 and (value[1] is None or type(value[1]) is str):
        return value[0], _cut(value[1] or "", most)
    return value, ""


def _cut(text: str, most: int) -> str:
    if len(text) <= most and len(text.encode("utf-8", "replace")) <= most:
        return text
    cut = "… (cut)"
    room = most - len(cut.encode())
    return text[:most].encode("utf-8", "replace")[:room].decode("utf-8", "ignore") + cut


def _lists(value: Any) -> Any:
    """Tuples and arrays as lists; numbers stay of the type that they are."""
    try:
        value = plain(value)
    except RefusedError:
        return value
    return [_lists(item) for item in value] if type(value) in (list, tuple) else value
