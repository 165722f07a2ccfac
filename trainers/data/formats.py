"""Trajectories → rows of three shapes that trainers read, each row with where it comes from.

- `sft`: ``{"prompt": [messages], "completion": [message]}``, TRL's conversational prompt-completion form. The loss
  falls on the completion alone. After a reflection the prompt holds the wrong answer and its feedback as earlier turns,
  and the completion is the turn that fixes it.
- `messages`: ``{"messages": [...]}`` with OpenAI's ``weight`` on assistant turns: 1 on the last, 0 on those before.
- `preference`: ``{"prompt", "chosen", "rejected"}``; both replies answer the same prompt.

With `reasoning`, the last turn has what the model thought in ``reasoning_content``, and each row says that it was not
verified; without, it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gristmill.graph.records import Step, Trajectory
from gristmill.verifiers.extraction.replies import part
from gristmill.verifiers.records import Outcome, Verdict

__all__ = ["FORMATS", "PAIRS", "Rows", "feedback", "messages_rows", "preference_rows", "sft_row", "sft_rows"]

PAIRS = 4
"""Pairs of one prompt, at most."""

WRONG = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.INVALID})
"""What may be rejected. `unscored` says nothing about a reply, and `flaky` not enough."""

Rows = Callable[..., Iterator[dict[str, Any]]]


def sft_rows(
    trajectories: Iterable[Trajectory], *, include_unverified: bool = False, reasoning: bool = False
) -> Iterator[dict[str, Any]]:
    """A row for each different verified solution to each prompt, in the order of tasks, rounds and samples.

    With `include_unverified`, replies that were judged but not verified too, marked by ``verified: false``.
    """
    for trajectory in trajectories:
        for step in _kept(trajectory, include_unverified):
            yield sft_row(trajectory, step, reasoning=reasoning)


def sft_row(trajectory: Trajectory, step: Step, *, reasoning: bool = False) -> dict[str, Any]:
    """One step as a row, whatever its verdict; `sft_rows` and `curate` choose which steps become rows."""
    return {
        "prompt": _prompt(trajectory, step),
        "completion": [_reply(trajectory, step, reasoning)],
        **_provenance(trajectory, step, reasoning),
    }


def messages_rows(
    trajectories: Iterable[Trajectory], *, include_unverified: bool = False, reasoning: bool = False
) -> Iterator[dict[str, Any]]:
    """The rows of `sft_rows` as whole conversations whose last turn alone has a weight."""
    for trajectory in trajectories:
        for step in _kept(trajectory, include_unverified):
            turns: list[dict[str, Any]] = [
                {**turn, "weight": 0} if turn["role"] == "assistant" else turn for turn in _prompt(trajectory, step)
            ]
            yield {
                "messages": [*turns, {**_reply(trajectory, step, reasoning), "weight": 1}],
                **_provenance(trajectory, step, reasoning),
            }


def preference_rows(
    trajectories: Iterable[Trajectory], *, include_unverified: bool = False, reasoning: bool = False, pairs: int = PAIRS
) -> Iterator[dict[str, Any]]:
    """Verified replies against replies to the very same prompt that were judged wrong.

    The i-th verified one meets the i-th wrong one, both in (round, sample) order, the shorter list again from its
    start, until the longer one ends or there are `pairs`. Only different solutions count. `include_unverified` lets a
    reply be chosen that passed, but not strongly enough to be called verified.
    """
    for trajectory in trajectories:
        for prompt_sha in dict.fromkeys(step.hypothesis.prompt_sha for step in trajectory.steps):
            steps = [step for step in trajectory.steps if step.hypothesis.prompt_sha == prompt_sha]
            chosen = list(_different(step for step in steps if _good(step.verdict, include_unverified)))
            rejected = list(_different(step for step in steps if _wrong(step)))
            if not chosen or not rejected:
                continue
            for index in range(min(pairs, max(len(chosen), len(rejected)))):
                better, worse = chosen[index % len(chosen)], rejected[index % len(rejected)]
                yield {
                    "prompt": _prompt(trajectory, better),
                    "chosen": [_reply(trajectory, better, reasoning)],
                    "rejected": [_reply(trajectory, worse, reasoning)],
                    **_provenance(trajectory, better, reasoning),
                    "rejected_hypothesis": worse.hypothesis.id,
                    "rejected_outcome": worse.verdict.outcome.value,
                    "rejected_feedback": feedback(worse.verdict),
                }


FORMATS: dict[str, Rows] = {"sft": sft_rows, "preference": preference_rows, "messages": messages_rows}
"""Name → what makes its rows."""


def feedback(verdict: Verdict) -> str:
    """What the tools found, in words that were fit for the model's eyes; else how many checks passed."""
    if verdict.feedback:
        return _text(verdict.feedback)
    if not verdict.checks:
        return verdict.outcome.value
    passed = sum(check.outcome is Outcome.PASSED for check in verdict.checks)
    return f"{passed} of {len(verdict.checks)} checks passed"


def _kept(trajectory: Trajectory, include_unverified: bool) -> Iterator[Step]:
    steps = (
        step
        for step in trajectory.steps
        if step.verdict.verified or (include_unverified and step.verdict.outcome is not Outcome.UNSCORED)
    )
    return _different(step for step in steps if step.hypothesis.text.strip())


def _different(steps: Iterable[Step]) -> Iterator[Step]:
    """The first of those whose solutions (or replies, where none was found) to one prompt are the same."""
    seen: set[tuple[str, str]] = set()
    for step in steps:
        solution = step.hypothesis.solution
        key = (step.hypothesis.prompt_sha, (step.hypothesis.text if solution is None else solution).strip())
        if key not in seen:
            seen.add(key)
            yield step


def _good(verdict: Verdict, include_unverified: bool) -> bool:
    return verdict.verified or (include_unverified and verdict.passed)


def _wrong(step: Step) -> bool:
    return step.verdict.outcome in WRONG and bool(step.hypothesis.text.strip())


def _prompt(trajectory: Trajectory, step: Step) -> list[dict[str, Any]]:
    turns = trajectory.prompts[step.hypothesis.prompt_sha]
    return [{"role": turn.role, "content": _text(turn.content)} for turn in turns]


def _reply(trajectory: Trajectory, step: Step, reasoning: bool) -> dict[str, Any]:
    """The reply as a message. What was thought before it is a field of its own, or left out: nobody has judged it."""
    # Runs of earlier versions have both in one text.
    thought, said = part(trajectory.task, step.hypothesis.text)
    thought = step.hypothesis.reasoning or thought
    kept = {"reasoning_content": _text(thought)} if reasoning and thought else {}
    return {"role": "assistant", "content": _text(said), **kept}


def _provenance(trajectory: Trajectory, step: Step, reasoning: bool) -> dict[str, Any]:
    hypothesis, verdict = step.hypothesis, step.verdict
    return {
        "task": trajectory.task.id,
        "kind": trajectory.task.kind,
        "split": trajectory.task.split,
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
        "run": trajectory.run,
        "prompt_sha": hypothesis.prompt_sha,
    }


def _text(text: str) -> str:
    """Text that can be written: halves of surrogate pairs, which models can produce, become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
