"""IFEval's four accuracies, of a model or of a file of replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from gristmill.graph.judging.candidates import judge_all
from gristmill.graph.storage.store import Store
from gristmill.graph.tasks.problems import Mistake, TaskFileError
from gristmill.graph.tasks.rows import read_rows
from gristmill.sandbox.records import Record
from gristmill.trainers.measure.evaluation import TaskResult, share_of
from gristmill.trainers.records import Share
from gristmill.verifiers.judging import Judge, unscored
from gristmill.verifiers.records import Candidate, Outcome, Task, Verdict

__all__ = ["Accuracies", "accuracies", "first_verdicts", "judge_replies", "read_replies"]


class Accuracies(Record):
    """Shares of prompts of which all instructions are followed, and of instructions; strict and loose."""

    prompt_strict: Share
    instruction_strict: Share
    prompt_loose: Share
    instruction_loose: Share
    unscored: int = Field(0, description="prompts left out of all four: nothing is known about their replies")


async def judge_replies(tasks: Sequence[Task], replies: Mapping[str, str], judge: Judge) -> dict[str, Verdict]:
    """Verdicts by task id; a task without a reply has none."""
    candidates = [Candidate(task_id=task.id, id=task.id, text=replies[task.id]) for task in tasks if task.id in replies]
    judged = judge_all({task.id: task for task in tasks}, candidates, judge)
    return {candidate.task_id: verdict async for candidate, verdict in judged}


def first_verdicts(store: Store, name: str) -> dict[str, Verdict]:
    """The verdict on each task's first reply in a stored run; `unscored` where a budget left a task without one."""
    nothing = unscored("the budget was spent")
    return {
        trajectory.task.id: trajectory.steps[0].verdict if trajectory.steps else nothing
        for trajectory in store.trajectories(name)
    }


def accuracies(tasks: Sequence[Task], verdicts: Mapping[str, Verdict]) -> Accuracies:
    """The four shares; a task without a verdict followed nothing."""
    scored = [task for task in tasks if task.id not in verdicts or verdicts[task.id].outcome is not Outcome.UNSCORED]
    shares: dict[str, Share] = {}
    for reading in ("strict", "loose"):
        followed = {task.id: round(_share(verdicts.get(task.id), reading) * len(task.constraints)) for task in scored}
        prompts = [followed[task.id] == len(task.constraints) for task in scored]
        each = [place < followed[task.id] for task in scored for place in range(len(task.constraints))]
        shares[f"prompt_{reading}"] = _of(prompts)
        shares[f"instruction_{reading}"] = _of(each)
    return Accuracies(**shares, unscored=len(tasks) - len(scored))


def _of(answers: Sequence[bool]) -> Share:
    return share_of([TaskResult(task_id=str(n), replies=("",), passed=(one,)) for n, one in enumerate(answers)])


def _share(verdict: Verdict | None, reading: str) -> float:
    return 0.0 if verdict is None else verdict.metrics.get(reading, 0.0)


def read_replies(path: str | Path, tasks: Sequence[Task]) -> dict[str, str]:
    """Replies by task id, from rows of ``{prompt, response}`` (Google's files) or ``{task_id, text}``.

    Raises:
        TaskFileError: a row is neither, or is of no task.
    """
    by_prompt = {task.prompt: task.id for task in tasks}
    ids = {task.id for task in tasks}
    replies: dict[str, str] = {}
    problems: list[Mistake] = []
    for row in read_rows(path):
        if isinstance(row, Mistake):
            problems.append(row)
            continue
        name, text = _reply(row.value, by_prompt)
        if name not in ids or type(text) is not str:
            problems.append(
                Mistake("a reply needs `prompt` and `response`, or `task_id` and `text`, of IFEval", row.line)
            )
        else:
            replies[name] = text
    if problems:
        raise TaskFileError(path, problems[:20], more=len(problems) > 20)
    return replies


def _reply(row: Mapping[str, Any], by_prompt: Mapping[str, str]) -> tuple[str, Any]:
    if "response" in row:
        return by_prompt.get(str(row.get("prompt")), ""), row["response"]
    return str(row.get("task_id")), row.get("text")
