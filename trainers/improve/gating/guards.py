"""What an adapter must not lose: non-inferiority by margins, and signs of collapse. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from pydantic import Field

from gristmill.graph.comparing import Comparison, compare
from gristmill.sandbox.records import Record
from gristmill.trainers.improve.gating.config import GateConfig
from gristmill.trainers.measure.evaluation import TaskResult
from gristmill.verifiers.extraction.normal import normal_form

__all__ = ["Guard", "collapse", "families", "lengths", "not_inferior"]


class Guard(Record):
    """Something that must not get worse, and whether it has."""

    name: str
    ok: bool
    words: str = Field(description="what was found, by what it was judged")


def not_inferior(name: str, found: Comparison, margin: float, *, unit: str = "") -> Guard:
    """Whether the lower end of the 95% interval is above −margin: worse than that can be ruled out."""
    low, high = found.interval
    percent = not unit
    shown = [100 * value for value in (found.difference, low, high, -margin)] if percent else None
    words = (
        f"{shown[0]:+.1f} points (95% {shown[1]:+.1f} to {shown[2]:+.1f}; margin {shown[3]:.1f}, {found.tasks} tasks)"
        if shown
        else f"{found.difference:+.3f} {unit} (95% {low:+.3f} to {high:+.3f}; margin {-margin:.3f}, {found.n} parts)"
    )
    return Guard(name=name, ok=bool(found.n) and low > -margin, words=words)


def families(before: Sequence[TaskResult], after: Sequence[TaskResult], config: GateConfig) -> tuple[Guard, ...]:
    """Each ``family:`` tag's tasks, where there are enough of them to rule anything out."""
    later = {result.task_id: result for result in after}
    guards = []
    for tag in sorted({tag for result in before for tag in result.tags if tag.startswith("family:")}):
        pairs = [(result, later[result.task_id]) for result in before if tag in result.tags]
        found = compare([old.passed[0] for old, _ in pairs], [new.passed[0] for _, new in pairs])
        guard = not_inferior(tag, found, config.family_margin)
        if found.n < config.family_tasks:
            few = f"{guard.words}; too few tasks to decide anything, it takes {config.family_tasks}"
            guard = Guard(name=tag, ok=True, words=few)
        guards.append(guard)
    return tuple(guards)


def lengths(before: Sequence[TaskResult], after: Sequence[TaskResult], config: GateConfig) -> Guard:
    """Whether replies are about as long as they were: a model that has collapsed often says nothing, or never ends."""
    old, new = (
        max(1.0, float(median(len(reply) for result in results for reply in result.replies) if results else 1.0))
        for results in (before, after)
    )
    return Guard(
        name="length of replies",
        ok=1 / config.length_band <= new / old <= config.length_band,
        words=f"{new:.0f} characters in the median, {old:.0f} before (band: {config.length_band:g} times, either way)",
    )


def collapse(before: Sequence[TaskResult], after: Sequence[TaskResult], config: GateConfig) -> tuple[Guard, ...]:
    """From several replies a task, drawn at a temperature: whether any passes as often, and how many that pass differ.

    Right answers are told apart by their normal form, over the tasks that pass on both sides.

    Raises:
        ValueError: other tasks, or fewer than two replies.
    """
    later = {result.task_id: result for result in after}
    k = min((len(result.passed) for result in (*before, *after)), default=0)
    if {result.task_id for result in before} != later.keys() or k < 2:
        raise ValueError("collapse is looked for on the same tasks, with two replies each at least")
    pairs = [(old, later[old.task_id]) for old in before]
    found = compare([_any(old, k) for old, _ in pairs], [_any(new, k) for _, new in pairs])
    differing = [(_distinct(old, k), _distinct(new, k)) for old, new in pairs if _any(old, k) and _any(new, k)]
    was, now = sum(old for old, _ in differing), sum(new for _, new in differing)
    return (
        not_inferior(f"pass@{k}", found, config.pass_at_margin),
        Guard(
            name="distinct solutions",
            ok=now >= config.least_distinct * was,
            words=f"{now} different right answers on {len(differing)} tasks, {was} before "
            f"(band: {config.least_distinct:g} of those at least)",
        ),
    )


def _any(result: TaskResult, k: int) -> bool | None:
    scored = [passed for passed in result.passed[:k] if passed is not None]
    return any(scored) if len(scored) == k or any(scored) else None


def _distinct(result: TaskResult, k: int) -> int:
    return len({normal_form(reply) for reply, passed in zip(result.replies[:k], result.passed, strict=False) if passed})
