"""The arithmetic of a plan agrees with what PEFT makes and what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.trainers.methods.fitting.sizes import SIZES, parameters_of, size_for
from gristmill.trainers.methods.lora import Lora
from gristmill.trainers.methods.planning import (
    MODELS,
    Assumptions,
    ModelShape,
    Work,
    adapter_parameters,
    plan,
    shape_of,
)
from gristmill.trainers.methods.sft import SftMethod

WORK = Work(rows=128, row_tokens=450, epochs=3, rank=16, micro_tokens=768, replies=1536, reply_tokens=32, at_once=64)


def test_the_adapter_has_as_many_parameters_as_peft_makes(tiny_model: Path) -> None:
    pytest.importorskip("peft")
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(tiny_model)
    shape = shape_of(tiny_model)
    assert shape.parameters == parameters_of(tiny_model) == sum(weight.numel() for weight in plain.parameters())
    model = get_peft_model(plain, Lora(rank=5).peft())
    made = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert adapter_parameters(shape, 5) == made


@given(st.integers(1, 64), st.integers(1, 8192), st.sampled_from(MODELS))
def test_more_of_anything_never_takes_less(rank: int, micro: int, shape: object) -> None:
    less, more = (
        plan(shape, WORK.model_copy(update={"rank": rank + by, "micro_tokens": micro + by}))  # type: ignore[arg-type]
        for by in (0, 1)
    )
    assert less.adapter < more.adapter
    assert less.training <= more.training <= more.training_kept
    assert plan(MODELS[0], WORK).training < plan(MODELS[1], WORK).training < plan(MODELS[2], WORK).training
    quarter = plan(MODELS[1], WORK, Assumptions(weight_bytes=0.55))
    assert quarter.training < plan(MODELS[1], WORK).training


def test_a_training_takes_rate_and_batch_by_size_where_none_is_given(tiny_model: Path) -> None:
    assert [size_for(parameters).learning_rate for parameters in (1.35e8, 8e9, 3.2e10)] == [5e-4, 2e-4, 1e-4]
    method = SftMethod().settled(tiny_model)
    assert (method.learning_rate, method.batch) == (SIZES[0].learning_rate, SIZES[0].batch)
    given = SftMethod(learning_rate=1e-5).settled(tiny_model)
    assert (given.learning_rate, given.batch) == (1e-5, SIZES[0].batch)


@pytest.mark.parametrize(("tokens", "peak"), [(3600, 9.91e9), (1780, 5.39e9), (890, 3.48e9)])
def test_the_peaks_that_were_measured_are_foretold_within_a_tenth(tokens: int, peak: float) -> None:
    """SmolLM2-135M on a CPU, `benchmarks/training_memory.py --apart --rows 8`; tokens of its largest micro-batch."""
    shape = ModelShape(
        name="135M", parameters=1.345e8, layers=30, hidden=576, intermediate=1536, heads=9, kv_heads=3, head=64
    )
    foretold = plan(shape, WORK.model_copy(update={"micro_tokens": tokens})).training_kept
    assert foretold == pytest.approx(peak, rel=0.1)
