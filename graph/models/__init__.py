"""One module for each way to a model; `gristmill.graph.resolve` picks one. Names are imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill.graph.models.base import Proposer
    from gristmill.graph.models.calls import Call, Failure
    from gristmill.graph.models.chat import ChatProposer
    from gristmill.graph.models.errors import ModelError, ModelSetupError, ReplayMissError, UnknownModelError
    from gristmill.graph.models.local import LocalProposer
    from gristmill.graph.models.openai import OpenAIProposer
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.models.replay import Recorded, Recording, RecordingProposer, ReplayProposer
    from gristmill.graph.models.server import ReplayServer
    from gristmill.graph.models.vllm import VllmProposer
    from gristmill.graph.models.vllm_server import VllmServer

_HOME = {
    "Call": "calls", "ChatProposer": "chat", "Failure": "calls", "LocalProposer": "local", "ModelError": "errors",
    "ModelOptions": "options", "ModelSetupError": "errors", "OpenAIProposer": "openai", "Proposer": "base",
    "Recorded": "replay", "Recording": "replay", "RecordingProposer": "replay", "ReplayMissError": "errors",
    "ReplayProposer": "replay", "ReplayServer": "server", "UnknownModelError": "errors", "VllmProposer": "vllm",
    "VllmServer": "vllm_server",
}  # fmt: skip

__all__ = [
    "Call",
    "ChatProposer",
    "Failure",
    "LocalProposer",
    "ModelError",
    "ModelOptions",
    "ModelSetupError",
    "OpenAIProposer",
    "Proposer",
    "Recorded",
    "Recording",
    "RecordingProposer",
    "ReplayMissError",
    "ReplayProposer",
    "ReplayServer",
    "UnknownModelError",
    "VllmProposer",
    "VllmServer",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
