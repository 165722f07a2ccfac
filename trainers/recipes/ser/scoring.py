"""A trained reward model, loaded once: what it says of whole conversations. It ranks and trains; it judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gristmill.graph.models.local.weights import computes_in_bfloat16
from gristmill.sandbox.errors import UserError
from gristmill.trainers.methods.lora import Lora, quiet
from gristmill.trainers.methods.reward_model import scorer
from gristmill.trainers.methods.saving import CONFIG, read_provenance
from gristmill.trainers.methods.weights import base_weights
from gristmill.trainers.recipes.ser.rewarding import HEAD, upper_model
from gristmill.trainers.recipes.ser.states import parted

__all__ = ["Score", "base_of", "load_reward_model"]

Score = Callable[[Sequence[dict[str, Any]]], float]
"""The reward of a conversation, a list of messages: no unit, no zero; greater is better."""


def load_reward_model(model: Path, base: Path | None = None) -> Score:
    """What `recipe ser` left, with cached layers or without, or `train --method reward_model`.

    Args:
        model: its folder.
        base: folder of the base model; the one that it was trained on, where none is given.

    Raises:
        UserError: the folder holds no reward model, or its base is not here.
    """
    told = read_provenance(model)
    layers = told.get("cached_layers")
    cached = (model / HEAD).is_file() and isinstance(layers, int)
    if not (model / CONFIG).is_file() or not (cached or told.get("method") == "reward_model"):
        raise UserError(
            f"{model} holds no reward model: give a folder that `recipe ser` or `train --method reward_model` has left"
        )
    weights = base_of(model, base)
    if not cached or not isinstance(layers, int):
        return scorer(base=weights, adapter=model)
    return _parted(model, weights, layers)


def base_of(model: Path, base: Path | None = None) -> Path:
    """The folder of the base model of a reward model, or `base`.

    Raises:
        UserError: no model is there.
    """
    told = read_provenance(model).get("base")
    return base_weights("local", base or Path(str(told.get("path") if isinstance(told, dict) else told)))


def _parted(model: Path, base: Path, layers: int) -> Score:
    """Lower layers as their states are cached, to 16 bits, and the trained ones above them."""
    import torch
    from transformers import AutoTokenizer

    dtype = torch.bfloat16 if computes_in_bfloat16() else torch.float32
    lower = parted(base, layers, lower=True, dtype=dtype)
    upper, head = upper_model(base, layers, model, 0, Lora(), trained=False)
    with quiet():
        tokenizer: Any = AutoTokenizer.from_pretrained(base)

    def score(turns: Sequence[dict[str, Any]]) -> float:
        ids = tokenizer.apply_chat_template(list(turns), return_dict=True)["input_ids"]
        with quiet(), torch.inference_mode():
            states = lower(input_ids=torch.tensor([ids])).last_hidden_state.to(torch.float16).float()
            return float(head(upper(inputs_embeds=states).last_hidden_state[0, -1])[0])

    return score
