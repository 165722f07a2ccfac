"""How well a model still foretells text that it was not trained on: mean log-probability of a token, by part."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record

__all__ = ["KeptText", "kept_text", "read_text"]

PART = 128
SHIPPED = Path(__file__).with_name("kept_text.txt")
"""Prose of this project's own pages."""


class KeptText(Record):
    """What a model makes of a text."""

    parts: tuple[float, ...] = Field(
        description="mean natural log-probability of a token, by part of 128 tokens that is read alone"
    )
    tokens: int = Field(description="that were foretold")

    @property
    def perplexity(self) -> float:
        """exp of the mean loss a token."""
        from math import exp

        return exp(-sum(self.parts) / len(self.parts))


def read_text(path: Path | None = None) -> str:
    """The user's text, or the one that is shipped.

    Raises:
        UserError: the file cannot be read as text.
    """
    try:
        return (path or SHIPPED).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path or SHIPPED} cannot be read as text: {error}") from error


def kept_text(text: str, base: Path, adapter: str | None = None) -> KeptText:
    """Let the local model read a text, in whole parts of 128 tokens; the same files give the same numbers.

    Args:
        base: folder of the weights, in Hugging Face's format.
        adapter: folder of a LoRA adapter, merged into a copy.

    Raises:
        UserError: the text is shorter than eight parts.
        ModelSetupError: the weights or the adapter cannot be used.
    """
    import torch

    from gristmill.graph.models.local.weights import load_model

    model, tokenizer = load_model(base, adapter)
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False, verbose=False)["input_ids"][0]
    whole = len(ids) // PART
    if whole < 8:
        raise UserError(f"a kept text needs {8 * PART} tokens at least, to say anything; this one has {len(ids)}")
    parts = []
    with torch.inference_mode():
        for batch in ids[: whole * PART].view(whole, PART).split(4):
            chances = model(input_ids=batch).logits[:, :-1].float().log_softmax(-1)
            found = chances.gather(-1, batch[:, 1:, None])[..., 0].mean(dim=1)
            parts += [float(value) for value in found]
    return KeptText(parts=tuple(parts), tokens=whole * (PART - 1))
