"""What the author of a reward may read: how grade and reward went over training (after Eureka, Ma et al. 2023)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import fmean

from gristmill.verifiers.trained.curves import course, curve, fell, figure, level, rising
from gristmill.verifiers.trained.reward.environment import EnvironmentSpec
from gristmill.verifiers.trained.reward.trainer import PolicyCheckpoint, TrainedPolicy

__all__ = ["Components", "published_text", "rewards_text", "told_curves"]

Components = dict[str, tuple[float, float, float]]
"""Smallest, mean and largest value of each named component in one rollout."""

_Run = tuple[TrainedPolicy, Sequence[Components]]
# A checkpoint's grade is a mean over some 64 episodes, whose standard error is up to .06.
_GRAIN = 0.05
_APART = 0.1
_DWARFS = 20
_NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?"
_VALUES = rf"(?P<values>{_NUMBER}(?:, {_NUMBER})*)"
_OVER = rf"; max {_NUMBER}, mean {_NUMBER}, min {_NUMBER}"
_HEAD = re.compile(
    r"(?:The (?P<run>weakest|strongest) run,|A policy was trained .*) at (?:(?P<count>\d+)|the same) checkpoints.*:"
)
_LINES = tuple(
    map(
        re.compile,
        (
            rf"  component (?P<name>.+), mean of a step: {_VALUES}{_OVER}; of single steps .+",
            rf"  (?P<name>reward of a step), mean: {_VALUES}; smallest .+",
            rf"  (?P<name>[^:]+): {_VALUES}; in the end .+",
            rf"(?P<name>.+): {_VALUES}{_OVER}",
        ),
    )
)


def rewards_text(environment: EnvironmentSpec, target: float, trained: Sequence[_Run]) -> str:
    """Of the weakest policy: grade and reward by checkpoint, each component's range, and what to make of them.

    Where seeds lie apart, the strongest policy's too: what one run found and another did not says most.
    """
    weakest = min(trained, key=lambda each: each[0].grade)
    strongest = max(trained, key=lambda each: each[0].grade)
    apart = strongest[0].grade - weakest[0].grade > _APART
    marks = weakest[0].checkpoints
    lines = [f"The weakest run, at {len(marks)} checkpoints, the last one after {marks[-1].steps} steps:"]
    lines += _course(environment, weakest)
    if apart:
        lines += ["The strongest run, at the same checkpoints:", *_course(environment, strongest)]
    if _same(marks):
        lines.append("The reward is the same at every step, so it teaches nothing.")
    elif fmean(policy.grade for policy, _ in trained) < target:
        lines.append(_diagnosis(environment, weakest[0], strongest[0] if apart else None))
        lines += _scales(weakest[1])
    return "\n".join(lines)


def published_text(environment: EnvironmentSpec, trained: Sequence[_Run]) -> str:
    """Eureka's feedback: every component and the task's metric at the checkpoints of one training, and no more.

    It is of the best policy, as Eureka trains one for each reward. The rules by which to read it are the prompt's.
    """
    policy, components = max(trained, key=lambda each: each[0].grade)
    marks = policy.checkpoints
    lines = [
        "A policy was trained with this reward. Values of its components and of the task's metrics at "
        f"{len(marks)} checkpoints, the last one after {marks[-1].steps} steps:"
    ]
    at = _at(marks, components)
    lines += [f"{name}: {course([rollout[name][1] for rollout in at if name in rollout])}" for name in at[-1]]
    lines.append(f"reward: {course([mark.reward_mean for mark in marks])}")
    if successes := _known(environment, policy):
        lines.append(f"success rate: {course(successes)}")
    lines.append(f"task score ({environment.measure}): {course([mark.grade for mark in marks])}")
    return "\n".join(lines)


def told_curves(feedback: str) -> dict[str, dict[str, tuple[float, ...]]]:
    """What either text tells: run ("weakest", "strongest"; "" of the one) → quantity → its value at each checkpoint.

    Values are as told, with four digits. A component that had no value at some checkpoint is left out, as nobody knows
    at which. Nothing is found in a text of another kind.
    """
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    run, count = "", 0
    for line in feedback.splitlines():
        if head := _HEAD.fullmatch(line):
            run, count = head["run"] or "", int(head["count"] or count)
            continue
        said = next((match for pattern in _LINES if (match := pattern.fullmatch(line))), None)
        values = tuple(map(float, said["values"].split(", "))) if said is not None else ()
        if said is not None and len(values) == count:
            curves = found.setdefault(run, {})
            # What is ours comes first, but in the published text last: no component stands in its place.
            if not run or said["name"] not in curves:
                curves[said["name"]] = values
    return found


def _at(marks: Sequence[PolicyCheckpoint], components: Sequence[Components]) -> list[Components]:
    """The rollout of each checkpoint."""
    return [components[round(mark.steps / marks[-1].steps * len(components)) - 1] for mark in marks]


def _course(environment: EnvironmentSpec, run: _Run) -> list[str]:
    policy, components = run
    marks = policy.checkpoints
    lines = [
        f"  {environment.measure}: {curve([mark.grade for mark in marks])}; in the end {figure(policy.grade)}",
        *_successes(environment, policy),
        f"  reward of a step, mean: {_values([mark.reward_mean for mark in marks])}; smallest "
        f"{min(m.reward_min for m in marks):.4g}, largest {max(m.reward_max for m in marks):.4g}",
    ]
    at = _at(marks, components)
    for name in at[-1]:
        seen = [rollout[name] for rollout in at if name in rollout]
        lines.append(
            f"  component {name}, mean of a step: {course([middle for _, middle, _ in seen])}; of single steps "
            f"smallest {min(low for low, _, _ in seen):.4g}, largest {max(high for _, _, high in seen):.4g}"
        )
    return lines


def _successes(environment: EnvironmentSpec, policy: TrainedPolicy) -> list[str]:
    """The share of episodes that succeeded, where the grade says something else."""
    successes, grades = _known(environment, policy), [mark.grade for mark in policy.checkpoints]
    if policy.success is None or list(map(figure, successes)) in ([], list(map(figure, grades))):
        return []
    return [f"  success rate: {curve(successes)}; in the end {figure(policy.success)}"]


def _known(environment: EnvironmentSpec, policy: TrainedPolicy) -> list[float]:
    """The success rate at each checkpoint; nothing where there is no such thing."""
    successes = [mark.success for mark in policy.checkpoints if mark.success is not None]
    whole = len(successes) == len(policy.checkpoints) and environment.goal != "never"
    return successes if whole else []


def _values(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _same(marks: Sequence[PolicyCheckpoint]) -> bool:
    return max(mark.reward_max for mark in marks) == min(mark.reward_min for mark in marks)


def _found_nothing(policy: TrainedPolicy) -> bool:
    """Whether nothing was reached, and nothing was gained on a policy that has learned nothing."""
    marks = policy.checkpoints
    most = 0.0 if policy.start is None else policy.start + _GRAIN
    return not any(mark.success for mark in marks) and max(mark.grade for mark in marks) <= most


def _diagnosis(environment: EnvironmentSpec, weakest: TrainedPolicy, strongest: TrainedPolicy | None) -> str:
    """What to make of the weakest run. Its grade comes first: the reward is a means."""
    marks, measure = weakest.checkpoints, environment.measure
    grades = [mark.grade for mark in marks]
    if _found_nothing(weakest) and strongest is not None:
        return (
            f"In this run the {measure} stayed at {figure(max(grades))}, no better than before any training, in "
            f"another it came to {figure(strongest.grade)}: whether the way is found is chance. The reward must point "
            "the way from the first steps on."
        )
    if _found_nothing(weakest):
        return environment.advice(grades)
    if rising(grades, _GRAIN):
        return (
            f"The {measure} is still rising at the end: this reward leads the right way, and too slowly. Keep its "
            "idea, and make its signal stronger or denser early in an episode."
        )
    if fell(grades, _GRAIN):
        return (
            f"The {measure} fell from {figure(max(grades))} to {figure(grades[-1])} in the end: the policy has found "
            "how to collect more of this reward with less success. Take away what it collects without the goal."
        )
    if level(grades, _GRAIN) and _flat(marks):
        return "The mean reward hardly changed in training: the policy could not find out how to raise it."
    if strongest is not None:
        return (
            f"The {measure} differs from seed to seed, from {figure(grades[-1])} to {figure(strongest.grade)}: what "
            "the reward teaches hangs on what is found by chance. Compare the two runs."
        )
    if not level(grades, _GRAIN):
        return (
            f"The {measure} rose and came to rest at {figure(grades[-1])}: what has to be done is known by now, "
            "and not from every start. What do the episodes lack that still fail?"
        )
    return environment.advice(grades)


def _flat(marks: Sequence[PolicyCheckpoint]) -> bool:
    """Whether the mean reward moved by less than chance moves it.

    The measure is the deviation of a step's reward, not its range: a bonus at the goal, which few steps get, widens the
    range to a hundred times all that is taught on the way.
    """
    moved = max(mark.reward_mean for mark in marks) - min(mark.reward_mean for mark in marks)
    return moved < 0.02 * max(mark.reward_deviation for mark in marks)


def _scales(components: Sequence[Components]) -> list[str]:
    """Eureka's two rules about components: what hardly varies teaches nothing, what dwarfs the others drowns them."""
    ranges: dict[str, tuple[float, float]] = {}
    sizes: dict[str, float] = {}
    for name in components[-1]:
        seen = [rollout[name] for rollout in components if name in rollout]
        ranges[name] = min(low for low, _, _ in seen), max(high for _, _, high in seen)
        sizes[name] = fmean(abs(middle) for _, middle, _ in seen)
    lines = [
        f"Component {name} is the same at every step: rewrite it or leave it out."
        for name, (low, high) in ranges.items()
        if low == high
    ]
    *_, second, largest = sorted(sizes, key=lambda name: sizes[name]) if len(sizes) > 1 else ("", "")
    if largest and sizes[largest] > _DWARFS * sizes[second] > 0:
        lines.append(
            f"Component {largest} is in the mean more than {_DWARFS} times as large as any other: bring them to one "
            "scale, or it alone is what is learned."
        )
    return lines
