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
    from gristmill.graph.storage.store import Store
    from gristmill.graph.summary import CampaignSummary
    from gristmill.graph.tasks.loading import TaskFileError, load_candidates, load_tasks

_HOME = {
    "Budget": "config", "Calls": "config", "CampaignSummary": "summary", "Hypothesis": "records", "Message": "records",
    "ModelOptions": "models.resolve", "Prompts": "config", "Proposer": "models.base", "Reflection": "records",
    "Reply": "records", "Request": "records", "RunConfig": "config", "Sampling": "records", "Search": "config",
    "Step": "records", "StopReason": "records", "Store": "storage.store", "TaskFileError": "tasks.loading",
    "Tokens": "records", "Trajectory": "records",
    "judge_all": "judging.candidates", "load_candidates": "tasks.loading",
    "load_tasks": "tasks.loading", "resolve": "models.resolve", "run_campaign": "campaign",
}  # fmt: skip

__all__ = [
    "Budget",
    "Calls",
    "CampaignSummary",
    "Hypothesis",
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
    "judge_all",
    "load_candidates",
    "load_tasks",
    "resolve",
    "run_campaign",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
