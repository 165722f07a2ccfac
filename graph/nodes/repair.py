"""A reply whose changes do not apply to what they were to change is asked for once more, at once and once only.

The idea is paid for and is lost by a slip of the pen; a round later it would be one of many. The second reply is a row
of its own at the same place, with a call that is kept for it before the first is made, so that no other task takes it.
"""

from __future__ import annotations

from gristmill.graph.prompts.messages import repairing
from gristmill.graph.records import REPAIR, Hypothesis, Message, Request, Step
from gristmill.verifiers.records import Task

__all__ = ["repair_id", "repair_request"]


def repair_id(id_: str) -> str:
    """The id of the reply that repairs another: ``t/1/0r``."""
    return f"{id_}{REPAIR}"


def repair_request(task: Task, request: Request, torn: Hypothesis, parent: Step) -> Request:
    """What is asked for a reply's repair: the same conversation, the reply, and which of its changes did not apply.

    The same whenever it is asked; the seed is another, since the place is the same.
    """
    messages: tuple[Message, ...] = repairing(task, request.messages, torn, parent)
    seed = request.sampling.seed
    sampling = request.sampling.model_copy(update={"seed": None if seed is None else (seed + 1) % 2**31})
    return request.model_copy(update={"messages": messages, "sampling": sampling})
