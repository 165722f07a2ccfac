"""Which strategy, which operator and which model: learned within the run by what they bring for what they cost.

A bandit (`gristmill.graph.search.bandit`) chooses a model, one for that model a strategy, which plans, and a third one,
for both of them, may replace the operator by another that the same parents allow. So a model that does not pay is left
after as many pulls as two arms take, not as many as all combinations do. In the manner of ShinkaEvolve, which chooses
models by an upper bound, and of adaptive operator selection (Fialho et al. 2010).

What a hypothesis has brought: 1 for a better best, .1 for being better than its first parent, else nothing; so a choice
is the same for score·k + b, k > 0. What it cost is `Row.cost`, by tokens, and by prices where models have them. All
strategies see all rows, whoever planned them: what one has found the others build on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from gristmill.graph.search.bandit import Bandit
from gristmill.graph.search.base import Operator, Plan, Strategy, folds_of
from gristmill.graph.search.history import Fold, Past, Place
from gristmill.graph.search.rows import Row
from gristmill.graph.stopping.ranking import Merit

__all__ = ["Auto", "Gains", "Learned"]

_BETTER = 0.1
_AT = "@"
_LIKE: Mapping[Operator, tuple[Operator, ...]] = {
    "improve": ("improve", "adjust", "another"),
    "adjust": ("improve", "adjust", "another"),
    "another": ("improve", "adjust", "another"),
    "repair": ("repair", "another"),
}
"""By which others an operator may be replaced."""


class Gains:
    """What rows have brought, asked in the order of places, each once."""

    def __init__(self) -> None:
        self._merits: dict[str, Merit] = {}
        self._best: Merit | None = None

    def of(self, row: Row) -> float:
        """1 for a better best, .1 for being better than its first parent, else nothing; the very first is no gain."""
        gain = 0.0
        parent = self._merits.get(row.parents[0]) if row.parents else None
        if row.usable:
            if self._best is None or row.merit > self._best:
                gain = 1.0 if self._best is not None else 0.0
                self._best = row.merit
            elif parent is not None and row.merit > parent:
                gain = _BETTER
            self._merits[row.id] = row.merit
        return gain


class Learned:
    """What every arm has brought so far, as a fold."""

    def __init__(self) -> None:
        self.models = Bandit()
        self._strategies: dict[str, Bandit] = {}
        self._operators: dict[str, Bandit] = {}
        self._gains = Gains()

    def strategies(self, model: str) -> Bandit:
        """The bandit over strategies with one model, whose name is empty where the run has one only."""
        return self._strategies.setdefault(model, Bandit())

    def operators(self, arm: str) -> Bandit:
        """The bandit over operators of one strategy and model."""
        return self._operators.setdefault(arm, Bandit())

    def add(self, row: Row) -> None:
        """Take a row; of those that another strategy than this has planned nothing is learned."""
        gain = self._gains.of(row)
        if row.by:
            name, _, model = row.by.partition(_AT)
            if model:
                self.models.add(model, gain, row.cost)
            self.strategies(model).add(name, gain, row.cost)
            self.operators(row.by).add(row.operator, gain, row.cost)


class Auto:
    """Chooses among strategies, operators and models.

    Args:
        strategies: that may plan.
        models: that may answer; none where the run has one only.
    """

    name = "auto"

    def __init__(self, strategies: Sequence[Strategy], models: Sequence[str] = ()) -> None:
        self._strategies = {each.name: each for each in strategies}
        self._models = tuple(models)

    @property
    def folds(self) -> Mapping[str, Callable[[], Fold]]:
        """What all strategies want, and what was learned."""
        folds: dict[str, Callable[[], Fold]] = {"auto": Learned}
        for each in self._strategies.values():
            folds |= folds_of(each)
        return folds

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        """A strategy's plan, by an operator and a model that pay."""
        chance, learned = random.Random(draw), cast("Learned", history.folds["auto"])
        model = learned.models.choose(self._models, chance) if self._models else ""
        name = learned.strategies(model).choose(tuple(self._strategies), chance)
        arm = f"{name}{_AT}{model}" if model else name
        plan = self._strategies[name].plan(history, place, chance.getrandbits(64))
        operator = plan.operator
        if operator in _LIKE:
            graded = operator != "improve" or history.best is None or history.best.graded
            like = [each for each in _LIKE[operator] if graded or each != "adjust"]
            operator = cast("Operator", learned.operators(arm).choose(like, chance))
        return plan.model_copy(update={"by": arm, "operator": operator, "model": model or plan.model})
