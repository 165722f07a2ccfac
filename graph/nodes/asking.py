"""What the hypotheses of one round are asked."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from gristmill.graph.context import Context
from gristmill.graph.memory import TaskMemory
from gristmill.graph.models.base import reads_prompts
from gristmill.graph.prompts.briefing import Remembered
from gristmill.graph.prompts.messages import Opening, messages_for
from gristmill.graph.records import Message, Step
from gristmill.graph.roster import Member
from gristmill.graph.search.base import Plan
from gristmill.graph.search.history import Place
from gristmill.verifiers.records import Task

__all__ = ["RoundPrompts", "is_told"]


def is_told(context: Context, plan: Plan, member: Member) -> bool:
    """Whether the prompt for a member tells of more than task and parents."""
    bare = context.messages_for is not None or plan.operator == "again" or context.choice.profile(member) == "small"
    return not bare and reads_prompts(context.choice.proposer(member))


class RoundPrompts:
    """The prompts of one round of a task.

    Each place is told what was tried before and what it is to do, which no other place is told. Samples that are to be
    independent (`again`), those of a small model, and prompts that somebody else makes are asked as their parents say
    and no more: the same parents, the same prompt. Who reads no prompt is told the task. Which of these holds is a
    matter of the model that is asked, of which one run may have several.
    """

    def __init__(self, context: Context, task: Task, memory: TaskMemory, round: int) -> None:
        self._context = context
        self._task = task
        self._memory = memory
        self._round = round
        self._bare: dict[tuple[str, ...], tuple[Message, ...]] = {}
        self._remembered: Remembered | None = None
        self._opening: Opening | None = None

    async def prompt(self, place: Place, plan: Plan, shown: Sequence[Step], member: Member) -> tuple[Message, ...]:
        """The messages for one place, which shows these hypotheses to this member."""
        make, profile = self._context.messages_for, self._context.choice.profile(member)
        prompted = reads_prompts(self._context.choice.proposer(member))
        if not is_told(self._context, plan, member):
            shown = shown if prompted else ()
            said = (profile, plan.form or "", *(step.hypothesis.id for step in shown))
            if said not in self._bare:
                made = make or functools.partial(messages_for, form=plan.form)
                self._bare[said] = made(self._task, profile=profile, round=self._round, parents=shown)
            return self._bare[said]
        if self._remembered is None:
            self._remembered = await self._memory.remembered(self._round)
        self._opening = self._opening or Opening(self._task, profile="chat", round=self._round)
        briefing = await self._memory.briefing(place, plan, self._remembered)
        return messages_for(
            self._task,
            profile="chat",
            round=self._round,
            parents=shown,
            briefing=briefing,
            form=plan.form,
            opening=self._opening,
        )
