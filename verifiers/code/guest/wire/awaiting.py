"""Runs what can be awaited to its end, also while this process is in the midst of doing so.

A question over the line blocks; so the other side's awaitable is run there at once, in a loop of its own where one is
running. Against awaitables that need each other's loop: those wait until the job's clock ends them.
"""

from __future__ import annotations

from typing import Any

__all__ = ["run_awaitable"]

_kept: list[Any] = []
_busy: list[None] = []


def run_awaitable(value: Any) -> Any:
    """What an awaitable comes to. One loop serves all that do not overlap: async generators stay in theirs."""
    import asyncio
    from asyncio import events

    async def one() -> Any:
        return await value

    outer = events._get_running_loop()
    events._set_running_loop(None)
    nested = bool(_busy) or outer is not None
    if not nested and not _kept:
        _kept.append(asyncio.new_event_loop())
    loop = asyncio.new_event_loop() if nested else _kept[0]
    _busy.append(None)
    try:
        return loop.run_until_complete(one())
    finally:
        _busy.pop()
        if nested:
            loop.close()
        events._set_running_loop(outer)
