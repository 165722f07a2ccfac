"""From replies to shares of tasks: pass@k, the majority of k, the best of k; each with an interval over tasks.

Samples of one task are no independent trials, so tasks are what varies: the interval is Wilson's at the effective
sample size p(1 - p)/SE², where SE² is the variance of the tasks' means over their number (Korn and Graubard 1998;
compared in Franco et al. 2019, "Comparative study of confidence intervals for proportions in complex sample surveys").
With one reply a task, or replies that all agree within each, it is the plain interval over tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import comb, sqrt

from gristmill.trainers.measure.records import TaskResult
from gristmill.trainers.records import Share

__all__ = ["best", "best_of", "majority", "majority_of", "majority_passed", "share_of", "sizes"]


def sizes(samples: int) -> list[int]:
    """The numbers of replies that the tables have: the powers of two, and all."""
    return sorted({*(1 << n for n in range(samples.bit_length()) if 1 << n <= samples), samples})


def share_of(results: Sequence[TaskResult], k: int = 1) -> Share:
    """Unbiased pass@k (Chen et al. 2021, "Evaluating Large Language Models Trained on Code").

    Tasks with fewer than `k` scored samples count as unscored.
    """
    estimates, replies = [], 0
    for result in results:
        scored = [passed for passed in result.passed if passed is not None]
        if len(scored) >= k:
            wrong = len(scored) - sum(scored)
            estimates.append(1.0 - comb(wrong, k) / comb(len(scored), k))
            replies += len(scored) // k
    return _over_tasks(estimates, replies, len(results) - len(estimates))


def majority(answers: Sequence[str | None]) -> int | None:
    """The place of the first reply that gives the answer which most replies give; of several such, the earliest.

    Replies without an answer have no vote; None where none has one.
    """
    votes = Counter(answer for answer in answers if answer is not None)
    if not votes:
        return None
    most = max(votes.values())
    return next(at for at, answer in enumerate(answers) if answer is not None and votes[answer] == most)


def best(visible: Sequence[float | None]) -> int | None:
    """The place of the first reply that passes most of what may be seen; None where nothing may be."""
    shown = [value for value in visible if value is not None]
    return visible.index(max(shown)) if shown else None


def majority_of(results: Sequence[TaskResult], k: int) -> Share:
    """How often the majority of `k` replies is right; mean over the disjoint runs of `k` in the order of samples.

    A run in which no reply has an answer is wrong. One whose chosen answer could not be scored is left out.
    """

    return _by_choice([result for result in results if result.answers], k, majority_passed)


def majority_passed(result: TaskResult, places: range) -> bool | None:
    """Whether the majority of the replies at these places is right; None where that is not known."""
    answers = [result.answers[at] for at in places]
    winner = majority(answers)
    if winner is None:
        return None if any(result.passed[at] is None for at in places) else False
    # Replies of one answer are one answer: where the first could not be scored, another says what it is worth.
    alike = (result.passed[at] for at, answer in zip(places, answers, strict=True) if answer == answers[winner])
    return next((passed for passed in alike if passed is not None), None)


def best_of(results: Sequence[TaskResult], k: int) -> Share:
    """How often the reply of `k` is right that passes most of what the model may see; as `majority_of`.

    Only over tasks that show something: public tests, or instructions.
    """

    def chosen(result: TaskResult, places: range) -> bool | None:
        at = best([result.visible[place] for place in places])
        return None if at is None else result.passed[places[at]]

    return _by_choice([result for result in results if any(each is not None for each in result.visible)], k, chosen)


def _by_choice(results: Sequence[TaskResult], k: int, choose: Callable[[TaskResult, range], bool | None]) -> Share:
    estimates, replies = [], 0
    for result in results:
        runs = [range(at, at + k) for at in range(0, len(result.passed) - k + 1, k)]
        right = [passed for run in runs if (passed := choose(result, run)) is not None]
        if right:
            estimates.append(sum(right) / len(right))
            replies += len(right)
    return _over_tasks(estimates, replies, len(results) - len(estimates))


def _over_tasks(estimates: Sequence[float], trials: int, unscored: int) -> Share:
    """A share with its interval.

    Args:
        estimates: of the tasks, each in [0, 1].
        trials: independent trials at most that they were made of, which bounds the effective sample size.
        unscored: tasks without an estimate.
    """
    from scipy.stats import norm

    total, passed = len(estimates), sum(estimates)
    if not total:
        return Share(passed=0.0, total=0, low=0.0, high=1.0, unscored=unscored)
    z, rate = float(norm.ppf(0.975)), passed / total
    spread = sum((each - rate) ** 2 for each in estimates) / total
    effective = float(total)
    if 0.0 < rate < 1.0:
        effective = min(float(max(trials, total)), total * rate * (1 - rate) / spread if spread > 0 else float("inf"))
    middle = (rate + z * z / (2 * effective)) / (1 + z * z / effective)
    half = z * sqrt(rate * (1 - rate) / effective + z * z / (4 * effective * effective)) / (1 + z * z / effective)
    return Share(
        passed=passed,
        total=total,
        low=max(0.0, min(rate, middle - half)),
        high=min(1.0, max(rate, middle + half)),
        unscored=unscored,
    )
