"""The shapes of rows that methods read: what is wrong with a row, and how long it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["FORMATS", "conversations_of", "length", "mistake"]

FORMATS: Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "sft": ("sft", ("prompt", "completion"), ()),
    "dpo": ("preference", ("prompt", "chosen", "rejected"), ()),
    "kto": ("unpaired", ("prompt", "completion"), ("label",)),
    "grpo": ("grpo", ("prompt",), ("specification",)),
    "rloo": ("grpo", ("prompt",), ("specification",)),
    "reward_model": ("preference", ("prompt", "chosen", "rejected"), ()),
}
"""Kind of method → `export --format`, the fields that are lists of messages, and those that are plain."""
_PLAIN: Mapping[str, tuple[type, str]] = {
    "label": (bool, "true or false"),
    "specification": (str, "a task's row as JSON text"),
}


def mistake(row: Any, kind: str) -> str | None:
    """What keeps a row from being one of this method's, naming the field; None where nothing does."""
    format, messages, plain = FORMATS[kind]
    made = f"as `gristmill export --format {format}` writes it"
    if not isinstance(row, dict):
        return f"a row must be an object, {made}"
    for field in messages:
        turns = row.get(field)
        if not isinstance(turns, list) or not turns or not all(map(_is_turn, turns)):
            return f"`{field}` must be a list of messages with `role` and `content`, {made}"
    for field in plain:
        wanted, words = _PLAIN[field]
        if not isinstance(row.get(field), wanted):
            return f"`{field}` must be {words}, {made}"
    return None


def conversations_of(row: dict[str, Any], kind: str) -> list[list[dict[str, Any]]]:
    """What a trainer of this method makes of a row: the prompt with each reply behind it, or the prompt alone."""
    prompt, *replies = FORMATS[kind][1]
    return [[*row[prompt], *row[reply]] for reply in replies] or [row[prompt]]


def length(conversations: Sequence[Sequence[dict[str, Any]]], tokenizer: PreTrainedTokenizerBase) -> int:
    """Tokens of the longest of these conversations."""
    return max(_tokens(turns, tokenizer) for turns in conversations)


def _tokens(turns: Sequence[dict[str, Any]], tokenizer: PreTrainedTokenizerBase) -> int:
    encoded: Any = tokenizer.apply_chat_template(list(turns), return_dict=True)
    return len(encoded["input_ids"])


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and all(isinstance(turn.get(field), str) for field in ("role", "content"))
