"""What rows of every shape are made of: which replies count, how they are worded, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, get_args

from gristmill.graph.records import Step, Trajectory
from gristmill.trainers.data.prompting import RowTexts
from gristmill.verifiers.extraction.replies import part
from gristmill.verifiers.records import Outcome, Task, Verdict
from gristmill.verifiers.settling import accepted
from gristmill.verifiers.trained.halving import is_undecided

__all__ = [
    "ACCEPTED",
    "WRONG",
    "Accepted",
    "accepted_steps",
    "asked_steps",
    "feedback",
    "is_accepted",
    "is_wrong",
    "prompt_turns",
    "provenance",
    "reply_turn",
    "unique_steps",
    "writable",
]

WRONG = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.INVALID})
"""What may be rejected. `unscored` says nothing about a reply, and `flaky` not enough."""

Accepted = Literal["verified", "split", "together", "judged"]
"""Which replies become rows, each taking more than the one before it: verified ones; passes of strength `split`; those
of strength `together`; whatever was judged, and, as the better one of a pair, whatever passed."""
ACCEPTED: Final[tuple[str, ...]] = get_args(Accepted)


def feedback(verdict: Verdict) -> str:
    """What the tools found, in words that were fit for the model's eyes; else how many checks passed."""
    if verdict.feedback:
        return writable(verdict.feedback)
    if not verdict.checks:
        return verdict.outcome.value
    passed = sum(check.outcome is Outcome.PASSED for check in verdict.checks)
    return f"{passed} of {len(verdict.checks)} checks passed"


def accepted_steps(trajectory: Trajectory, texts: RowTexts, accept: Accepted) -> Iterator[Step]:
    """The different ones that become rows of their own."""
    steps = (
        step
        for step in asked_steps(trajectory)
        if accepted(step.verdict, accept)
        or (accept == "judged" and step.verdict.outcome is not Outcome.UNSCORED and not _unjudged(step))
    )
    return unique_steps((step for step in steps if step.hypothesis.text.strip()), texts)


def asked_steps(trajectory: Trajectory) -> Iterator[Step]:
    """What a model was asked for: a program that the task begins with is nobody's answer to anything."""
    return (step for step in trajectory.steps if not step.hypothesis.given)


def unique_steps(steps: Iterable[Step], texts: RowTexts) -> Iterator[Step]:
    """The first of those whose solutions (or replies, where none was found) to one prompt are the same."""
    seen: set[tuple[str, str]] = set()
    for step in steps:
        solution = step.hypothesis.solution
        key = (texts.prompt_key(step), (step.hypothesis.text if solution is None else solution).strip())
        if key not in seen:
            seen.add(key)
            yield step


def is_accepted(verdict: Verdict, accept: Accepted) -> bool:
    """Whether it may stand as the better one, or as right."""
    return accepted(verdict, accept) or (accept == "judged" and verdict.passed)


def is_wrong(task: Task, step: Step) -> bool:
    """Whether it may stand as rejected, or as wrong. Who was stopped early may only where the target was out of reach.

    To be behind the best one known is not to be wrong: a reward that learns slowly may pass in the end.
    """
    if _unjudged(step) or is_undecided(task, step.verdict):
        return False
    return step.verdict.outcome in WRONG and bool(step.hypothesis.text.strip())


def _unjudged(step: Step) -> bool:
    """Whether it repeats another under other names: nobody has found out what it does."""
    return step.verdict.repeats is not None and step.verdict.outcome is Outcome.INVALID


def prompt_turns(texts: RowTexts, step: Step) -> list[dict[str, Any]]:
    """What a step's row asks, as messages."""
    return [{"role": turn.role, "content": writable(turn.content)} for turn in texts.prompt(step)]


def reply_turn(trajectory: Trajectory, texts: RowTexts, step: Step, reasoning: bool) -> dict[str, Any]:
    """The reply as a message. What was thought before it is a field of its own, or left out: nobody has judged it."""
    # Runs of earlier versions have both in one text.
    thought, said = part(trajectory.task, step.hypothesis.text)
    thought = step.hypothesis.reasoning or thought
    kept = {"reasoning_content": writable(thought)} if reasoning and thought else {}
    return {"role": "assistant", "content": writable(texts.answer(step, said)), **kept}


def provenance(trajectory: Trajectory, step: Step, reasoning: bool) -> dict[str, Any]:
    """Where a row comes from, and what was found about it."""
    hypothesis, verdict = step.hypothesis, step.verdict
    return {
        "task": trajectory.task.id,
        "kind": trajectory.task.kind,
        "split": trajectory.task.split,
        "tags": list(trajectory.task.tags),
        "hypothesis": hypothesis.id,
        "round": hypothesis.round,
        "parents": list(hypothesis.parents),
        "best": hypothesis.best,
        "model": hypothesis.model,
        "adapter": hypothesis.adapter,
        "verified": verdict.verified,
        **({"reasoning_verified": False} if reasoning else {}),
        "outcome": verdict.outcome.value,
        "strength": verdict.strength.value,
        "feedback": feedback(verdict),
        "verifier": verdict.verifier,
        "sandbox": verdict.sandbox,
        "tree": verdict.tree,
        "run": trajectory.run,
        "prompt_sha": hypothesis.prompt_sha,
    }


def writable(text: str) -> str:
    """Text that can be written: halves of surrogate pairs, which models can produce, become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
