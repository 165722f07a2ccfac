"""Verified data → a better adapter. Names are imported on first use, so that `gristmill --help` stays quick."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gristmill.trainers.adapters import AdapterInfo, Adapters
    from gristmill.trainers.data.curate import CurateConfig, Curated, curate
    from gristmill.trainers.data.export import Exported, export_rows, write_dataset
    from gristmill.trainers.improve.config import ImproveConfig
    from gristmill.trainers.measure.evaluation import Evaluation, evaluate
    from gristmill.trainers.methods.base import Method, TrainedAdapter
    from gristmill.trainers.methods.lora import Lora
    from gristmill.trainers.methods.sft import SftMethod
    from gristmill.trainers.records import GateSummary, Improvement, RoundSummary, Share
    from gristmill.trainers.rewards import reward_function

    __version__: str

_HOME = {
    name: module
    for module, names in (
        ("adapters", "AdapterInfo Adapters"),
        ("data.curate", "CurateConfig Curated curate"),
        ("data.export", "Exported export_rows write_dataset"),
        ("improve.config", "ImproveConfig"),
        ("measure.evaluation", "Evaluation evaluate"),
        ("methods.base", "Method TrainedAdapter"),
        ("methods.lora", "Lora"),
        ("methods.sft", "SftMethod"),
        ("records", "GateSummary Improvement RoundSummary Share"),
        ("rewards", "reward_function"),
    )
    for name in names.split()
}

__all__ = [
    "AdapterInfo",
    "Adapters",
    "CurateConfig",
    "Curated",
    "Evaluation",
    "Exported",
    "GateSummary",
    "ImproveConfig",
    "Improvement",
    "Lora",
    "Method",
    "RoundSummary",
    "SftMethod",
    "Share",
    "TrainedAdapter",
    "__version__",
    "curate",
    "evaluate",
    "export_rows",
    "reward_function",
    "write_dataset",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("gristmill.sandbox").__version__
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
