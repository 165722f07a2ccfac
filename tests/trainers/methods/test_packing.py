"""A packed batch teaches what the padded one teaches: the same loss and the same gradient."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.trainers.methods.packing import MicroBatchCollator, SharedPrefixCollator, common_prefix, micro_batches

VOCABULARY, PAD = 61, 60
tokens = st.integers(0, VOCABULARY - 2)
Row = dict[str, list[int]]


def row(prompt: list[int], completion: list[int]) -> Row:
    return {"input_ids": [*prompt, *completion], "labels": [-100] * len(prompt) + completion}


@st.composite
def batches(draw: st.DrawFn) -> list[Row]:
    """Rows as training sees them: a shared beginning, then a question of their own and an answer."""
    shared = draw(st.lists(tokens, max_size=24))
    rests = draw(
        st.lists(
            st.tuples(st.lists(tokens, max_size=6), st.lists(tokens, min_size=1, max_size=6)), min_size=1, max_size=5
        )
    )
    return [row([*shared, *(own or [0])], answer) for own, answer in rests]


@cache
def model() -> Any:
    """A tiny Llama with random weights, grouped heads and two layers, in float32."""
    torch = pytest.importorskip("torch")
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        pad_token_id=PAD,
        initializer_range=0.2,
    )
    return LlamaForCausalLM(config).train()


def loss_and_gradients(batch: dict[str, Any]) -> tuple[float, list[Any]]:
    network = model()
    network.zero_grad()
    loss = network(**batch, use_cache=False).loss
    loss.backward()
    return float(loss.detach()), [weight.grad.clone() for weight in network.parameters()]


def naive(rows: list[Row]) -> dict[str, Any]:
    """Padded on the right by hand, so that the comparison does not rest on the collator's own fallback."""
    import torch

    width = max(len(each["input_ids"]) for each in rows)

    def padded(name: str, filler: int) -> list[list[int]]:
        return [each[name] + [filler] * (width - len(each[name])) for each in rows]

    mask = [[1] * len(each["input_ids"]) + [0] * (width - len(each["input_ids"])) for each in rows]
    return {
        "input_ids": torch.tensor(padded("input_ids", PAD)),
        "labels": torch.tensor(padded("labels", -100)),
        "attention_mask": torch.tensor(mask),
    }


@settings(max_examples=25)
@given(batches())
def test_a_collated_batch_has_the_loss_and_the_gradient_of_the_padded_one(rows: list[Row]) -> None:
    import torch

    loss, gradients = loss_and_gradients(SharedPrefixCollator(PAD)(rows))
    wanted, expected = loss_and_gradients(naive(rows))
    assert loss == pytest.approx(wanted, rel=1e-5)
    for ours, theirs in zip(gradients, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_rows_with_a_long_shared_beginning_are_packed_and_others_padded() -> None:
    pytest.importorskip("torch")
    collate = SharedPrefixCollator(PAD)
    packed = collate([row([1] * 20 + [number], [5, 6]) for number in (2, 3, 4)])
    assert packed["input_ids"].shape == (1, 20 + 3 * 3)
    assert packed["position_ids"][0].tolist() == [*range(20), *[20, 21, 22] * 3]
    assert (packed["labels"] != -100).sum() == 6
    seen = packed["attention_mask"][0, 0]
    assert seen[25].nonzero().flatten().tolist() == [*range(20), 23, 24, 25]  # the beginning and itself, no neighbour
    padded = collate([row([number, 1, 1], [5, 6]) for number in (2, 3, 4)])
    assert padded["input_ids"].shape == (3, 5)


def test_a_packing_that_shows_rows_to_each_other_would_be_caught() -> None:
    """The law above has teeth: without the mask the same rows give another loss."""
    pytest.importorskip("torch")
    rows = [row([1] * 20 + [number], [5 + number, 6]) for number in (2, 3, 4)]
    batch = SharedPrefixCollator(PAD)(rows)
    batch["attention_mask"] = batch["attention_mask"].new_ones(batch["attention_mask"].shape).tril()
    assert loss_and_gradients(batch)[0] != pytest.approx(loss_and_gradients(naive(rows))[0], rel=1e-3)


@given(batches())
def test_the_common_prefix_is_shared_and_leaves_every_row_a_token_of_its_prompt(rows: list[Row]) -> None:
    length = common_prefix(rows)
    assert all(each["input_ids"][:length] == rows[0]["input_ids"][:length] for each in rows)
    prompts = [each["labels"].count(-100) for each in rows]
    assert 0 <= length <= min(prompts) - 1
    longer = [each["input_ids"][: length + 1] for each in rows]
    assert length == min(prompts) - 1 or any(each != longer[0] for each in longer), "it could have been longer"


@given(batches(), st.randoms(use_true_random=False))
def test_the_common_prefix_does_not_depend_on_the_order(rows: list[Row], random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert common_prefix(shuffled) == common_prefix(rows)


@settings(max_examples=15)
@given(batches(), st.integers(1, 80))
def test_micro_batches_have_together_the_loss_and_the_gradient_of_the_whole_step(rows: list[Row], tokens: int) -> None:
    """Each part's loss is over the tokens of the step, as the trainer divides it."""
    import torch

    wanted, expected = loss_and_gradients(naive(rows))
    step = MicroBatchCollator(PAD, tokens)(rows)
    count = int((step["labels"] != -100).sum())
    network, loss = model(), 0.0
    network.zero_grad()
    for part in step["parts"]:
        shifted = part["labels"][:, 1:]
        share = network(**part, use_cache=False).loss * ((shifted != -100).sum() / count)
        share.backward()
        loss += float(share.detach())
    assert loss == pytest.approx(wanted, rel=1e-4)
    for weight, theirs in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, theirs, rtol=1e-3, atol=1e-5)


@given(batches(), st.integers(1, 80))
def test_micro_batches_keep_every_row_in_order_and_the_bound(rows: list[Row], tokens: int) -> None:
    parts = micro_batches(rows, tokens)
    assert [each for part in parts for each in part] == rows
    collate = SharedPrefixCollator(PAD)
    assert all(len(part) == 1 or collate(part)["input_ids"].numel() <= tokens for part in parts)
