"""The seed instructions that are shipped: all of them load, differ, and are checked as they say."""

from __future__ import annotations

import asyncio
from collections import Counter

from gristmill.sandbox.pool import Pool
from gristmill.trainers.data.curation.words import neighbours, words
from gristmill.trainers.recipes.isheep.seeds import checkable, seeds
from gristmill.verifiers.judging import judge_reply
from gristmill.verifiers.records import Outcome, Task
from gristmill.verifiers.registry import Verifiers, warnings

BOUNDED = ("length_constraints:number_words", "length_constraints:number_sentences", "keywords:forbidden_words")
LONG = "Water, force and jam are here. So it is. And on it goes. " * 12


def test_there_are_175_that_differ_and_most_can_be_checked() -> None:
    shipped = seeds()
    assert len(shipped) == 175
    assert len({task.id for task in shipped}) == 175
    kinds = Counter(task.kind for task in shipped if checkable(task))
    assert kinds == {"instruction": 100, "math": 25, "code": 20}
    assert not [sentence for task in shipped for sentence in warnings(task)]
    # Not one pattern with another word in it: no two share half of their runs of three words.
    runs = [neighbours(words(task.prompt)) for task in shipped]
    for at, one in enumerate(runs):
        for other in runs[:at]:
            assert len(one & other) / len(one | other) < 0.5


def test_the_constraints_are_of_many_kinds_and_prompts_begin_in_many_ways() -> None:
    shipped = seeds()
    assert len({each["id"] for task in shipped for each in task.constraints}) == 25
    begins = Counter(words(task.prompt)[0] for task in shipped)
    assert len(begins) > 45
    assert max(begins.values()) < 0.3 * len(shipped)


def test_what_checks_them_takes_a_right_reply_and_refuses_a_wrong_one(bubblewrap: str) -> None:
    told = [task for task in seeds() if task.kind == "instruction" and task.reference]
    programs = [task for task in seeds() if task.kind == "code"][::4]
    answers = [task for task in seeds() if task.kind == "math"][::3]
    rows = [(task, task.reference or f"The answer is {task.answer}.") for task in (*told, *programs, *answers)]
    assert len(rows) > 35

    def wrong(task: Task, place: int) -> str:
        """What breaks the first rule of the task."""
        if task.kind == "instruction":
            first = task.constraints[0]
            few = first["id"] in BOUNDED and first["kwargs"].get("relation") != "at least"
            return LONG if few else "I, Tom, do not know what to say, sorry!"
        return "def other():\n    return 1\n" if task.kind == "code" else f"The answer is {place + 100_003}."

    async def judge() -> tuple[list[Outcome], list[Outcome]]:
        async with Pool.open("bubblewrap", 2) as pool:
            verifiers = Verifiers(pool, confirm=False)
            right = [(await judge_reply(task, text, verifiers))[1].outcome for task, text in rows]
            other = [
                (await judge_reply(task, wrong(task, at), verifiers))[1].outcome for at, (task, _) in enumerate(rows)
            ]
        return right, other

    right, other = asyncio.run(judge())
    assert [task.id for (task, _), outcome in zip(rows, right, strict=True) if outcome is not Outcome.PASSED] == []
    assert [task.id for (task, _), outcome in zip(rows, other, strict=True) if outcome is Outcome.PASSED] == []
