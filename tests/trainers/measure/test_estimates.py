"""Laws of pass@k, majority, best of k and their intervals."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.trainers.measure.agreeing import normal_form
from gristmill.trainers.measure.estimates import best, best_of, majority, majority_of, share_of, sizes
from gristmill.trainers.measure.records import TaskResult
from gristmill.verifiers.records import Case, CasesTest, Task

ANSWERS = st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=9)
PASSED = st.lists(st.booleans(), min_size=1, max_size=7)


def result(number: int, passed: list[bool], answers: list[str | None] | None = None, **more: object) -> TaskResult:
    return TaskResult(
        task_id=str(number),
        replies=("",) * len(passed),
        passed=tuple(passed),
        answers=tuple(answers or ()),
        **more,
    )


@given(PASSED)
def test_pass_at_k_is_the_mean_over_all_choices_of_k_and_grows_with_k(passed: list[bool]) -> None:
    rates = [share_of([result(0, passed)], k).rate for k in range(1, len(passed) + 1)]
    for k, rate in enumerate(rates, 1):
        choices = [any(some) for some in combinations(passed, k)]
        assert rate == pytest.approx(sum(choices) / len(choices))
    assert rates == sorted(rates)


@given(ANSWERS, st.randoms(use_true_random=False))
def test_a_majority_without_a_tie_does_not_depend_on_the_order(answers: list[str | None], random: object) -> None:
    at = majority(answers)
    votes = Counter(answer for answer in answers if answer is not None)
    assert (at is None) == (not votes)
    if at is None:
        return
    most = max(votes.values())
    assert votes[answers[at] or ""] == most
    tied = [answer for answer, number in votes.items() if number == most]
    # Of several with as many votes, the one that was given first.
    assert at == min(answers.index(answer) for answer in tied)
    shuffled = list(answers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    if len(tied) == 1:
        again = majority(shuffled)
        assert again is not None
        assert shuffled[again] == answers[at]


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=8))
def test_the_best_is_the_first_that_passes_most_of_what_is_seen(visible: list[float | None]) -> None:
    at = best(visible)
    shown = [value for value in visible if value is not None]
    assert (at is None) == (not shown)
    if at is not None:
        assert visible[at] == max(shown)
        assert max(shown) not in visible[:at]


@given(st.lists(st.booleans(), min_size=2, max_size=40), st.integers(2, 8))
def test_an_interval_is_wider_where_samples_agree_within_a_task(tasks: list[bool], samples: int) -> None:
    """As many replies right in both: agreeing, they are one trial a task; spread alike over tasks, they are more."""
    agreeing = [result(n, [passed] * samples) for n, passed in enumerate(tasks)]
    right = sum(tasks) * samples
    dealt = [[False] * samples for _ in tasks]
    for place in range(right):
        dealt[place % len(tasks)][place // len(tasks)] = True
    spread = [result(n, passed) for n, passed in enumerate(dealt)]
    together, apart = share_of(agreeing), share_of(spread)
    assert together.rate == pytest.approx(apart.rate)
    assert together.low <= together.rate <= together.high
    single = share_of([result(n, [passed]) for n, passed in enumerate(tasks)])
    assert (together.low, together.high) == pytest.approx((single.low, single.high))
    if 0 < right < len(tasks) * samples:
        assert together.high - together.low > apart.high - apart.low
    else:
        assert together.high - together.low == pytest.approx(apart.high - apart.low)


def test_the_majority_and_the_best_of_k_are_counted_over_runs_of_k() -> None:
    one = result(0, [False, True, True, False], ["x", "y", "y", None], visible=(0.0, 1.0, 0.5, 1.0))
    assert sizes(6) == [1, 2, 4, 6]
    assert majority_of([one], 4).rate == 1.0
    assert majority_of([one], 2).rate == 0.5, "a tie goes to the earliest, and a reply without an answer has no vote"
    assert best_of([one], 4).rate == 1.0
    assert best_of([one], 2).rate == 0.5, "what is chosen is judged by what it was not chosen by"
    assert best_of([result(0, [True], ["x"], visible=(None,))], 1).total == 0, "nothing is seen, so nothing is chosen"


CODE = Task(
    id="c",
    kind="code",
    prompt="f",
    tests=(CasesTest(entry_point="f", cases=(Case(args=(1,), expected=2),)),),
)
MATH = Task(id="m", kind="math", prompt="?", answer="50%")
SUM = Task(id="r", kind="reasoning", prompt="?", check={"dataset": "chain_sum"})


@pytest.mark.parametrize(
    ("task", "one", "other", "same"),
    [
        (CODE, "def f(x):\n    return x + 1", "def f(number):  # next\n    return number+1", True),
        (CODE, "def f(x):\n    return x + 1", "def g(x):\n    return x + 1", False),
        (CODE, "def f(x):\n    return x + 1", "def f(x):\n    return x + 2", False),
        (CODE, "def f(x:", "def   f(x:", True),
        (MATH, r"So it is $\boxed{1{,}000}$.", "The answer is 1000", True),
        (MATH, r"\boxed{\dfrac12}", r"\boxed{\frac12}", True),
        (MATH, r"\boxed{3}", r"\boxed{4}", False),
        (SUM, "I add. <answer> 12 </answer>", "12", True),
        (SUM, "<answer>12</answer>", "<answer>13</answer>", False),
    ],
)
def test_replies_of_one_normal_form_give_one_answer(task: Task, one: str, other: str, same: bool) -> None:
    forms = [normal_form(task, text) for text in (one, other)]
    assert None not in forms
    assert (forms[0] == forms[1]) is same


def test_what_holds_no_answer_has_no_form() -> None:
    assert normal_form(CODE, None) is None
    assert normal_form(CODE, "  ") is None
    assert normal_form(SUM, "<answer>" + "1" * 20_000 + "</answer>") is None
