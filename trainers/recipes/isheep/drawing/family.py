"""Fresh prompts whose constraints a tool checks, as families: gate and test of the recipe are drawn from them.

A prompt is a request about a topic with one constraint. They are a `gristmill.graph.tasks.families.base.Family`, so
that fresh gate sets, keys that are committed to beforehand and the sealed test set are those of `improve`. They depart
from it in that a task has neither reference nor hint: a reply that follows is nothing that could be computed.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Sequence
from typing import NamedTuple

from gristmill.graph.tasks.families.base import Split
from gristmill.sandbox.errors import UserError
from gristmill.trainers.recipes.isheep.drawing.rules import HELD_OUT, RULES, Rule, told
from gristmill.verifiers.records import Task

__all__ = ["FAMILIES", "TwoTurns", "family", "topic", "two_turns"]

_REQUESTS = {
    "describe": "Describe {topic}.",
    "explain": "Explain to a child what {topic} can teach us.",
    "note": "Write a short note to a friend about {topic}.",
    "story": "Tell a very short story about {topic}.",
    "advice": "Give some advice to somebody who thinks about {topic}.",
    "opinion": "What is your opinion on {topic}?",
    "slogan": "Write an advertisement for {topic}.",
    "poem": "Write a short poem about {topic}.",
    "fact": "Tell me something that most people do not know about {topic}.",
    "question": "Which question would you ask an expert about {topic}?",
}
_HELD_REQUESTS = ("poem", "advice", "fact")
"""Of these, each rule has one that only gate and test ask for."""
_TOPICS = (
    "a broken umbrella|the first snow|an old clock|learning to swim|night trains|a lost key|"
    "wild strawberries|city pigeons|a lighthouse|homemade bread|the desert|a school trip|bicycle repair|"
    "bees|a rainy Sunday|space travel|chess|a new neighbour|public libraries|thunderstorms|"
    "growing tomatoes|an empty theatre|saving money|the moon|street music|winter coats|a long walk|"
    "paper boats|volcanoes|cooking for friends|a sleepy cat|learning a language|river fishing|"
    "a flea market|early mornings|camping|handwritten letters|the sea|a birthday cake|running shoes|"
    "old photographs|solar power|a football match|silence|knitting|a mountain hut|robots at home|spiders|"
    "a village fair|apple trees|traffic jams|a good teacher|the night sky|a garden wall|second-hand books|"
    "fog|pottery|a ferry ride|honesty|whales"
).split("|")
_FOLLOW_UPS = (
    "Now say the same about {topic}.",
    "Now write it for somebody who is in a hurry.",
    "Please rewrite your answer for an old man.",
    "And what has that to do with {topic}?",
    "Give me another version of that.",
    "Now answer as if you did not like it.",
    "Which part of that matters most?",
    "Say it again in other words.",
)


class TwoTurns(NamedTuple):
    """A conversation of two user turns, each a task with a constraint of its own; the second follows the reply to the
    first."""

    first: Task
    second: Task


class InstructionFamily:
    """See `gristmill.graph.tasks.families.base.Family`.

    Args:
        rules: what its prompts demand.
    """

    difficulties = usual = (1,)
    few_shot: tuple[str, ...] = ()

    def __init__(self, name: str, rules: Sequence[Rule]) -> None:
        self.name = name
        self._rules = tuple(rules)

    def strata(self, difficulty: int | None = None) -> tuple[str, ...]:
        """One a rule: its wordings are drawn alike."""
        return tuple(self._stratum(rule) for rule in self._rules)

    def _stratum(self, rule: Rule) -> str:
        return f"{self.name}/{rule.name}/any"

    def draw(
        self,
        *,
        split: Split,
        seed: int,
        draw: int,
        count: int,
        difficulty: int | None = None,
        only: Collection[str] | None = None,
        seen: Collection[str] = (),
    ) -> list[Task]:
        """See there."""
        rng = random.Random(f"{self.name}/{split}/{draw}")
        rules = [rule for rule in self._rules if only is None or self._stratum(rule) in only]
        if not rules or difficulty not in (None, 1):
            raise UserError(f"the family {self.name!r} has no such stratum, or difficulty; it has difficulty 1 alone")
        tasks: list[Task] = []
        known = set(seen)
        for tried in range(count * 50):
            if len(tasks) == count:
                return tasks
            rule = rules[tried % len(rules)]
            request = rng.choice(self._requests(rule, split, seed))
            said = told(rule, rng)
            prompt = f"{_REQUESTS[request].format(topic=rng.choice(_TOPICS))} {said.words}"
            if prompt not in known:
                known.add(prompt)
                tasks.append(
                    Task(
                        id=f"{self.name}/{_digest(prompt)}",
                        kind="instruction",
                        prompt=prompt,
                        constraints=(said.constraint,),
                        split=split,
                        tags=(
                            f"family:{self.name}",
                            f"combo:{self.name}/{request}/{rule.name}",
                            f"stratum:{self._stratum(rule)}",
                        ),
                    )
                )
        raise UserError(f"the family {self.name!r} has no {count} such prompts more; {len(tasks)} were found")

    def _requests(self, rule: Rule, split: Split, seed: int) -> list[str]:
        """Requests that a split combines with this rule: what gate and test ask, training never does."""
        at = int(_digest(f"{seed}/{rule.name}"), 16) % len(_HELD_REQUESTS)
        held = {_HELD_REQUESTS[at]}
        return sorted(set(_REQUESTS) - held) if split == "train" else sorted(held)


FAMILIES = {
    each.name: each
    for each in (
        InstructionFamily("told-instructions", RULES),
        InstructionFamily("told-instructions-held-out", HELD_OUT),
    )
}


def family(name: str) -> InstructionFamily:
    """One of the two by its name, as `gristmill.trainers.improve.drawn.DrawnSplits` asks for it."""
    return FAMILIES[name]


def topic(rng: random.Random) -> str:
    """Something to write about."""
    return rng.choice(_TOPICS)


def two_turns(count: int, *, key: str) -> tuple[TwoTurns, ...]:
    """Conversations of our own making; the same key gives the same ones, and no two begin alike.

    The rules of the two turns differ, so that the second is not followed by repeating the first.
    """
    rng = random.Random(f"two turns/{key}")
    found: dict[str, TwoTurns] = {}
    while len(found) < count:
        one, other = rng.sample(RULES, 2)
        about = topic(rng)
        first, second = told(one, rng), told(other, rng)
        prompt = f"{rng.choice(list(_REQUESTS.values())).format(topic=about)} {first.words}"
        follow = f"{rng.choice(_FOLLOW_UPS).format(topic=topic(rng))} {second.words}"
        turns = [
            Task(
                id=f"two-turns/{_digest(prompt + follow)}/{number}",
                kind="instruction",
                prompt=text,
                constraints=(said.constraint,),
                split="test",
                tags=(f"turn:{number}", f"rule:{rule.name}"),
            )
            for number, text, said, rule in ((1, prompt, first, one), (2, follow, second, other))
        ]
        found.setdefault(prompt, TwoTurns(*turns))
    return tuple(found.values())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
