"""Proves that a strategy keeps the contract; run it in the tests of every one, as ours run it over all.

assert not conformance(MyStrategy)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from gristmill.graph.search.base import Plan, Strategy, draw, folds_of
from gristmill.graph.search.history import History
from gristmill.graph.search.rows import Place, Row, Scores
from gristmill.graph.stopping.ranking import merit
from gristmill.verifiers.records import Direction, Outcome, Strength, Verdict

__all__ = ["conformance", "row", "stories"]

_TASK = "task"
Plans = dict[Place, Plan]


def conformance(make: Callable[[], Strategy], histories: Iterable[Sequence[Row]] | None = None) -> list[str]:
    """Complaints about a strategy; empty where it is pure, and its plans are those of the stored rows alone.

    Checked are: the same question gets the same plan; rows may arrive in any order; rows of later rounds are not looked
    at; a run that is cut off and resumed before any round plans as one that never was, in whatever order places are
    asked for; a row that was unscored and is judged later counts as if it had always been; only hypotheses of earlier
    rounds are named.

    Args:
        make: a new strategy, as a new session makes it.
        histories: rows of one task each, in the order of places; None takes 40 of `stories`.
    """
    complaints: dict[str, None] = {}
    for rows in stories(40) if histories is None else histories:
        complaints |= dict.fromkeys(_complaints(make, rows))
    return list(complaints)


def _complaints(make: Callable[[], Strategy], rows: Sequence[Row]) -> Iterable[str]:
    if not rows:
        return
    chance = random.Random(len(rows))
    width = rows[0].place.width
    rounds = range(rows[-1].place.round + 2)
    strategy = make()
    history = History(folds_of(strategy))
    expected: Plans = {}
    for round in rounds:
        earlier = {row.id for row in rows if row.place.round < round}
        for place, plan in _asked(strategy, history, round, width).items():
            expected[place] = plan
            if unknown := {*plan.parents, *plan.inspirations} - earlier:
                yield f"names what is no hypothesis of an earlier round: {sorted(unknown)[0]}"
        if _asked(strategy, history, round, width) != {place: expected[place] for place in _places(round, width)}:
            yield "plans differently when it is asked again"
        for row in rows:
            if row.place.round == round:
                history.add(row)

    def plans(arrived: Sequence[Row], order: Iterable[int] = rounds) -> Plans:
        strategy = make()
        history = History(folds_of(strategy))
        for row in arrived:
            history.add(row)
        by_place: Plans = {}
        for round in order:
            by_place |= _asked(strategy, history, round, width, backwards=True)
        return by_place

    if plans(rows) != expected:
        yield "looks at rows of later rounds, or at the order in which it is asked"
    shuffled = chance.sample(rows, len(rows))
    if plans(shuffled) != plans(rows):
        yield "depends on the order in which rows arrived"
    if plans(rows, reversed(rounds)) != expected:
        yield "depends on what it was asked before"
    for round in rounds:
        resumed = plans([row for row in shuffled if row.place.round < round], [round])
        if resumed != {place: expected[place] for place in resumed}:
            yield "plans differently after a resume"
    strategy = make()
    history = History(folds_of(strategy))
    for row in rows:
        history.add(replace(row, outcome=Outcome.UNSCORED, score=None, merit=merit(_verdict(Outcome.UNSCORED, None))))
    history.upto(None)
    for row in shuffled:
        history.add(row)
    if {place: plan for round in rounds for place, plan in _asked(strategy, history, round, width).items()} != expected:
        yield "remembers a verdict that was replaced"


def _places(round: int, width: int) -> list[Place]:
    return [Place(round, sample, width) for sample in range(width)]


def _asked(strategy: Strategy, history: History, round: int, width: int, *, backwards: bool = False) -> Plans:
    past, places = history.upto(Place(round, 0, width)), _places(round, width)
    return {place: strategy.plan(past, place, draw(0, _TASK, place)) for place in places[:: -1 if backwards else 1]}


def stories(count: int, seed: int = 0) -> Iterable[list[Row]]:
    """Rows of so many searches: ties, repetitions, holes, worthless scores and unscored verdicts among them."""
    chance = random.Random(seed)
    for _ in range(count):
        width, direction = chance.randint(1, 5), chance.choice(list(Direction))
        graded = chance.random() < 0.5
        yield [
            row(
                Place(round, sample, width),
                chance.choice([*Outcome]),
                chance.choice([0.0, 0.5, 1.0, chance.random(), float("nan"), float("inf")]),
                content=chance.choice("abcdef") if chance.random() < 0.5 else f"{round} {sample}",
                direction=direction,
                parents=(f"{_TASK}/{chance.randrange(round)}/{chance.randrange(width)}",) if round else (),
                graded=graded,
                operator=chance.choice(["", "fresh", "improve", "cross"]),
                by=chance.choice(["", "tree", "evolve"]),
                island=chance.choice([0, 0, 0, 1]),
                cost=chance.choice([1.0, 2.5]),
                features=(chance.choice([0.0, 3.0, chance.random() * 10, float("nan")]),),
                scores=Scores(("a", "b"), (float(chance.randint(0, 1)), chance.random())),
            )
            for round in range(chance.randint(1, 6))
            for sample in range(width)
            if chance.random() < 0.9
        ]


def row(
    place: Place,
    outcome: Outcome,
    score: float | None,
    *,
    content: str,
    direction: Direction = Direction.MAXIMIZE,
    parents: tuple[str, ...] = (),
    graded: bool = False,
    **made: Any,
) -> Row:
    """A row as a stored step would give it; the score of an unscored one is left out.

    Args:
        place, outcome, score, content, direction, parents, graded: of the row, as `Row` has them.
        made: others of its fields that tell how it came about, or what archives and fronts are made of.
    """
    verdict = _verdict(outcome, score, direction)
    return Row(
        id=f"{_TASK}/{place.round}/{place.sample}",
        place=place,
        outcome=outcome,
        score=verdict.score,
        merit=merit(verdict),
        content=content,
        target=verdict.passed,
        parents=parents,
        graded=graded and outcome in (Outcome.PASSED, Outcome.FAILED),
        **made,
    )


def _verdict(outcome: Outcome, score: float | None, direction: Direction = Direction.MAXIMIZE) -> Verdict:
    return Verdict(
        outcome=outcome,
        score=None if outcome is Outcome.UNSCORED else score,
        direction=direction,
        strength=Strength.TESTED,
        verifier="story/1",
    )
