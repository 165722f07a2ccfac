"""The rows that a round trains on: of its own search, or of all rounds so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gristmill.graph.prompts.messages import messages_for
from gristmill.graph.records import Step, Trajectory
from gristmill.trainers.data.curate import CurateConfig, Curated, curate
from gristmill.trainers.data.formats import sft_row
from gristmill.trainers.data.prompting import Prompting, RowTexts
from gristmill.trainers.data.steps import is_wrong, writable
from gristmill.verifiers.extraction.normal import normal_form
from gristmill.verifiers.records import Task
from gristmill.verifiers.settling import Accept, accepted

__all__ = ["hint_of", "reflected_rows", "rows_of"]


def rows_of(
    trajectories: Sequence[Trajectory],
    *,
    held_out: Mapping[str, Sequence[Task]],
    config: CurateConfig,
    accept: Accept,
    profile: Literal["chat", "small"],
    reflections: bool = False,
) -> Curated:
    """What `curate` takes of them.

    A row whose answer says its task's hint is left out: it was told how, and the row would ask without. With
    `reflections`, a right answer that followed on a wrong one is a row of several turns besides.

    Args:
        trajectories: of one run or of several, the oldest first.
        others: see `gristmill.trainers.data.curate.curate`.
    """
    dropped: Counter[str] = Counter()
    prompting = Prompting(prompts=config.prompts, replies=config.replies, profile=profile)
    told = [_without_hint(each, prompting, dropped) for each in trajectories]
    curated = curate(told, held_out=held_out, config=config, accept=accept, profile=profile)
    rows = list(curated.rows)
    if reflections:
        # Of the same tasks only: what is held out was left out there.
        found = {row["task"] for row in rows}
        rows += reflected_rows([each for each in told if each.task.id in found], accept=accept, prompting=prompting)
    return curated.model_copy(update={"rows": tuple(rows), "dropped": dict(dropped + Counter(curated.dropped))})


def reflected_rows(trajectories: Sequence[Trajectory], *, accept: Accept, prompting: Prompting) -> list[dict[str, Any]]:
    """Rows wrong → feedback → right: the bare prompt, a wrong answer, what was found, the answer that passed.

    The loss falls on the last turn alone. One for each pair of different solutions.
    """
    profile = prompting.profile or "chat"
    rows: list[dict[str, Any]] = []
    seen: set[tuple[str, ...]] = set()
    for trajectory in trajectories:
        by_id = {step.hypothesis.id: step for step in trajectory.steps}
        texts = RowTexts(trajectory, prompting)
        for step in trajectory.steps:
            parent = _built_on(step, by_id)
            if parent is None or not is_wrong(trajectory.task, parent) or not accepted(step.verdict, accept):
                continue
            key = (trajectory.task.id, *(normal_form(each.hypothesis.solution or "") for each in (parent, step)))
            if key in seen:
                continue
            seen.add(key)
            row = sft_row(trajectory, step, texts)
            turns = messages_for(trajectory.task, profile=profile, round=step.hypothesis.round, parents=[parent])
            rows.append(row | {"prompt": [{"role": each.role, "content": writable(each.content)} for each in turns]})
    return rows


def _without_hint(trajectory: Trajectory, prompting: Prompting, dropped: Counter[str]) -> Trajectory:
    """The same without replies whose row would say the hint."""
    hint = hint_of(trajectory.task)
    if not hint:
        return trajectory
    texts = RowTexts(trajectory, prompting)
    kept = tuple(step for step in trajectory.steps if hint not in texts.answer(step, step.hypothesis.text))
    if len(kept) < len(trajectory.steps):
        dropped["repeats its hint"] += len(trajectory.steps) - len(kept)
    return trajectory.model_copy(update={"steps": kept})


def hint_of(task: Task) -> str:
    """What the task's author says of how it is done, for a task that nobody solves; empty where there is nothing."""
    hint = task.settings.get("hint")
    return hint.strip() if isinstance(hint, str) else ""


def _built_on(step: Step, by_id: dict[str, Step]) -> Step | None:
    return by_id.get(step.hypothesis.parents[0]) if step.hypothesis.parents else None
