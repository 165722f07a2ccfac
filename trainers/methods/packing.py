"""A batch whose rows begin alike, as one sequence in which the common beginning stands once.

Rows of one round share their few-shot examples, which are most of their tokens. Here a batch becomes
``[beginning][rest of row 1][rest of row 2]…``; every rest sees the beginning and itself, and counts its positions from
the beginning's end. Loss and gradient are those of the padded batch, since a causal model computes the beginning
without looking at what follows; it costs a fraction of the tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["MicroBatchCollator", "SharedPrefixCollator", "common_prefix", "micro_batches"]

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
        if _is_packed(prefix, [len(example["input_ids"]) for example in examples]):
            return _packed(examples, prefix)
        return self._padded(examples)

    def _padded(self, examples: Sequence[Example]) -> dict[str, Any]:
        from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

        padded: dict[str, Any] = DataCollatorForLanguageModeling(pad_token_id=self.pad_token_id).torch_call(
            list(examples)
        )
        return padded


class MicroBatchCollator:
    """Collates the rows of one optimizer step to parts of so many tokens at most, each as `SharedPrefixCollator` does.

    ``labels`` are those of all rows, end to end: by them the trainer counts what the loss is divided by.
    """

    def __init__(self, pad_token_id: int, tokens: int) -> None:
        self._collate = SharedPrefixCollator(pad_token_id)
        self._tokens = tokens

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """The parts of one step, on the CPU."""
        import torch

        parts = micro_batches(examples, self._tokens)
        labels = [label for example in examples for label in example["labels"]]
        return {"labels": torch.tensor([labels]), "parts": [self._collate(part) for part in parts]}


def micro_batches(examples: Sequence[Example], tokens: int) -> list[list[Example]]:
    """The rows, in their order, in as few runs as `tokens` allows; a row that has more by itself stands alone."""
    parts: list[list[Example]] = []
    for example in examples:
        if parts and _size([*parts[-1], example]) <= tokens:
            parts[-1].append(example)
        else:
            parts.append([example])
    return parts


def _size(examples: Sequence[Example]) -> int:
    """Tokens that a part takes in memory."""
    lengths = [len(example["input_ids"]) for example in examples]
    prefix = common_prefix(examples)
    if _is_packed(prefix, lengths):
        return prefix + sum(length - prefix for length in lengths)
    return max(lengths) * len(lengths)


def _is_packed(prefix: int, lengths: Sequence[int]) -> bool:
    return prefix * (len(lengths) - 1) * 3 >= sum(lengths)


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
