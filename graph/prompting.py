"""From a task and what is known about it to the messages that a model is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gristmill.graph.models.resolve import is_small
from gristmill.graph.records import Message, Step
from gristmill.verifiers.records import Task

__all__ = ["choose_profile", "messages_for", "names"]


def messages_for(
    task: Task, *, profile: Literal["chat", "small"], round: int, parents: Sequence[Step] = ()
) -> tuple[Message, ...]:
    """The messages of one request.

    Args:
        task: what is asked.
        profile: `chat` for capable chat models; `small` for few-shot prompts with short answers.
        round: 0 for the first; with `parents`, later rounds carry their solutions and evidence.
        parents: the hypotheses to build on, best first.
    """
    return (Message(role="user", content=task.prompt),)


def choose_profile(profile: Literal["auto", "chat", "small"], model: str) -> Literal["chat", "small"]:
    """What `auto` means for a model string: `small` for `local`, else `chat`."""
    if profile == "auto":
        return "small" if is_small(model) else "chat"
    return profile


def names() -> tuple[str, ...]:
    """Names of the prompts in `gristmill.graph.prompts`, sorted."""
    return ()
