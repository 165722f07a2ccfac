"""Does an adapter change what the server computes? Runs have silently sampled the base model."""

from __future__ import annotations

from typing import Any

import httpx

__all__ = ["adapter_difference"]

_PROBES = ("def add(a, b):\n    return", "The capital of France is", "Q: What is 17 + 25?\nA:")


async def adapter_difference(client: httpx.AsyncClient, url: str, base: str, adapter: str) -> float | None:
    """The largest difference between the log probabilities that the two models give, over some fixed texts.

    Exactly 0.0 means that both names stand for the same weights (or for an adapter that was never trained); None
    that the server tells no log probabilities.

    Args:
        client: with the key in its headers.
        url: of the server, up to and with ``/v1``.
        base: name of the base model there.
        adapter: name of the adapter there.

    Raises:
        httpx.HTTPError: the server cannot be reached.
    """
    largest = 0.0
    for prompt in _PROBES:
        ours, theirs = (
            await _probabilities(client, url, adapter, prompt),
            await _probabilities(client, url, base, prompt),
        )
        if not ours or not theirs:
            return None
        # A token that only one of them tells of is, for the other, at most as likely as the least likely one told.
        least, their_least = min(ours.values()), min(theirs.values())
        differences = (abs(ours.get(token, least) - theirs.get(token, their_least)) for token in ours | theirs)
        largest = max(largest, *differences)
    return largest


async def _probabilities(client: httpx.AsyncClient, url: str, model: str, prompt: str) -> dict[str, float]:
    """The most likely next tokens and their log probabilities."""
    common = {"model": model, "max_tokens": 1, "temperature": 0}
    answer = await client.post(f"{url}/completions", json=common | {"prompt": prompt, "logprobs": 5})
    if answer.status_code == 200:
        try:
            return dict(answer.json()["choices"][0]["logprobs"]["top_logprobs"][0])
        except (ValueError, KeyError, TypeError, IndexError):
            pass  # not every server has both interfaces; the other one is asked next
    chat: dict[str, Any] = {"messages": [{"role": "user", "content": prompt}], "logprobs": True, "top_logprobs": 5}
    answer = await client.post(f"{url}/chat/completions", json=common | chat)
    try:
        rows = answer.json()["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return {str(row["token"]): float(row["logprob"]) for row in rows}
    except (ValueError, KeyError, TypeError, IndexError):
        return {}
