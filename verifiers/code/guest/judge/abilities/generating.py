"""``send``, ``throw`` and ``close`` of the candidate's generators.

Against StopIteration that ends an expression of the tests unseen: as with ``next``, whoever sends has to look for it.
"""

from __future__ import annotations

import sys
from typing import Any

from gristmill.verifiers.code.guest.judge.ending import is_seen
from gristmill.verifiers.code.guest.judge.proxies import Handle, told_by
from gristmill.verifiers.code.guest.wire.peer import StopMark

__all__ = ["GENERATING"]

_PLAIN = (int, float, str, bytes, bool, type(None))


def _driven(self: Handle, op: str, args: tuple[Any, ...], frame: Any) -> Any:
    line = self._gristmill_line
    value = line.ask(op, self._gristmill_place(), args)
    if not isinstance(value, StopMark):
        return told_by(self, value)
    if self._gristmill_shown:
        line.decisions += 1
    if not is_seen(frame, line.test_files, op):
        raise line.give_up("a generator had ended where the tests wanted one more item")
    raise StopIteration(value.value)


def _send(self: Handle, value: Any) -> Any:
    return _driven(self, "send", (value,), sys._getframe(1))


def _throw(self: Handle, error: Any) -> Any:
    # Only what the tests have just made may say more than its type: what was raised may hold what they want.
    fresh = isinstance(error, Exception) and error.__traceback__ is None and error.__context__ is None
    thrown = error() if isinstance(error, type) and issubclass(error, Exception) else error
    with_arguments = (
        fresh and not isinstance(error, AssertionError) and all(type(each) in _PLAIN for each in error.args)
    )
    return _driven(self, "throw", (thrown, list(error.args) if with_arguments else []), sys._getframe(1))


def _close(self: Handle) -> Any:
    return self._gristmill_line.ask("close", self._gristmill_place())


GENERATING: dict[str, dict[str, Any]] = {"g": {"send": _send, "throw": _throw, "close": _close}}
