"""Eureka's messages for a reward (Ma et al. 2023): role, signature and tips; environment and task; then the best reply.

Always at most four, and nothing of what else was tried. What it reads a policy's curves by stands in the last one.
"""

from __future__ import annotations

from typing import Any

from gristmill.graph.prompts.feedback import clip, tame
from gristmill.graph.records import Step
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Outcome, Task

__all__ = ["is_published", "published_reply", "published_values"]

_SAID, _FEEDBACK = 12_000, 8000


def is_published(task: Task) -> bool:
    """Whether a task's author asks for the published messages."""
    return task.kind == "reward" and task.settings.get("published") is True


def published_values(task: Task) -> dict[str, Any]:
    """What the first two messages are filled with: the environment's own words."""
    from gristmill.verifiers.trained.reward.environments import environment_spec, world_facts

    called = f"{task.settings.get('entry_point', 'reward')}(obs, action, next_obs, info)"
    try:
        world = environment_spec(task.environment)
    except UserError:  # which `tasks check` says
        return {"signature": called, "world": (), "sentence": task.prompt.strip()}
    return {"signature": called, "world": world_facts(world), "sentence": world.story}


def published_reply(parent: Step) -> dict[str, Any]:
    """What the other two are: the best reply as it was given, and its feedback."""
    return {
        "said": tame(clip(parent.hypothesis.text.strip() or parent.hypothesis.solution or "", _SAID)),
        "feedback": tame(clip(parent.verdict.feedback.strip(), _FEEDBACK)),
        "graded": parent.verdict.outcome in (Outcome.PASSED, Outcome.FAILED),
    }
