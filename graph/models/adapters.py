"""LoRA adapters of servers: their rank, a name for each version of their weights, and whether one changes anything.

Runs have silently sampled the base model.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx

from gristmill.sandbox.errors import UserError

__all__ = [
    "adapter_difference",
    "adapter_rank",
    "adapter_version",
    "is_adapter",
    "served_name",
    "served_path",
    "served_rank",
]

_PROBES = ("def add(a, b):\n    return", "The capital of France is", "Q: What is 17 + 25?\nA:")
_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


def is_adapter(folder: Path) -> bool:
    """Whether this is the folder of a LoRA adapter in PEFT's format."""
    return (folder / "adapter_config.json").is_file()


def adapter_rank(folder: Path) -> int:
    """The rank that vLLM must be started with for the adapter in `folder`: the next larger one that it knows.

    Raises:
        UserError: there is no PEFT adapter.
    """
    config = folder / "adapter_config.json"
    try:
        rank = int(json.loads(config.read_text(encoding="utf-8"))["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder} holds no LoRA adapter: {config.name} cannot be read: {error}") from error
    return served_rank(rank, f"{config}, r")


def served_rank(rank: int, where: str) -> int:
    """The rank that vLLM must be started with for adapters of this one: the next larger one that it knows.

    Raises:
        UserError: it knows none; `where` says where the rank was found.
    """
    fitting = [each for each in _RANKS if each >= rank]
    if not fitting:
        raise UserError(f"{where}: vLLM serves LoRA adapters up to rank {_RANKS[-1]}, not of rank {rank}")
    return fitting[0]


def adapter_version(folder: Path) -> str:
    """Eight hexadecimal digits of the sha256 of an adapter's weights.

    Raises:
        UserError: there are no weights in safetensors.
    """
    weights = folder / "adapter_model.safetensors"
    try:
        with weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:8]
    except OSError as error:
        raise UserError(f"{weights} cannot be read: {error}; adapters are loaded from safetensors only") from error


def served_name(folder: Path) -> str:
    """The name under which the adapter in `folder` is served: of these weights, and of no others."""
    absolute = folder.absolute()
    return f"{absolute.name}-{adapter_version(absolute)}"


def served_path(folder: Path) -> str:
    """Where a server on this machine finds the adapter in `folder`."""
    return str(folder.absolute())


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
