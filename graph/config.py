"""The knobs of a run: the same names in Python, YAML (`--config`) and on the command line."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gristmill.sandbox.records import Record

__all__ = ["Budget", "RunConfig"]


class Budget(Record):
    """What a whole run may spend; None is without bound."""

    calls: int | None = Field(None, ge=1)
    tokens: int | None = Field(None, ge=1, description="prompt and completion together")
    seconds: float | None = Field(None, gt=0)


class RunConfig(Record):
    """How a run searches."""

    model: str = "local"
    adapter: str | None = Field(None, description="name or path of a LoRA adapter")
    strategy: str = "reflect"
    profile: Literal["auto", "chat", "small"] = Field(
        "auto", description="prompts: capable chat models, or few-shot for small ones"
    )
    hypotheses: int = Field(4, ge=1, le=256, description="per task and round")
    rounds: int = Field(3, ge=1, le=1000)
    patience: int = Field(2, ge=1, description="rounds without a better best before a task is given up")
    temperature: float = Field(0.8, ge=0, le=5)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(512, ge=1)
    stop: tuple[str, ...] = Field((), max_length=4, description="a reply ends before the first of these")
    seed: int = 0
    concurrency: int = Field(64, ge=1, description="model calls in flight")
    sandbox: str = Field("auto", pattern=r"^(auto|bubblewrap|docker(:[\w.-]+)?)$")
    confirm: bool = Field(True, description="re-run a pass on a fresh worker before it is recorded")
    budget: Budget = Budget()
