"""Instructions that evolve: short ones beside the task, written by the model and selected by what they bring.

After ShinkaEvolve's meta recommendations and PromptBreeder (Fernando et al., arXiv 2309.16797). Departures: what an
instruction is worth is never asked of a model; a place is told one of them, or none, by the bandit that chooses
strategies and models too (`gristmill.graph.search.bandit`), by gain per cost; an instruction is data, bounded, in a
fence, and says how to go about a task, never what the task is.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import cast

from gristmill.graph.prompts.feedback import clip
from gristmill.graph.prompts.ideas import flat, idea
from gristmill.graph.prompts.ledger import came, numbered
from gristmill.graph.prompts.messages import rendered
from gristmill.graph.records import Message, Step
from gristmill.graph.search.auto import Gains
from gristmill.graph.search.bandit import Bandit
from gristmill.graph.search.history import Past, Row
from gristmill.verifiers.records import Task

__all__ = ["INSTRUCTED", "NONE", "WORDS", "Instructed", "instructed", "instruction_of", "messages_for_instruction"]

NONE = ""
"""What a place is told that is told no instruction: an arm like the others."""
INSTRUCTED = "instructions"
"""The name of the fold."""
WORDS = 50
_CHARACTERS = 400
_TRIED = 4
"""Hypotheses by which an instruction is known well enough to be dropped, or to be followed by another one."""
_ATTEMPTS, _FEEDBACK = 8, 400


class Instructed:
    """What each instruction has brought so far, as a fold; its name is the round that it was written after."""

    def __init__(self) -> None:
        self._gains, self._bandit = Gains(), Bandit()
        self._tries: dict[str, int] = {}
        self._gained: dict[str, float] = {}
        self._cost: dict[str, float] = {}

    def add(self, row: Row) -> None:
        """Take a row."""
        gain = self._gains.of(row)
        if row.parents or row.instruction:
            # A first answer is no gain of anybody's.
            self._bandit.add(row.instruction, gain, row.cost)
            self._tries[row.instruction] = self.tries(row.instruction) + 1
            self._gained[row.instruction] = self._gained.get(row.instruction, 0.0) + gain
            self._cost[row.instruction] = self._cost.get(row.instruction, 0.0) + row.cost

    def tries(self, name: str) -> int:
        """Hypotheses that were told it."""
        return self._tries.get(name, 0)

    def worth(self, name: str) -> float:
        """Its gain per cost."""
        return self._gained.get(name, 0.0) / self._cost[name] if name in self._cost else 0.0

    def living(self, names: Sequence[str], most: int) -> list[str]:
        """Those of the archive, the oldest first: new ones, and of the others the best."""
        new = [name for name in names if self.tries(name) < _TRIED]
        others = sorted(set(names) - set(new), key=lambda name: (-self.worth(name), -names.index(name)))
        kept = {*new[::-1][:most], *others[: max(0, most - len(new))]}
        return [name for name in names if name in kept]

    def choose(self, living: Sequence[str], chance: random.Random) -> str:
        """One of these, or none, by what they bring for their cost."""
        return self._bandit.choose((NONE, *living), chance) if living else NONE

    def all_tried(self, living: Sequence[str]) -> bool:
        """Whether each is known well enough for another one to be worth a call."""
        return all(self.tries(name) >= _TRIED for name in living)


def instructed(past: Past) -> Instructed:
    """What is known of the instructions before a place."""
    return cast("Instructed", past.folds[INSTRUCTED])


def messages_for_instruction(
    task: Task, rows: Sequence[Row], steps: Mapping[str, Step], living: Mapping[str, str], brought: Instructed
) -> tuple[Message, ...]:
    """The messages that ask for one new instruction.

    Args:
        task: what is worked on.
        rows: the last round's attempts.
        steps: their texts, as a model may know them.
        living: the instructions of the archive, by name.
        brought: what each has brought.
    """
    attempts = []
    for row in rows[:_ATTEMPTS]:
        step = steps[row.id]
        feedback = clip(step.verdict.feedback or step.hypothesis.note, _FEEDBACK)
        text = "\n".join(part for part in (idea(task, step.hypothesis, None), feedback) if part.strip())
        attempts.append({"at": numbered(row), "came": came(row), "text": text or "(nothing)"})
    ranked = sorted(living, key=brought.worth, reverse=True)
    lines = [f"{brought.tries(name)} attempts, gain {brought.worth(name):.3g}: {living[name]}" for name in ranked]
    return rendered("chat_instruct", task, {"attempts": attempts, "instructions": "\n".join(lines)})


def instruction_of(said: str) -> str:
    """What is kept of a reply: its first 50 words, as one line of data."""
    return flat(" ".join(said.split()[:WORDS]), _CHARACTERS)
