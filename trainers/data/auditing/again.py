"""Judge the rows of a dataset once more, in fresh sandboxes, and hold them against the run that they come from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, get_args

from gristmill.graph.judging.candidates import judge_all
from gristmill.graph.records import Step, Trajectory
from gristmill.trainers.data.auditing.manifest import task_hash
from gristmill.trainers.data.auditing.rows import Claim, Row, claims
from gristmill.trainers.data.prompting import Profile, Prompting, Prompts, RowTexts
from gristmill.trainers.data.steps import prompt_turns, provenance
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Candidate, Outcome, Task, Verdict
from gristmill.verifiers.registry import Verifiers
from gristmill.verifiers.settling import BESIDE, accepted

__all__ = ["Audited", "audit", "note", "row_problems", "task_rows"]

_ANSWERS = ("completion", "chosen", "messages", "output", "conversations")


@dataclass
class Audited:
    """What came of it: `problems` name file, line and field; `notes` are no fault of the rows."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    judged: int = 0
    verifiers: dict[str, str] = field(default_factory=dict)


def task_rows(tasks: Iterable[Task]) -> dict[str, str]:
    """The hash of each task's row, by id; a field that says what would hold without it counts as left out."""
    return {task.id: task_hash(task.model_dump(mode="json", exclude_defaults=True)) for task in tasks}


async def audit(
    rows: Sequence[Row], tasks: Mapping[str, Task], verifiers: Verifiers
) -> AsyncGenerator[tuple[Claim, Verdict], None]:
    """Every reply of every row with its new verdict, in the order of the rows.

    Raises:
        UserError: a row has no shape that is known.
        InfrastructureError: reply after reply cannot be judged.
    """
    asked = [claim for row in rows for claim in claims(row)]
    best = {claim.row.data.get("best") for claim in asked} - {None}
    by_id = dict(tasks)
    candidates = []
    for place, claim in enumerate(asked):
        task_id = str(claim.row.data["task"])
        if best and (given := claim.row.data.get("best")):
            # A program is called with the construction that it was given then: a task of its own.
            task_id = f"{task_id} with {given}"
            by_id[task_id] = tasks[str(claim.row.data["task"])].model_copy(update={"best": given})
        candidates.append(Candidate(task_id=task_id, id=str(place), text=claim.text))
    judged = judge_all(by_id, candidates, verifiers)
    async with aclosing(judged) as verdicts:
        async for candidate, verdict in verdicts:
            yield asked[int(candidate.id)], verdict


def note(audited: Audited, claim: Claim, verdict: Verdict, kind: str) -> None:
    """Hold a new verdict against what the row says."""
    data, place = claim.row.data, f"{claim.row.place}: {claim.field}"
    if verdict.outcome is Outcome.UNSCORED:
        audited.lost.append(f"{place}: could not be judged: {verdict.feedback or 'this machine had trouble'}")
        return
    audited.judged += 1
    audited.verifiers[kind] = verdict.verifier
    good = accepted(verdict, "together")
    if claim.passes is False and good:
        audited.problems.append(f"{place}: passes ({verdict.strength.value}), and stands there as wrong")
    elif claim.passes and not good:
        audited.problems.append(f"{place}: is {verdict.outcome.value} now, and stands there as right")
    elif claim.passes and data["verified"] and not verdict.verified:
        audited.problems.append(f"{place}: passes with the strength {verdict.strength.value} only, not as verified")
    elif claim.passes and data["verified"] is not True and verdict.verified and data["strength"] not in BESIDE:
        audited.notes.append(f"{place}: is verified now, and does not say so")
    if claim.passes and (then := data.get("verifier")) and then != verdict.verifier:
        audited.notes.append(f"{place}: was judged by {then}, and now by {verdict.verifier}")


def row_problems(row: Row, tasks: Mapping[str, Task], trajectories: Mapping[tuple[str, str], Trajectory]) -> list[str]:
    """What a row says that its run does not; where the run is not at hand, that its task is known.

    `trajectories` are by run and task.
    """
    data = row.data
    task = tasks.get(str(data["task"]))
    if task is None:
        return [f"{row.place}: task: {data['task']!r} is in no run of this workspace and no file of --tasks"]
    if data.get("kind") != task.kind:
        return [f"{row.place}: kind: is {data.get('kind')!r}, the task's {task.kind!r}"]
    found = [*_specified(row, task)]
    trajectory = trajectories.get((str(data["run"]), task.id))
    if trajectory is None or "hypothesis" not in data:
        return found
    step = next((each for each in trajectory.steps if each.hypothesis.id == data["hypothesis"]), None)
    if step is None:
        return [*found, f"{row.place}: hypothesis: the run has no {data['hypothesis']!r}"]
    return [*found, *_told(row, trajectory, step)]


def _specified(row: Row, task: Task) -> list[str]:
    """A row of a task holds it: it must be the run's."""
    data = row.data
    places = (
        ("specification", data.get("specification")),
        ("reward_model.ground_truth", (data.get("reward_model") or {}).get("ground_truth")),
        ("verifier_metadata.task", (data.get("verifier_metadata") or {}).get("task")),
    )
    for name, said in places:
        if said is not None and not _is_task(said, task):
            return [f"{row.place}: {name}: is not the task {task.id!r} of the run"]
    return []


def _is_task(said: Any, task: Task) -> bool:
    try:
        return Task.model_validate_json(said) == task
    except ValueError:
        return False


def _told(row: Row, trajectory: Trajectory, step: Step) -> list[str]:
    """What a row says of where it comes from, against what the run has kept."""
    data = row.data
    kept = provenance(trajectory, step, "reasoning_verified" in data)
    found = [
        f"{row.place}: {name}: is {data[name]!r}, the run has {value!r}"
        for name, value in kept.items()
        if name in data and data[name] != value
    ]
    found += [f"{row.place}: {name}: missing" for name in kept if name not in data]
    said = next((claim for claim in claims(row) if claim.field in _ANSWERS), None)
    if said is not None and not _is(trajectory.task, said.text, step):
        found.append(f"{row.place}: {said.field}: is not the reply {step.hypothesis.id!r} of the run")
    if "prompt" in data and not isinstance(data["prompt"], str) and data["prompt"] not in _prompts(trajectory, step):
        found.append(f"{row.place}: prompt: is none that the run's task is asked with")
    return found


def _is(task: Task, text: str, step: Step) -> bool:
    """Whether a row's answer is a step's reply, or its solution in full."""
    solution = extract(task, text).solution
    kept = step.hypothesis.solution
    return text == step.hypothesis.text or (solution or "").strip() == (kept or "").strip() != ""


def _prompts(trajectory: Trajectory, step: Step) -> list[list[dict[str, Any]]]:
    """All that rows of a step may ask."""
    profiles: tuple[Profile | None, ...] = (None, *get_args(Profile))
    kinds: tuple[Prompts, ...] = get_args(Prompts)
    return [
        prompt_turns(RowTexts(trajectory, Prompting(prompts=prompts, profile=profile)), step)
        for prompts in kinds
        for profile in profiles
    ]
