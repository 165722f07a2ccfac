"""What a family of generated tasks is, and the reply that a reference amounts to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Protocol, TypeAlias

from gristmill.verifiers.records import Task

__all__ = ["Family", "Split", "reference_reply"]

Split: TypeAlias = Literal["train", "gate", "test"]
"""Whether a task is learned from, decides on an adapter, or is reported on."""


class Family(Protocol):
    """Tasks of one kind that can be drawn afresh for ever.

    A task is put together of **parts** (a filter, a map, a reduction), each said in one of several **wordings**. Parts
    together are a *combination*, tag ``combo:PART/PART``; those of gate and test are never asked for in training.
    A part in a wording is a *stratum*, tag ``stratum:FAMILY/PART/WORDING``: what training must cover.
    """

    @property
    def name(self) -> str:
        """What it is called: the tag ``family:NAME`` of its tasks."""
        ...

    @property
    def difficulties(self) -> tuple[int, ...]:
        """The dial, easiest first."""
        ...

    @property
    def usual(self) -> tuple[int, ...]:
        """What is drawn where no difficulty is asked for: those of which a small model can do some."""
        ...

    @property
    def few_shot(self) -> tuple[str, ...]:
        """The combinations that the family's small prompt shows by example: always in training."""
        ...

    def strata(self, difficulty: int | None = None) -> tuple[str, ...]:
        """Every stratum of a difficulty, of the usual ones if None: names without ``stratum:``."""
        ...

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
        """`count` tasks with prompts of their own; the same arguments give the same tasks, in any process.

        Each is a task with `split`, tags, a reference and ``settings.hint``, which says how its parts are written
        and is in no prompt. A task's id and cases follow from its prompt.

        Args:
            split: from which combinations.
            seed: which combinations are held out: the same through all draws of one improvement.
            draw: number of the draw; another number gives other tasks, some of which may come again (see `seen`).
            count: how many.
            difficulty: one of `difficulties`; None mixes the usual ones, and goes on to harder
                ones where those have no more.
            only: strata of which each task has at least one, in turn.
            seen: prompts that must not come again.

        Raises:
            UserError: there are not as many, with how many were found; or no such difficulty or stratum.
        """
        ...


def reference_reply(task: Task) -> str:
    """What a model would have to answer to give the task's reference: for a task with a template, the expression.

    Raises:
        ValueError: it has no reference, or one that its template does not hold.
    """
    if task.reference is None:
        raise ValueError(f"task {task.id!r} has no reference")
    template = task.settings.get("template")
    if not template:
        return task.reference
    before, _, after = str(template).rstrip().partition("{answer}")
    reference = task.reference.rstrip()
    if not (reference.startswith(before) and reference.endswith(after)):
        raise ValueError(f"task {task.id!r}: its reference is not its template with an answer in it")
    return reference[len(before) : len(reference) - len(after)]
