"""The loop. Names are imported on first use, so that `gristmill --help` stays quick."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill.graph.campaign import run_campaign
    from gristmill.graph.config import Budget, Calls, Prompts, RunConfig, Search
    from gristmill.graph.judging.candidates import judge_all
    from gristmill.graph.models.base import Proposer
    from gristmill.graph.models.resolve import ModelOptions, resolve
    from gristmill.graph.records import (
        Hypothesis,
        Message,
        Reflection,
        Reply,
        Request,
        Sampling,
        Step,
        StopReason,
        Tokens,
        Trajectory,
    )
    from gristmill.graph.roster import Member
    from gristmill.graph.storage.store import Store
    from gristmill.graph.summary import CampaignSummary
    from gristmill.graph.tasks.loading import TaskFileError, load_candidates, load_tasks

    __version__: str

_HOME = {
    name: module
    for module, names in (
        ("campaign", "run_campaign"),
        ("config", "Budget Calls Prompts RunConfig Search"),
        ("roster", "Member"),
        ("judging.candidates", "judge_all"),
        ("models.base", "Proposer"),
        ("models.resolve", "ModelOptions resolve"),
        ("records", "Hypothesis Message Reflection Reply Request Sampling Step StopReason Tokens Trajectory"),
        ("storage.store", "Store"),
        ("summary", "CampaignSummary"),
        ("tasks.loading", "TaskFileError load_candidates load_tasks"),
    )
    for name in names.split()
}

__all__ = [
    "Budget",
    "Calls",
    "CampaignSummary",
    "Hypothesis",
    "Member",
    "Message",
    "ModelOptions",
    "Prompts",
    "Proposer",
    "Reflection",
    "Reply",
    "Request",
    "RunConfig",
    "Sampling",
    "Search",
    "Step",
    "StopReason",
    "Store",
    "TaskFileError",
    "Tokens",
    "Trajectory",
    "__version__",
    "judge_all",
    "load_candidates",
    "load_tasks",
    "resolve",
    "run_campaign",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("gristmill.sandbox").__version__
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
