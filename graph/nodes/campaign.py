"""open and close: the two ends of a wave of tasks."""

from __future__ import annotations

from typing import Any, Literal

from gristmill.graph.context import LoopRuntime
from gristmill.graph.events import NodeEntered
from gristmill.graph.state import CampaignState

__all__ = ["WAVE", "any_left", "close", "open_campaign"]

WAVE = 500
"""Tasks that are sent out at a time. LangGraph's work per task grows with the tasks that were sent together."""


async def open_campaign(state: CampaignState, runtime: LoopRuntime) -> dict[str, Any]:
    """Whose loops are to run next: tasks that have not ended, and those with unscored verdicts to retry."""
    context = runtime.context
    context.tell(NodeEntered(node="open"))
    after = state["after"]
    unended = await context.read(lambda: context.store.unended(context.run, after=after, limit=WAVE))
    context.sharing.begin(id_ for _, id_ in unended)
    return {"pending": [id_ for _, id_ in unended], "after": unended[-1][0] if unended else after, "ended": 0}


async def close(state: CampaignState, runtime: LoopRuntime) -> dict[str, Any]:
    """All loops of the wave have ended."""
    context = runtime.context
    context.tell(NodeEntered(node="close"))
    after = state["after"]
    return {"left": bool(await context.read(lambda: context.store.unended(context.run, after=after, limit=1)))}


def any_left(state: CampaignState) -> Literal["more", "none"]:
    """Whether there is another wave."""
    return "more" if state.get("left") else "none"
