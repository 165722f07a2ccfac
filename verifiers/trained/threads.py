"""One thread for linear algebra while something small is trained: more of them wait for each other.

With matrices of 64 rows and columns two threads of OpenBLAS take the processor five times as long as one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from threadpoolctl import threadpool_limits

__all__ = ["one_thread"]

_lock = threading.Lock()
_users = 0
_limit: threadpool_limits | None = None


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """BLAS has one thread within; for the whole process, so what it had comes back when the last user is done."""
    global _users, _limit
    with _lock:
        _users += 1
        if _users == 1:
            _limit = threadpool_limits(1, user_api="blas")
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _limit is not None:
                _limit.restore_original_limits()
                _limit = None
