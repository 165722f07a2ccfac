"""How torch's threads wait for each other; to be imported before torch."""

from __future__ import annotations

import os

__all__ = ["patient"]


def patient() -> None:
    """Let torch's threads sleep, not spin, where one waits for another.

    libgomp reads this once, when torch is first imported; what the user has set stays. Verification runs on the same
    cores as generation, and a spinning thread then keeps the one it waits for from running: on two busy cores a
    forward pass took ten times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
