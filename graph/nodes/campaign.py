"""open and close: the two ends of a campaign."""

from __future__ import annotations

from typing import Any

from gristmill.graph.context import LoopRuntime
from gristmill.graph.events import NodeEntered
from gristmill.graph.state import CampaignState

__all__ = ["close", "open_campaign"]


async def open_campaign(state: CampaignState, runtime: LoopRuntime) -> dict[str, Any]:
    """Whose loops are to run: tasks that have not ended, and those with unscored verdicts to retry."""
    context = runtime.context
    context.tell(NodeEntered(node="open"))
    return {"pending": await context.read(lambda: context.store.unended(context.run)), "ended": 0}


async def close(state: CampaignState, runtime: LoopRuntime) -> dict[str, Any]:
    """All loops have ended."""
    runtime.context.tell(NodeEntered(node="close"))
    return {}
