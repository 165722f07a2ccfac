"""Evolution: parents from a population that keeps what is different, crossover, and islands where it comes to a halt.

After FunSearch (Romera-Paredes et al. 2024) and AlphaEvolve (Novikov et al., arXiv 2506.13131). Departures:

- The population is a grid of declared features, or families where none are declared (`gristmill.graph.search.archive`).
- Where the best has lately become better, it is the parent; the longer it has not, the more often parents come from the
  whole population, and the more often two are crossed. So a search is greedy as long as that pays. There what is
  changed is the best of three: changes of those far behind hardly ever lead to a new best.
- There half the operators are chosen by what they have brought in this search (`gristmill.graph.search.bandit`); most
  of the other half are crossings, which mostly give what was there before where programs have little to cross.
- Islands open at stagnation only (SkyDiscover): the first is alone until it stands still. One that stands still is
  given the best of the others; when all do, a new one begins from scratch, in place of the weakest if there are many.
- All choices look at the order of scores only, never at their size, so they are the same for score·k + b, k > 0.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import cast

from gristmill.graph.search.archive import Archive, Axis, archive
from gristmill.graph.search.bandit import Bandit
from gristmill.graph.search.base import Operator, Plan
from gristmill.graph.search.history import Fold, Past, Place
from gristmill.graph.search.rows import Row
from gristmill.graph.stopping.patience import still
from gristmill.graph.stopping.ranking import Merit

__all__ = ["Evolve", "Islands"]

_GREEDY, _GREEDY_ON_GRID = 60, 0.1
"""Rows without a better best after which half the parents come from all; the best's share on a grid."""
_UNUSABLE = 0.2
"""What a row counts towards standing still that cannot be used: most are repeats, which nothing was spent on."""
_CHANGED, _SECOND = 3, 3
"""What is changed, where it comes from all families, is the best of so many; so is the second parent of a cross. The
first is any: with the best of three traps are solved sooner, and one in six not at all."""

Mix = tuple[tuple[Operator, float], ...]
_NEAR: Mix = (("improve", 0.55), ("adjust", 0.2), ("another", 0.15), ("cross", 0.1))
_FAR: Mix = (("cross", 0.8), ("improve", 0.1), ("another", 0.1))
_LEARNING: tuple[Operator, ...] = ("cross", "improve", "adjust", "another")
_LEARNED, _NEW = 0.5, 0.02
"""How often, far from the best, what pays chooses; what a program that was not there before brings, a better one 1."""
_MENDING: Mix = (("repair", 0.7), ("another", 0.2), ("cross", 0.1))


class _Island:
    def __init__(self, members: Archive) -> None:
        self.members = members
        self.best: Merit | None = None
        self.stale = self.idle = 0.0
        self.rows = 0
        self.met = self.closed = False


class Islands:
    """The population, as a fold: `open` are the islands that hypotheses may come from, by their numbers."""

    def __init__(self, axes: tuple[Axis, ...], population: int, islands: int) -> None:
        self._axes, self._population, self._most = axes, population, islands
        self._islands: list[_Island] = []
        self._merits: dict[str, Merit] = {}
        self.operators = Bandit()
        self.still = still(population)
        self._found()

    @property
    def open(self) -> list[int]:
        """In the order in which they were opened."""
        return [number for number, each in enumerate(self._islands) if not each.closed]

    def __len__(self) -> int:
        return len(self._islands)

    def __getitem__(self, number: int) -> _Island:
        return self._islands[number]

    def add(self, row: Row) -> None:
        """Take a row into its island; one that cannot be used only counts."""
        island = self._islands[min(row.island, len(self._islands) - 1)]
        island.rows += 1
        counts = 1.0 if row.usable else _UNUSABLE
        island.stale += counts
        island.idle += counts
        self._learn(row)
        if row.usable:
            if island.members.add(row):
                island.idle = 0.0
            if island.best is None or row.merit > island.best:
                island.best, island.stale, island.met = row.merit, 0.0, False
        if island.idle >= self.still and not island.closed:
            self._stands_still(island)

    def _learn(self, row: Row) -> None:
        """What an operator has brought: a program better than its first parent, a new one, or nothing."""
        parent = self._merits.get(row.parents[0]) if row.parents else None
        gain = 0.0
        if row.usable:
            self._merits[row.id] = row.merit
            gain = 1.0 if parent is not None and row.merit > parent else _NEW
        if parent is not None and row.operator in _LEARNING:
            self.operators.add(row.operator, gain, row.cost)

    def _stands_still(self, island: _Island) -> None:
        """The best of the others comes over, once; when nobody moves any more, a new island is opened."""
        living = [self._islands[number] for number in self.open]
        if not island.met:
            island.met = True
            others = [each.members.best() for each in living if each is not island and len(each.members)]
            best = max(others, key=lambda row: (row.merit, -row.place.number), default=None)
            if best is not None and (island.best is None or best.merit > island.best) and island.members.put(best):
                island.best, island.stale, island.idle = best.merit, 0.0, 0.0
        if self._most == 1 or any(each.idle < self.still for each in living):
            return
        if len(living) >= self._most:
            # Of equals the oldest: what it has found lives on in those that it has sent its best to.
            min(living, key=lambda each: (each.best is not None, each.best or (0, False, 0.0))).closed = True
        self._found()

    def _found(self) -> None:
        self._islands.append(_Island(archive(self._axes, self._population)))


class Evolve:
    """Evolution; see the module.

    Args:
        population: hypotheses from scratch that an island begins with, and families that it holds.
        islands: open at most; 1 is one population for all.
        axes: declared features.
    """

    name = "evolve"

    def __init__(self, population: int = 5, islands: int = 4, axes: tuple[Axis, ...] = ()) -> None:
        self.population, self.islands, self.axes = population, islands, axes

    @property
    def folds(self) -> Mapping[str, Callable[[], Fold]]:
        """The islands."""
        return {"islands": lambda: Islands(self.axes, self.population, self.islands)}

    def plan(self, history: Past, place: Place, draw: int) -> Plan:
        """From scratch while an island is young, else by one or two of its members."""
        chance, islands = random.Random(draw), cast("Islands", history.folds["islands"])
        open_ = islands.open
        number = chance.choice([each for each in open_ if islands[each].idle < islands.still] or open_)
        island = islands[number]
        if island.rows + place.sample < self.population:
            return Plan(island=number)
        if not len(island.members):
            leaders = history.leaders(1)
            if not leaders or chance.random() < 0.5:
                return Plan(island=number)
            return Plan(parents=(leaders[0].id,), operator="repair", island=number)
        greedy = _GREEDY_ON_GRID if self.axes else 2.0 ** (-island.stale / _GREEDY)
        near = chance.random() < greedy
        parent = island.members.best() if near else island.members.pick(chance)
        gaining = parent.passed or parent.graded
        if gaining and not near and chance.random() < _LEARNED:
            operator = cast("Operator", islands.operators.choose(_LEARNING, chance))
        else:
            operator = _drawn(chance, (_NEAR if near else _FAR) if gaining else _MENDING)
        if gaining and not near and operator != "cross" and not self.axes:
            parent = min(parent, island.members.pick(chance, _CHANGED - 1), key=lambda row: row.rank)
        other = _other(island.members, parent, chance, _SECOND if operator == "cross" else 1)
        if operator == "cross":
            if other is not None:
                return Plan(parents=(parent.id, other.id), operator="cross", island=number)
            operator = "improve" if gaining else "another"
        if operator == "adjust" and not parent.graded:
            operator = "improve"
        shown = (other.id,) if other is not None else ()
        return Plan(parents=(parent.id,), inspirations=shown, operator=operator, island=number)


def _other(members: Archive, parent: Row, chance: random.Random, among: int) -> Row | None:
    """Another member than the parent."""
    drawn = (members.pick(chance, among) for _ in range(4))
    return next((row for row in drawn if row.content != parent.content), None)


def _drawn(chance: random.Random, mix: Mix) -> Operator:
    operators, shares = zip(*mix, strict=True)
    return cast("Operator", chance.choices(operators, shares)[0])
