"""Trajectories → rows of three shapes that trainers read, each row with where it comes from.

- `sft`: ``{"prompt": [messages], "completion": [message]}``, TRL's conversational prompt-completion form. The loss
  falls on the completion alone.
- `messages`: ``{"messages": [...]}`` with OpenAI's ``weight`` on assistant turns: 1 on the last, 0 on those before.
- `preference`: ``{"prompt", "chosen", "rejected"}``; both replies answer the same prompt.

What they ask and answer is said by `gristmill.trainers.data.prompting`: the task's bare prompt and the whole solution,
or what was sent and said. Where a row holds what was sent after a reflection, its prompt has the wrong answer and its
feedback as earlier turns. `prompt_sha` is always of the prompt that was sent, which the store keeps.

With `reasoning`, the last turn has what the model thought in ``reasoning_content``, and each row says that it was not
verified; without, it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import lcm
from typing import Any

from gristmill.graph.records import Step, Trajectory
from gristmill.trainers.data.prompting import Prompting, RowTexts
from gristmill.trainers.data.steps import (
    Accepted,
    accepted_steps,
    asked_steps,
    feedback,
    is_accepted,
    is_wrong,
    prompt_turns,
    provenance,
    reply_turn,
    unique_steps,
)

__all__ = ["PAIRS", "Rows", "messages_rows", "preference_rows", "sft_row", "sft_rows"]

PAIRS = 4
"""Pairs of one prompt that was sent, or of one round, at most."""
_PLAIN = Prompting()

Rows = Callable[..., Iterator[dict[str, Any]]]


def sft_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _PLAIN,
) -> Iterator[dict[str, Any]]:
    """A row for each different accepted solution to each prompt, in the order of tasks, rounds and samples.

    With `accept` "judged", replies that did not pass too. What is not verified is marked by ``verified: false``.
    """
    for trajectory in trajectories:
        texts = RowTexts(trajectory, prompting)
        for step in accepted_steps(trajectory, texts, accept):
            yield sft_row(trajectory, step, texts, reasoning=reasoning)


def sft_row(trajectory: Trajectory, step: Step, texts: RowTexts, *, reasoning: bool = False) -> dict[str, Any]:
    """One step as a row, whatever its verdict; `sft_rows` and `curate` choose which steps become rows."""
    return {
        "prompt": prompt_turns(texts, step),
        "completion": [reply_turn(trajectory, texts, step, reasoning)],
        **provenance(trajectory, step, reasoning),
    }


def messages_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _PLAIN,
) -> Iterator[dict[str, Any]]:
    """The rows of `sft_rows` as whole conversations whose last turn alone has a weight."""
    for trajectory in trajectories:
        texts = RowTexts(trajectory, prompting)
        for step in accepted_steps(trajectory, texts, accept):
            turns: list[dict[str, Any]] = [
                {**turn, "weight": 0} if turn["role"] == "assistant" else turn for turn in prompt_turns(texts, step)
            ]
            yield {
                "messages": [*turns, {**reply_turn(trajectory, texts, step, reasoning), "weight": 1}],
                **provenance(trajectory, step, reasoning),
            }


def preference_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _PLAIN,
) -> Iterator[dict[str, Any]]:
    """Accepted replies against replies to the very same prompt that were judged wrong.

    The i-th accepted one meets the i-th wrong one, both in (round, sample) order, the shorter list again from its
    start, until the longer one ends. Only different solutions count, and no two meet twice. Of what was sent as one
    prompt, or in one round, there are `PAIRS` at most; what those would have given each for itself, all together give.
    Those are chosen that `accept` takes; with "judged", all that passed.
    """
    for trajectory in trajectories:
        texts = RowTexts(trajectory, prompting)
        for steps in _grouped(asked_steps(trajectory), texts.prompt_key):
            chosen, rejected = _sides(steps, texts, accept)
            for better, worse in _pairs(chosen, rejected, _most(steps, texts, accept)):
                yield {
                    "prompt": prompt_turns(texts, better),
                    "chosen": [reply_turn(trajectory, texts, better, reasoning)],
                    "rejected": [reply_turn(trajectory, texts, worse, reasoning)],
                    **provenance(trajectory, better, reasoning),
                    "rejected_hypothesis": worse.hypothesis.id,
                    "rejected_outcome": worse.verdict.outcome.value,
                    "rejected_feedback": feedback(worse.verdict),
                }


def _grouped(steps: Iterable[Step], key: Callable[[Step], str]) -> Iterable[list[Step]]:
    groups: dict[str, list[Step]] = {}
    for step in steps:
        groups.setdefault(key(step), []).append(step)
    return groups.values()


def _sides(steps: Sequence[Step], texts: RowTexts, accept: Accepted) -> tuple[list[Step], list[Step]]:
    """The different ones that may be chosen, and those that may be rejected."""
    chosen = unique_steps((step for step in steps if is_accepted(step.verdict, accept)), texts)
    return list(chosen), list(unique_steps((step for step in steps if is_wrong(texts.task, step)), texts))


def _most(steps: Sequence[Step], texts: RowTexts, accept: Accepted) -> int:
    """How many pairs the steps of one prompt give at most."""
    each = 0
    for sent in _grouped(steps, lambda step: step.hypothesis.prompt_sha):
        chosen, rejected = _sides(sent, texts, accept)
        each += min(PAIRS, max(len(chosen), len(rejected))) if chosen and rejected else 0
    chosen, rejected = _sides(steps, texts, accept)
    rounds = len({step.hypothesis.round for step in steps})
    return max(each, min(PAIRS * rounds, max(len(chosen), len(rejected))))


def _pairs(chosen: Sequence[Step], rejected: Sequence[Step], most: int) -> Iterator[tuple[Step, Step]]:
    """Different pairs, every one of the longer list before any comes again."""
    cycle = lcm(len(chosen), len(rejected))
    for index in range(min(most, len(chosen) * len(rejected))):
        yield chosen[index % len(chosen)], rejected[(index + index // cycle) % len(rejected)]
