"""Many short replies at once from one causal model on a CPU.

Prompts of a run share a long beginning (the few-shot examples). Its keys and values are computed once and kept once:
attention over the shared prefix and attention over a row's own tokens are computed apart and joined by their
log-sum-exp, as in cascade inference (Ye et al. 2024, FlashInfer) and Hydragen (Juravsky et al. 2024). A copy of the
prefix for each row, which Hugging Face's `generate` makes at every step, costs more than the model itself.

A row draws its tokens from random numbers of its own, so what it becomes does not depend on what else is in the
batch, except through rounding: matrix products of other shapes may round differently.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gristmill.graph.models.local.batches import BYTES, common, token_bytes
from gristmill.graph.models.local.threads import patient
from gristmill.graph.records import Message

patient()

import torch  # noqa: E402  # the line above must come first
from transformers import AttentionInterface  # noqa: E402
from transformers.cache_utils import Cache  # noqa: E402

__all__ = ["DrawnReply", "Generator"]

_ATTENTION = "gristmill_shared_prefix"
# Finite, so that a padded query, which may see nothing, stays a number.
_MASKED = -1e9
_NUCLEUS = 64


@dataclass
class DrawnReply:
    """One reply to be drawn, and what was drawn."""

    prompt: list[int]
    temperature: float
    top_p: float
    max_tokens: int
    seed: str | None
    """Two rows with the same seed and prompt draw the same; None draws from the system's entropy."""
    stop: tuple[str, ...] = ()
    tokens: list[int] = field(default_factory=list)
    text: str = ""
    finish: str = ""


class _SharedPrefixCache(Cache):
    """Keys and values: one copy of a prefix (may be empty), and a preallocated part for each row's own tokens."""

    def __init__(self, layers: int, prefix: list[tuple[torch.Tensor, torch.Tensor]], room: int) -> None:
        super().__init__(layers=[])
        self.prefix = prefix
        self.room = room
        self.own: list[tuple[torch.Tensor, torch.Tensor] | None] = [None] * layers
        self.length = 0
        self.mask: torch.Tensor | None = None

    @property
    def prefix_length(self) -> int:
        return self.prefix[0][0].shape[2] if self.prefix else 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        cached = self.own[layer_idx]
        if cached is None:
            rows, heads, _, width = key_states.shape
            cached = (
                key_states.new_empty(rows, heads, self.room, width),
                value_states.new_empty(rows, heads, self.room, width),
            )
            self.own[layer_idx] = cached
        start, stop = self.length, self.length + key_states.shape[2]
        cached[0][:, :, start:stop] = key_states
        cached[1][:, :, start:stop] = value_states
        return cached[0][:, :, :stop], cached[1][:, :, :stop]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self.prefix_length + self.length

    def keep(self, rows: torch.Tensor) -> None:
        """Only these rows go on."""
        self.own = [None if cached is None else (cached[0][rows], cached[1][rows]) for cached in self.own]
        if self.mask is not None:
            self.mask = self.mask[rows]


def _attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention and its log-sum-exp."""
    attention: tuple[torch.Tensor, torch.Tensor] = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, attn_mask=mask, scale=scale
    )
    return attention


def _shared_prefix_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    shared: _SharedPrefixCache,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    rows, heads, steps, width = query.shape
    kv_heads = key.shape[1]
    group = heads // kv_heads
    folded = query.reshape(rows, kv_heads, group * steps, width)
    mask = shared.mask
    own, own_sum = _attend(folded, key, value, mask, scaling)
    if shared.prefix:
        prefix_key, prefix_value = shared.prefix[module.layer_idx]  # type: ignore[index]  # an int, which torch cannot know
        flat = folded.transpose(0, 1).reshape(1, kv_heads, rows * group * steps, width)
        common, common_sum = _attend(flat, prefix_key, prefix_value, None, scaling)
        common = common.view(kv_heads, rows, group * steps, width).transpose(0, 1)
        common_sum = common_sum.view(kv_heads, rows, group * steps).transpose(0, 1)
        share = torch.sigmoid(common_sum - own_sum).unsqueeze(-1)
        own = torch.lerp(own.float(), common.float(), share).to(query.dtype)
    return own.reshape(rows, heads, steps, width).transpose(1, 2), None


AttentionInterface.register(_ATTENTION, _shared_prefix_attention)


class Generator:
    """A loaded model and the prefixes that it has seen."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        model.set_attn_implementation(_ATTENTION)
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.layers = int(model.config.num_hidden_layers)
        ends = model.generation_config.eos_token_id
        self.ends = frozenset([ends] if isinstance(ends, int) else ends or ()) | {tokenizer.eos_token_id}
        self._prefix: tuple[list[int], list[tuple[torch.Tensor, torch.Tensor]]] = ([], [])

    @property
    def room(self) -> int:
        """Tokens of prompt and reply together that the model was made for."""
        return int(self.model.config.max_position_embeddings)

    @property
    def at_once(self) -> int:
        """Tokens, beside a common beginning, that one batch may have in memory."""
        return max(1, BYTES // token_bytes(self.model.config, self.model.dtype.itemsize))

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of a conversation, up to where the assistant's reply begins."""
        chat = [{"role": message.role, "content": message.content} for message in messages]
        tokens: list[int] = self.tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)[
            "input_ids"
        ]
        return tokens

    @torch.inference_mode()
    def run(self, rows: Sequence[DrawnReply], stopped: Callable[[], bool] = lambda: False) -> None:
        """Fill in every row's `tokens`, `text` and `finish`. `stopped` is asked at every step."""
        cached = self._shared(rows)
        own = [row.prompt[len(cached) :] for row in rows]
        width = max(map(len, own))
        cache = _SharedPrefixCache(self.layers, self._prefix[1], width + max(row.max_tokens for row in rows))
        padding = torch.tensor([width - len(tokens) for tokens in own])
        ids = torch.tensor([[0] * (width - len(tokens)) + tokens for tokens in own])
        positions = (torch.arange(width)[None] - padding[:, None]).clamp(min=0) + len(cached)
        padded = torch.arange(cache.room)[None] < padding[:, None]
        bias = torch.zeros(padded.shape).masked_fill(padded, _MASKED).to(self.model.dtype)
        cache.mask = self._first_mask(bias[:, :width])
        draws = [None if row.temperature == 0 else random.Random(row.seed) for row in rows]
        active = list(range(len(rows)))
        while active and not stopped():
            logits = self.model(
                ids, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1, shared=cache
            ).logits[:, -1]
            cache.length += ids.shape[1]
            drawn = _draw(logits, [rows[index] for index in active], [draws[index] for index in active])
            going = [place for place, index in enumerate(active) if self._extend(rows[index], drawn[place])]
            ids = torch.tensor(drawn)[going, None]
            positions = positions[going, -1:] + 1
            if len(going) < len(active):
                kept = torch.tensor(going, dtype=torch.long)
                cache.keep(kept)
                bias = bias[kept]
                active = [active[place] for place in going]
            cache.mask = bias[:, None, None, : cache.length + 1]

    def _first_mask(self, bias: torch.Tensor) -> torch.Tensor:
        width = bias.shape[1]
        causal = torch.full((width, width), _MASKED, dtype=bias.dtype).triu(1)
        config = self.model.config
        group = config.num_attention_heads // config.num_key_value_heads
        return (bias[:, None, None] + causal).clamp(min=_MASKED).repeat(1, 1, group, 1)

    def _shared(self, rows: Sequence[DrawnReply]) -> list[int]:
        """The prefix to use for these rows, its keys and values in place; every row keeps a token of its own."""
        first, last = min(row.prompt for row in rows), max(row.prompt for row in rows)
        limit = min(len(row.prompt) for row in rows) - 1
        alike = min(common(first, last), limit)
        previous = self._prefix[0]
        # What a few tokens more would save is less than what they cost to compute once.
        if previous and first[: len(previous)] == previous and alike >= len(previous) > alike - 48:
            return previous
        if alike < 16:
            self._prefix = ([], [])
            return []
        prefix = first[:alike]
        cache = _SharedPrefixCache(self.layers, [], alike)
        cache.mask = self._first_mask(torch.zeros(1, alike, dtype=self.model.dtype))
        self.model(
            torch.tensor([prefix]),
            position_ids=torch.arange(alike)[None],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
            shared=cache,
        )
        self._prefix = (prefix, [layer for layer in cache.own if layer is not None])
        return prefix

    def _extend(self, row: DrawnReply, token: int) -> bool:
        """Append a token; whether the row goes on."""
        if token in self.ends:
            row.finish = "stop"
            row.tokens.append(token)
            return False
        row.tokens.append(token)
        row.text = self.tokenizer.decode(row.tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        cuts = [at for at in (row.text.find(stop) for stop in row.stop) if at >= 0]
        if cuts:
            row.text = row.text[: min(cuts)]
            row.finish = "stop"
            return False
        if len(row.tokens) >= row.max_tokens:
            row.finish = "length"
            return False
        return True


def _draw(logits: torch.Tensor, rows: Sequence[DrawnReply], draws: Sequence[random.Random | None]) -> list[int]:
    """The next token of each row: the likeliest, or one of its nucleus."""
    best: list[int] = logits.argmax(-1).tolist()
    sampled = [place for place, draw in enumerate(draws) if draw is not None]
    if not sampled:
        return best
    heat = torch.tensor([rows[place].temperature for place in sampled])[:, None]
    scaled = logits[sampled].float() / heat
    total = scaled.logsumexp(-1, keepdim=True)
    values, indices = scaled.topk(min(_NUCLEUS, scaled.shape[-1]), dim=-1)
    chances = (values - total).exp()
    for at, place in enumerate(sampled):
        draw = draws[place]
        assert draw is not None
        mass, tokens = chances[at], indices[at]
        if float(mass.sum()) < rows[place].top_p:
            mass, tokens = (scaled[at] - total[at]).exp().sort(descending=True)
        before = mass.cumsum(0) - mass
        kept = mass[before < rows[place].top_p]
        spot = torch.searchsorted(kept.cumsum(0), draw.random() * float(kept.sum()))
        best[place] = int(tokens[min(int(spot), len(kept) - 1)])
    return best
