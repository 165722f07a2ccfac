"""Judge and candidate of one job on one core: a wake-up across cores takes longer than all else of a call.

A candidate that leaves the core makes its own calls slower, and gains nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress

__all__ = ["share_core"]


def share_core(core: int | None) -> None:
    """Run on that core from now on; anywhere where it is not to be had."""
    if core is not None:
        with suppress(OSError, ValueError):
            os.sched_setaffinity(0, {core})
