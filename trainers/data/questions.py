"""Rows without answers, one a task, for trainers that sample by themselves: what is asked, and how a reply is judged.

- `grpo`: ``{"prompt": [messages], "specification": text}`` for TRL's GRPO and RLOO with
  `gristmill.trainers.rewards.reward_function`;
- `verl`: ``{"data_source", "prompt", "ability", "reward_model": {"style", "ground_truth"}, "extra_info"}``, with
  `gristmill.trainers.rewards.compute_score`;
- `nemo_gym`: ``{"responses_create_params": {"input": [messages]}, "verifier_metadata": {"task"}}``.

A specification is the task's own row as JSON: hidden tests, answers and references are in it, so such a dataset is for
whoever trains, not for whoever is trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from gristmill.graph.records import Trajectory
from gristmill.trainers.data.prompting import Prompting, RowTexts
from gristmill.trainers.data.steps import Accepted, is_accepted, writable
from gristmill.verifiers.records import Outcome

__all__ = ["grpo_rows", "nemo_gym_rows", "verl_rows"]

_BARE: Final = Prompting()


def grpo_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _BARE,
) -> Iterator[dict[str, Any]]:
    """A row for each task, in the order of the run."""
    for turns, specification, rest in _questions(trajectories, accept, prompting):
        yield {"prompt": turns, "specification": specification, **rest}


def verl_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _BARE,
) -> Iterator[dict[str, Any]]:
    """A row for each task, in the order of the run."""
    for index, (turns, specification, rest) in enumerate(_questions(trajectories, accept, prompting)):
        known = {"index": index, "split": rest["split"] or "train", "task": rest["task"], "share": rest["share"]}
        yield {
            "data_source": f"gristmill/{rest['kind']}",
            "prompt": turns,
            "ability": rest["kind"],
            "reward_model": {"style": "rule", "ground_truth": specification},
            "extra_info": known,
            **rest,
        }


def nemo_gym_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _BARE,
) -> Iterator[dict[str, Any]]:
    """A row for each task, in the order of the run."""
    for turns, specification, rest in _questions(trajectories, accept, prompting):
        yield {
            "responses_create_params": {"input": turns},
            "verifier_metadata": {"task": specification},
            **rest,
        }


def _questions(
    trajectories: Iterable[Trajectory], accept: Accepted, prompting: Prompting
) -> Iterator[tuple[list[dict[str, Any]], str, dict[str, Any]]]:
    """Of each task: its prompt, its specification, and what this run came to with it.

    `share` is the share of its judged replies that were accepted, null where none was judged; `verified` says whether
    one was.
    """
    for trajectory in trajectories:
        task = trajectory.task
        judged = [
            step
            for step in trajectory.steps
            if not step.hypothesis.given and step.verdict.outcome is not Outcome.UNSCORED
        ]
        good = [step for step in judged if is_accepted(step.verdict, accept)]
        shown = next(iter(good or judged), None)
        yield (
            [
                {"role": turn.role, "content": writable(turn.content)}
                for turn in RowTexts(trajectory, prompting).question
            ],
            task.model_dump_json(exclude_unset=True),
            {
                "task": task.id,
                "kind": task.kind,
                "split": task.split,
                "tags": list(task.tags),
                "replies": len(judged),
                "share": len(good) / len(judged) if judged else None,
                "verified": any(step.verdict.verified for step in good),
                "outcome": shown.verdict.outcome.value if shown else "unscored",
                "strength": shown.verdict.strength.value if shown else "",
                "verifier": shown.verdict.verifier if shown else "",
                "sandbox": shown.verdict.sandbox if shown else "",
                "model": shown.hypothesis.model if shown else "",
                "adapter": shown.hypothesis.adapter if shown else None,
                "run": trajectory.run,
            },
        )
