"""One module for each way to a model; `gristmill.graph.models.resolve` picks one. Names are imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill.graph.models.base import Proposer
    from gristmill.graph.models.chat import ChatProposer
    from gristmill.graph.models.errors import (
        AnswerRefusedError,
        ModelError,
        ModelSetupError,
        ReplayMissError,
        UnknownModelError,
    )
    from gristmill.graph.models.local.proposer import LocalProposer
    from gristmill.graph.models.mailbox.box import Mailbox
    from gristmill.graph.models.mailbox.proposer import MailboxProposer
    from gristmill.graph.models.openai import OpenAIProposer
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.models.replay.calls import Call, Failure
    from gristmill.graph.models.replay.proposer import RecordingProposer, ReplayProposer
    from gristmill.graph.models.replay.recording import Recorded, Recording
    from gristmill.graph.models.replay.server import ReplayServer
    from gristmill.graph.models.roster.proposer import RosterProposer
    from gristmill.graph.models.vllm.proposer import VllmProposer
    from gristmill.graph.models.vllm.server import VllmServer

_HOME = {
    name: module
    for module, names in (
        ("base", "Proposer"),
        ("chat", "ChatProposer"),
        ("errors", "AnswerRefusedError ModelError ModelSetupError ReplayMissError UnknownModelError"),
        ("local.proposer", "LocalProposer"),
        ("mailbox.box", "Mailbox"),
        ("mailbox.proposer", "MailboxProposer"),
        ("openai", "OpenAIProposer"),
        ("options", "ModelOptions"),
        ("replay.calls", "Call Failure"),
        ("replay.proposer", "RecordingProposer ReplayProposer"),
        ("replay.recording", "Recorded Recording"),
        ("replay.server", "ReplayServer"),
        ("roster.proposer", "RosterProposer"),
        ("vllm.proposer", "VllmProposer"),
        ("vllm.server", "VllmServer"),
    )
    for name in names.split()
}

__all__ = [
    "AnswerRefusedError",
    "Call",
    "ChatProposer",
    "Failure",
    "LocalProposer",
    "Mailbox",
    "MailboxProposer",
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
    "RosterProposer",
    "UnknownModelError",
    "VllmProposer",
    "VllmServer",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
