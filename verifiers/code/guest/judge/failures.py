"""Which exceptions say that a test has failed, and so may be swallowed by nobody but the tests.

Against a candidate that is handed a failing assertion, by a callback or its own ``__exit__``, catches it and tries
again with another answer until one holds.
"""

from __future__ import annotations

import sys
import unittest
from typing import Any

from gristmill.verifiers.code.guest.judge.proxies import CandidateError, UncrossableError

__all__ = ["is_failure"]


def is_failure(error: BaseException) -> bool:
    """Whether an exception is a failed or skipped test, an exit, or carries one: as cause, context, or in a group."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, _kinds()):
            return True
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
    return False


def _kinds() -> tuple[type[BaseException], ...]:
    outcomes: Any = sys.modules.get("_pytest.outcomes")
    known = (AssertionError, unittest.SkipTest, SystemExit, CandidateError, UncrossableError)
    return known if outcomes is None else (*known, outcomes.OutcomeException, outcomes.Exit)
