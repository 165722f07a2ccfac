"""What strategies build on, whatever the scale of scores; what their parts keep."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.graph.config import RunConfig, Search
from gristmill.graph.records import STARTS
from gristmill.graph.search.archive import Axis, Families, Grid
from gristmill.graph.search.auto import Auto
from gristmill.graph.search.bandit import Bandit
from gristmill.graph.search.base import Plan, Strategy, draw, folds_of
from gristmill.graph.search.conformance import conformance, row, stories
from gristmill.graph.search.evolve import Evolve, Islands
from gristmill.graph.search.history import History
from gristmill.graph.search.pareto import Front, Pareto
from gristmill.graph.search.registry import strategy
from gristmill.graph.search.rows import Place, Row, Scores
from gristmill.graph.search.tree import Nodes, Tree
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Outcome

LEARNING = ["auto", "evolve", "pareto", "tree"]
SETTINGS = {
    "small": Search(population=2, islands=2),
    "one": Search(population=1, islands=1),
    "grid": Search(population=2, features=("x=0:10:5",)),
}


@pytest.mark.parametrize("name", [*LEARNING, "iteration"])
@pytest.mark.parametrize("search", SETTINGS.values(), ids=SETTINGS)
def test_they_keep_the_contract(name: str, search: Search) -> None:
    assert conformance(lambda: strategy(name, search), stories(12)) == []


def test_an_iteration_builds_on_the_best_of_the_last_one_in_which_anything_ran() -> None:
    def of(round: int, sample: int, score: float | None) -> Row:
        outcome = Outcome.ERROR if score is None else Outcome.FAILED
        name = f"{round}/{sample}"
        return row(Place(round, sample, 2), outcome, score or 0.0, content=name, graded=score is not None)

    rows = [of(0, 0, 0.9), of(0, 1, 0.2), of(1, 0, 0.3), of(1, 1, 0.5), of(2, 0, None), of(2, 1, None)]
    plans = planned(lambda: strategy("iteration"), rows, 2)
    assert all(plan.operator == "again" for plan in plans)
    best = [plan.parents for plan in plans]
    assert best[:2] == [(), ()]
    assert best[2:4] == [(rows[0].id,)] * 2
    # The last round's best, though an earlier round had a better one; and the round without one is asked again.
    assert best[4:6] == best[6:8] == [(rows[3].id,)] * 2


def scaled(rows: list[Row], by: float, more: float) -> list[Row]:
    def other(each: Row) -> Row:
        passed, usable, score = each.merit
        scores = Scores(each.scores.names, tuple(value * by + more for value in each.scores.values))
        merit = (passed, usable, score * by + more)
        return replace(each, score=None if each.score is None else each.score * by + more, merit=merit, scores=scores)

    return [other(each) for each in rows]


def planned(make: Callable[[], Strategy], rows: list[Row], width: int) -> list[Plan]:
    made = make()
    history = History(folds_of(made))
    for each in rows:
        history.add(each)
    places = [Place(round, sample, width) for round in range(rows[-1].place.round + 2) for sample in range(width)]
    return [made.plan(history.upto(Place(at.round, 0, width)), at, draw(0, "task", at)) for at in places]


@pytest.mark.parametrize("name", [*LEARNING, "reflect"])
@settings(deadline=None, max_examples=25)
@given(
    found=st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 3), st.integers(0, 9)), min_size=6, max_size=40),
    by=st.sampled_from([0.25, 3.0, 1024.0]),
    more=st.integers(-1000, 1000).map(float),
)
def test_choices_are_the_same_for_any_scale(
    name: str, found: list[tuple[int, int, int]], by: float, more: float
) -> None:
    width = 3
    rows = [
        row(
            Place(number // width, number % width, width),
            Outcome.FAILED,
            float(score),
            content=str(number),
            graded=True,
            parents=(f"task/{(number // width) - 1}/{back % width}",) if number >= width else (),
            operator="improve",
            by="tree",
            features=(float(where),),
            scores=Scores(("a", "b"), (float(score), float(back))),
        )
        for number, (score, back, where) in enumerate(found)
    ]
    for search in (SETTINGS["small"], SETTINGS["grid"]):
        make = lambda search=search: strategy(name, search)  # noqa: E731
        assert planned(make, rows, width) == planned(make, scaled(rows, by, more), width)


def made(number: int, score: float, parent: int | None = None, **more: object) -> Row:
    parents = () if parent is None else (f"task/{parent}/0",)
    place = Place(number, 0, 1)
    return row(place, Outcome.FAILED, score, content=str(number), graded=True, parents=parents, **more)  # type: ignore[arg-type]


def test_a_child_takes_its_own_familys_place_only() -> None:
    families = Families(2)
    assert families.add(made(0, 5.0))
    assert families.add(made(1, 1.0))
    assert families.add(made(2, 2.0, parent=1))
    assert not families.add(made(3, 1.5, parent=2))
    assert not families.add(made(4, 2.0, parent=2)), "as good is no better, and yet has the place"
    assert [each.id for each in families.rows()] == ["task/0/0", "task/4/0"]
    assert not families.add(made(5, 0.0))
    assert families.add(made(6, 3.0)), "one from scratch takes the place of the worst"
    assert [each.id for each in families.rows()] == ["task/0/0", "task/6/0"]


def test_what_is_built_on_a_task_s_own_program_founds_a_family() -> None:
    families = Families(3)
    start = row(Place(STARTS, 0, 1), Outcome.FAILED, 4.0, content="start", graded=True)
    assert families.add(start)
    for number, score in ((0, 1.0), (1, 2.0), (2, 1.5)):
        child = made(number, score)
        families.add(replace(child, parents=(start.id,)))
    assert [each.id for each in families.rows()] == [start.id, "task/1/0", "task/2/0"]
    assert families.add(made(4, 5.0, parent=1)), "a child of such a one goes to its family"
    assert [each.id for each in families.rows()] == ["task/4/0", start.id, "task/2/0"]


def test_a_grid_keeps_the_best_of_a_cell_and_no_cell_drifts() -> None:
    grid = Grid((Axis("x", 0, 10, 5),))
    assert grid.add(made(0, 1.0, features=(0.5,)))
    assert not grid.add(made(1, 0.5, features=(1.9,)))
    assert grid.add(made(2, 0.1, features=(99.0,))), "beyond the bounds is the outermost cell"
    assert grid.add(made(3, 0.2, features=(10.0,)))
    assert not grid.add(made(4, 9.0, features=(float("nan"),)))
    assert [each.id for each in grid.rows()] == ["task/0/0", "task/3/0"]


@pytest.mark.parametrize("text", ["x", "x=1", "x=2:1", "=0:1", "x=0:nan", "x=0:1:0", "x=0:1:2:3", "x=a:b"])
def test_a_feature_written_otherwise_is_the_users_mistake(text: str) -> None:
    with pytest.raises(UserError, match="--features"):
        strategy("evolve", Search(features=(text,)))
    strategy("evolve", RunConfig.of(features=("x=0:1", "length=0:4000:20")).search)


def test_islands_open_where_all_stand_still_and_get_the_best_of_the_others() -> None:
    islands = Islands((), population=2, islands=2)
    numbers = iter(range(10_000))
    islands.add(made(next(numbers), 5.0))
    for _ in range(int(islands.still) - 1):
        islands.add(made(next(numbers), 4.0, parent=0))
    assert islands.open == [0]
    islands.add(made(next(numbers), 4.0, parent=0))
    assert islands.open == [0, 1]
    islands.add(made(next(numbers), 1.0, island=1))
    while len(islands[1].members) and islands[1].members.best().merit[2] < 5.0:
        islands.add(made(next(numbers), 0.0, island=1))
    assert islands[1].members.best().score == 5.0, "migration of the best"
    while islands.open == [0, 1]:
        islands.add(made(next(numbers), 0.0, island=1))
    assert len(islands.open) == 2
    assert islands.open[-1] == 2


def test_a_search_is_greedy_while_that_pays_and_crosses_where_it_does_not() -> None:
    def operators(stale: int) -> Counter[str]:
        history = History(folds_of(made_by := Evolve(2, 1)))
        history.add(made(0, 5.0))
        history.add(made(1, 1.0))
        for number in range(2, 2 + stale):
            history.add(made(number, 0.0, parent=0))
        place = Place(2 + stale, 0, 1)
        past = history.upto(place)
        return Counter(made_by.plan(past, place, number).operator for number in range(200))

    assert operators(0)["cross"] < 40 < 60 < operators(400)["cross"]


@pytest.mark.parametrize("axes", [(), (Axis("x", 0, 10),)])
def test_of_families_what_is_changed_is_a_better_one_and_what_is_crossed_is_any(axes: tuple[Axis, ...]) -> None:
    history, places = History(folds_of(strategy := Evolve(10, 1, axes))), dict[str, list[int]]()
    for number in range(10):
        history.add(replace(made(number, 10.0 - number), features=(float(number),) if axes else ()))
    for number in range(10, 410):
        history.add(made(number, 0.0, parent=9))
    past = history.upto(place := Place(410, 0, 1))
    for number in range(2000):
        plan = strategy.plan(past, place, number)
        kind = "crossed" if plan.operator == "cross" else "changed"
        places.setdefault(kind, []).append(int(plan.parents[0].split("/")[1]))
    mean = {kind: sum(each) / len(each) for kind, each in places.items()}
    assert mean["crossed"] > 3.8, "any of ten, and now and then the best"
    assert mean["changed"] > 3.5 if axes else mean["changed"] < 2.5


def test_where_it_stands_still_what_pays_is_asked_for() -> None:
    """Crossings that repeat, a fifth of the adjustments better than their parents: the other half is theirs."""
    history, by = History(folds_of(strategy := Evolve(2, 1))), Counter[str]()
    history.add(made(0, 5.0))
    history.add(made(1, 1.0))
    for number in range(2, 300):
        operator = ("cross", "adjust", "improve")[number % 3]
        score = 2.0 if operator == "adjust" and number % 5 == 0 else 0.0
        each = made(number, score, parent=1, operator=operator)
        history.add(replace(each, outcome=Outcome.INVALID, repeated=True) if operator == "cross" else each)
    place = Place(300, 0, 1)
    past = history.upto(place)
    for number in range(400):
        by[strategy.plan(past, place, number).operator] += 1
    assert by["adjust"] > by["improve"] + by["another"]
    assert by["adjust"] > 120


def test_a_tree_drafts_then_repairs_what_broke_then_builds_on_the_best() -> None:
    tree = Tree(2)
    history = History(folds_of(tree))
    assert planned(lambda: tree, [made(0, 1.0)], 1)[0] == Plan()
    history.add(made(0, 1.0))
    history.add(row(Place(1, 0, 1), Outcome.ERROR, 0.0, content="b"))
    past = history.upto(Place(2, 0, 1))
    plans = [tree.plan(past, Place(2, 0, 1), number) for number in range(100)]
    repaired = [plan for plan in plans if plan.operator == "repair"]
    assert {plan.parents for plan in repaired} == {("task/1/0",)}
    assert 25 < len(repaired) < 75
    assert {plan.parents for plan in plans if plan.operator != "repair"} == {("task/0/0",)}


def test_repairs_go_three_deep_and_what_was_there_before_is_not_repaired() -> None:
    nodes = Nodes()
    for number in range(6):
        parents = (f"task/{number - 1}/0",) if number else ()
        nodes.add(row(Place(number, 0, 1), Outcome.ERROR, 0.0, content=str(number), parents=parents))
        assert len(nodes.broken()) == (number < 3)
    nodes.add(row(Place(6, 0, 1), Outcome.INVALID, 0.0, content="6", repeated=True))
    assert not nodes.broken()


def test_a_batch_builds_on_lineages_of_their_own() -> None:
    nodes = Nodes()
    for number, (score, parent) in enumerate([(5.0, None), (6.0, 0), (7.0, 1), (1.0, None), (0.5, None)]):
        nodes.add(made(number, score, parent))
    chosen = [nodes.apart(5, number).row.id for number in range(4)]
    assert set(chosen[:3]) == {"task/2/0", "task/3/0", "task/4/0"}, "of one line there is one"


def test_the_best_overall_keeps_its_share_of_a_front_of_binary_scores() -> None:
    names = tuple("abcdefghij")
    history = History(folds_of(pareto := Pareto(1)))
    for number in range(10):
        values = tuple(float(at == number) for at in range(10))
        history.add(made(number, 0.1, scores=Scores(names, values)))
    most = made(10, 0.4, scores=Scores(names, (1.0, 1.0, 1.0, 1.0, *[0.0] * 6)))
    history.add(most)
    place = Place(11, 0, 1)
    past = history.upto(place)
    first = Counter(pareto.plan(past, place, number).parents[0] for number in range(1000))
    assert first[most.id] > 300
    hard, beaten = ([first[f"task/{number}/0"] for number in numbers] for numbers in (range(4, 10), range(4)))
    assert min(hard) > max(beaten), "what solves a hard instance lives on, more than what another solves too"


def test_only_what_complements_each_other_is_merged_and_once() -> None:
    names = ("a", "b")
    history = History(folds_of(pareto := Pareto(1)))
    history.add(made(0, 0.5, scores=Scores(names, (1.0, 0.0))))
    history.add(made(1, 0.5, scores=Scores(names, (0.0, 1.0))))
    place = Place(2, 0, 1)
    merges = {pareto.plan(history.upto(place), place, number).parents for number in range(300)}
    assert {("task/0/0", "task/1/0")} <= merges
    history.add(row(place, Outcome.FAILED, 0.1, content="c", parents=("task/0/0", "task/1/0"), graded=True))
    later = Place(3, 0, 1)
    assert all(len(pareto.plan(history.upto(later), later, number).parents) == 1 for number in range(300))


def test_a_front_holds_few_of_many_equals() -> None:
    front = Front()
    for number in range(100):
        front.add(made(number, float(number), scores=Scores(("a",), (1.0,))))
    chance = random.Random(0)
    assert {front.pick(chance).score for _ in range(200)} <= {float(number) for number in range(92, 100)}


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_bandit_pulls_what_brings_most_for_its_cost_and_finds_it_again(scale: float) -> None:
    late, back = [], []
    for seed in range(20):
        bandit, chance = Bandit(), random.Random(seed)
        table = {"dear": (0.8, 3.0), "good": (0.6, 1.0), "poor": (0.2, 1.0)}
        pulls = []
        for pull in range(500):
            if pull == 300:
                table["good"], table["poor"] = table["poor"], table["good"]
            arm = bandit.choose(["dear", "good", "poor"], chance)
            likely, cost = table[arm]
            bandit.add(arm, scale * (chance.random() < likely), cost)
            pulls.append(arm)
        late.append(pulls[200:300].count("good"))
        back.append(next((at for at in range(310, 500) if pulls[at - 10 : at].count("poor") >= 8), 999) - 300)
    assert sorted(late)[10] >= 80
    assert sorted(back)[10] <= 50


def test_auto_leaves_the_model_that_does_not_pay() -> None:
    two = Auto([Tree(1)], ["cheap", "dear"])
    history = History(folds_of(two))
    history.add(made(0, 0.0))
    for number in range(1, 200):
        place = Place(number, 0, 1)
        plan = two.plan(history.upto(place), place, draw(0, "task", place))
        assert plan.model in ("cheap", "dear")
        assert plan.by == f"tree@{plan.model}"
        cost = 1.0 if plan.model == "cheap" else 20.0
        history.add(made(number, float(number % 7 == 0) * number, 0, by=plan.by, operator=plan.operator, cost=cost))
    place = Place(200, 0, 1)
    past = history.upto(place)
    asked = Counter(two.plan(past, place, number).model for number in range(200))
    assert asked["cheap"] > 160
