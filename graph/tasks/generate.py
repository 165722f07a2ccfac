"""Task files of three splits, drawn from a family."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping

from gristmill.graph.tasks.families.base import Family, Split
from gristmill.graph.tasks.families.composing import Combination, held_out
from gristmill.graph.tasks.families.list_functions import LIST_FUNCTIONS, held_out_by, parameters, simple
from gristmill.graph.tasks.families.list_parts import Filter, filters
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Task

__all__ = ["generate_list_functions", "generate_tasks"]


def generate_tasks(
    family: Family,
    sizes: Mapping[Split, int],
    *,
    seed: int,
    draw: int = 0,
    difficulty: int | None = None,
    only: Collection[str] | None = None,
    seen: Collection[str] = (),
) -> list[Task]:
    """So many tasks of each split, no prompt twice; see `gristmill.graph.tasks.families.base.Family.draw`.

    Raises:
        UserError: there are not as many.
    """
    return [
        task
        for split, count in sizes.items()
        for task in family.draw(
            split=split, seed=seed, draw=draw, count=count, difficulty=difficulty, only=only, seen=seen
        )
    ]


def generate_list_functions(*, seed: int, train: int = 128, gate: int = 96, test: int = 192) -> list[Task]:
    """One draw of all three splits, of difficulty 1: the tasks of the demonstration.

    No combination occurs in two splits; every filter and every reduction occurs in training. Each task carries its
    `split`, the tags of its family, a reference, hidden and public cases, and ``settings.template``, so that a reply is
    one expression. The same arguments give the same tasks.

    Args:
        seed: which combinations are held out (those of `LIST_FUNCTIONS`), and every parameter and phrasing.
        train: tasks to learn from; no two prompts are the same anywhere.
        gate: tasks to decide on an adapter.
        test: tasks to report on.

    Raises:
        UserError: a split would be empty, or more different tasks are asked for than can be found.
    """
    rng = held_out_by(1, seed)
    tasks: list[Task] = []
    seen: set[str] = set()
    sizes = {"train": train, "gate": gate, "test": test}
    for split, combinations in held_out(LIST_FUNCTIONS.combinations[1], LIST_FUNCTIONS.few_shot, rng).items():
        size = sizes[split]
        if size < 1:
            raise UserError(f"{split}: a split of {size} tasks cannot be generated; ask for at least 1")
        count = misses = 0
        while count < size:
            # After a miss the next combination is tried: one may have no more wordings.
            combination = combinations[(count + misses) % len(combinations)]
            wordings, chosen = _ways(rng, combination)
            draft = simple(combination, wordings, chosen)
            rest = draft.rest(rng)
            if rest is None or draft.prompt in seen:
                misses += 1
                if misses > 50 * len(combinations) + 20 * count:
                    raise UserError(f"{split}: only {count} different tasks were found; ask for no more than that")
                continue
            seen.add(draft.prompt)
            tags = ("list-functions", *LIST_FUNCTIONS.tags(combination, wordings))
            identifier = f"list-{split}-{count:04d}"
            tasks.append(Task(id=identifier, prompt=draft.prompt, split=split, tags=tags, **rest))
            count += 1
    return tasks


def _ways(rng: random.Random, combination: Combination) -> tuple[tuple[int, int], Filter]:
    """Wordings and a filter of the parameters that are drawn for it."""
    chosen = next(each for each in filters(*parameters(rng)) if each.name == combination[0])
    return (rng.choice((0, 1)), rng.choice((0, 1))), chosen
