"""What a row's prompt is: all that the model was asked, the first round's question alone, or the task's own words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gristmill.graph.prompts.messages import prompt_sha
from gristmill.graph.records import Message, Trajectory
from gristmill.sandbox.errors import UserError

__all__ = ["PROMPTS", "prompted"]

PROMPTS = ("asked", "single", "task")


def prompted(trajectories: Iterable[Trajectory], prompts: str) -> Iterator[Trajectory]:
    """The same trajectories as if their replies had answered other prompts.

    `asked` leaves all as it was. `single` leaves the system's turn and the first round's question, without examples
    and reflection: a solution that was found later stands as the answer to that. `task` is the task's own prompt and
    nothing around it. Replies of all rounds then answer one prompt, and more of them meet as pairs.

    Raises:
        UserError: `prompts` is none of these.
    """
    if prompts not in PROMPTS:
        raise UserError(f"--prompts: {prompts!r} is none of {', '.join(PROMPTS)}")
    for trajectory in trajectories:
        yield trajectory if prompts == "asked" else _with(trajectory, prompts)


def _with(trajectory: Trajectory, prompts: str) -> Trajectory:
    by_sha: dict[str, tuple[Message, ...]] = {}
    steps = []
    for step in trajectory.steps:
        asked = trajectory.prompts[step.hypothesis.prompt_sha]
        if prompts == "task":
            turns: tuple[Message, ...] = (Message(role="user", content=trajectory.task.prompt),)
        else:
            turns = _single(asked, reflected=bool(step.hypothesis.parents))
        sha = prompt_sha(turns)
        by_sha[sha] = turns
        steps.append(step.model_copy(update={"hypothesis": step.hypothesis.model_copy(update={"prompt_sha": sha})}))
    return trajectory.model_copy(update={"prompts": by_sha, "steps": tuple(steps)})


def _single(asked: tuple[Message, ...], *, reflected: bool) -> tuple[Message, ...]:
    """A reflection adds an answer and a question behind the first prompt, whose last turn asks what is to be done."""
    first = asked[:-2] if reflected and len(asked) > 2 else asked
    return (*(turn for turn in first if turn.role == "system"), first[-1])
