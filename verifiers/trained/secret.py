"""What a searched function may not guess: seeds, splits, noise and places of checks, all drawn from one secret.

Were they constants of the source, a loss could carry the public labels and work out which image each row of a batch
is, and a reward could be honest exactly where it is asked again. The secret is one a run (kept in its store) or one
a `verify`; it never enters a sandbox.
"""

from __future__ import annotations

import hashlib
import hmac

import numpy as np

__all__ = ["chance", "seed"]


def seed(secret: bytes, *names: object) -> int:
    """A seed in [0, 2**63) for what `names` say: HMAC-SHA256, so that knowing one tells nothing of another."""
    said = "\n".join(map(str, names)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hmac.digest(secret, said, hashlib.sha256)[:8], "big") >> 1


def chance(secret: bytes, *names: object) -> np.random.Generator:
    """A generator of its own for what `names` say; see `seed`."""
    return np.random.default_rng(seed(secret, *names))
