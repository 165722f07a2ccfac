"""One module for each way to a model; `gristmill.graph.models.resolve` picks one. Names are imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill.graph.models.base import Proposer
    from gristmill.graph.models.chat import ChatProposer
    from gristmill.graph.models.errors import ModelError, ModelSetupError, ReplayMissError, UnknownModelError
    from gristmill.graph.models.local.proposer import LocalProposer
    from gristmill.graph.models.openai import OpenAIProposer
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.models.replay.calls import Call, Failure
    from gristmill.graph.models.replay.proposer import Recorded, Recording, RecordingProposer, ReplayProposer
    from gristmill.graph.models.replay.server import ReplayServer
    from gristmill.graph.models.vllm.proposer import VllmProposer
    from gristmill.graph.models.vllm.server import VllmServer

_HOME = {
    "Call": "replay.calls", "ChatProposer": "chat", "Failure": "replay.calls", "LocalProposer": "local.proposer",
    "ModelError": "errors", "ModelOptions": "options", "ModelSetupError": "errors", "OpenAIProposer": "openai",
    "Proposer": "base", "Recorded": "replay.proposer", "Recording": "replay.proposer",
    "RecordingProposer": "replay.proposer", "ReplayMissError": "errors", "ReplayProposer": "replay.proposer",
    "ReplayServer": "replay.server", "UnknownModelError": "errors", "VllmProposer": "vllm.proposer",
    "VllmServer": "vllm.server",
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
