"""Ranking and convergence: laws that hold for every task, round and order of arrival."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.graph.amounts import Amount, in_units
from gristmill.graph.config import Budget, RunConfig
from gristmill.graph.records import Hypothesis, Sampling, Step, StopReason
from gristmill.graph.search.base import Operator, Plan, Strategy
from gristmill.graph.search.history import History, Past, Place, Row
from gristmill.graph.search.registry import strategy
from gristmill.graph.stopping.convergence import PREDICATES, converged
from gristmill.graph.stopping.ranking import Merit, Standing, content_key, merit, reaches_target
from gristmill.graph.stopping.spending import Purse, Spending
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Direction, Outcome, Strength, Task, Verdict

TASK = Task(id="t", kind="code", prompt="do it")
SCORES = st.floats(allow_nan=True, allow_infinity=True) | st.integers(0, 3).map(float)


def step(
    round: int, sample: int, outcome: Outcome, score: float, text: str = "x", direction: Direction = Direction.MAXIMIZE
) -> Step:
    hypothesis = Hypothesis(
        id=f"t/{round}/{sample}",
        task_id="t",
        round=round,
        sample=sample,
        text=text,
        solution=None if outcome is Outcome.INVALID else text,
        proposer="p",
        model="m",
        sampling=Sampling(),
        prompt_sha="0",
    )
    unscored = outcome is Outcome.UNSCORED
    verdict = Verdict(
        outcome=outcome,
        score=None if unscored else score,
        direction=direction,
        strength=Strength.TESTED,
        verifier="v/1",
    )
    return Step(hypothesis=hypothesis, verdict=verdict)


@st.composite
def stories(draw: st.DrawFn) -> list[Step]:
    direction = draw(st.sampled_from(Direction))
    rounds = draw(st.integers(1, 4))
    samples = draw(st.integers(1, 4))
    return [
        step(
            round,
            sample,
            draw(st.sampled_from(Outcome)),
            draw(SCORES),
            draw(st.sampled_from(["a", "b", "a  ", "c"])),
            direction,
        )
        for round in range(rounds)
        for sample in range(samples)
    ]


def ranked(steps: Sequence[Step]) -> list[Step]:
    """The whole order, said plainly: what the incremental history must agree with."""
    in_order = sorted(steps, key=lambda step: (step.hypothesis.round, step.hypothesis.sample))
    return sorted(in_order, key=lambda step: merit(step.verdict), reverse=True)


def _round(step: Step) -> int:
    return step.hypothesis.round


def surveyed(steps: Sequence[Step], round: int) -> Standing:
    """A standing, said plainly."""
    seen = [step for step in steps if step.hypothesis.round <= round]
    if not seen:
        return Standing(arrived=False)
    last = [step for step in seen if step.hypothesis.round == round]
    before = {content_key(step) for step in seen if step.hypothesis.round < round}
    best: Merit | None = None
    improved = 0
    for each in sorted(seen, key=lambda step: step.hypothesis.round):
        if best is None or merit(each.verdict) > best:
            best, improved = merit(each.verdict), each.hypothesis.round
    first = {content_key(step): step.hypothesis.round for step in sorted(seen, key=_round, reverse=True)}
    answered = sorted({step.hypothesis.round for step in seen})
    fruitful = [number for number in answered if number in first.values()]
    return Standing(
        best=ranked(seen)[0].hypothesis.id,
        score=ranked(seen)[0].verdict.score,
        passed=sum(step.verdict.passed for step in last),
        target=any(reaches_target(TASK, step.verdict) for step in seen),
        stale=round - improved,
        novel=len({content_key(step) for step in last} - before),
        same=len([number for number in answered if number > fruitful[-1]]) if last else 0,
        arrived=bool(last),
    )


def parents(steps: Sequence[Step], samples: int) -> tuple[tuple[str, ...], ...]:
    """The choice of `reflect`, said plainly."""
    scored = [step for step in ranked(steps) if step.verdict.outcome is not Outcome.UNSCORED]
    usable = [step for step in scored if step.verdict.outcome is not Outcome.INVALID] or scored
    different = {content_key(step): step.hypothesis.id for step in reversed(usable)}
    order = [step.hypothesis.id for step in usable if different[content_key(step)] == step.hypothesis.id]
    best = order[: max(1, min(4, samples // 2))]
    return tuple((best[sample % len(best)],) if best else () for sample in range(samples))


def history(steps: Sequence[Step], width: int = 4) -> History:
    rows = History()
    for each in steps:
        rows.add(Row.of(TASK, each, width))
    return rows


def before(steps: Sequence[Step], round: int, width: int = 4) -> Past:
    return history(steps, width).upto(Place(round, 0, width))


def survey(steps: Sequence[Step], round: int) -> Standing:
    return before(steps, round + 1).standing(round)


def plans(name: str, past: Past, round: int, samples: int) -> list[Plan]:
    chosen: Strategy = strategy(name)
    return [chosen.plan(past, Place(round, sample, samples), 0) for sample in range(samples)]


@given(stories(), st.randoms(use_true_random=False))
def test_ranking_and_standing_do_not_depend_on_arrival(story: list[Step], random: object) -> None:
    shuffled = list(story)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    arriving = history(shuffled)
    for round in range(4):
        # As JSON, since NaN is unequal to itself.
        expected = surveyed(story, round).model_dump_json()
        assert survey(story, round).model_dump_json() == expected
        assert arriving.upto(Place(round + 1, 0, 4)).standing(round).model_dump_json() == expected


@given(stories())
def test_the_best_has_no_better_and_a_pass_comes_first(story: list[Step]) -> None:
    best = history(story).upto(None).best
    assert best
    assert all(best.merit >= merit(other.verdict) for other in story)
    if any(each.verdict.passed for each in story):
        assert best.passed


@given(SCORES, st.sampled_from(Direction))
def test_nan_and_infinity_never_win(score: float, direction: Direction) -> None:
    wild = [step(0, 0, Outcome.PASSED, each, direction=direction) for each in (math.nan, math.inf, -math.inf)]
    plain = step(0, 1, Outcome.PASSED, score, direction=direction)
    if math.isfinite(score):
        bests = [history([each, plain]).upto(None).best for each in wild]
        assert all(best and best.id == plain.hypothesis.id for best in bests)


@given(stories())
def test_later_rounds_do_not_change_how_an_earlier_one_stood(story: list[Step]) -> None:
    first = [each for each in story if each.hypothesis.round == 0]
    assert survey(story, 0).model_dump_json() == survey(first, 0).model_dump_json()


@given(stories())
def test_stale_counts_the_rounds_since_the_last_better_best(story: list[Step]) -> None:
    last = max(each.hypothesis.round for each in story)
    standing = survey(story, last)
    best_then = [
        max(merit(each.verdict) for each in story if each.hypothesis.round <= round) for round in range(last + 1)
    ]
    assert best_then[last - standing.stale] == best_then[last]
    assert standing.stale == last or best_then[last - standing.stale - 1] < best_then[last]


def test_equal_scores_keep_the_earlier_hypothesis() -> None:
    story = [step(1, 0, Outcome.FAILED, 0.5), step(0, 1, Outcome.FAILED, 0.5), step(0, 0, Outcome.FAILED, 0.4)]
    best = history(story).upto(None).best
    assert best
    assert best.id == "t/0/1"


@pytest.mark.parametrize(
    ("direction", "score", "reached"),
    [("maximize", 2.0, True), ("maximize", 1.9, False), ("minimize", 2.0, True), ("minimize", 2.1, False)],
)
def test_a_target_is_met_in_the_tasks_direction(direction: str, score: float, reached: bool) -> None:
    task = TASK.model_copy(update={"target": 2.0})
    assert reaches_target(task, step(0, 0, Outcome.PASSED, score, direction=Direction(direction)).verdict) is reached
    assert not reaches_target(task, step(0, 0, Outcome.FAILED, score, direction=Direction(direction)).verdict)


def test_without_a_target_a_pass_is_enough() -> None:
    assert reaches_target(TASK, step(0, 0, Outcome.PASSED, 0.1).verdict)
    assert not reaches_target(TASK, step(0, 0, Outcome.FLAKY, 1.0).verdict)


@pytest.mark.parametrize(
    ("standing", "round", "spent", "reason"),
    [
        (Standing(target=True), 0, None, StopReason.TARGET),
        (Standing(target=True), 0, StopReason.CALLS, StopReason.TARGET),
        (Standing(novel=1), 0, StopReason.TOKENS, StopReason.TOKENS),
        (Standing(novel=1), 4, None, StopReason.ROUNDS),
        (Standing(novel=0, same=1), 1, None, StopReason.SAME),
        (Standing(novel=0), 0, None, None),
        (Standing(novel=0, arrived=False), 1, None, None),
        (Standing(novel=1, stale=2), 3, None, StopReason.PATIENCE),
        (Standing(novel=1, stale=1), 3, None, None),
    ],
)
def test_each_reason_to_stop_is_named(
    standing: Standing, round: int, spent: StopReason | None, reason: StopReason | None
) -> None:
    config = RunConfig.of(rounds=5, patience=2, calls=3, tokens=9)
    stop = converged(standing, round, config, spent=spent)
    assert (stop and stop.reason) == reason
    assert stop is None or stop.detail


@pytest.mark.parametrize(("same", "reason"), [(1, None), (24, None), (25, StopReason.SAME)])
def test_a_round_without_anything_new_ends_no_search_that_goes_long(same: int, reason: StopReason | None) -> None:
    stop = converged(Standing(novel=0, same=same), 30, RunConfig.of(rounds=1000, strategy="evolve"))
    assert (stop and stop.reason) == reason


@given(
    st.builds(Standing, target=st.booleans(), stale=st.integers(0, 9), novel=st.integers(0, 3)),
    st.integers(0, 9),
    st.integers(1, 10),
    st.sampled_from([None, StopReason.CALLS, StopReason.SECONDS]),
    st.booleans(),
)
def test_a_loop_always_ends_and_the_first_reason_in_order_is_on_record(
    standing: Standing, round: int, rounds: int, spent: StopReason | None, cut: bool
) -> None:
    config = RunConfig.of(rounds=rounds)
    stop = converged(standing, round, config, spent=spent, cut=cut)
    if spent and cut:
        assert stop is not None
        assert stop.reason is spent
        return
    stops = [predicate(standing, round, config, spent) for predicate in PREDICATES]
    assert stop == next((one for one in stops if one is not None), None)
    assert stop is not None or round + 1 < rounds


@given(stories(), st.integers(1, 9), st.integers(0, 5))
def test_reflect_builds_on_the_best_different_hypotheses_of_earlier_rounds(
    story: list[Step], samples: int, round: int
) -> None:
    earlier = [each for each in story if each.hypothesis.round < round]
    planned = plans("reflect", before(story, round, samples), round, samples)
    expected = parents(earlier, samples)
    known = {each.hypothesis.id for each in earlier}
    for first, plan in zip(expected, planned, strict=True):
        assert bool(plan.parents) == (bool(first) and plan.operator != "fresh")
        assert plan.parents[:1] == (first if plan.parents else ())
        assert len(plan.parents) == 2 - (plan.operator != "cross") - (plan.operator == "fresh")
        assert len(set(plan.parents)) == len(plan.parents)
        assert set(plan.parents) <= known
    assert plans("best_of", before(story, round, samples), round, samples) == [Plan(operator="again")] * samples


def test_of_equals_the_parent_least_tried_is_built_on() -> None:
    """All fail alike, round after round: the same two would be asked about for ever."""
    rows = History()
    asked: list[set[str]] = []
    for round in range(6):
        planned = plans("reflect", rows.upto(Place(round, 0, 4)), round, 4)
        asked.append({plan.parents[0] for plan in planned if plan.parents})
        for sample, plan in enumerate(planned):
            made = step(round, sample, Outcome.FAILED, 0)
            row = Row.of(TASK, made, 4)
            rows.add(dataclasses.replace(row, content=row.id, parents=plan.parents))
    assert asked[:4] == [set(), {"t/0/0", "t/0/1"}, {"t/0/2", "t/0/3"}, {"t/1/0", "t/1/1"}]
    assert len(set().union(*asked)) == 10


def test_what_is_asked_for_follows_from_what_came_of_a_parent_and_how_often_it_was_built_on() -> None:
    def operators(outcome: Outcome, *, graded: bool) -> list[Operator]:
        rows = History()
        for sample in range(2):
            made = Row.of(TASK, step(0, sample, outcome, 0.5), 12)
            rows.add(dataclasses.replace(made, content=str(sample), graded=graded))
        planned = plans("reflect", rows.upto(Place(1, 0, 12)), 1, 12)
        return [plan.operator for plan in planned if plan.parents[:1] != ("t/0/1",)][:6]

    assert operators(Outcome.FAILED, graded=False) == ["repair", "repair", "another", "cross", "repair", "fresh"]
    assert operators(Outcome.FAILED, graded=True) == ["improve", "adjust", "another", "cross", "improve", "adjust"]
    assert operators(Outcome.PASSED, graded=False) == ["improve", "improve", "another", "cross", "improve", "improve"]


@given(stories(), st.randoms(use_true_random=False), st.data())
def test_a_replaced_verdict_counts_as_if_it_had_always_been(
    story: list[Step], random: object, data: st.DataObject
) -> None:
    nothing = Verdict(outcome=Outcome.UNSCORED, score=None, strength=Strength.TESTED, verifier="v/1")
    lost = [data.draw(st.booleans()) for _ in story]
    first = [
        each.model_copy(update={"verdict": nothing}) if gone else each for each, gone in zip(story, lost, strict=True)
    ]
    mended = history(first)
    mended.upto(Place(data.draw(st.integers(0, 4)), 0, 4))
    again = list(story)
    random.shuffle(again)  # type: ignore[attr-defined]
    for each in again:
        mended.add(Row.of(TASK, each, 4))
    for round in data.draw(st.permutations(range(4))):
        past = mended.upto(Place(round + 1, 0, 4))
        assert past.standing(round).model_dump_json() == surveyed(story, round).model_dump_json()


def test_a_scored_row_is_never_written_over() -> None:
    kept = history([step(0, 0, Outcome.FAILED, 0.5), step(0, 0, Outcome.PASSED, 1.0)])
    assert not kept.upto(None).solved
    assert len(kept.upto(None)) == 1


def test_folds_get_every_row_in_the_order_of_places() -> None:
    class Seen:
        def __init__(self) -> None:
            self.ids: list[str] = []

        def add(self, row: Row) -> None:
            self.ids.append(row.id)

    rows = History({"seen": Seen})
    late = [step(1, 0, Outcome.FAILED, 0), step(0, 1, Outcome.FAILED, 0), step(0, 0, Outcome.UNSCORED, 0)]
    for each in late:
        rows.add(Row.of(TASK, each, 2))
    past = rows.upto(Place(1, 0, 2))
    assert isinstance(past.folds["seen"], Seen)
    assert past.folds["seen"].ids == ["t/0/0", "t/0/1"]
    rows.add(Row.of(TASK, step(0, 0, Outcome.PASSED, 1), 2))
    again = rows.upto(None)
    assert isinstance(again.folds["seen"], Seen)
    assert again.folds["seen"].ids == ["t/0/0", "t/0/1", "t/1/0"]
    assert again.solved


def test_reflect_spreads_over_different_hypotheses_best_first() -> None:
    story = [
        step(0, 0, Outcome.FAILED, 0.9, "a"),
        step(0, 1, Outcome.FAILED, 0.9, "a  \n"),
        step(0, 2, Outcome.FAILED, 0.5, "b"),
        step(0, 3, Outcome.INVALID, 0.0, "?"),
    ]

    def chosen(steps: list[Step], samples: int) -> list[tuple[str, ...]]:
        return [plan.parents for plan in plans("reflect", before(steps, 1), 1, samples)]

    assert chosen(story, 4) == [("t/0/0",), ("t/0/2",), ("t/0/0",), ("t/0/2",)]
    assert chosen(story, 1) == [("t/0/0",)]
    assert chosen(story[3:], 2) == [("t/0/3",), ("t/0/3",)]
    assert chosen([], 2) == [(), ()]


def test_an_unknown_strategy_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="auto, best_of, evolve, iteration, pareto, reflect, tree"):
        strategy("hill_climb")


@given(st.integers(1, 20), st.lists(st.integers(0, 50), max_size=40))
def test_calls_are_never_exceeded(limit: int, asked: Sequence[int]) -> None:
    purse = Purse(Budget(calls=limit))
    taken: list[StopReason | None] = []
    for _ in asked:
        taken.append(purse.refuses(Amount(calls=1)))
        if taken[-1] is None:
            purse.hold(Amount(calls=1))
    assert taken.count(None) == min(limit, len(asked))
    assert set(taken[limit:]) <= {StopReason.CALLS}


async def test_earlier_sessions_count() -> None:
    spent = Amount(tokens=99, money=in_units(1.5))
    assert Spending(Budget(tokens=100), spent=spent).over() is None
    assert Spending(Budget(tokens=99), spent=spent).over() is StopReason.TOKENS
    assert Spending(Budget(money=1.5), spent=spent).over() is StopReason.MONEY
    assert await Spending(Budget(calls=5), spent=Amount(calls=5)).reserve(Amount(calls=1)) is StopReason.CALLS
    assert Spending(Budget(seconds=10), seconds=11).over() is StopReason.SECONDS
    assert Spending(Budget()).remaining_seconds() is None
