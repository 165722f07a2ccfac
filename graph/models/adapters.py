"""LoRA adapters as a vLLM server wants them: their rank, and a name for each version of their weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from gristmill.sandbox.errors import UserError

__all__ = ["adapter_rank", "adapter_version", "is_adapter", "served_name", "served_path", "served_rank"]

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
