"""How long a search may go on in vain: long enough for what its strategy does against standing still."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.graph.config import RunConfig, Search
from gristmill.graph.search.base import draw, folds_of
from gristmill.graph.search.conformance import row
from gristmill.graph.search.evolve import Evolve, Islands
from gristmill.graph.search.history import History
from gristmill.graph.search.rows import Place
from gristmill.graph.stopping.convergence import converged
from gristmill.graph.stopping.patience import LONG, bounded, patience, same, still
from gristmill.graph.stopping.ranking import Standing
from gristmill.verifiers.records import Outcome


@pytest.mark.parametrize("name", ["reflect", "best_of"])
def test_strategies_that_answer_at_once_are_given_up_soon(name: str) -> None:
    assert (patience(Search(strategy=name)), same(Search(strategy=name))) == (2, 1)


@pytest.mark.parametrize("name", LONG)
@given(width=st.integers(1, 256), islands=st.integers(1, 64), population=st.integers(1, 300))
def test_those_that_search_long_hold_so_many_hypotheses_and_hardly_more(
    name: str, width: int, islands: int, population: int
) -> None:
    search = Search(strategy=name, hypotheses=width, islands=islands, population=population)
    waited = 2 * max(4, islands) * still(population)
    assert patience(search) * width >= waited > (patience(search) - 1) * width
    assert (same(search) - 1) * width < 100 <= same(search) * width
    assert same(search) <= patience(search)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(["evolve", "reflect"]))
def test_what_is_said_holds_whatever_the_strategy(wait: int, again: int, name: str) -> None:
    config = RunConfig.of(strategy=name, patience=wait, same=again, rounds=99)
    assert (patience(config.search), same(config.search)) == (wait, again)
    assert bounded(config) == config
    assert bounded(bounded(RunConfig.of(strategy=name))) == bounded(RunConfig.of(strategy=name))


@given(st.integers(1, 30), st.integers(1, 40), st.sampled_from([(), ("x=0:1",)]))
def test_bounds_depend_on_nothing_else(width: int, population: int, features: tuple[str, ...]) -> None:
    search = Search(strategy="evolve", hypotheses=width, population=population)
    other = search.model_copy(update={"features": features, "rounds": 77, "novelty": False})
    assert (patience(search), same(search)) == (patience(other), same(other))


@pytest.mark.parametrize("width", [1, 4, 16])
@pytest.mark.parametrize(("population", "islands"), [(5, 4), (40, 3)])
def test_every_island_opens_before_a_search_is_given_up(width: int, population: int, islands: int) -> None:
    config = RunConfig.of(strategy="evolve", hypotheses=width, population=population, islands=islands, rounds=10_000)
    strategy = Evolve(population, islands)
    history = History(folds_of(strategy))
    round = 0
    while True:
        past = history.upto(Place(round, 0, width))
        planned = [strategy.plan(past, at, draw(0, "t", at)) for at in (Place(round, n, width) for n in range(width))]
        for number, plan in enumerate(planned):
            place = Place(round, number, width)
            made: Any = {"content": str(place), "parents": plan.parents, "island": plan.island}
            history.add(row(place, Outcome.FAILED, 0.0 if round or number else 1.0, graded=True, **made))
        standing = history.upto(Place(round + 1, 0, width)).standing(round)
        if converged(standing, round, config):
            break
        round += 1
    opened = history.upto(None).folds["islands"]
    assert isinstance(opened, Islands)
    assert len(opened.open) == islands


def test_a_round_with_something_new_begins_the_count_anew() -> None:
    config = RunConfig.of(same=2, patience=99, rounds=99)
    history = History()
    ends = []
    for round, content in enumerate(["a", "a", "b", "a", "b", "a"]):
        history.add(row(Place(round, 0, 1), Outcome.FAILED, 0.0, content=content))
        standing = history.upto(Place(round + 1, 0, 1)).standing(round)
        ends.append((standing.same, converged(standing, round, config) is not None))
    assert ends == [(0, False), (1, False), (0, False), (1, False), (2, True), (3, True)]


def test_a_round_that_nobody_answered_neither_counts_nor_begins_the_count_anew() -> None:
    history = History()
    for round in (0, 1, 3):
        history.add(row(Place(round, 0, 1), Outcome.FAILED, 0.0, content="a"))
    assert [history.upto(Place(round + 1, 0, 1)).standing(round).same for round in range(4)] == [0, 1, 0, 2]
    assert converged(Standing(arrived=False), 2, RunConfig.of(rounds=9)) is None
