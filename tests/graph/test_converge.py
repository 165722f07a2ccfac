"""Ranking and convergence: laws that hold for every task, round and order of arrival."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.graph.config import Budget, RunConfig
from gristmill.graph.records import Hypothesis, Sampling, Step, StopReason, Tokens
from gristmill.graph.search.base import Strategy, strategy
from gristmill.graph.stopping.convergence import PREDICATES, converged
from gristmill.graph.stopping.ranking import Standing, merit, ranked, reaches_target, survey
from gristmill.graph.stopping.spending import Spending
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


@given(stories(), st.randoms(use_true_random=False))
def test_ranking_and_standing_do_not_depend_on_arrival(story: list[Step], random: object) -> None:
    shuffled = list(story)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert [found.hypothesis.id for found in ranked(shuffled)] == [found.hypothesis.id for found in ranked(story)]
    for round in range(4):
        # As JSON, since NaN is unequal to itself.
        assert survey(TASK, shuffled, round).model_dump_json() == survey(TASK, story, round).model_dump_json()


@given(stories())
def test_the_best_has_no_better_and_a_pass_comes_first(story: list[Step]) -> None:
    order = ranked(story)
    assert all(merit(order[0].verdict) >= merit(other.verdict) for other in order)
    if any(found.verdict.passed for found in story):
        assert order[0].verdict.passed
    if any(found.verdict.outcome is not Outcome.UNSCORED for found in story):
        assert order[0].verdict.outcome is not Outcome.UNSCORED


@given(SCORES, st.sampled_from(Direction))
def test_nan_and_infinity_never_win(score: float, direction: Direction) -> None:
    wild = [step(0, 0, Outcome.PASSED, found, direction=direction) for found in (math.nan, math.inf, -math.inf)]
    plain = step(0, 1, Outcome.PASSED, score, direction=direction)
    if math.isfinite(score):
        assert all(ranked([found, plain])[0] is plain for found in wild)


@given(stories())
def test_later_rounds_do_not_change_how_an_earlier_one_stood(story: list[Step]) -> None:
    first = [found for found in story if found.hypothesis.round == 0]
    assert survey(TASK, story, 0).model_dump_json() == survey(TASK, first, 0).model_dump_json()


@given(stories())
def test_stale_counts_the_rounds_since_the_last_better_best(story: list[Step]) -> None:
    last = max(found.hypothesis.round for found in story)
    standing = survey(TASK, story, last)
    best_then = [
        max(merit(found.verdict) for found in story if found.hypothesis.round <= round) for round in range(last + 1)
    ]
    assert best_then[last - standing.stale] == best_then[last]
    assert standing.stale == last or best_then[last - standing.stale - 1] < best_then[last]


def test_equal_scores_keep_the_earlier_hypothesis() -> None:
    story = [step(1, 0, Outcome.FAILED, 0.5), step(0, 1, Outcome.FAILED, 0.5), step(0, 0, Outcome.FAILED, 0.4)]
    assert ranked(story)[0].hypothesis.id == "t/0/1"


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
        (Standing(novel=0), 1, None, StopReason.SAME),
        (Standing(novel=0), 0, None, None),
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


@given(
    st.builds(Standing, target=st.booleans(), stale=st.integers(0, 9), novel=st.integers(0, 3)),
    st.integers(0, 9),
    st.integers(1, 10),
    st.sampled_from([None, StopReason.CALLS, StopReason.SECONDS]),
)
def test_a_loop_always_ends_and_the_first_reason_in_order_is_on_record(
    standing: Standing, round: int, rounds: int, spent: StopReason | None
) -> None:
    config = RunConfig.of(rounds=rounds)
    stop = converged(standing, round, config, spent=spent)
    found = [predicate(standing, round, config, spent) for predicate in PREDICATES]
    assert stop == next((one for one in found if one is not None), None)
    assert stop is not None or round + 1 < rounds


@given(stories(), st.integers(1, 9), st.sampled_from(["best_of", "reflect"]))
def test_strategies_give_every_sample_known_scored_parents(story: list[Step], samples: int, name: str) -> None:
    chosen: Strategy = strategy(name)
    parents = chosen.parents(ranked(story), samples)
    scored = {found.hypothesis.id for found in story if found.verdict.outcome is not Outcome.UNSCORED}
    assert len(parents) == samples
    assert all(parent in scored for group in parents for parent in group)
    assert name == "reflect" or parents == ((),) * samples
    if name == "reflect" and scored:
        assert parents[0] == (ranked(story)[0].hypothesis.id,)


def test_reflect_spreads_over_different_hypotheses_best_first() -> None:
    story = [
        step(0, 0, Outcome.FAILED, 0.9, "a"),
        step(0, 1, Outcome.FAILED, 0.9, "a  \n"),
        step(0, 2, Outcome.FAILED, 0.5, "b"),
        step(0, 3, Outcome.INVALID, 0.0, "?"),
    ]
    assert strategy("reflect").parents(ranked(story), 4) == (("t/0/0",), ("t/0/2",), ("t/0/0",), ("t/0/2",))
    assert strategy("reflect").parents(ranked(story), 1) == (("t/0/0",),)
    assert strategy("reflect").parents(ranked(story[3:]), 2) == (("t/0/3",), ("t/0/3",))
    assert strategy("reflect").parents([], 2) == ((), ())


def test_an_unknown_strategy_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="best_of, reflect"):
        strategy("hill_climb")


@given(st.integers(1, 20), st.lists(st.integers(0, 50), max_size=40))
def test_calls_are_never_exceeded(limit: int, asked: Sequence[int]) -> None:
    spending = Spending(Budget(calls=limit), calls=0)
    taken = [spending.take_call() for _ in asked]
    assert taken.count(None) == min(limit, len(asked))
    assert set(taken[limit:]) <= {StopReason.CALLS}


def test_earlier_sessions_count() -> None:
    spent = Tokens(prompt=60, completion=39)
    assert Spending(Budget(tokens=100), tokens=spent).over() is None
    assert Spending(Budget(tokens=99), tokens=spent).over() is StopReason.TOKENS
    assert Spending(Budget(calls=5), calls=5).take_call() is StopReason.CALLS
    assert Spending(Budget(seconds=10), seconds=11).over() is StopReason.SECONDS
    assert Spending(Budget()).remaining_seconds() is None
