"""What a row asks and what it answers: the task's bare prompt and the whole solution, or what was sent and said.

What a search sends is a conversation: earlier attempts, feedback, what this one is to do. No two of its prompts are
equal, and a reply to one may be a change of an answer that stands in it. A model that learns from rows is asked the
bare prompt later, so that is what they show.
"""

from __future__ import annotations

import re
from typing import Final, Literal, get_args

from gristmill.graph.prompts.messages import messages_for, prompt_sha
from gristmill.graph.records import Message, Step, Trajectory
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.languages.registry import language
from gristmill.verifiers.plugins import reads_code
from gristmill.verifiers.records import Task

__all__ = ["PROMPTS", "REPLIES", "Profile", "Prompting", "Prompts", "Replies", "RowTexts", "check_prompting"]

Prompts = Literal["bare", "asked", "single", "task"]
Replies = Literal["whole", "given"]
Profile = Literal["chat", "small"]
PROMPTS: Final[tuple[str, ...]] = get_args(Prompts)
REPLIES: Final[tuple[str, ...]] = get_args(Replies)
_TICKS = re.compile(r"`+")


class Prompting(Record):
    """How rows are worded.

    `prompts`: `bare` is what `best_of` and an evaluation ask, the task in its form with nothing of a search; `asked`
    all that was sent for the reply; `single` the system's turn and the question of the bare prompt, without its
    examples; `task` the task's own words and nothing around them. `replies`: `whole` is the accepted solution in full,
    where the reply answered another prompt than the row's or was a change of an earlier answer; `given` the reply as it
    came. `profile` is the run's; None finds it out from what was sent.
    """

    prompts: Prompts = "bare"
    replies: Replies = "whole"
    profile: Profile | None = None


def check_prompting(prompts: str, replies: str) -> None:
    """See that options name what there is.

    Raises:
        UserError: they do not.
    """
    for option, value, known in (("--prompts", prompts, PROMPTS), ("--replies", replies, REPLIES)):
        if value not in known:
            raise UserError(f"{option}: {value!r} is none of {', '.join(known)}")


class RowTexts:
    """The texts of one trajectory's rows."""

    def __init__(self, trajectory: Trajectory, prompting: Prompting) -> None:
        self._trajectory = trajectory
        self._replies = prompting.replies
        self._same = None if prompting.prompts == "asked" else _same(trajectory, prompting)
        self._sha = None if self._same is None else prompt_sha(self._same)

    @property
    def task(self) -> Task:
        """Whose rows they are."""
        return self._trajectory.task

    @property
    def question(self) -> tuple[Message, ...]:
        """What a row asks that holds no answer: the one prompt of all rows.

        Raises:
            UserError: rows were to ask what was sent, which differs from reply to reply.
        """
        if self._same is None:
            raise UserError("--prompts asked: rows without answers have no one prompt that was sent; leave it out")
        return self._same

    def prompt(self, step: Step) -> tuple[Message, ...]:
        """What the row of a step asks."""
        return self._trajectory.prompts[step.hypothesis.prompt_sha] if self._same is None else self._same

    def prompt_key(self, step: Step) -> str:
        """Equal for rows that ask the same."""
        return self._sha or step.hypothesis.prompt_sha

    def answer(self, step: Step, said: str) -> str:
        """What the row of a step answers; `said` is its reply.

        A solution that could not be read out of its own fence stays as it was said.
        """
        task, solution = self._trajectory.task, step.hypothesis.solution
        if self._replies == "given" or solution is None or not (reads_code(task.kind) or task.tests):
            return said
        # Also where the prompt was the row's: changes to an answer of a round before make no whole.
        if self.prompt_key(step) == step.hypothesis.prompt_sha and _is(task, said, solution):
            return said
        whole = _fenced(solution, task)
        return whole if _is(task, whole, solution) else said


def _same(trajectory: Trajectory, prompting: Prompting) -> tuple[Message, ...]:
    """The prompt of all rows of a trajectory."""
    task = trajectory.task
    if prompting.prompts == "task":
        return (Message(role="user", content=task.prompt),)
    profile = prompting.profile
    if profile is None:
        # The small profile sends it as it is, from the first round on.
        small = prompt_sha(messages_for(task, profile="small", round=0))
        profile = "small" if small in trajectory.prompts else "chat"
    bare = messages_for(task, profile=profile, round=0)
    if prompting.prompts == "bare":
        return bare
    return (*(turn for turn in bare if turn.role == "system"), bare[-1])


def _is(task: Task, reply: str, solution: str) -> bool:
    """Whether a reply gives this solution by itself."""
    found = extract(task, reply).solution
    return found is not None and found.strip() == solution.strip()


def _fenced(solution: str, task: Task) -> str:
    """The solution to the letter; a prompt's fences take chat markup apart, which no row may."""
    spoken = language(task)
    ticks = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(solution)), default=0))
    written = "diff" if task.repo is not None else spoken.extension if spoken else "python"
    return f"{ticks}{written}\n{solution.strip(chr(10))}\n{ticks}"
