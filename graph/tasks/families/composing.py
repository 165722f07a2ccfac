"""How families put tasks together: parts by combination, wordings by stratum, cases that show each part at work."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from gristmill.graph.tasks.families.base import Split
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Case, Task

__all__ = ["Combination", "Composed", "Draft", "Step", "cases_of", "held_out", "piped"]

Combination: TypeAlias = tuple[str, ...]
Step: TypeAlias = Callable[[Any], Any]
"""What one part does with what the parts before it gave."""

_SHARES = {"test": 0.24, "gate": 0.13}
_TRIES = 40


@dataclass(frozen=True)
class Draft:
    """A task in the making."""

    prompt: str
    rest: Callable[[random.Random], dict[str, Any] | None]
    """The fields of `Task` beside id, prompt, split and tags; None where a part of it would do nothing. Called once,
    with random numbers that follow from the prompt."""


@dataclass(frozen=True)
class Composed:
    """A family (`gristmill.graph.tasks.families.base.Family`) of tasks made of parts."""

    name: str
    usual: tuple[int, ...]
    few_shot: tuple[str, ...]
    combinations: Mapping[int, tuple[Combination, ...]]
    """By difficulty, easiest first."""
    wordings: Mapping[str, int]
    """Part → in how many ways it is said."""
    make: Callable[[random.Random, Combination, tuple[int, ...]], Draft]
    """A draft from parts and the number of each part's wording; parameters are drawn."""
    chance: Callable[[int, int], random.Random] | None = None
    """By difficulty and seed, the random numbers that hold combinations out."""

    @property
    def difficulties(self) -> tuple[int, ...]:
        """See `Family.difficulties`."""
        return tuple(self.combinations)

    def strata(self, difficulty: int | None = None) -> tuple[str, ...]:
        """See `Family.strata`."""
        parts = {part for level in self._levels(difficulty) for each in self.combinations[level] for part in each}
        return tuple(self._stratum(part, number) for part in sorted(parts) for number in range(self.wordings[part]))

    def splits(self, difficulty: int, seed: int) -> dict[Split, list[Combination]]:
        """The combinations of a difficulty, by split."""
        name = f"{self.name}/{seed}/{difficulty}"
        chance = self.chance(difficulty, seed) if self.chance else random.Random(name)
        return held_out(self.combinations[difficulty], self.few_shot, chance)

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
        """See `Family.draw`."""
        rng = random.Random(f"{self.name}/{split}/{seed}/{draw}")
        levels = self.usual if difficulty is None else self._levels(difficulty)
        turns = self._turns(rng, split, seed, levels, only)
        # Where the usual difficulties have no more, the next one follows.
        harder = [level for level in self.combinations if level > max(self.usual)] if difficulty is None else []
        taken, tasks = set(seen), list[Task]()
        places, misses = [0] * len(turns), [0] * len(turns)
        while len(tasks) < count and (turns or harder):
            if not turns:
                turns = self._turns(rng, split, seed, (harder.pop(0),), only)
                places, misses = [0] * len(turns), [0] * len(turns)
                continue
            at = len(tasks) % len(turns)
            forced, combinations = turns[at]
            # After a miss the next combination is tried: one may have no more wordings.
            combination = combinations[places[at] % len(combinations)]
            places[at] += 1
            task = self._task(rng, combination, forced, split, taken)
            if task is not None:
                tasks.append(task)
                misses[at] = 0
                continue
            misses[at] += 1
            if misses[at] > _TRIES * len(combinations) + 200:
                del turns[at], places[at], misses[at]
        if len(tasks) < count:
            beside = f" beside the {len(set(seen))} seen" if seen else ""
            raise UserError(
                f"{self.name}, {split}: only {len(tasks)} different tasks were found{beside}, and {count} are asked "
                "for; ask for no more than that"
            )
        return tasks

    def _turns(
        self, rng: random.Random, split: Split, seed: int, levels: Sequence[int], only: Collection[str] | None
    ) -> list[tuple[tuple[str, int] | None, list[Combination]]]:
        """What takes turns, with its combinations: difficulties, or the strata that are asked for."""
        by_level = [self.splits(level, seed)[split] for level in levels]
        if only is None:
            turns: list[tuple[tuple[str, int] | None, list[Combination]]] = [(None, some) for some in by_level]
        else:
            known = {self._stratum(part, n): (part, n) for part, count in self.wordings.items() for n in range(count)}
            if unknown := sorted(set(only) - set(known)):
                raise UserError(f"{self.name} has no stratum {unknown[0]!r}; it has {', '.join(known)}")
            every = [combination for some in by_level for combination in some]
            turns = [
                (known[name], [combination for combination in every if known[name][0] in combination])
                for name in sorted(set(only))
            ]
        turns = [(forced, rng.sample(some, len(some))) for forced, some in turns if some]
        rng.shuffle(turns)
        return turns

    def _task(
        self,
        rng: random.Random,
        combination: Combination,
        forced: tuple[str, int] | None,
        split: Split,
        taken: set[str],
    ) -> Task | None:
        """A new task of a combination, or None where this time there was none; its prompt is taken either way."""
        wordings = tuple(
            forced[1] if forced and forced[0] == part else rng.randrange(self.wordings[part]) for part in combination
        )
        draft = self.make(rng, combination, wordings)
        if draft.prompt in taken:
            return None
        taken.add(draft.prompt)
        rest = draft.rest(random.Random(f"{self.name}/{draft.prompt}"))
        if rest is None:
            return None
        digest = hashlib.sha256(draft.prompt.encode()).hexdigest()
        tags = self.tags(combination, wordings)
        return Task(id=f"{self.name}-{digest[:12]}", prompt=draft.prompt, split=split, tags=tags, **rest)

    def tags(self, combination: Combination, wordings: Sequence[int]) -> tuple[str, ...]:
        """The tags of a task: its combination before its family, as what splits tasks takes the first of the two."""
        strata = (self._stratum(part, number) for part, number in zip(combination, wordings, strict=True))
        level = next(level for level, some in self.combinations.items() if combination in some)
        first = ("combo:" + "/".join(combination), f"family:{self.name}", f"difficulty:{level}")
        return (*first, *(f"stratum:{each}" for each in strata))

    def _levels(self, difficulty: int | None) -> tuple[int, ...]:
        if difficulty is None:
            return self.usual
        if difficulty not in self.combinations:
            known = ", ".join(map(str, self.difficulties))
            raise UserError(f"{self.name} has no difficulty {difficulty}; it has {known}")
        return (difficulty,)

    def _stratum(self, part: str, wording: int) -> str:
        return f"{self.name}/{part}/{wording}"


def held_out(
    combinations: Sequence[Combination], few_shot: Collection[str], rng: random.Random
) -> dict[Split, list[Combination]]:
    """Combinations by split: drawn at random, but no part loses more than half of its combinations to gate and test."""
    every = list(combinations)
    rng.shuffle(every)
    wanted = {name: round(share * len(every)) for name, share in _SHARES.items()}
    room: dict[tuple[int, str], int] = {}
    for part in (part for combination in every for part in enumerate(combination)):
        room[part] = room.get(part, 0) + 1
    room = {part: count // 2 for part, count in room.items()}
    splits: dict[Split, list[Combination]] = {"train": [], "gate": [], "test": []}
    for combination in every:
        split: Split = "train"
        if "/".join(combination) not in few_shot and all(room[part] for part in enumerate(combination)):
            if len(splits["test"]) < wanted["test"]:
                split = "test"
            elif len(splits["gate"]) < wanted["gate"]:
                split = "gate"
        if split != "train":
            for part in enumerate(combination):
                room[part] -= 1
        splits[split].append(combination)
    return splits


def piped(steps: Sequence[Step]) -> tuple[Step, list[Step]]:
    """The steps one after the other, and the same with one of them left out, each in turn."""

    def run(some: Sequence[Step]) -> Step:
        def whole(value: Any) -> Any:
            for step in some:
                value = step(value)
            return value

        return whole

    return run(steps), [run([*steps[:place], *steps[place + 1 :]]) for place in range(len(steps))]


def cases_of(
    whole: Step, fewer: Sequence[Step], public: Sequence[Any], hidden: Sequence[Any]
) -> tuple[tuple[Case, ...], tuple[Case, ...]] | None:
    """Public and hidden cases of one argument with what `whole` makes of it.

    None where all come to the same, or where the hidden ones do not tell it from one of `fewer`, where a part is left
    out.
    """
    outcomes = [whole(each) for each in (*public, *hidden)]
    if all(outcome == outcomes[0] for outcome in outcomes):
        return None
    wanted = outcomes[len(public) :]
    for less in fewer:
        if all(_same(less, each, outcome) for each, outcome in zip(hidden, wanted, strict=True)):
            return None
    cases = [Case(args=(each,), expected=outcome) for each, outcome in zip((*public, *hidden), outcomes, strict=True)]
    return tuple(cases[: len(public)]), tuple(cases[len(public) :])


def _same(less: Step, value: Any, wanted: Any) -> bool:
    """Whether the outcome is the same. What is left where a part is missing may not fit together."""
    try:
        outcome = less(value)
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError):
        return False
    return type(outcome) is type(wanted) and bool(outcome == wanted)
