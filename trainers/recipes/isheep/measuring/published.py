"""Published benchmarks asked of a model in the recipe: MT-Bench with a judge model, and IFEval, which tools check."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from gristmill.graph.comparing import compare
from gristmill.graph.prompts.feedback import tame
from gristmill.graph.records import Message
from gristmill.graph.tasks.importers import import_tasks
from gristmill.sandbox.records import Record
from gristmill.trainers.improve.context import evaluation_run
from gristmill.trainers.measure.benchmarks import Accuracies, accuracies, first_verdicts
from gristmill.trainers.recipes.isheep.config import Measuring
from gristmill.trainers.recipes.isheep.context import Flock, Reading
from gristmill.trainers.recipes.isheep.measuring.mtbench import Question, judging, questions, rating_in
from gristmill.verifiers.records import Strength, Task

__all__ = ["Ifeval", "Mean", "MtBench", "check_published", "ifeval", "ifeval_of", "mtbench", "mtbench_of"]

_JUDGE_TOKENS = 2048
"""Of what the judge says of one answer at most; published."""


class Mean(Record):
    """A mean of scores."""

    mean: float | None = Field(description="None where no score could be read")
    interval: tuple[float, float] | None = Field(description="95%, bootstrap; None of fewer than two")
    scores: int
    unread: int = Field(0, description="answers of which the judge gave no score that can be read: they count as none")


class MtBench(Record):
    """MT-Bench by a judge model, scores from 1 to 10. Nothing of it is verified."""

    judge: str
    strength: Literal[Strength.SELF_ASSESSED] = Strength.SELF_ASSESSED
    first: Mean
    second: Mean
    gap: Mean = Field(description="second minus first, of the questions with both")
    by_category: dict[str, tuple[float | None, float | None]] = Field(description="means of first and second turns")


class Ifeval(Record):
    """IFEval's four accuracies of a model."""

    accuracies: Accuracies
    passed: tuple[bool | None, ...] = Field(description="by prompt, in the order of their ids; None is unscored")
    difference: float | None = Field(None, description="of the share of prompts followed, against the base model")
    interval: tuple[float, float] | None = Field(None, description="95%, of that")


def check_published(look: Measuring) -> None:
    """See that what is to be asked is here, before anything is begun.

    Raises:
        UserError: a package or a file is missing.
    """
    if look.mtbench:
        questions(1)
    if look.ifeval:
        _ifeval_tasks(look)


async def mtbench(flock: Flock, stage: str, adapter: str | None) -> MtBench | None:
    """Greedy answers to both turns, the second after the model's own first, then the judge's scores of both.

    None where the configuration does not ask for them.
    """
    look = flock.recipe.measuring
    if not look.mtbench or look.judge is None or flock.scoring is None:
        return None
    if (earlier := flock.records.read(stage, MtBench)) is not None:
        return earlier
    asked, part = questions(look.mtbench), stage.replace("/", "-")
    one = await _answers(flock, part, asked, adapter, ())
    other = await _answers(flock, part, asked, adapter, one)
    shown = {f"{each.id}/1": judging(each, (one[at],)) for at, each in enumerate(asked)}
    shown |= {f"{each.id}/2": judging(each, (one[at], other[at])) for at, each in enumerate(asked)}
    await flock.close()
    async with flock.scoring() as judge:
        steps = await flock.asked(
            f"{part}-scores",
            f"{stage}: {look.judge} scores {len(shown)} answers to MT-Bench",
            shown,
            [Task(id=name, kind="instruction", prompt="Score.") for name in shown],
            judge=Reading(lambda text: rating_in(text) is not None),
            adapter=None,
            greedy=True,
            most=_JUDGE_TOKENS,
            model=(look.judge, judge),
        )
    scores = {name: rating_in(step.hypothesis.text) for name, step in steps.items()}
    found = mtbench_of(
        look.judge, [(each.category, scores.get(f"{each.id}/1"), scores.get(f"{each.id}/2")) for each in asked]
    )
    flock.records.write(stage, found)
    return found


async def _answers(
    flock: Flock, part: str, asked: Sequence[Question], adapter: str | None, first: Sequence[str]
) -> list[str]:
    """The answers to a turn, question by question; to the second where those to the `first` are given."""
    turn = 2 if first else 1

    def messages(at: int) -> tuple[Message, ...]:
        begun = Message(role="user", content=asked[at].turns[0])
        if not first:
            return (begun,)
        said = Message(role="assistant", content=tame(first[at]))
        return begun, said, Message(role="user", content=asked[at].turns[1])

    steps = await flock.asked(
        f"{part}-{turn}",
        f"{part}: {len(asked)} questions of MT-Bench, turn {turn}",
        {f"{each.id}/{turn}": messages(at) for at, each in enumerate(asked)},
        [Task(id=f"{each.id}/{turn}", kind="instruction", prompt=each.turns[turn - 1]) for each in asked],
        judge=Reading(lambda text: True),
        adapter=adapter,
        greedy=True,
        most=flock.recipe.measuring.mtbench_tokens,
    )
    return [steps[f"{each.id}/{turn}"].hypothesis.text for each in asked]


def mtbench_of(judge: str, scored: Sequence[tuple[str, float | None, float | None]]) -> MtBench:
    """What scores come to: category, first and second turn of each question; None could not be read."""
    categories = dict.fromkeys(category for category, _, _ in scored)
    return MtBench(
        judge=judge,
        first=_mean([first for _, first, _ in scored]),
        second=_mean([second for _, _, second in scored]),
        gap=_mean([None if one is None or other is None else other - one for _, one, other in scored]),
        by_category={
            name: (
                _mean([one for category, one, _ in scored if category == name]).mean,
                _mean([other for category, _, other in scored if category == name]).mean,
            )
            for name in categories
        },
    )


def _mean(values: Sequence[float | None]) -> Mean:
    read = [value for value in values if value is not None]
    unread = len(values) - len(read)
    if len(read) < 2:
        return Mean(mean=read[0] if read else None, interval=None, scores=len(read), unread=unread)
    import numpy
    from scipy.stats import bootstrap

    draws = numpy.random.default_rng(0)
    found = bootstrap((read,), numpy.mean, method="percentile", random_state=draws).confidence_interval
    return Mean(
        mean=sum(read) / len(read), interval=(float(found.low), float(found.high)), scores=len(read), unread=unread
    )


async def ifeval(flock: Flock, stage: str, title: str, adapter: str | None, base: Ifeval | None) -> Ifeval | None:
    """The published prompts alone, judged by the checkers of `gristmill eval ifeval`; None where none are asked."""
    look = flock.recipe.measuring
    if not look.ifeval:
        return None
    tasks = _ifeval_tasks(look)
    await flock.evaluation(stage, f"{title} on {len(tasks)} prompts of IFEval", tasks, adapter)
    verdicts = first_verdicts(flock.store, evaluation_run(flock.name, stage, adapter))
    found = ifeval_of(accuracies(tasks, verdicts), [_followed(verdicts[task.id].metrics) for task in tasks], base)
    flock.records.write(f"{stage}/accuracies", found)
    return found


def ifeval_of(shares: Accuracies, passed: Sequence[bool | None], base: Ifeval | None) -> Ifeval:
    """With the difference to the base model, where that was asked the same prompts."""
    if base is None:
        return Ifeval(accuracies=shares, passed=tuple(passed))
    pair = compare(base.passed, passed)
    return Ifeval(accuracies=shares, passed=tuple(passed), difference=pair.difference, interval=pair.interval)


def _followed(metrics: dict[str, float]) -> bool | None:
    strict = metrics.get("strict")
    return None if strict is None else strict == 1


def _ifeval_tasks(look: Measuring) -> list[Task]:
    """The same ones for every run that asks for as many: by the digests of their ids."""
    every = import_tasks("ifeval", look.ifeval_file)
    drawn = sorted(every, key=lambda task: hashlib.sha256(task.id.encode()).digest())[: look.ifeval]
    return sorted(drawn, key=lambda task: task.id)
