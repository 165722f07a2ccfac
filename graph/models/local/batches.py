"""Which replies are drawn together: those with one beginning, and as many as a bound of memory holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

__all__ = ["BYTES", "PendingReply", "common", "parts", "token_bytes"]

BYTES = 1 << 30
"""Of keys, values and activations of one batch. A row is drawn, however long it is by itself."""
_FEW, _WORTH = 8, 128
"""Rows from which on a batch is better off alone than with others, if these take so many tokens off its beginning."""


class PendingReply(Protocol):
    """What of a reply that is to be drawn decides its place."""

    prompt: list[int]
    max_tokens: int


A = TypeVar("A", bound=PendingReply)


def token_bytes(config: Any, size: int) -> int:
    """Bytes that one token of a row takes while a batch is drawn: keys and values of all layers, one layer's work.

    Args:
        config: the model's, of transformers.
        size: bytes of one number.
    """
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    kept = 2 * config.num_hidden_layers * heads * width
    return int(size * (kept + 8 * config.hidden_size + 4 * config.intermediate_size))


def common(first: Sequence[int], last: Sequence[int]) -> int:
    """How many tokens two prompts begin with alike."""
    limit = min(len(first), len(last))
    return next((at for at in range(limit) if first[at] != last[at]), limit)


def parts(rows: Sequence[A], most: int) -> list[list[A]]:
    """Rows in batches, each sorted by its prompts.

    What the prompts of a batch have in common at the beginning is computed and kept once, all else for each row. So a
    batch of 8 rows or more ends where the next prompt would take more than 128 tokens off its beginning; and any where
    it would become too large.

    Args:
        most: tokens of prompts, without their common beginning, and of replies.
    """
    found: list[list[A]] = []
    shared = longest = 0
    for row in sorted(rows, key=lambda row: row.prompt):
        size = len(row.prompt) + row.max_tokens
        if found:
            part = found[-1]
            # Sorted, what first and last share is what all share.
            left, reach = common(part[0].prompt, row.prompt), max(longest, size)
            if (len(part) < _FEW or shared - left <= _WORTH) and (len(part) + 1) * (reach - left) <= most:
                part.append(row)
                shared, longest = left, reach
                continue
        found.append([row])
        shared, longest = len(row.prompt), size
    return found
