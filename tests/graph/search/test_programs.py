"""The problems of `benchmarks/programs.py`: each is what its page says, held to a slow way of doing the same."""

from __future__ import annotations

import itertools
import math
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))  # scripts, which import one another by their bare names
try:
    import programs as benchmark
    from confirming import called_task, packing_task
    from problems import caps, nguyen, packing
    from problems.programs import BROKEN, Programs, loaded
    from problems.tuning import Tuner
    from searching import Found
finally:
    sys.path.remove(str(BENCHMARKS))


def bin_by_bin(instance: packing.Instance, priority: packing.Priority) -> int:
    rooms: list[int] = []
    for item in instance.items:
        fitting = [room for room in rooms if room >= item] + [instance.capacity]
        room = max(fitting, key=lambda room: (priority(item, room), -room))
        if room == instance.capacity:
            rooms.append(room)
        rooms[rooms.index(room)] -= item
    return len(rooms)


@st.composite
def packings(draw: st.DrawFn) -> tuple[packing.Instance, packing.Priority]:
    capacity = draw(st.integers(1, 12))
    items = draw(st.lists(st.integers(1, capacity), max_size=40))
    values = st.sampled_from([-math.inf, -2.5, 0, 1, math.inf])
    table = {place: draw(values) for place in itertools.product(range(1, capacity + 1), repeat=2)}
    return packing.Instance(capacity, tuple(items)), lambda item, room: table[item, room]


@given(packings())
def test_bins_counted_by_room_are_packed_as_bins_are(given: tuple[packing.Instance, packing.Priority]) -> None:
    instance, priority = given
    tabulated = packing.table(priority, sorted(set(instance.items)), instance.capacity)
    wanted = bin_by_bin(instance, priority)
    assert packing.simulate_plainly(instance, tabulated) == wanted
    assert packing.simulate(instance, tabulated) == wanted


def test_best_fit_and_the_rule_are_what_they_were_seen_to_be() -> None:
    training = packing.instances("Weibull(3)·45", 0)
    assert 100 * packing.excess(packing.best_fit, training) == pytest.approx(4.0779, abs=1e-4)
    assert 100 * packing.excess(packing.rule(2, 34), training) == pytest.approx(0.9548, abs=1e-4)


@pytest.mark.parametrize("value", [math.nan, "1", None, True])
def test_a_priority_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="a priority is a number"):
        packing.table(lambda item, room: value, [3], 5)


class Direct:
    """What an evaluator calls, without a sandbox."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def map(self, *columns: Any) -> list[Any]:
        return list(map(self._function, *columns))


@pytest.mark.parametrize("priority", [packing.best_fit, packing.rule(2, 34)])
def test_the_example_and_its_form_with_a_call_an_item_score_what_the_benchmark_does(priority: packing.Priority) -> None:
    task = packing_task()
    for form in (task, called_task(task)):
        test = form.tests[0].model_dump(mode="json")
        names: dict[str, Any] = {}
        exec(test["code"], names)
        for at, seed in (("instances", 0), ("held_out", 1)):
            given = packing.instances("Weibull(3)·45", seed)[:2]
            scores = [names["evaluate"](Direct(priority), each)["excess"] for each in test[at][:2]]
            assert scores == pytest.approx([100 * packing.excess(priority, [each]) for each in given])


@pytest.mark.parametrize("dimension", [1, 2, 3])
@given(seed=st.integers(0, 10**6))
def test_what_is_taken_greedily_is_a_cap_to_which_nothing_can_be_added(dimension: int, seed: int) -> None:
    chance, every = random.Random(seed), caps.vectors(dimension)
    priorities = [chance.choice([0, 1, 2.5, -math.inf]) for _ in every]
    chosen = [every[each] for each in caps.greedy(priorities, dimension)]
    assert caps.is_cap(chosen)
    assert not any(caps.is_cap([*chosen, other]) for other in set(every) - set(chosen))
    # The naive way: by falling priority, each unless it makes a line.
    naive: list[caps.Vector] = []
    for _, vector in sorted(zip(priorities, every, strict=True), key=lambda pair: -pair[0]):
        if caps.is_cap([*naive, vector]):
            naive.append(vector)
    assert chosen == naive


def test_a_line_is_no_cap_and_equal_priorities_give_the_known_sizes() -> None:
    assert not caps.is_cap([(0, 0), (1, 1), (2, 2)])
    assert [len(caps.greedy([0] * 3**each, each)) for each in (4, 5, 6)] == [16, 32, 64]


def test_cap_sets_of_dimension_four_are_found_by_mutation_alone() -> None:
    went = benchmark.run(benchmark.PARTS["caps"]["n=4"](), "evolve", 0)
    assert went["solved"]
    priority = loaded(went["best"][-1][2], "priority")
    every = caps.vectors(4)
    chosen = [every[each] for each in caps.greedy([priority(each) for each in every], 4)]
    assert len(chosen) == 20
    assert caps.is_cap(chosen)


def test_a_formula_is_exact_where_it_is_that_of_the_problem_only() -> None:
    for number, formula in nguyen.FORMULAS.items():
        xs, ys = nguyen.points(number, 3)
        assert len(set(xs)) == 20
        assert max(nguyen.errors(formula, xs, ys)) == 0
        assert max(nguyen.errors(lambda x, formula=formula: formula(x) + 2e-9, xs, ys)) > nguyen.EXACT  # type: ignore[misc]


def test_programs_are_counted_and_broken_ones_are_no_best() -> None:
    part = benchmark.PARTS["nguyen"]["Nguyen-1"]()
    problem = Programs((part.start,), part.rules, part.judge(0))
    assert problem.evaluate(("def f(x):\n    return y\n",)) == BROKEN
    assert problem.evaluate((part.start,)).usable
    assert (problem.evaluations, problem.broken, len(problem.best)) == (2, 1, 1)


def test_numbers_are_fitted_on_what_the_search_has_judged() -> None:
    part = benchmark.PARTS["packing"]["packing"]()
    tuner = Tuner(part.rules)
    source = "def priority(item, room):\n    return 9.0 * item + 2.0 * room\n"

    def worth(text: str) -> float:
        priority = loaded(text, "priority")
        return float(-abs(priority(1, 0) - 4.0) - abs(priority(0, 1) - 1.0))

    best = worth(source)
    for _ in range(80):
        tuner.add(source, Found(worth(source)))
        fitted = tuner(source)
        if fitted is None:
            break
        source = fitted
        best = max(best, worth(source))
    assert best > -0.01
