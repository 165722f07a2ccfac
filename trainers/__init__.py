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
    from gristmill.trainers.records import GateSummary, Improvement, RoundSummary, Share

_HOME = {
    "AdapterInfo": "adapters", "Adapters": "adapters", "CurateConfig": "data.curate", "Curated": "data.curate",
    "Evaluation": "measure.evaluation", "Exported": "data.export", "GateSummary": "records",
    "ImproveConfig": "improve.config",
    "Improvement": "records", "RoundSummary": "records", "Share": "records", "curate": "data.curate",
    "evaluate": "measure.evaluation", "export_rows": "data.export", "write_dataset": "data.export",
}  # fmt: skip

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
    "RoundSummary",
    "Share",
    "curate",
    "evaluate",
    "export_rows",
    "write_dataset",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
