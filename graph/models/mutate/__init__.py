"""Programs bred without a model: typed mutation and crossover of syntax trees, as a library and as a proposer."""

from __future__ import annotations

from gristmill.graph.models.mutate.breeding import Bred, NothingToChangeError, cross, mutate
from gristmill.graph.models.mutate.rules import Domain, Rules

__all__ = ["Bred", "Domain", "NothingToChangeError", "Rules", "cross", "mutate"]
