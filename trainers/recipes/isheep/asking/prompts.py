"""The recipe's own prompts: Markdown files beside this module, filled in strictly; what models wrote is in fences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gristmill.graph.prompts.feedback import fenced
from gristmill.graph.records import Message

__all__ = ["assessing", "following_up", "synthesis"]

_SCORED = (
    ("Name two colours of the rainbow, in capital letters.", "RED AND GREEN", 10),
    ("Explain in one sentence why ice floats.", "ice ice ice is is the the", 1),
    ("List three animals that can fly, as bullet points.", "Bats, geese and bees can fly.", 5),
)
"""Prompts, answers and what these deserve, alike on both scales: one is good, one bad, one half done."""


def synthesis(shots: Sequence[str]) -> tuple[Message, ...]:
    """Asks for a new instruction after some."""
    return _asked("synthesis", shots=list(shots))


def assessing(scale: str, messages: Sequence[Message], reply: str) -> tuple[Message, ...]:
    """Asks for a score of a reply on a scale, `quality` or `following`, after three that are given.

    Without these a small model talks about the answer and gives no number: of 44 replies of the 135M model two had one.
    """
    shown: list[Message] = []
    for prompt, answer, score in _SCORED:
        shown += _asked(scale, turns=[Message(role="user", content=prompt)], reply=answer)
        shown.append(Message(role="assistant", content=f"Score: {score}"))
    return (*shown, *_asked(scale, turns=list(messages), reply=reply))


def following_up(messages: Sequence[Message], reply: str) -> tuple[Message, ...]:
    """Asks for what the user says next."""
    return _asked("follow_up", turns=list(messages), reply=reply)


def _asked(name: str, **values: object) -> tuple[Message, ...]:
    return (Message(role="user", content=_template(name).render(values).strip()),)


@cache
def _template(name: str) -> Template:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)
    environment.filters["fenced"] = fenced
    source = files("gristmill.trainers").joinpath("recipes", "isheep", "asking", f"{name}.md").read_text("utf-8")
    return environment.from_string(source)
