"""What was found about a model's replies to one task, and what that makes of a set of tasks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.trainers.records import Share
from gristmill.verifiers.records import Strength

__all__ = ["Evaluation", "TaskResult", "Voted"]

Voted = Literal["behaviour", "syntax"]
"""How the programs of a task are told apart."""


class TaskResult(Record):
    """One task's replies and what was found about them."""

    task_id: str
    tags: tuple[str, ...] = ()
    replies: tuple[str, ...]
    passed: tuple[bool | None, ...] = Field(description="by sample; None is unscored")
    strengths: tuple[Strength | None, ...] = Field((), description="by sample; of those that passed")
    answers: tuple[str | None, ...] = Field(
        (),
        description="by sample, where there are several: a digest of the first answer that is alike; None: no answer",
    )
    visible: tuple[float | None, ...] = Field(
        (), description="by sample, where there are several: share of what the model may see that it passed; or None"
    )


class Evaluation(Record):
    """What a model can do on a set of tasks."""

    results: tuple[TaskResult, ...]
    pass_at: dict[int, Share] = Field(description="unbiased pass@k by k, over tasks with a scored sample")
    majority_at: dict[int, Share] = Field(
        {}, description="by k: the answer that most of k replies give; where there are several replies"
    )
    best_at: dict[int, Share] = Field(
        {}, description="by k: the reply of k that passes most of what the model may see, judged by what it may not"
    )
    tokens: int
    seconds: float
    undecided: int = Field(
        0, description="passes that are not counted: operators of the candidates' own took part in deciding them"
    )
    voted: dict[Voted, int] = Field(
        {}, description="code tasks of several replies, by how their programs are told apart: by outputs, or by syntax"
    )
    votes_left_out: int = Field(0, description="replies that have no vote, as no sandbox could run their program")
