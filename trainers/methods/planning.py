"""How much memory a training and its sampling take, and how long, by arithmetic from a model's shape.

Everything that is assumed is a field, and is printed with the plan. Figures for GPUs were not tried here.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.trainers.methods.fitting.sizes import parameters_of, size_for

__all__ = ["MODELS", "Assumptions", "ModelShape", "Plan", "Work", "adapter_parameters", "plan", "shape_of"]


class ModelShape(Record):
    """What of a transformer decides its memory."""

    name: str
    parameters: float
    layers: int
    hidden: int
    intermediate: int = Field(description="width of the feed-forward layers, which are gated: three matrices")
    heads: int
    kv_heads: int
    head: int = Field(description="width of one head")


MODELS = (
    ModelShape(name="1B", parameters=1.24e9, layers=16, hidden=2048, intermediate=8192, heads=32, kv_heads=8, head=64),
    ModelShape(
        name="8B", parameters=8.03e9, layers=32, hidden=4096, intermediate=14336, heads=32, kv_heads=8, head=128
    ),
    ModelShape(
        name="32B", parameters=32.8e9, layers=64, hidden=5120, intermediate=27648, heads=40, kv_heads=8, head=128
    ),
)
"""Shapes of Llama 3.2 1B, Llama 3.1 8B and Qwen 2.5 32B."""


class Assumptions(Record):
    """What the arithmetic takes for granted."""

    weight_bytes: float = Field(2.0, description="a parameter of the base: 2 in bfloat16, about .55 in 4 bits")
    state_bytes: float = Field(16.0, description="a parameter of the adapter: weight, gradient, two moments, 4 each")
    activation_bytes: float = Field(
        7.0, description="an activation kept for the backward pass, as seen on a CPU; a GPU's kernels keep less"
    )
    cache_bytes: float = Field(2.0, description="a number of the cache of keys and values")
    overhead: float = Field(1e9, description="bytes of interpreter and libraries")
    reference_parameters: float = Field(1.35e8, description="of the model whose rates these are")
    train_rate: float = Field(75.0, description="tokens that it trains on a second, on one plain core")
    sample_rate: float = Field(81.0, description="tokens that it samples a second, on one plain core")


class Work(Record):
    """What is to be done in one round."""

    rows: int = Field(description="rows to train on")
    row_tokens: int = Field(description="of a row, prompt and answer")
    epochs: float
    rank: int = Field(description="of the adapter")
    micro_tokens: int = Field(description="in memory at once while training")
    replies: int = Field(description="to be sampled")
    reply_tokens: int
    at_once: int = Field(description="replies that are sampled at a time, each with its prompt in the cache")


class Plan(Record):
    """Memory in bytes, time in hours on what the rates were measured on."""

    model: str
    weights: float
    adapter: float = Field(description="with gradients and the optimizer's moments")
    activations: float = Field(description="of one micro-batch, everything kept")
    activations_recomputed: float = Field(description="of one micro-batch, with gradient checkpointing")
    cache: float = Field(description="of keys and values, while sampling")
    overhead: float
    train_hours: float
    sample_hours: float
    learning_rate: float
    batch: int

    @property
    def training(self) -> float:
        """Bytes at the peak of training, with gradient checkpointing."""
        return self.weights + self.adapter + self.activations_recomputed + self.overhead

    @property
    def training_kept(self) -> float:
        """Bytes at the peak of training, without."""
        return self.weights + self.adapter + self.activations + self.overhead

    @property
    def sampling(self) -> float:
        """Bytes at the peak of sampling. Nothing else is on the device then: the server ends before a training."""
        return self.weights + self.cache + self.overhead


def shape_of(base: Path) -> ModelShape:
    """The shape of a model on disk, by its config.json and the headers of its weights."""
    config = json.loads((base / "config.json").read_text("utf-8"))
    heads = config["num_attention_heads"]
    return ModelShape(
        name=base.name,
        parameters=parameters_of(base),
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        intermediate=config["intermediate_size"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head=config.get("head_dim") or config["hidden_size"] // heads,
    )


def adapter_parameters(shape: ModelShape, rank: int) -> int:
    """Of a LoRA adapter on all linear layers but the output head: rank · (inputs + outputs) each."""
    queries, keys = shape.heads * shape.head, shape.kv_heads * shape.head
    inside = 2 * (shape.hidden + queries) + 2 * (shape.hidden + keys) + 3 * (shape.hidden + shape.intermediate)
    return shape.layers * rank * inside


def plan(shape: ModelShape, work: Work, assumed: Assumptions | None = None) -> Plan:
    """What one round takes with a model of this shape.

    A layer is taken to keep eight numbers of the model's width and four of the feed-forward's for each token. Time
    goes with the number of parameters, from the rates of the reference model.
    """
    assumed = assumed or Assumptions()
    layer = (8 * shape.hidden + 4 * shape.intermediate) * assumed.activation_bytes
    kept = work.micro_tokens * shape.layers * layer
    recomputed = work.micro_tokens * (shape.layers * shape.hidden * assumed.weight_bytes + layer)
    cached = 2 * shape.layers * shape.kv_heads * shape.head * assumed.cache_bytes
    slower = shape.parameters / assumed.reference_parameters
    size = size_for(shape.parameters)
    return Plan(
        model=shape.name,
        weights=shape.parameters * assumed.weight_bytes,
        adapter=adapter_parameters(shape, work.rank) * assumed.state_bytes,
        activations=kept,
        activations_recomputed=min(kept, recomputed),
        cache=work.at_once * (work.row_tokens + work.reply_tokens) * cached,
        overhead=assumed.overhead,
        train_hours=work.rows * work.row_tokens * work.epochs / assumed.train_rate * slower / 3600,
        sample_hours=work.replies * work.reply_tokens / assumed.sample_rate * slower / 3600,
        learning_rate=size.learning_rate,
        batch=size.batch,
    )
