"""``async for`` and ``async with`` over the candidate's objects.

Each step is one question, whose answer is awaited at once. Against an end that comes where nobody looks for it, and
against an ``__aexit__`` that swallows a failed assertion: both are held to what is asked of ``next`` and ``__exit__``.
"""

from __future__ import annotations

import sys
from typing import Any

from gristmill.verifiers.code.guest.judge.ending import is_awaited_by_name
from gristmill.verifiers.code.guest.judge.proxies import Handle, told_by
from gristmill.verifiers.code.guest.judge.swallowing import left
from gristmill.verifiers.code.guest.wire.peer import StopMark

__all__ = ["ASYNCHRONOUS"]


def _aiter(self: Handle) -> Any:
    iterator = told_by(self, self._gristmill_line.ask("aiter", self._gristmill_place()))
    return iterator if hasattr(type(iterator), "__anext__") else aiter(iterator)


def _same(self: Handle) -> Handle:
    return self


async def _anext(self: Handle) -> Any:
    line = self._gristmill_line
    value = line.ask("anext", self._gristmill_place())
    if not isinstance(value, StopMark):
        return told_by(self, value)
    if self._gristmill_shown:
        line.decisions += 1
    if is_awaited_by_name(sys._getframe(1), line.test_files):
        raise line.give_up("an iterator had ended where the tests wanted one more item")
    raise StopAsyncIteration


async def _aenter(self: Handle) -> Any:
    return told_by(self, self._gristmill_line.ask("aenter", self._gristmill_place()))


async def _aexit(self: Handle, kind: Any, error: Any, trace: Any) -> bool:
    return left(self._gristmill_line, self._gristmill_place(), "aexit", error)


ASYNCHRONOUS: dict[str, dict[str, Any]] = {
    "a": {"__aiter__": _aiter},
    "n": {"__aiter__": _same, "__anext__": _anext},
    "y": {"__aenter__": _aenter, "__aexit__": _aexit},
}
