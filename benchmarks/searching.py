"""A search in this process: the real strategies, histories and novelty over a problem of our own, without a model.

A place is planned, an operator of the problem makes what the plan asks for, again while that was there before, as
`mutate` does, which makes no crossing again; one that was there all the same is refused before it is evaluated, as a
run refuses it: the place is used up and no evaluation is. The programs are ours, so nothing is sandboxed.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from gristmill.graph.comparing import compare
from gristmill.graph.models.mutate.proposer import TRIES, further, tries_of
from gristmill.graph.search.base import Plan, Strategy, draw, folds_of
from gristmill.graph.search.history import History
from gristmill.graph.search.novelty import Novelty
from gristmill.graph.search.rows import NO_SCORES, Place, Row, Scores
from gristmill.verifiers.records import Outcome

Solution = tuple[Any, ...]
Model = Callable[[Sequence[Solution], random.Random], tuple[Solution, float]]
"""From the parents to a solution, and what it cost in evaluations."""


class Found(NamedTuple):
    """What an evaluation finds; a greater score is better."""

    score: float
    solved: bool = False
    features: tuple[float, ...] = ()
    scores: Scores = NO_SCORES
    usable: bool = True
    """Whether it ran; what did not is an evaluation all the same."""


class Problem(Protocol):
    """A problem whose solutions are flat lists."""

    def fresh(self, chance: random.Random) -> Solution:
        """One from scratch."""
        ...

    def changed(self, solution: Solution, operator: str, chance: random.Random) -> Solution:
        """What an operator with one parent makes."""
        ...

    def crossed(self, one: Solution, other: Solution, chance: random.Random) -> Solution:
        """What one with two makes."""
        ...

    def evaluate(self, solution: Solution) -> Found:
        """Its score."""
        ...


class Searched(NamedTuple):
    """How a search went: evaluations until it was solved or ended, and the best score after each of them."""

    solved: bool
    evaluations: int
    best: float
    refused: int
    history: History


def text(solution: Solution) -> str:
    """The program of a solution."""
    return f"def solution():\n    return {list(solution)}\n"


def search(
    strategy: Strategy,
    problem: Problem,
    seed: int,
    evaluations: int,
    *,
    width: int = 1,
    novelty: bool = True,
    heard: Callable[[int, Row], None] | None = None,
    models: Mapping[str, Model] = MappingProxyType({}),
    tries: int = TRIES,
    written: Callable[[Solution], str] = text,
    keep: Sequence[str] = ("solution",),
) -> Searched:
    """Search until solved, or until so many evaluations are done, or twenty times as many places.

    `models` make the solutions of plans that name them, for what they cost, all others the problem's own operators,
    which are free, and try so many times at most until theirs was not there before, as `mutate` does;
    `written` is the program of a solution, and `keep` are the names in it that others know it by.
    """
    history, known = History(folds_of(strategy)), Novelty(keep=keep)
    made: dict[str, Solution] = {}
    done = refused = 0
    best = float("-inf")
    for round in itertools.count():
        past = history.upto(Place(round, 0, width))
        rows = []
        for sample in range(width):
            place = Place(round, sample, width)
            number = draw(seed, "task", place)
            plan = strategy.plan(past, place, number)
            chance = random.Random(number ^ 0x5BD1E995)
            parents = [made[each] for each in plan.parents]
            cost = 1.0
            if plan.model is not None and plan.model in models:
                solution, cost = models[plan.model](parents, chance)
            else:
                solution = _made(problem, plan, parents, chance, 0)
            id_ = f"task/{round}/{sample}"
            program = written(solution)
            again = novelty and known.neighbour(program, place) is not None
            if again and plan.model not in models and plan.operator != "again":
                for each in range(1, min(tries, tries_of(plan.operator))):
                    other = _made(problem, plan, parents, chance, each)
                    if known.neighbour(other_program := written(other), place) is None:
                        solution, program, again = other, other_program, False
                        break
            made[id_] = solution
            known.add(id_, place, program)
            found = None if again else problem.evaluate(solution)
            row = _row(id_, place, solution, found, plan.parents, plan.operator, plan.by, plan.island, cost)
            rows.append(row)
            refused += again
            done += not again
            if found is not None:
                best = max(best, found.score)
                if heard is not None:
                    heard(done, row)
                if found.solved or done >= evaluations:
                    return Searched(found.solved, done, best, refused, history)
        for row in rows:
            history.add(row)
        if done + refused > 20 * evaluations:
            return Searched(False, done, best, refused, history)
    raise AssertionError


def _made(problem: Problem, plan: Plan, parents: Sequence[Solution], chance: random.Random, number: int) -> Solution:
    """What the problem's own operators make of the parents by one try."""
    if not parents:
        solution = problem.fresh(chance)
    elif plan.operator == "cross" and len(parents) > 1:
        solution = problem.crossed(parents[0], parents[1], chance)
    else:
        solution = problem.changed(parents[0], plan.operator, chance)
    for _ in range(further(number)):
        solution = problem.changed(solution, plan.operator, chance)
    return solution


def _row(
    id_: str,
    place: Place,
    solution: Solution,
    found: Found | None,
    parents: tuple[str, ...],
    operator: str,
    by: str,
    island: int,
    cost: float,
) -> Row:
    ran = found is not None and found.usable
    score = found.score if found is not None and ran else None
    solved = found is not None and found.solved
    return Row(
        id=id_,
        place=place,
        outcome=Outcome.INVALID if not ran else Outcome.PASSED if solved else Outcome.FAILED,
        score=score,
        merit=(0, False, float("-inf")) if score is None else (2 * solved, True, score),
        content=str(hash(solution)),
        target=solved,
        parents=parents,
        graded=ran,
        operator=operator,
        by=by,
        island=island,
        cost=cost,
        repeated=found is None,
        features=found.features if found is not None else (),
        scores=found.scores if found is not None else NO_SCORES,
    )


def one_plus_one(problem: Problem, seed: int, evaluations: int, *, repeats: bool) -> Searched:
    """The baseline: one solution, changed; what is not worse takes its place. Without `repeats` nothing is tried twice,
    and it ends where every change of the solution was tried."""
    chance = random.Random(seed)
    solution = problem.fresh(chance)
    found = problem.evaluate(solution)
    seen, done, refused = {solution}, 1, 0
    while not found.solved and done < evaluations:
        other = problem.changed(solution, "improve", chance)
        in_vain = 0
        while not repeats and other in seen and in_vain < 1000:
            other = problem.changed(solution, "improve", chance)
            in_vain += 1
        if in_vain == 1000:
            break
        refused += in_vain
        seen.add(other)
        new = problem.evaluate(other)
        done += 1
        if new.score >= found.score:
            solution, found = other, new
    return Searched(found.solved, done, found.score, refused, History())


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def interval(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """Mean of one − other over pairs, with its bootstrap interval of 95%."""
    found = compare([float(value) for value in other], [float(value) for value in one])
    return found.difference, *found.interval
