"""Reads a hostile answer into a canonical value of a strict grammar, without knowing what is right.

Holds the answer and the name of its form, no item, no seed, no expected answer and no library that generates some:
whoever takes this process over, by a text aimed at a parser, has nothing to find here and nothing to decide. What it
sends is checked on the host against the form and then scored elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gristmill.verifiers.reasoning.guest.wire.grammar import read

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["read_answers"]


def read_answers(context: JobContext) -> None:
    """Read answers. The request: ``{"form", "answers"}``.

    One message: ``{"read": […]}``, with ``{"value": …}`` for each answer, or None for one that is not of the form.
    """
    form = context.request["form"]
    readings: list[dict[str, Any] | None] = []
    for answer in context.request["answers"]:
        try:
            readings.append({"value": read(form, answer)})
        except ValueError:
            readings.append(None)
    context.send({"read": readings})
