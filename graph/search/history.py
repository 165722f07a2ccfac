"""What a task's search has found so far, folded row by row in the order of places, whatever the order of arrival.

Verdicts come as they come; what is decided from them must not depend on that. So rows wait until a decision asks for
all that stands before its place, and are then committed in order: best so far, leaders, contents and the last round of
improvement are kept up to date as they go in, and a decision costs what has changed, not the whole history again. Only
what decisions need is kept; texts and feedback stay in the store.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from typing import Protocol

from gristmill.graph.records import STARTS
from gristmill.graph.search.rows import Place, Rank, Row, SettledStanding
from gristmill.graph.stopping.ranking import Standing
from gristmill.verifiers.records import Outcome

__all__ = ["Fold", "History", "Past", "Place", "Row", "SettledStanding"]

_FIRST = Place(STARTS, 0, 0)


class Fold(Protocol):
    """Something that is built up from rows: an archive, islands, a bandit's counts.

    Rows come in the order of places, each once. Where an earlier verdict is replaced, a new fold is made and given all
    rows again; so a fold needs no storage, and a resumed run has it as the run that was never cut off.
    """

    def add(self, row: Row) -> None:
        """Take the next row."""
        ...


class Past:
    """All that is known before a place: what a plan may look at. Good until its history is asked for another place.

    `best` is the best row so far, `solved` whether any passed, `target` whether any reached the task's target, `starts`
    what the task begins with, `folds` what a strategy has had built up beside these.
    """

    def __init__(self, rows: Mapping[Place, Row], folds: Mapping[str, Fold]) -> None:
        self.best: Row | None = None
        self.solved = self.target = False
        self.folds = folds
        self._rows = rows
        self.starts: list[Row] = []
        self._ordered: list[Row] = []
        self._leader: dict[str, Row] = {}
        self._order: list[tuple[Rank, Row]] = []
        self._first: dict[str, Row] = {}
        self._by_id: dict[str, Row] = {}
        self._children: dict[str, list[Row]] = {}
        self._round = self._passed = self._novel = self._improved = self._same = 0

    def __len__(self) -> int:
        return len(self._ordered)

    def add(self, row: Row) -> None:
        """Take the next row in the order of places."""
        if row.place.round != self._round:
            self._same = 0 if self._novel or not self._ordered else self._same + 1
            self._round, self._passed, self._novel = row.place.round, 0, 0
        if row.place.round == STARTS:
            self.starts.append(row)
        self._ordered.append(row)
        self._passed += row.passed
        self.solved |= row.passed
        self.target |= row.target
        if self._first.setdefault(row.content, row) is row and not row.repeated:
            self._novel += 1  # a renamed copy has other contents, and is no news either
        self._by_id[row.id] = row
        for parent in row.parents:
            self._try(parent, row)
        if self.best is None or row.merit > self.best.merit:
            self.best, self._improved = row, row.place.round
        if row.outcome is not Outcome.UNSCORED:
            self._lead(row)
        for fold in self.folds.values():
            fold.add(row)

    def leaders(self, most: int) -> list[Row]:
        """The best scored rows of different contents, best first; without a usable solution only where none has one.

        Of equals the one that was built on least comes first, so that none is asked about for ever. Unscored rows are
        left out: nothing is known about them.
        """
        first = [row for _, row in self._order[:most]]
        usable = [row for row in first if row.outcome is not Outcome.INVALID]
        return usable or first

    def last(self, most: int) -> list[Row]:
        """The last rows, in the order of places."""
        return self._ordered[-most:]

    def children(self, id_: str) -> list[Row]:
        """What was built on a hypothesis, in the order of places."""
        return self._children.get(id_, [])

    def lineage(self, id_: str) -> list[Row]:
        """A hypothesis and what it goes back to, by first parents, the oldest first; empty where it is not known."""
        rows: list[Row] = []
        while (row := self._by_id.get(id_)) is not None and (not rows or row.place < rows[-1].place):
            rows.append(row)
            id_ = row.parents[0] if row.parents else ""
        return rows[::-1]

    def repeats(self, row: Row) -> Row | None:
        """The first row with the same content, if that is another one."""
        first = self._first.get(row.content)
        return None if first is None or first.id == row.id else first

    def standing(self, round: int) -> Standing:
        """How the task stands after `round`, the last one that this past holds."""
        if self.best is None:
            return Standing(arrived=False)
        here = self._round == round
        return Standing(
            best=self.best.id,
            score=self.best.score,
            passed=self._passed if here else 0,
            target=self.target,
            stale=round - self._improved,
            novel=self._novel if here else 0,
            same=self._same + 1 if here and not self._novel else 0,
            arrived=here,
        )

    def _lead(self, row: Row) -> None:
        leader = self._leader.get(row.content)
        if leader is not None:
            if leader.rank < row.rank:
                return
            self._drop(leader)
        self._leader[row.content] = row
        insort(self._order, (self._rank(row), row), key=lambda entry: entry[0])

    def _try(self, parent: str, row: Row) -> None:
        """A row is built on a parent, which falls behind its equals."""
        known = self._by_id.get(parent)
        leads = known is not None and self._leader.get(known.content) is known
        if known is not None and leads:
            self._drop(known)
        self._children.setdefault(parent, []).append(row)
        if known is not None and leads:
            insort(self._order, (self._rank(known), known), key=lambda entry: entry[0])

    def _rank(self, row: Row) -> Rank:
        return row.rank._replace(tried=len(self.children(row.id)))

    def _drop(self, row: Row) -> None:
        del self._order[bisect_left(self._order, self._rank(row), key=lambda entry: entry[0])]


class History:
    """The rows of one task.

    Args:
        folds: made anew whenever the past is, and given every row; `Past.folds` has them by name.
    """

    def __init__(self, folds: Mapping[str, Callable[[], Fold]] | None = None) -> None:
        self._makers = dict(folds or {})
        self._rows: dict[Place, Row] = {}
        self._past = self._new()
        self._end = _FIRST
        self._waiting: list[Place] = []
        self._stale = False

    def get(self, place: Place) -> Row | None:
        """The row of a place."""
        return self._rows.get(place)

    def rows(self) -> list[Row]:
        """All rows, in the order of places."""
        return [self._rows[place] for place in sorted(self._rows)]

    def add(self, row: Row) -> None:
        """Take a row, in any order; again is once. A scored one stays, an unscored one gives way, as in the store."""
        old = self._rows.get(row.place)
        if old is not None and old.outcome is not Outcome.UNSCORED:
            return
        self._rows[row.place] = row
        if row.place < self._end:
            self._stale = True
        elif old is None:
            heapq.heappush(self._waiting, row.place)

    def upto(self, place: Place | None) -> Past:
        """What is known of all places before `place`; None is of all."""
        if self._stale or (place is not None and place < self._end):
            self._past, self._end, self._stale = self._new(), _FIRST, False
            self._waiting = sorted(self._rows)
        while self._waiting and (place is None or self._waiting[0] < place):
            self._end = heapq.heappop(self._waiting)
            self._past.add(self._rows[self._end])
            # What repairs this one comes before the next sample.
            round, sample, width, repair = self._end
            self._end = Place(round, sample + repair, width, not repair)
        if place is not None:
            self._end = max(self._end, place)
        return self._past

    def _new(self) -> Past:
        return Past(self._rows, {name: make() for name, make in self._makers.items()})
