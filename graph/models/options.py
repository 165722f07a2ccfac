"""Knobs of the ways to a model: the same names in Python, YAML and on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from gristmill.sandbox.records import Record

if TYPE_CHECKING:
    from gristmill.graph.config import Calls

__all__ = ["ModelOptions"]


class ModelOptions(Record):
    """How models are reached. Each way reads what concerns it and ignores the rest."""

    timeout_seconds: float = Field(600.0, gt=0, description="one call, from request to last byte")
    retry_seconds: float = Field(900.0, ge=0, description="all attempts of one call and the waits between them")
    wait_seconds: float = Field(1.0, ge=0, description="before the second attempt; doubles, with jitter, up to 60-fold")
    request: dict[str, Any] = Field({}, description="further fields of each request; see `Calls.request`")
    attempts: int = Field(8, ge=1, description="tries of one call at most")
    api_key_env: str = Field("OPENAI_API_KEY", description="environment variable that holds the key for `openai:`")
    vllm_python: Path | None = Field(None, description="interpreter of the environment that holds vLLM")
    vllm_arguments: tuple[str, ...] = Field((), description="passed on to the vLLM server as they are")
    lora_rank: int | None = Field(None, ge=1, description="serve so that adapters up to this rank can be loaded later")
    start_seconds: float = Field(900.0, gt=0, description="how long a supervised server may take to become ready")
    log_folder: Path | None = Field(None, description="where a supervised server's log goes; None: .gristmill/logs")
    threads: int | None = Field(None, ge=1, description="CPU threads of `local`; None: torch's default")
    batch: int = Field(64, ge=1, description="requests that `local` answers in one forward pass at most")

    workspace: str | None = Field(None, description="where `mailbox` keeps requests: that of the run")
    run: str | None = Field(None, description="whose requests `mailbox` keeps")

    @classmethod
    def of(cls, calls: Calls, **more: Any) -> Self:
        """The options that go with a run's knobs; `more` has those that no run remembers."""
        return cls(timeout_seconds=calls.call_timeout, retry_seconds=calls.retry_seconds, request=calls.request, **more)
