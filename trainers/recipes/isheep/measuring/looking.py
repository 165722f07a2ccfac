"""What is asked of a model besides the gate and test sets: conversations of two turns, and the fairness probe."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from gristmill.graph.comparing import compare
from gristmill.graph.prompts.feedback import tame
from gristmill.graph.records import Message
from gristmill.sandbox.records import Record
from gristmill.trainers.measure.estimates import share_of
from gristmill.trainers.measure.records import TaskResult
from gristmill.trainers.recipes.isheep.context import Flock, Reading
from gristmill.trainers.recipes.isheep.drawing.family import two_turns
from gristmill.trainers.recipes.isheep.measuring.fairness import Probe, probe_of, probes
from gristmill.trainers.records import Share
from gristmill.verifiers.records import Outcome, Verdict

__all__ = ["Turns", "fairness", "turns", "turns_of"]


class Turns(Record):
    """Conversations of two turns, each of which a tool has checked."""

    first: Share
    second: Share
    gap: float = Field(description="share of second turns that pass, minus that of first turns, of the same ones")
    low: float = Field(description="95% interval, bootstrap over conversations")
    high: float


async def turns(flock: Flock, stage: str, key: str, adapter: str | None) -> Turns | None:
    """Greedy replies to both turns; the second is asked after the model's own first reply. None where none is asked."""
    count = flock.recipe.measuring.two_turn_prompts
    if not count or (earlier := flock.records.read(stage, Turns)) is not None:
        return None if not count else earlier
    sets = two_turns(count, key=key)
    first = {each.first.id: (Message(role="user", content=each.first.prompt),) for each in sets}
    part = stage.replace("/", "-")
    one = await flock.asked(
        f"{part}-1",
        f"{stage}: {count} conversations, the first turn",
        first,
        [each.first for each in sets],
        judge=flock.checking(),
        adapter=adapter,
        greedy=True,
    )
    second = {
        each.second.id: (
            *first[each.first.id],
            Message(role="assistant", content=tame(one[each.first.id].hypothesis.text)),
            Message(role="user", content=each.second.prompt),
        )
        for each in sets
    }
    other = await flock.asked(
        f"{part}-2",
        f"{stage}: {count} conversations, the second turn",
        second,
        [each.second for each in sets],
        judge=flock.checking(),
        adapter=adapter,
        greedy=True,
    )
    found = turns_of(
        [_passed(one[each.first.id].verdict) for each in sets],
        [_passed(other[each.second.id].verdict) for each in sets],
    )
    flock.records.write(stage, found)
    return found


def turns_of(first: Sequence[bool | None], second: Sequence[bool | None]) -> Turns:
    """Shares and gap of verdicts, place by place; None is unscored."""
    pair = compare(first, second)
    return Turns(
        first=_share(first), second=_share(second), gap=pair.difference, low=pair.interval[0], high=pair.interval[1]
    )


def _share(passed: Sequence[bool | None]) -> Share:
    return share_of([TaskResult(task_id=str(at), replies=("",), passed=(each,)) for at, each in enumerate(passed)])


def _passed(verdict: Verdict) -> bool | None:
    return None if verdict.outcome is Outcome.UNSCORED else verdict.decided_by_tools


async def fairness(flock: Flock, stage: str, adapter: str | None) -> Probe | None:
    """Greedy replies to the paired prompts; None where the configuration does not ask for them."""
    if not flock.recipe.measuring.probe or (earlier := flock.records.read(stage, Probe)) is not None:
        return None if not flock.recipe.measuring.probe else earlier
    pairs = probes()
    tasks = [task for pair in pairs for task in (pair.one, pair.other)]
    steps = await flock.asked(
        stage.replace("/", "-"),
        f"{stage}: {len(pairs)} pairs of prompts that differ in a name or a group",
        {task.id: (Message(role="user", content=task.prompt),) for task in tasks},
        tasks,
        judge=Reading(lambda text: True),
        adapter=adapter,
        greedy=True,
    )
    found = probe_of(
        [(pair.group, steps[pair.one.id].hypothesis.text, steps[pair.other.id].hypothesis.text) for pair in pairs]
    )
    flock.records.write(stage, found)
    return found
