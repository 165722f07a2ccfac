"""A batch whose rows begin alike, as one sequence in which the common beginning stands once.

Rows of one round share their few-shot examples, which are most of their tokens. Here a batch becomes
``[beginning][rest of row 1][rest of row 2]…``; every rest sees the beginning and itself, and counts its positions from
the beginning's end. Loss and gradient are those of the padded batch, since a causal model computes the beginning
without looking at what follows; it costs a fraction of the tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["SharedPrefixCollator", "common_prefix"]

Example = dict[str, Any]


def common_prefix(examples: Sequence[Example]) -> int:
    """How many first tokens all rows share, the last token before any completion not counted.

    Every rest so begins with a token of its prompt: nothing that is learned is predicted from another row's end.
    """
    rows = [example["input_ids"] for example in examples]
    prompts = [
        next((at for at, label in enumerate(row["labels"]) if label != -100), len(row["labels"])) for row in examples
    ]
    limit = min(prompts) - 1
    first, last = min(rows), max(rows)
    return next((at for at in range(limit) if first[at] != last[at]), max(0, limit))


class SharedPrefixCollator:
    """Collates rows of ``input_ids`` and ``labels``: packed where that saves a third of the tokens, else padded."""

    def __init__(self, pad_token_id: int) -> None:
        self.pad_token_id = pad_token_id

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """One batch for the model, on the CPU."""
        prefix = common_prefix(examples)
        tokens = sum(len(example["input_ids"]) for example in examples)
        if prefix * (len(examples) - 1) * 3 < tokens:
            return self._padded(examples)
        return _packed(examples, prefix)

    def _padded(self, examples: Sequence[Example]) -> dict[str, Any]:
        from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

        padded: dict[str, Any] = DataCollatorForLanguageModeling(pad_token_id=self.pad_token_id).torch_call(
            list(examples)
        )
        return padded


def _packed(examples: Sequence[Example], prefix: int) -> dict[str, Any]:
    import torch

    ids, labels = list(examples[0]["input_ids"][:prefix]), [-100] * prefix
    positions, rows = list(range(prefix)), [0] * prefix
    for number, example in enumerate(examples, start=1):
        rest = example["input_ids"][prefix:]
        ids += rest
        labels += example["labels"][prefix:]
        positions += range(prefix, prefix + len(rest))
        rows += [number] * len(rest)
    row = torch.tensor(rows)
    seen = torch.ones(len(ids), len(ids), dtype=torch.bool).tril()
    seen &= (row[:, None] == row[None]) | (row[None] == 0)
    return {
        "input_ids": torch.tensor([ids]),
        "labels": torch.tensor([labels]),
        "position_ids": torch.tensor([positions]),
        "attention_mask": seen[None, None],
    }
