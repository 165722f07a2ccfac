"""How a gate decides, and what an adapter must not lose: declared before the first round."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gristmill.sandbox.records import Record

__all__ = ["GateConfig", "Mode"]

Mode = Literal["rounds", "open", "fixed"]


class GateConfig(Record):
    """How a gate decides. The level of its test is `ImproveConfig.alpha`."""

    gate: Mode | None = Field(
        None,
        description="rounds: fresh tasks each round, exact McNemar at alpha/rounds; open: e-values, any number of "
        "rounds; fixed: one set asked again and again, by a Ladder step. Default: rounds with fresh tasks, else fixed",
    )
    gate_batch: int = Field(160, ge=1, description="open: gate tasks that are drawn at a time until it is decided")
    gate_most: int = Field(1600, ge=1, description="open: gate tasks of one round at most")
    gate_step: float = Field(
        0.02, gt=0, lt=1, description="fixed: an adapter is kept only if it beats the best by more than this share"
    )
    family_margin: float = Field(
        0.1, gt=0, le=1, description="share by which a family of gate tasks may be worse, by its 95% interval"
    )
    family_tasks: int = Field(64, ge=1, description="families with fewer gate tasks are told, and decide nothing")
    retention: str | None = Field(
        None, description="a task file that a kept adapter must not be worse on, e.g. of `tasks import ifeval`"
    )
    retention_margin: float = Field(
        0.1, gt=0, le=1, description="share by which the retention tasks may be worse, by their 95% interval"
    )
    kept_text: str | None = Field(
        None, description="a text that a kept adapter must foretell as well (local weights), or the word shipped"
    )
    perplexity_margin: float = Field(
        0.1, gt=0, description="nats a token by which kept text may be worse, by its 95% interval"
    )
    length_band: float = Field(
        8.0, gt=1, description="collapse: how many times longer or shorter the replies may become in the median"
    )
    sampled_tasks: int = Field(
        0, ge=0, description="collapse: gate tasks that get eight replies each before and after; 0: none"
    )
    least_distinct: float = Field(
        0.5, ge=0, le=1, description="collapse: different right answers a task after, as a share of those before"
    )
    pass_at_margin: float = Field(
        0.1, gt=0, le=1, description="collapse: share by which pass@8 may be worse, by its 95% interval"
    )
