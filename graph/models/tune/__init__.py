"""The numbers in a program fitted by a library, as a proposer of its own."""

from __future__ import annotations

from gristmill.graph.models.tune.skeleton import Skeleton, differ_in_numbers_only, skeleton

__all__ = ["Skeleton", "differ_in_numbers_only", "skeleton"]
